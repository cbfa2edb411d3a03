using System.Runtime.InteropServices;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Quorum;

/// <summary>
/// A replica of a quorum group (DeCandia et al., "Dynamo: Amazon's highly available key-value store", SOSP 2007). Every one coordinates: it sends an operation
/// to all owners of the key and answers when as many have answered as the request asks. There is no leader and no common log: its log is the sequence of its
/// own updates, and the versions in them settle the order of writes (<see cref="Versions"/>).
/// <para>
/// Values are in the machine (<see cref="QuorumStore"/>): the replica asks it by lookups and changes it by applying updates, which it does when they are
/// durable and not before. So whatever a read finds is on a disk.
/// </para>
/// </summary>
public sealed partial class QuorumReplica : IProtocol
{
    // A write's number: how often the replica has started, then which one it is since.
    private const int StartShift = 36;
    // So long nothing is heard of a peer before its being gone is a reason to refuse requests.
    private const long GoneAfterMicros = 2 * Instant.Second;

    // Of a message that has parcels: tag, epoch, count.
    private const int SmallestHeader = 16;

    private readonly QuorumOptions _options;
    private readonly DeterministicRandom _random;
    private readonly HybridClock _clock;
    private readonly bool _joins;
    private readonly HashSet<ReplicaId> _down = [];
    // Of these something was seen to end: they are not just slow. Since when, on the monotonic clock.
    private readonly Dictionary<ReplicaId, long> _gone = [];

    private HardState _hard;
    private VersionSource _source;
    private long _counter;
    private long _startLsn;
    private bool _isReady;
    private bool _storageFull;
    private long _tokens;

    private long _lastIndex;
    private long _appliedIndex;
    private long _checkpointIndex;
    // Until it is applied, and the store was asked since, nobody knows what this replica lacks.
    private long _rebuildIndex;
    private readonly Queue<(long Lsn, EntryBatch Batch)> _unapplied = new();
    // Of keys whose last own update is not applied yet: what they will be.
    private readonly Dictionary<UInt128, (KeyVersions Versions, long Index)> _coming = [];
    private readonly Queue<(UInt128 Print, long Index)> _comingOrder = new();
    // Asked of the store once it has applied so much.
    private readonly Queue<(long Index, StoreQuery Query, Awaited For)> _onceApplied = new();

    // What this step does, gathered so that it is one record and one message a peer.
    private readonly List<ReadOnlyMemory<byte>> _updates = [];
    private readonly SortedDictionary<ReplicaId, List<Parcel>> _puts = [];
    private readonly SortedDictionary<ReplicaId, List<Parcel>> _gets = [];
    private readonly SortedDictionary<ReplicaId, List<long>> _acks = [];
    private readonly List<(ReplicaId To, QuorumMessage Message)> _whenDurable = [];
    private bool _writesHardState;

    internal QuorumReplica(ReplicaId self, IReadOnlyList<ReplicaId> replicas, ulong seed, QuorumOptions options, bool joins)
    {
        Self = self;
        _options = options;
        _random = new DeterministicRandom(seed);
        _view = RingView.Found(replicas, options);
        _placement = new KeyPlacement(_view, self);
        _clock = new HybridClock(options.MaxSkewMicros);
        _joins = joins || !replicas.Contains(self);
        // An answer to an earlier incarnation must not be taken for one to this.
        _tokens = (long)(_random.NextUInt64() >> 2);
        _standing = StoreStanding.Empty;
        _latency = new LatencyPercentile(options.SpeculatePercentile);
    }

    public ReplicaId Self { get; }

    public ReplicaStatus Status => new("replica", Epoch, Self, _lastIndex, _lastIndex, _appliedIndex, _checkpointIndex, !IsRebuilding && _view.IsMember(Self))
    {
        Members = _view.Membership,
        LeavingVoters = _view.IsChanging ? [.. _view.Before.Nodes.Select(node => node.Id)] : [],
        Ring = RingStatus,
        Repair = RepairStatus,
    };

    public PeerMessage Decode(ReadOnlyMemory<byte> bytes) => QuorumMessage.Decode(bytes);

