using System.Runtime.InteropServices;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Convergence;

/// <summary>
/// A replica of a CRDT group. Any member takes an update, alone if it has to: it makes a delta of it, numbers it, and sends it to the others when it is durable. Others apply
/// a member's updates in its order, each after all that the member had applied when it made it (causal broadcast; Birman, Schiper and Stephenson, TOCS 1991), so
/// that a version vector says all that a replica has. What every member has is stable, and what was kept for it is let go of.
/// <para>
/// Values are in the machine (<see cref="ConvergentStore"/>), which turns operations into deltas as it applies them, when they are durable and not before. So a crash takes back
/// nothing that anybody has seen, and no dot is given twice.
/// </para>
/// </summary>
public sealed partial class ConvergentReplica : IProtocol
{
    private static readonly TimerId Tick = new(1), GoOnHashing = new(2);

    private readonly ConvergentOptions _options;
    private readonly DeterministicRandom _random;
    private readonly bool _joins;
    private readonly TimerTable _timers = new(2);
    private readonly SortedDictionary<ReplicaId, Peer> _peers = [];

    private HardState _hard;
    private bool _hardIsNew;
    private VersionSource _source;
    private long _tokens;
    private bool _storageFull;

    private long _lastIndex;
    private long _appliedIndex;
    private long _checkpointIndex;
    private long _appliedBytes;
    private bool _checkpointing;
    // Until it is applied the store is what it was before this replica began anew.
    private long _beginIndex;
    private readonly Queue<(long Lsn, EntryBatch Batch)> _unapplied = new();

    // As of what is applied. The vector is of what is durable here.
    private VersionVector _vector = VersionVector.Empty;
    private VersionVector _floors = VersionVector.Empty;
    private VersionVector _stable = VersionVector.Empty;
    private VersionVector _known = VersionVector.Empty;
    private bool _storeIsRebuilding;
    private bool _hasTags;
    private long _unreadable;
    private bool _isSettled;

    // With what is in the log and not yet applied.
    private VersionVector _taken = VersionVector.Empty;

    // What this step does, gathered so that it is one record and one beat a peer.
    private readonly List<ReadOnlyMemory<byte>> _updates = [];
    private readonly SortedSet<ReplicaId> _beatTo = [];
    private readonly SortedSet<ReplicaId> _beatWhenApplied = [];

    internal ConvergentReplica(ReplicaId self, IReadOnlyList<ReplicaId> replicas, ulong seed, ConvergentOptions options, bool joins)
    {
        Self = self;
        _options = options;
        _random = new DeterministicRandom(seed);
        _joins = joins || !replicas.Contains(self);
        // An answer to an earlier incarnation must not be taken for one to this.
        _tokens = (long)(_random.NextUInt64() >> 2);
        Adopt(0, new Membership(replicas.Count > 0 ? replicas : [self]));
    }

    public ReplicaId Self { get; }

    /// <summary>It may lack what it had acknowledged, and serves nobody until it has all that the other members have.</summary>
    public bool IsRebuilding => !_isSettled || _appliedIndex < _beginIndex || _storeIsRebuilding;

    public ReplicaStatus Status => new("replica", _epoch + 1, Self, _lastIndex, _lastIndex, _appliedIndex, _checkpointIndex, !IsRebuilding && _members.Voters.Contains(Self))
    {
        Members = _members,
        Followers = _peers.Values.Where(peer => peer.IsHeardOf).ToDictionary(peer => peer.Id, peer => Math.Max(0, _lastIndex - Vectors.Missing(_vector, peer.Vector))),
        Spread = Spread,
    };

    public PeerMessage Decode(ReadOnlyMemory<byte> bytes) => ConvergentMessage.Decode(bytes);

