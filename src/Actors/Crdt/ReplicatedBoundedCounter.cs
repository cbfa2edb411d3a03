using System.Collections.Immutable;
using ActorRepl.Protocols.Crdt;
using ActorRepl.Protocols.Versions;
using Akka.Actor;
using Akka.Cluster;
using Akka.DistributedData;

namespace ActorRepl.Actors.Crdt;

/// <summary>
/// A <see cref="BoundedCounter"/> for Akka.DistributedData's replicator to carry. Immutable. When a node is removed for good, the rights that it had left go to another:
/// otherwise nobody could take what it had added.
/// </summary>
public sealed class ReplicatedBoundedCounter : IDeltaReplicatedData<ReplicatedBoundedCounter, ReplicatedBoundedCounterDelta>, IRemovedNodePruning<ReplicatedBoundedCounter>, IReplicatedCrdt
{
    public static readonly ReplicatedBoundedCounter Empty = new(new BoundedCounter(), ImmutableSortedDictionary<VersionSource, UniqueAddress>.Empty);

    private readonly SharedValue<BoundedCounter> _value;
    private readonly ReplicatedBoundedCounterDelta? _delta;

    internal ReplicatedBoundedCounter(BoundedCounter value, ImmutableSortedDictionary<VersionSource, UniqueAddress> nodes, ReplicatedBoundedCounterDelta? delta = null) :
        this(new SharedValue<BoundedCounter>(value), nodes, delta)
    {
    }

    private ReplicatedBoundedCounter(SharedValue<BoundedCounter> value, ImmutableSortedDictionary<VersionSource, UniqueAddress> nodes, ReplicatedBoundedCounterDelta? delta) =>
        (_value, Nodes, _delta) = (value, nodes, delta);

    /// <inheritdoc cref="BoundedCounter.Value"/>
    public long Value => _value.Read(counter => counter.Value);

    /// <summary>Who has rights, or had, by its source.</summary>
    internal ImmutableSortedDictionary<VersionSource, UniqueAddress> Nodes { get; }

    /// <inheritdoc cref="ReplicatedCrdt{T}.Delta"/>
    public ReplicatedBoundedCounterDelta Delta => _delta!;

    IReplicatedDelta IDeltaReplicatedData.Delta => _delta!;

    string IReplicatedCrdt.Manifest => CrdtManifests.Of(typeof(BoundedCounter));

    /// <summary>What a node may take, or hand on, without asking.</summary>
    public long Rights(UniqueAddress node) => _value.Read(counter => counter.Rights(CrdtSource.Of(node)));

    public ReplicatedBoundedCounter Increment(UniqueAddress node, long amount = 1) =>
        Change(counter => counter.Increment(CrdtSource.Of(node), amount), node)!;

    /// <summary>Null: the node has too few rights.</summary>
    public ReplicatedBoundedCounter? TryDecrement(UniqueAddress node, long amount = 1) =>
        Change(counter => counter.TryDecrement(CrdtSource.Of(node), amount), node);

    /// <summary>Hands rights on. Null: the first has too few.</summary>
    public ReplicatedBoundedCounter? TryTransfer(UniqueAddress from, UniqueAddress to, long amount) =>
        Change(counter => counter.TryTransfer(CrdtSource.Of(from), CrdtSource.Of(to), amount), from, to);

    public ReplicatedBoundedCounter Merge(ReplicatedBoundedCounter other) => new(_value.Merged(other._value), Nodes.SetItems(other.Nodes));

    public ReplicatedBoundedCounter MergeDelta(ReplicatedBoundedCounterDelta delta) => Merge(delta.Changed);

    public ReplicatedBoundedCounter ResetDelta() => _delta is null ? this : new(_value, Nodes, null);

    /// <summary>Those that have rights.</summary>
    public ImmutableHashSet<UniqueAddress> ModifiedByNodes =>
        _value.Read(counter => Nodes.Where(node => counter.Rights(node.Key) > 0).Select(node => node.Value).ToImmutableHashSet());

    public bool NeedPruningFrom(UniqueAddress removedNode) => Rights(removedNode) > 0;

    /// <summary>What is left of the removed node's rights is handed on, in its name: it has no other use for it.</summary>
    public ReplicatedBoundedCounter Prune(UniqueAddress removedNode, UniqueAddress collapseInto) =>
        (Rights(removedNode) is > 0 and var rights ? TryTransfer(removedNode, collapseInto, rights)! : this).ResetDelta();

    /// <summary>Nothing is to be dropped: merged with the pruned value, the rights are handed on here, too.</summary>
    public ReplicatedBoundedCounter PruningCleanup(UniqueAddress removedNode) => this;

