using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Convergence;

/// <summary>What clients ask: updates, answered when as many members have them as they say, and reads.</summary>
public sealed partial class ConvergentReplica
{
    private readonly Dictionary<long, Awaited> _awaited = [];
    // By the index of the log, and then, once they have a number, in order of numbers.
    private readonly SortedDictionary<long, PendingUpdate> _pending = [];
    private readonly LinkedList<PendingUpdate> _waiting = new();
    private readonly SortedDictionary<long, PendingRead> _reads = [];
    private IReadOnlyDictionary<ReplicaId, string> _regions = new Dictionary<ReplicaId, string>();

    /// <summary>For what the store was asked.</summary>
    private abstract record Awaited
    {
        public sealed record Standing : Awaited;

        public sealed record Read(long RequestId) : Awaited;

        /// <summary>What comes next for these, who all have the same.</summary>
        public sealed record Stream(long From, IReadOnlyList<ReplicaId> To) : Awaited;

        public sealed record Wanted(ReplicaId By, VersionSource Source, long From) : Awaited;

        public sealed record Nothing : Awaited;

        public sealed record PeerOpens(ReplicaId Peer, long Token) : Awaited;

        public sealed record OwnOpens(Comparison Comparison) : Awaited;

        public sealed record Hashed(ReplicaId Peer, long Token) : Awaited;

        public sealed record PeerCompares(ReplicaId Peer, long Token) : Awaited;

        public sealed record PeerFetches(ReplicaId Peer, long Token, long Exchange) : Awaited;

        public sealed record Judged(Comparison Comparison, Lane Lane) : Awaited;

        public sealed record Listed(Comparison Comparison, Lane Lane) : Awaited;
    }

    /// <summary>An update of a client, until enough have it.</summary>
    private sealed class PendingUpdate(long requestId, ConsistencyLevel level, long deadline)
    {
        public long RequestId { get; } = requestId;
        public ConsistencyLevel Level { get; } = level;
        public long Deadline { get; } = deadline;
        public bool IsCancelled { get; set; }

        /// <summary>Once it is applied: whoever has this unit, has it.</summary>
        public Dot Unit { get; set; }
        public ReadOnlyMemory<byte> Answer { get; set; }
    }

    /// <summary>A read that must not miss what others have: answered when all that enough of them have is here.</summary>
    private sealed class PendingRead(in ClientRequest request, ConsistencyLevel level)
    {
        public long RequestId { get; } = request.Id;
        public ReadOnlyMemory<byte> Payload { get; } = request.Payload.ToArray();
        public ConsistencyLevel Level { get; } = level;
        public long Deadline { get; } = request.Deadline;
        public long AskAgainAt { get; set; }
        public HashSet<ReplicaId> Answered { get; } = [];
        public VersionVector Target { get; set; } = VersionVector.Empty;
        public bool IsDecided { get; set; }
    }

    private void Lookup(StoreQuery query, Awaited awaited, Effects effects)
    {
        long token = NextToken();
        _awaited[token] = awaited;
        effects.Add(new Effect.Lookup(token, query.ToBytes()));
    }

    private void LookedUp(long token, ReadOnlyMemory<byte> result, in Instant now, Effects effects)
    {
        bool isAwaited = _awaited.Remove(token, out Awaited? awaited);
        Invariant.That(isAwaited, "the store answers what it was asked");
        switch (awaited!)
        {
            case Awaited.Standing:
                Stands(StoreStanding.Decode(result), now, effects);
                break;
            case Awaited.Read read:
                if (StoreAnswer.IsOk(result, out ReadOnlyMemory<byte> answer, out string? why))
                    effects.Add(new Effect.Reply(read.RequestId, answer));
                else
                    effects.Add(new Effect.Reject(read.RequestId, Invalid(why!)));
                break;
            case Awaited.Stream stream:
                Stream(stream, result, now, effects);
                break;
            case Awaited.Wanted wanted:
                SendWanted(wanted, result, now, effects);
                break;
            case Awaited.Nothing:
                break;
            default:
                ComparisonLookedUp(awaited!, result, now, effects);
                break;
        }
    }

    private void Take(IReadOnlyList<ClientRequest> batch, in Instant now, Effects effects)
    {
        foreach (ClientRequest request in batch)
        {
            if (request.Kind == RequestKind.ChangeMembers)
                ChangeMembers(request, effects);
            else if (Refusal(request, out ConsistencyLevel level) is { } refusal)
                effects.Add(new Effect.Reject(request.Id, refusal));
            else if (request.Kind == RequestKind.Command)
                Update(request, level);
            else
                Read(request, level, now, effects);
        }
    }