    public void Step(Input input, in Instant now, Effects effects)
    {
        switch (input)
        {
            case Input.Start start:
                Start(start.Recovered, now, effects);
                break;
            case Input.Requests requests:
                Take(requests.Batch, now, effects);
                break;
            case Input.Received received:
                Receive(received.From, (ConvergentMessage)received.Message, now, effects);
                break;
            case Input.LookedUp found:
                LookedUp(found.Token, found.Result, now, effects);
                break;
            case Input.Durable durable:
                Durable(durable.Lsn, effects);
                break;
            case Input.Timer timer when timer.Id == GoOnHashing && _timers.IsCurrent(timer):
                _timers.Fired(timer.Id);
                HashMore(effects);
                break;
            case Input.Timer timer when _timers.IsCurrent(timer):
                _timers.Fired(timer.Id);
                LookAround(now, effects);
                _timers.EnsureArmed(Tick.Value, now.Monotonic + _options.BeatMicros, now, effects);
                break;
            case Input.Cancel cancel:
                Cancel(cancel.RequestIds);
                break;
            case Input.Storage storage:
                _storageFull = storage.State == StorageState.Full;
                break;
            case Input.Places places:
                _regions = places.Regions;
                break;
            case Input.ViewChanged changed:
                ViewChanged(changed, effects);
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

        Recover(recovered.Configuration);
        bool isFirst = recovered.HardState.IsEmpty;
        _hard = isFirst ? default : HardState.Decode(recovered.HardState);
        _hard = _hard with { Starts = _hard.Starts + 1 };
        _hardIsNew = true;
        Update(StoreUpdate.Limits.Of(_options));
        if (recovered.Damage is not null || (isFirst && _joins))
            BeginAnew(recovered.Damage ?? "the disk is empty", now, effects);
        else
            _source = new VersionSource(Self, _hard.Generation);
        if (isFirst && !_joins)
        {
            _beginIndex = NextIndex;
            Update(new StoreUpdate.Begin(_source, Anew: false));
        }

        AskStanding(1, 0, effects);
        _timers.EnsureArmed(Tick.Value, now.Monotonic + 1 + _random.Next(_options.BeatMicros), now, effects);
    }

    /// <summary>
    /// What it had may be less than it has given dots for, and less than others take for stable: it goes on as another source, and from nothing.
    /// </summary>
    private void BeginAnew(string why, in Instant now, Effects effects)
    {
        effects.Add(new Effect.Report($"{why}: this replica serves nobody until it has what all others have"));
        _hard = _hard with { Generation = (uint)_random.NextUInt64() | 1 };
        _hardIsNew = true;
        _source = new VersionSource(Self, _hard.Generation);
        _beginIndex = NextIndex;
        Update(new StoreUpdate.Begin(_source, Anew: true));
        (_taken, _isSettled) = (VersionVector.Empty, false);
        _held.Clear();
        _ahead.Clear();
        _rebuiltIndex = 0;
        _comparison = null;
        foreach (Peer peer in _peers.Values)
        {
            peer.Owed = null;
            // None of what comes under the new source was sent.
            peer.Resume(0, now);
        }
    }

    private void Durable(long lsn, Effects effects)
    {
        long first = _appliedIndex + 1;
        while (_unapplied.TryPeek(out (long Lsn, EntryBatch Batch) next) && next.Lsn <= lsn)
        {
            _unapplied.Dequeue();
            effects.Add(new Effect.Apply(next.Batch, []));
            _appliedIndex = next.Batch.LastIndex;
            _appliedBytes += next.Batch.Bytes.Length;
        }

        if (first > _appliedIndex)
            return;
        AskStanding(first, _appliedIndex, effects);
        CheckpointIfDue(effects);
    }

    private void AskStanding(long from, long to, Effects effects) => Lookup(new StoreQuery.Standing(from, to), new Awaited.Standing(), effects);

    private void Stands(StoreStanding standing, in Instant now, Effects effects)
    {
        Settle(standing.Outcomes, effects);
        // Until then it is of what was before.
        if (_appliedIndex < _beginIndex)
            return;
        Invariant.That(standing.Source == _source, "the store changes under this replica's source");
        (_vector, _floors, _stable, _known) = (standing.Vector, standing.Floors, standing.Stable, standing.Known);
        (_storeIsRebuilding, _hasTags, _keeps) = (standing.IsRebuilding, standing.HasTags, standing.Keeps);
        if (standing.Unreadable > _unreadable)
            effects.Add(new Effect.Report($"{standing.Unreadable - _unreadable} parts of updates could not be merged and are left out, here and everywhere"));
        _unreadable = standing.Unreadable;
        if (!_isSettled)
            (_taken, _isSettled) = (_vector.Merge(_taken), true);
        _taken = _taken.Merge(_vector);
        foreach (Peer peer in _peers.Values)
            peer.Arrived(_vector, IsComplete);
        _beatTo.UnionWith(_beatWhenApplied);
        _beatWhenApplied.Clear();
        _quietTicks = 0;
        AnswerUpdates(effects);
        AnswerReads(effects);
        FinishRebuilding(effects);
        Pump(effects);
    }

    private void Update(StoreUpdate update) => _updates.Add(update.ToBytes());

    private long NextIndex => _lastIndex + _updates.Count + 1;

    private void Flush(in Instant now, Effects effects)
    {
        if (_updates.Count > 0 || _hardIsNew || _viewIsNew)
        {
            EntryBatch[] entries = [];
            if (_updates.Count > 0)
            {
                EntryBatch batch = EntryBatch.Pack(EntryKind.Command, _lastIndex + 1, 1, now.Wall, CollectionsMarshal.AsSpan(_updates));
                _lastIndex = batch.LastIndex;
                entries = [batch];
                _updates.Clear();
            }

            long lsn = effects.Append(new WalRecord { Entries = entries, HardState = _hardIsNew ? _hard.Encode() : default, Configuration = _viewIsNew ? EncodeView() : default });
            (_hardIsNew, _viewIsNew) = (false, false);
            if (entries.Length > 0)
                _unapplied.Enqueue((lsn, entries[0]));
        }

        foreach (ReplicaId to in _beatTo)
            SendBeat(to, effects);
        _beatTo.Clear();
    }

    private void CheckpointIfDue(Effects effects)
    {
        if (_checkpointing || (_appliedIndex - _checkpointIndex < _options.CheckpointEntries && _appliedBytes < _options.CheckpointBytes))
            return;
        _checkpointing = true;
        _appliedBytes = 0;
        effects.Checkpoint(new CheckpointRequest(_appliedIndex, 1, _hard.Encode(), EncodeView(), [.. _unapplied.Select(each => each.Batch)]));
    }

    private long NextToken() => ++_tokens;
}