    public void Step(Input input, in Instant now, Effects effects)
    {
        _lastWall = now.Wall;
        switch (input)
        {
            case Input.Start start:
                Start(start.Recovered, now, effects);
                break;
            case Input.Requests requests:
                Take(requests.Batch, now, effects);
                break;
            case Input.Received received:
                Receive(received.From, (QuorumMessage)received.Message, now, effects);
                break;
            case Input.LookedUp found:
                LookedUp(found.Token, found.Result, now, effects);
                break;
            case Input.Durable durable:
                Durable(durable.Lsn, now, effects);
                break;
            case Input.Timer timer:
                Fired(timer, now, effects);
                break;
            case Input.Cancel cancel:
                Cancel(cancel.RequestIds);
                break;
            case Input.Storage storage:
                _storageFull = storage.State == StorageState.Full;
                break;
            case Input.PeerHint { Up: true } hint:
                _down.Remove(hint.Peer);
                _gone.Remove(hint.Peer);
                break;
            case Input.PeerHint hint:
                _down.Add(hint.Peer);
                if (!hint.OnlySilent)
                    _gone.TryAdd(hint.Peer, now.Monotonic);
                RepairWithout(hint.Peer, now, effects);
                break;
            case Input.ViewChanged changed:
                OnViewChanged(changed, now, effects);
                break;
            case Input.CheckpointSaved saved:
                (_checkpointIndex, _checkpointing) = (saved.Index, false);
                break;
            case Input.CheckpointFailed:
                _checkpointing = false;
                break;
        }

        Flush(now, effects);
    }

    private void Start(RecoveredState recovered, in Instant now, Effects effects)
    {
        _lastIndex = _appliedIndex = _checkpointIndex = recovered.Checkpoint?.Index ?? 0;
        foreach (EntryBatch batch in recovered.Log)
        {
            effects.Add(new Effect.Apply(batch, []));
            _lastIndex = _appliedIndex = batch.LastIndex;
        }

        bool isFirst = recovered.HardState.IsEmpty;
        _hard = isFirst ? default : HardState.Decode(recovered.HardState);
        if (!recovered.Configuration.IsEmpty)
            Point(RingView.Decode(recovered.Configuration));
        // The numbers it has given may be among what is lost: it goes on under another name.
        bool hasLost = recovered.Damage is not null || (isFirst && _joins);
        _hard = new HardState(hasLost ? NewGeneration() : _hard.Generation, _hard.Starts + 1, hasLost || _hard.Lost, !hasLost && _hard.HasGivenAway);
        _source = new VersionSource(Self, _hard.Generation);
        _counter = _hard.Starts << StartShift;
        _startLsn = -1;
        _writesHardState = true;
        if (isFirst)
            Update(new StoreUpdate.Ring(Self, _view));
        if (_hard.Lost)
        {
            effects.Add(new Effect.Report($"{recovered.Damage ?? "the disk is empty"}: this replica waits to hear which ring is in force"));
            effects.Add(new Effect.AskView());
        }

        AskStanding(effects);
        _viewIndex = NextIndex - 1;
        ArmTimers(now, effects);
    }

    // Odd and large: what lies beside it is the source of conditional writes.
    private uint NewGeneration() => (uint)_random.NextUInt64() | 0x8000_0001;

    private void Durable(long lsn, in Instant now, Effects effects)
    {
        _isReady |= lsn >= _startLsn;
        bool applied = false;
        while (_unapplied.TryPeek(out (long Lsn, EntryBatch Batch) next) && next.Lsn <= lsn)
        {
            _unapplied.Dequeue();
            effects.Add(new Effect.Apply(next.Batch, []));
            _appliedIndex = next.Batch.LastIndex;
            _appliedBytes += next.Batch.Bytes.Length;
            applied = true;
        }

        if (!applied)
            return;
        while (_comingOrder.TryPeek(out (UInt128 Print, long Index) coming) && coming.Index <= _appliedIndex)
        {
            _comingOrder.Dequeue();
            if (_coming[coming.Print].Index == coming.Index)
                _coming.Remove(coming.Print);
        }

        while (_onceApplied.TryPeek(out (long Index, StoreQuery Query, Awaited For) asked) && asked.Index <= _appliedIndex)
        {
            _onceApplied.Dequeue();
            Lookup(asked.Query, asked.For, effects);
        }

        AckOwn(now, effects);
        AskAboutClaims(effects);
        FinishRepair(now, effects);
        if (_standingIndex < _staleIndex)
            AskStanding(effects);

        CheckpointIfDue(effects);
    }

    private void Update(StoreUpdate update)
    {
        _updates.Add(update.ToBytes());
        if (update is not (StoreUpdate.Merge or StoreUpdate.Promise or StoreUpdate.Accept))
            _staleIndex = NextIndex - 1;
    }

    private void AskStanding(Effects effects) => Lookup(new StoreQuery.Standing(), new Awaited.Standing(_appliedIndex), effects);