    IReplicatedData IReplicatedData.Merge(IReplicatedData other) => Merge((ReplicatedBoundedCounter)other);

    IReplicatedData IDeltaReplicatedData.MergeDelta(IReplicatedDelta delta) => MergeDelta((ReplicatedBoundedCounterDelta)delta);

    IReplicatedData IDeltaReplicatedData.ResetDelta() => ResetDelta();

    IReplicatedData IRemovedNodePruning.Prune(UniqueAddress removedNode, UniqueAddress collapseInto) => Prune(removedNode, collapseInto);

    IReplicatedData IRemovedNodePruning.PruningCleanup(UniqueAddress removedNode) => PruningCleanup(removedNode);

    /// <summary>count, then address and id of each node, ascending by source; then the counter.</summary>
    void IReplicatedCrdt.Write(CrdtWriter writer)
    {
        writer.Count(Nodes.Count);
        foreach (UniqueAddress node in Nodes.Values)
        {
            writer.Datum(node.Address.ToString());
            writer.Unsigned((uint)node.Uid);
        }

        writer.Raw(_value.Encode());
    }

    internal static ReplicatedBoundedCounter Read(ReadOnlySpan<byte> bytes)
    {
        var reader = new CrdtReader(bytes);
        var nodes = ImmutableSortedDictionary.CreateBuilder<VersionSource, UniqueAddress>();
        VersionSource last = default;
        for (int left = reader.Count("nodes", minimumSize: 2); left > 0; left--)
        {
            string address = reader.Datum().ToString();
            int uid = (int)(uint)reader.Within(0, uint.MaxValue, "the id of a node");
            UniqueAddress node;
            try
            {
                node = new UniqueAddress(Address.Parse(address), uid);
            }
            catch (Exception wrong) when (wrong is UriFormatException or ArgumentException or FormatException)
            {
                throw reader.Wrong($"a node has address '{address}', which is none");
            }

            VersionSource source = CrdtSource.Of(node);
            if (nodes.Count > 0 && source <= last)
                throw reader.Wrong("nodes ascend");
            nodes.Add(source, node);
            last = source;
        }

        return new(CrdtCodec.Decode<BoundedCounter>(bytes[reader.Position..]), nodes.ToImmutable());
    }

    private ReplicatedBoundedCounter? Change(Func<BoundedCounter, BoundedCounter?> change, params ReadOnlySpan<UniqueAddress> nodes)
    {
        BoundedCounter copy = _value.Copy();
        if (change(copy) is not { } delta)
            return null;
        var named = ImmutableSortedDictionary<VersionSource, UniqueAddress>.Empty;
        foreach (UniqueAddress node in nodes)
            named = named.SetItem(CrdtSource.Of(node), node);
        var step = new ReplicatedBoundedCounterDelta(new(delta, named), 1);
        return new(copy, Nodes.SetItems(named), _delta is null ? step : _delta.Merge(step));
    }
}

/// <inheritdoc cref="ReplicatedCrdtDelta{T}"/>
public sealed class ReplicatedBoundedCounterDelta : IReplicatedDelta, IReplicatedDeltaSize, IReplicatedCrdt
{
    internal ReplicatedBoundedCounterDelta(ReplicatedBoundedCounter changed, int changes) => (Changed, DeltaSize) = (changed, changes);

    internal ReplicatedBoundedCounter Changed { get; }

    /// <inheritdoc cref="ReplicatedCrdtDelta{T}.DeltaSize"/>
    public int DeltaSize { get; }

    public IDeltaReplicatedData Zero => ReplicatedBoundedCounter.Empty;

    string IReplicatedCrdt.Manifest => CrdtManifests.OfDelta(typeof(BoundedCounter));

    public ReplicatedBoundedCounterDelta Merge(ReplicatedBoundedCounterDelta other) => new(Changed.Merge(other.Changed), DeltaSize + other.DeltaSize);

    IReplicatedData IReplicatedData.Merge(IReplicatedData other) => Merge((ReplicatedBoundedCounterDelta)other);

    /// <summary>changes, then what changed.</summary>
    void IReplicatedCrdt.Write(CrdtWriter writer)
    {
        writer.Count(DeltaSize);
        ((IReplicatedCrdt)Changed).Write(writer);
    }

    internal static ReplicatedBoundedCounterDelta Read(byte[] bytes)
    {
        var reader = new CrdtReader(bytes);
        int changes = (int)reader.Within(1, int.MaxValue, "a number of changes");
        return new(ReplicatedBoundedCounter.Read(bytes.AsSpan(reader.Position)), changes);
    }
}
