using System.Runtime.CompilerServices;
using System.Threading.Channels;
using ActorRepl.Protocols.Crdt;
using ActorRepl.Protocols.Kernel;
using Akka.Actor;
using Akka.Cluster;
using Akka.DistributedData;
using PNCounter = Akka.DistributedData.PNCounter;

namespace ActorRepl.Actors.Crdt;

/// <summary>
/// Values that every node of the cluster holds, in memory, and changes alone: flags, settings, who is present. They are carried by Akka.DistributedData's replicator, which is for some
/// tens of thousands of small values; what is larger, or must outlive the cluster, belongs into a CRDT group. Where Akka.DistributedData has a type, it is that type.
/// </summary>
public sealed class ClusterValues(ActorSystem system)
{
    private readonly ActorSystem _system = system;

    /// <summary>Goes up and down.</summary>
    public ClusterValue<PNCounter> Counter(string name) => new(_system, new PNCounterKey(name), PNCounter.Empty);

    /// <summary>Never below 0: a node takes what it has the rights to.</summary>
    public ClusterValue<ReplicatedBoundedCounter> BoundedCounter(string name) => new(_system, new ClusterKey<ReplicatedBoundedCounter>(name), ReplicatedBoundedCounter.Empty);

    /// <summary>Once on, on for good.</summary>
    public ClusterValue<Flag> Flag(string name) => new(_system, new FlagKey(name), Akka.DistributedData.Flag.False);

    /// <summary>Of adding and removing one element at once, adding wins.</summary>
    public ClusterValue<ORSet<T>> Set<T>(string name) => new(_system, new ORSetKey<T>(name), ORSet<T>.Empty);

    /// <summary>The last write wins, by the wall clock.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="initial">What it holds before it is written.</param>
    public ClusterValue<LWWRegister<T>> Register<T>(string name, T initial) =>
        new(_system, new LWWRegisterKey<T>(name), new LWWRegister<T>(Cluster.Get(_system).SelfUniqueAddress, initial, 0L));

    /// <summary>Keeps every value written at once.</summary>
    public ClusterValue<ReplicatedCrdt<Causal<MvRegister>>> MultiValueRegister(string name) => Own<Causal<MvRegister>>(name);

    /// <summary>A map of flags, sets, registers, counters and maps. Of updating and removing one field at once, the update wins.</summary>
    public ClusterValue<ReplicatedCrdt<Causal<AddWinsMap>>> Map(string name) => Own<Causal<AddWinsMap>>(name);

    /// <summary>As <see cref="Map"/>; the removal wins.</summary>
    public ClusterValue<ReplicatedCrdt<Causal<RemoveWinsMap>>> RemoveWinsMap(string name) => Own<Causal<RemoveWinsMap>>(name);

    public ClusterValue<ReplicatedSequence<Text, char>> Text(string name) => Sequence<Text, char>(name);

    public ClusterValue<ReplicatedSequence<CausalList, Datum>> List(string name) => Sequence<CausalList, Datum>(name);

    private ClusterValue<ReplicatedCrdt<T>> Own<T>(string name) where T : class, ICrdt<T>, new() =>
        new(_system, new ClusterKey<ReplicatedCrdt<T>>(name), ReplicatedCrdt<T>.Empty);

    private ClusterValue<ReplicatedSequence<T, TItem>> Sequence<T, TItem>(string name) where T : Sequence<TItem>, ICrdt<T>, new() =>
        new(_system, new ClusterKey<ReplicatedSequence<T, TItem>>(name), ReplicatedSequence<T, TItem>.Empty);
}

/// <summary>The name of a value of one of ActorRepl's own types.</summary>
public sealed class ClusterKey<T>(string id) : Key<T>(id) where T : IReplicatedData;

/// <summary>One value that every node holds. Thread-safe.</summary>
/// <typeparam name="T">Immutable.</typeparam>
public sealed class ClusterValue<T> where T : class, IReplicatedData<T>
{
    private readonly ActorSystem _system;
    private readonly Key<T> _key;
    private readonly T _empty;

    internal ClusterValue(ActorSystem system, Key<T> key, T empty) => (_system, _key, _empty) = (system, key, empty);

    /// <summary>The value as this node has it, or as merged from so many nodes.</summary>
    /// <exception cref="TimeoutException">Too few nodes answered in time.</exception>
    /// <exception cref="DataDeletedException">The value was deleted.</exception>
    public async Task<T> GetAsync(IReadConsistency? level = null, CancellationToken cancellation = default) =>
        await Replicated.GetAsync(_key, level ?? ReadLocal.Instance, cancellation).ConfigureAwait(false) ?? _empty;

    /// <summary>Changes the value by a function of it and of this node, which may run more than once and on another thread; returns once it is changed on as many nodes as asked.</summary>
    /// <param name="change">Returns the changed value, of which the other nodes are sent the delta.</param>
    /// <param name="level">Null: this node.</param>
    /// <exception cref="TimeoutException">It is changed here, and on too few others in time; it spreads nevertheless.</exception>
    /// <exception cref="DataDeletedException">The value was deleted.</exception>
    public async Task UpdateAsync(Func<T, UniqueAddress, T> change, IWriteConsistency? level = null, CancellationToken cancellation = default)
    {
        UniqueAddress self = Cluster.Get(_system).SelfUniqueAddress;
        var update = new Update(_key, _empty, level ?? WriteLocal.Instance, value => change((T)value, self));
        var answer = await Replicated.Replicator.Ask<IUpdateResponse>(update, cancellation).ConfigureAwait(false);
        answer.ThrowOnFailure();
    }

    /// <summary>
    /// The value now, if there is one, and after changes: the latest, and not every one where they come faster than they are taken. Ends when the value is deleted.
    /// </summary>
    public async IAsyncEnumerable<T> WatchAsync([EnumeratorCancellation] CancellationToken cancellation = default)
    {
        var changes = Channel.CreateBounded<T>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true });
        IActorRef subscriber = _system.ActorOf(Props.Create(() => new Subscriber(_key, changes.Writer)));
        try
        {
            Replicated.Replicator.Tell(new Subscribe(_key, subscriber));
            await foreach (T value in changes.Reader.ReadAllAsync(cancellation).ConfigureAwait(false))
                yield return value;
        }
        finally
        {
            _system.Stop(subscriber);
        }
    }

    private DistributedData Replicated => DistributedData.Get(_system);

    private sealed class Subscriber : ReceiveActor
    {
        public Subscriber(Key<T> key, ChannelWriter<T> changes)
        {
            Receive<Changed>(changed => changes.TryWrite(changed.Get(key)));
            Receive<DataDeleted>(_ => changes.TryComplete());
        }
    }
}