    private Rejection? Refusal(in ClientRequest request, out ConsistencyLevel level)
    {
        level = default;
        bool isUpdate = request.Kind == RequestKind.Command;
        if (!isUpdate && request.Kind is not (RequestKind.Read or RequestKind.FollowerRead or RequestKind.StaleRead or RequestKind.BoundedRead or RequestKind.SessionRead))
            return Invalid($"a CRDT group does not know requests of kind {request.Kind}");
        if (request.Payload.Length > _options.MaxUpdateBytes)
            return Invalid($"the request has {request.Payload.Length} bytes; {_options.MaxUpdateBytes} is the most");
        if (!Levels.TryPeek(request.Payload.Span, out level))
            return Invalid("the request is none of a CRDT group");
        if (isUpdate && Unfit(request.Payload.Span) is { } unfit)
            return Invalid(unfit);
        level = !level.IsDefault ? level : !request.Level.IsDefault ? request.Level : isUpdate ? _options.Write : _options.Read;
        if (level.Kind == ConsistencyKind.Any || request.Kind is RequestKind.StaleRead or RequestKind.BoundedRead or RequestKind.SessionRead)
            level = ConsistencyLevel.One;
        if (level.Impossible(_members.Voters, RegionOf, RegionOf(Self)) is { } impossible)
            return Invalid(impossible);
        if (IsRebuilding)
            return new Rejection(RejectReason.Unavailable, Detail: WhyRebuilding());
        if (!_members.Voters.Contains(Self))
            return new Rejection(RejectReason.NotLeader, Leader: _members.Voters[0], Detail: "this replica is not counted");
        if (isUpdate && _storageFull)
            return new Rejection(RejectReason.StorageUnavailable, Detail: "the disk is full");
        if (_pending.Count + _waiting.Count + _reads.Count >= _options.MaxPendingRequests)
            return new Rejection(RejectReason.Overloaded, Detail: $"{_options.MaxPendingRequests} requests are under way");
        return null;
    }

    /// <summary>Why an update can be carried out on no value; null: it may.</summary>
    private string? Unfit(ReadOnlySpan<byte> payload)
    {
        try
        {
            // Rights that nobody has the use of would be lost.
            ReplicaId stranger = CrdtUpdate.Decode(payload).Operations.Select(each => each.Operation).OfType<CrdtOperation.Transfer>()
                .Select(transfer => transfer.To).FirstOrDefault(to => !_members.Members.Contains(to));
            return stranger.IsNone ? null : $"node {stranger.Value} is no member of the shard: rights can be transferred to {string.Join(", ", _members.Members.Where(id => id != Self).Select(id => id.Value))}";
        }
        catch (InvalidDataException wrong)
        {
            return wrong.Message;
        }
    }

    private string WhyRebuilding()
    {
        if (!_isSettled || _appliedIndex < _beginIndex || !_storeIsRebuilding)
            return "the replica is starting";
        IEnumerable<ReplicaId> owing = _peers.Values.Where(peer => peer.Owed is not { } owed || !_vector.Descends(owed)).Select(peer => peer.Id);
        return $"the replica has not yet what it had lost: {string.Join(", ", owing)} may have more of it, and each has to be asked; one that will not come back has to be taken out of the group";
    }

    private static Rejection Invalid(string what) => new(RejectReason.Invalid, Detail: what);

    private string RegionOf(ReplicaId id) => _regions.GetValueOrDefault(id, "");

    private bool IsMet(ConsistencyLevel level, IReadOnlySet<ReplicaId> have) => level.IsMet(_members.Voters, have, RegionOf, RegionOf(Self));

    // ---- updates ----

    private void Update(in ClientRequest request, ConsistencyLevel level)
    {
        _pending[NextIndex] = new PendingUpdate(request.Id, level, request.Deadline);
        Update(new StoreUpdate.Local(request.Payload));
    }

    /// <summary>What became of those that were applied.</summary>
    private void Settle(IReadOnlyList<Outcome> outcomes, Effects effects)
    {
        Invariant.That(outcomes.Count <= _options.MaxPendingRequests, "a store remembers as many outcomes as may be waited for");
        foreach (Outcome outcome in outcomes)
        {
            // Nobody waits for those of before a start.
            if (!_pending.Remove(outcome.Index, out PendingUpdate? update) || update.IsCancelled)
                continue;
            if (!StoreAnswer.IsOk(outcome.Answer, out ReadOnlyMemory<byte> answer, out string? why))
            {
                _refused++;
                effects.Add(new Effect.Reject(update.RequestId, Invalid(why!)));
                continue;
            }

            (update.Unit, update.Answer) = (outcome.Unit, answer.ToArray());
            _waiting.AddLast(update);
        }
    }

    private void AnswerUpdates(Effects effects)
    {
        // Of this replica's own updates, per level, the last that enough have: all before it are there too.
        var reached = new Dictionary<ConsistencyLevel, long>();
        LinkedListNode<PendingUpdate>? next;
        for (LinkedListNode<PendingUpdate>? node = _waiting.First; node is not null; node = next)
        {
            next = node.Next;
            PendingUpdate update = node.Value;
            if (!update.IsCancelled && !IsReached(update, reached))
                continue;
            if (!update.IsCancelled)
                effects.Add(new Effect.Reply(update.RequestId, update.Answer));
            _waiting.Remove(node);
        }
    }