    private long NextIndex => _lastIndex + _updates.Count + 1;

    private void Flush(in Instant now, Effects effects)
    {
        FlushAsks(effects);
        if (_updates.Count > 0 || _writesHardState)
        {
            EntryBatch[] entries = [];
            if (_updates.Count > 0)
            {
                EntryBatch batch = EntryBatch.Pack(EntryKind.Command, _lastIndex + 1, 1, now.Wall, CollectionsMarshal.AsSpan(_updates));
                _lastIndex = batch.LastIndex;
                entries = [batch];
                _updates.Clear();
            }

            long lsn = effects.Append(new WalRecord
            {
                Entries = entries,
                HardState = _writesHardState ? _hard.Encode() : default,
                Configuration = _writesHardState ? _view.Encode() : default,
            });
            _writesHardState = false;
            if (_startLsn < 0)
                _startLsn = lsn;
            if (entries.Length > 0)
                _unapplied.Enqueue((lsn, entries[0]));
        }

        foreach ((ReplicaId to, List<Parcel> parcels) in _puts)
            Send(to, parcels, effects);
        foreach ((ReplicaId to, List<Parcel> parcels) in _covers)
        {
            foreach (IReadOnlyList<Parcel> some in InParts(parcels, effects))
                effects.SendWhenDurable(to, new Cover(some) { Epoch = Epoch });
        }

        foreach ((ReplicaId to, List<Parcel> keys) in _gets)
        {
            foreach (IReadOnlyList<Parcel> some in InParts(keys, effects))
                Tell(to, new Get(some), effects);
        }

        foreach ((ReplicaId to, List<long> tokens) in _acks)
            effects.SendWhenDurable(to, new PutAck(tokens) { Epoch = Epoch });
        foreach ((ReplicaId to, QuorumMessage message) in _whenDurable)
        {
            message.Epoch = Epoch;
            if (message.EncodedSize <= _options.MaxSendBytes)
                effects.SendWhenDurable(to, message);
        }

        _puts.Clear();
        _covers.Clear();
        _gets.Clear();
        _acks.Clear();
        _whenDurable.Clear();
    }

    private void Tell(ReplicaId to, QuorumMessage message, Effects effects)
    {
        Invariant.That(to != Self, "nobody sends to itself");
        message.Epoch = Epoch;
        if (message is not (Get or GetAnswer) && message.EncodedSize > _options.MaxSendBytes)
            effects.Add(new Effect.Report($"a message of {message.EncodedSize} bytes cannot be sent; {_options.MaxSendBytes} is the most: a key has too many concurrent values"));
        else
            effects.Send(to, message);
    }

    // When it is durable here, and not before: a crash must not take back a number that others have seen. The next one that is given would cover it in
    // every clock, and replace a value that its write had never known.
    private void Send(ReplicaId to, List<Parcel> parcels, Effects effects)
    {
        foreach (IReadOnlyList<Parcel> some in InParts(parcels, effects))
            effects.SendWhenDurable(to, new Put(some) { Epoch = Epoch });
    }

    /// <summary>In messages of bounded size, but for a parcel that is larger by itself; one that no frame has room for is left out, and said.</summary>
    private List<List<Parcel>> InParts(List<Parcel> parcels, Effects effects) => InParts(parcels, static parcel => parcel.EncodedSize, size => effects.Add(
        new Effect.Report($"a key's concurrent values have {size} bytes and cannot be sent; {_options.MaxSendBytes} is the most: read it at One and write with the context")));

    private List<List<T>> InParts<T>(List<T> items, Func<T, int> sizeOf, Action<int>? tooLarge = null)
    {
        int frame = _options.MaxSendBytes - SmallestHeader, most = Math.Min(_options.MaxMessageBytes, frame);
        var parts = new List<List<T>>(1);
        var part = new List<T>(items.Count);
        long bytes = 0;
        foreach (T item in items)
        {
            int size = sizeOf(item);
            if (size > frame && tooLarge is not null)
            {
                tooLarge(size);
                continue;
            }

            if (part.Count > 0 && bytes + size > most)
            {
                parts.Add(part);
                (part, bytes) = ([], 0);
            }

            part.Add(item);
            bytes += size;
        }

        if (part.Count > 0)
            parts.Add(part);
        return parts;
    }

    private static void AddTo<T>(SortedDictionary<ReplicaId, List<T>> lists, ReplicaId to, T item)
    {
        if (!lists.TryGetValue(to, out List<T>? list))
            lists[to] = list = [];
        list.Add(item);
    }

    private long NextToken() => ++_tokens;
}
