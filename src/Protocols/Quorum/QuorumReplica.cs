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

    private readonly IReadOnlyList<ReplicaId> _members;
    private readonly QuorumOptions _options;
    private readonly DeterministicRandom _random;
    private readonly KeyPlacement _placement;
    private readonly HybridClock _clock;
    private readonly bool _joins;
    private readonly HashSet<ReplicaId> _down = [];

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
    // Until it is applied the store does not know that it may lack something.
    private long _rebuildIndex;
    private readonly Queue<(long Lsn, EntryBatch Batch)> _unapplied = new();
    // Of keys whose last own update is not applied yet: what they will be.
    private readonly Dictionary<UInt128, (KeyVersions Versions, long Index)> _coming = [];

    // What this step does, gathered so that it is one record and one message a peer.
    private readonly List<ReadOnlyMemory<byte>> _updates = [];
    private readonly SortedDictionary<ReplicaId, List<Parcel>> _puts = [];
    private readonly SortedDictionary<ReplicaId, List<Parcel>> _gets = [];
    private readonly SortedDictionary<ReplicaId, List<long>> _acks = [];
    private readonly List<(ReplicaId To, QuorumMessage Message)> _whenDurable = [];

    internal QuorumReplica(ReplicaId self, IReadOnlyList<ReplicaId> replicas, ulong seed, QuorumOptions options, bool joins)
    {
        Self = self;
        _members = [.. replicas.Append(self).Distinct().Order()];
        _options = options;
        _random = new DeterministicRandom(seed);
        _placement = new KeyPlacement(_members, options);
        _clock = new HybridClock(options.MaxSkewMicros);
        _joins = joins;
        // An answer to an earlier incarnation must not be taken for one to this.
        _tokens = (long)(_random.NextUInt64() >> 2);
        _standing = new StoreStanding(0, new Dictionary<ReplicaId, long>(), [], null);
    }

    public ReplicaId Self { get; }

    public ReplicaStatus Status => new("replica", 1, Self, _lastIndex, _lastIndex, _appliedIndex, _checkpointIndex, !IsRebuilding)
    {
        Members = new Membership(_members),
    };

    /// <summary>It may lack what it had acknowledged, and answers no reads until it was compared with every peer.</summary>
    public bool IsRebuilding => _appliedIndex < _rebuildIndex || (_standing.Compared is { } compared && Peers.Any(peer => !compared.Contains(peer)));

    private IEnumerable<ReplicaId> Peers => _members.Where(id => id != Self);

    public PeerMessage Decode(ReadOnlyMemory<byte> bytes) => QuorumMessage.Decode(bytes);

    public void Step(Input input, in Instant now, Effects effects)
    {
        switch (input)
        {
            case Input.Start start:
                Start(start.Recovered, effects);
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
                Durable(durable.Lsn, effects);
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
                break;
            case Input.PeerHint hint:
                _down.Add(hint.Peer);
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

    private void Start(RecoveredState recovered, Effects effects)
    {
        _lastIndex = _appliedIndex = _checkpointIndex = recovered.Checkpoint?.Index ?? 0;
        foreach (EntryBatch batch in recovered.Log)
        {
            effects.Add(new Effect.Apply(batch, []));
            _lastIndex = _appliedIndex = batch.LastIndex;
        }

        bool isFirst = recovered.HardState.IsEmpty;
        _hard = isFirst ? default : HardState.Decode(recovered.HardState);
        // The numbers it has given may be among what is lost: it goes on under another name.
        bool hasLost = recovered.Damage is not null || (isFirst && _joins);
        _hard = new HardState(hasLost ? (uint)_random.NextUInt64() | 1 : _hard.Generation, _hard.Starts + 1);
        _source = new VersionSource(Self, _hard.Generation);
        _counter = _hard.Starts << StartShift;
        if (hasLost)
        {
            effects.Add(new Effect.Report($"{recovered.Damage ?? "the disk is empty"}: this replica answers no reads until it was compared with all others"));
            _rebuildIndex = NextIndex;
            Update(new StoreUpdate.Rebuild());
        }

        Lookup(new StoreQuery.Standing(), new Awaited.Standing(), effects);
        _startLsn = -1;
        ArmTimers(effects);
    }

    private void Durable(long lsn, Effects effects)
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
        foreach (UInt128 print in _coming.Where(each => each.Value.Index <= _appliedIndex).Select(each => each.Key).ToArray())
            _coming.Remove(print);
        AckOwn(effects);
        FinishRepair();
        if (_standingIsStale)
        {
            _standingIsStale = false;
            Lookup(new StoreQuery.Standing(), new Awaited.Standing(), effects);
        }

        CheckpointIfDue(effects);
    }

    private void Update(StoreUpdate update)
    {
        _updates.Add(update.ToBytes());
        _standingIsStale |= update is not StoreUpdate.Merge;
    }

    private long NextIndex => _lastIndex + _updates.Count + 1;

    private void Flush(in Instant now, Effects effects)
    {
        if (_updates.Count > 0 || _startLsn < 0)
        {
            EntryBatch[] entries = [];
            if (_updates.Count > 0)
            {
                EntryBatch batch = EntryBatch.Pack(EntryKind.Command, _lastIndex + 1, 1, now.Wall, System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_updates));
                _lastIndex = batch.LastIndex;
                entries = [batch];
                _updates.Clear();
            }

            long lsn = effects.Append(new WalRecord { Entries = entries, HardState = _startLsn < 0 ? _hard.Encode() : default });
            if (_startLsn < 0)
                _startLsn = lsn;
            if (entries.Length > 0)
                _unapplied.Enqueue((lsn, entries[0]));
        }

        foreach ((ReplicaId to, List<Parcel> parcels) in _puts)
            Send(to, parcels, effects);
        foreach ((ReplicaId to, List<Parcel> keys) in _gets)
            effects.Send(to, new Get(keys));
        foreach ((ReplicaId to, List<long> tokens) in _acks)
            effects.SendWhenDurable(to, new PutAck(tokens));
        foreach ((ReplicaId to, QuorumMessage message) in _whenDurable)
            effects.SendWhenDurable(to, message);
        _puts.Clear();
        _gets.Clear();
        _acks.Clear();
        _whenDurable.Clear();
    }

    // When it is durable here, and not before: a crash must not take back a number that others have seen. The next one that is given would cover it in
    // every clock, and replace a value that its write had never known. In messages of bounded size, but for a value that is larger by itself.
    private void Send(ReplicaId to, List<Parcel> parcels, Effects effects)
    {
        int first = 0;
        long bytes = 0;
        for (int i = 0; i < parcels.Count; i++)
        {
            if (i > first && bytes + parcels[i].EncodedSize > _options.MaxMessageBytes)
            {
                effects.SendWhenDurable(to, new Put(parcels[first..i]));
                (first, bytes) = (i, 0);
            }

            bytes += parcels[i].EncodedSize;
        }

        effects.SendWhenDurable(to, new Put(parcels[first..]));
    }

    private static void AddTo<T>(SortedDictionary<ReplicaId, List<T>> lists, ReplicaId to, T item)
    {
        if (!lists.TryGetValue(to, out List<T>? list))
            lists[to] = list = [];
        list.Add(item);
    }

    private long NextToken() => ++_tokens;
}