    private bool IsReached(PendingUpdate update, Dictionary<ConsistencyLevel, long> reached)
    {
        if (update.Unit.Source != _source)
            return IsMet(update.Level, Having(update.Unit));
        if (!reached.TryGetValue(update.Level, out long last))
        {
            long[] numbers = [.. _peers.Values.Select(peer => peer.Vector[_source]).Append(_vector[_source]).Distinct().OrderDescending()];
            int at = Array.FindIndex(numbers, number => IsMet(update.Level, Having(new Dot(_source, number))));
            reached[update.Level] = last = at < 0 ? -1 : numbers[at];
        }

        return update.Unit.Counter <= last;
    }

    private HashSet<ReplicaId> Having(Dot unit)
    {
        var have = new HashSet<ReplicaId>();
        if (_vector[unit.Source] >= unit.Counter)
            have.Add(Self);
        foreach (Peer peer in _peers.Values)
        {
            if (peer.IsHeardOf && peer.Vector[unit.Source] >= unit.Counter)
                have.Add(peer.Id);
        }

        return have;
    }

    // ---- reads ----

    private void Read(in ClientRequest request, ConsistencyLevel level, in Instant now, Effects effects)
    {
        if (IsMet(level, new HashSet<ReplicaId> { Self }))
        {
            Lookup(new StoreQuery.Read(request.Payload), new Awaited.Read(request.Id), effects);
            return;
        }

        var read = new PendingRead(request, level) { AskAgainAt = now.Monotonic + _options.ResendMicros };
        read.Answered.Add(Self);
        long token = NextToken();
        _reads[token] = read;
        foreach (ReplicaId peer in _peers.Keys)
            effects.Send(peer, new AskVector(token));
    }

    private void TakeVector(ReplicaId from, VectorAnswer answer, Effects effects)
    {
        if (!_reads.TryGetValue(answer.Token, out PendingRead? read) || read.IsDecided || !read.Answered.Add(from))
            return;
        read.Target = read.Target.Merge(answer.Vector);
        read.IsDecided = IsMet(read.Level, read.Answered);
        // What is the peer's own is on its way.
        foreach (Dot last in Vectors.Beyond(answer.Vector, _taken).Last.Where(last => last.Source.Replica != from))
            effects.Send(from, new Want(last.Source, _taken[last.Source] + 1));
        AnswerReads(effects);
    }

    private void AnswerReads(Effects effects)
    {
        foreach ((long token, PendingRead read) in _reads.Where(each => each.Value.IsDecided && _vector.Descends(each.Value.Target)).ToArray())
        {
            _reads.Remove(token);
            Lookup(new StoreQuery.Read(read.Payload), new Awaited.Read(read.RequestId), effects);
        }
    }

    private void Cancel(IReadOnlyList<long> requests)
    {
        foreach (PendingUpdate update in _pending.Values.Concat(_waiting).Where(update => requests.Contains(update.RequestId)))
            update.IsCancelled = true;
        foreach (long token in _reads.Where(each => requests.Contains(each.Value.RequestId)).Select(each => each.Key).ToArray())
            _reads.Remove(token);
    }

    /// <summary>What its deadline has come for, with the names of those who did not answer.</summary>
    private void Expire(in Instant now, Effects effects)
    {
        long time = now.Monotonic;
        LinkedListNode<PendingUpdate>? next;
        for (LinkedListNode<PendingUpdate>? node = _waiting.First; node is not null; node = next)
        {
            next = node.Next;
            if (node.Value.Deadline > time && !node.Value.IsCancelled)
                continue;
            _waiting.Remove(node);
            if (node.Value.IsCancelled)
                continue;
            ReplicaId[] silent = [.. _members.Voters.Except(Having(node.Value.Unit))];
            effects.Add(new Effect.Reject(node.Value.RequestId, new Rejection(RejectReason.NoQuorum, OutcomeUnknown: true,
                Detail: $"{node.Value.Level} is asked for; it is done here, and {string.Join(", ", silent)} did not acknowledge it in time")));
        }

        foreach ((long index, PendingUpdate update) in _pending.Where(each => each.Value.Deadline <= time && !each.Value.IsCancelled))
        {
            update.IsCancelled = true;
            effects.Add(new Effect.Reject(update.RequestId, new Rejection(RejectReason.NoQuorum, OutcomeUnknown: true, Detail: $"entry {index} is not durable yet")));
        }

        foreach ((long token, PendingRead read) in _reads.ToArray())
        {
            if (read.Deadline <= time)
            {
                _reads.Remove(token);
                effects.Add(new Effect.Reject(read.RequestId, new Rejection(RejectReason.NoQuorum,
                    Detail: $"{read.Level} is asked for; {string.Join(", ", _members.Voters.Except(read.Answered))} did not answer in time, or what they have did not arrive")));
            }
            else if (read.AskAgainAt <= time)
            {
                read.AskAgainAt = time + _options.ResendMicros;
                foreach (ReplicaId silent in _peers.Keys.Where(id => !read.Answered.Contains(id)))
                    effects.Send(silent, new AskVector(token));
            }
        }
    }
}
