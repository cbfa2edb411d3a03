using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Merkle;

namespace ActorRepl.Protocols.Quorum;

/// <summary>Anti-entropy: trees compared with one peer after the other, keys that differ exchanged; and what is deleted forgotten.</summary>
public sealed partial class QuorumReplica
{
    private const int PrintsInOne = 64;
    private const int PurgesInOne = 256;

    private StoreStanding _standing;
    // What the standing that is known tells of, and the last update that changes it.
    private long _standingIndex;
    private long _staleIndex;
    private Repair? _repair;
    private int _nextPeer;
    private long _purgeFrom;
    private long _refusedAsAhead;
    private long _lastWall;
    private long _comparisons;
    private long _keysCompared;
    private long _keysExchanged;
    // Whoever ordered a repair, and the peers that are still to be compared with.
    private readonly List<(long RequestId, long Deadline)> _orderedBy = [];
    private readonly SortedSet<ReplicaId> _ordered = [];

    private RepairProgress RepairStatus => new(_repair?.Peer ?? ReplicaId.None, _ordered.Count, _comparisons, _keysCompared, _keysExchanged, _standing.HintBytes, _standing.Damaged)
    {
        Hints = _standing.Hints,
        OldestHintMicros = _standing.OldestHint == 0 ? null : Math.Max(0, _lastWall - _standing.OldestHint),
        RefusedAsAhead = _refusedAsAhead,
    };

    /// <summary>One comparison with one peer, to its end.</summary>
    private sealed class Repair(ReplicaId peer, int depth, long token, long index, long giveUpAt)
    {
        public ReplicaId Peer { get; } = peer;

        /// <summary>This replica has lost something: before keys it asks for conditional writes that are under way.</summary>
        public bool IsRebuild { get; init; }
        public bool HasPaxos { get; set; }
        public long PaxosToken { get; set; }
        public UInt128 PaxosAfter { get; set; }

        /// <summary>What was applied when it began: so much of the own log is compared.</summary>
        public long Index { get; } = index;
        public long GiveUpAt { get; } = giveUpAt;
        public MerkleComparison Comparison { get; } = new(depth, token);

        /// <summary>Differing keys that are still to be exchanged; null: the trees are not compared yet.</summary>
        public List<UInt128>? Left { get; set; }

        /// <summary>The exchange that is under way: its token, 0: none, and the message.</summary>
        public long Exchanging { get; set; }
        public Exchange? Offer { get; set; }
        public long AskAgainAt { get; set; }

        /// <summary>Neither side has refused anything: what was different is not any more.</summary>
        public bool TookAll { get; set; } = true;

        /// <summary>The peer has lost something itself.</summary>
        public bool PeerLacks { get; set; }

        /// <summary>Nothing was left out.</summary>
        public bool IsWhole { get; set; }

        /// <summary>All is exchanged; done when this update is applied.</summary>
        public long DoneAt { get; set; }
    }

    private void Receive(ReplicaId from, QuorumMessage message, in Instant now, Effects effects)
    {
        if (!IsOfThisEpoch(from, message, now, effects))
            return;
        try
        {
            Do(from, message, now, effects);
        }
        catch (InvalidDataException problem)
        {
            // What is packed inside a message is read when it is wanted, and before anything is changed by it.
            effects.Add(new Effect.Report($"a {message.GetType().Name} from {from} is passed over: {problem.Message}"));
        }
    }

    private void Do(ReplicaId from, QuorumMessage message, in Instant now, Effects effects)
    {
        switch (message)
        {
            case Prepare prepare:
                TakePrepare(from, prepare, effects);
                break;
            case Promise promise:
                TakePromise(from, promise, now, effects);
                break;
            case Propose propose:
                TakePropose(from, propose, now, effects);
                break;
            case Accepted accepted:
                TakeAccepted(from, accepted, now, effects);
                break;
            case StreamAsk ask:
                TakeStreamAsk(from, ask, effects);
                break;
            case Streamed streamed:
                TakeStreamed(from, streamed, now, effects);
                break;
            case RingBeat beat:
                TakeBeat(from, beat);
                break;
            case Put put:
                TakePut(from, put, now, effects);
                break;
            case PutAck ack:
                TakeAck(from, ack, now, effects);
                break;
            case Cover cover:
                TakeCover(from, cover, now, effects);
                break;
            case CoverAck ack:
                TakeCoverAck(from, ack, now, effects);
                break;
            case Ask ask:
                TakeAsk(from, ask, effects);
                break;
            case Told told:
                TakeTold(from, told);
                break;
            case Get get:
                TakeGet(from, get, effects);
                break;
            case GetAnswer answer:
                TakeAnswer(from, answer, now, effects);
                break;
            case Compare compare:
                MerkleMessage.Decode(compare.Question);
                // The store's trees are of the ring it was last told; until that is this one, the peer asks again.
                if (_appliedIndex >= _viewIndex)
                    Lookup(new StoreQuery.Compare(from, compare.Question), new Awaited.PeerCompares(from), effects);
                break;
            case Compared compared when _repair?.Peer == from:
                _repair.PeerLacks |= compared.Lacks;
                if (_repair.Left is null && _repair.Comparison.Take(MerkleMessage.Decode(compared.Answer)))
                    Continue(_repair, now, effects);
                break;
            case Exchange exchange:
                bool tookAll = TakeKeys(KeyList.Decode(exchange.Keys), now);
                Lookup(new StoreQuery.Prints(exchange.Prints, _options.RepairBytes), new Awaited.PeerExchanges(from, exchange.Token, tookAll), effects);
                break;
            case Exchanged exchanged when _repair?.Peer == from && _repair.Exchanging == exchanged.Token:
                TakeExchanged(_repair, exchanged, now, effects);
                break;
        }
    }

    private void RepairLookedUp(Awaited awaited, ReadOnlyMemory<byte> result, in Instant now, Effects effects)
    {
        switch (awaited)
        {
            case Awaited.PeerCompares peer:
                Tell(peer.From, new Compared(result, HasLost), effects);
                break;
            case Awaited.Judged judged when judged.Repair == _repair:
                judged.Repair.Comparison.Judged(Nodes(result));
                Continue(judged.Repair, now, effects);
                break;
            case Awaited.Listed listed when listed.Repair == _repair:
                listed.Repair.Comparison.Listed((MerkleItems)MerkleMessage.Decode(result));
                Continue(listed.Repair, now, effects);
                break;
            case Awaited.Offered offered when offered.Repair == _repair:
                Repair repair = offered.Repair;
                int covered = BitConverter.ToInt32(result.Span);
                repair.Exchanging = NextToken();
                repair.Offer = new Exchange(repair.Exchanging, [.. offered.Prints.Take(covered)], result[sizeof(int)..]);
                AskAgain(repair, now, effects);
                break;
            case Awaited.PeerExchanges peer:
                // What came with it is on its way to the disk; the answer follows it there.
                _whenDurable.Add((peer.From, new Exchanged(peer.Token, BitConverter.ToInt32(result.Span), peer.TookAll, result[sizeof(int)..], HasLost)));
                break;
        }
    }

    // ---- which peer is next ----

    private void TakeRepair(in ClientRequest request, in Instant now, Effects effects)
    {
        _orderedBy.Add((request.Id, request.Deadline));
        _ordered.UnionWith(_view.Members.Where(id => id != Self));
        if (_repair is { DoneAt: 0 } running && !IsThere(running.Peer))
            _repair = null;
        EndOrdered(now, effects);
        ArmTick(now, effects);
        ArmRepairs(effects);
    }

    private bool IsThere(ReplicaId peer) => !_down.Contains(peer);

    /// <summary>A peer seems to be down: nothing waits for it, neither an order nor the turn of the others.</summary>
    private void RepairWithout(ReplicaId peer, in Instant now, Effects effects)
    {
        if (_repair is { DoneAt: 0 } running && running.Peer == peer)
            _repair = null;
        EndOrdered(now, effects);
    }

    private void EndOrdered(in Instant now, Effects effects)
    {
        _ordered.IntersectWith(_view.Members);
        bool isWaiting = _ordered.Any(IsThere);
        for (int i = _orderedBy.Count - 1; i >= 0; i--)
        {
            (long id, long deadline) = _orderedBy[i];
            if (isWaiting && now.Monotonic < deadline)
                continue;
            _orderedBy.RemoveAt(i);
            effects.Add(_ordered.Count == 0 ? new Effect.Reply(id, default)
                : new Effect.Reject(id, new Rejection(RejectReason.NoQuorum, Detail: isWaiting
                    ? $"not compared with {string.Join(", ", _ordered.Select(id => IsThere(id) ? $"{id}" : $"{id}, which is down,"))} in time; it goes on"
                    : $"not compared with {string.Join(", ", _ordered)}: down; it goes on once back")));
        }
    }

    private void RepairFired(in Instant now, Effects effects)
    {
        if (_hard.Lost)
            return;
        EndOrdered(now, effects);
        BeginRepair(now, effects);
        if (_standing.AliveAt > 0 && now.Wall - _standing.AliveAt > _options.GraceMicros / 4)
            Update(new StoreUpdate.Alive());
        // Nothing is known of by all others until this replica was compared with them.
        if (!IsRebuilding)
            Lookup(new StoreQuery.Deleted(now.Wall - _options.GraceMicros, _purgeFrom, PurgesInOne), new Awaited.Deleted(), effects);
        if (now.Monotonic < _recountAt)
            return;
        _recountAt = now.Monotonic + _options.RecountMicros;
        Update(new StoreUpdate.Recount());
    }

    private void BeginRepair(in Instant now, Effects effects)
    {
        if (_repair is not null || _standingIndex < _rebuildIndex || _appliedIndex < _viewIndex)
            return;
        bool isRebuild = HasLost;
        // One that is on its way in has its part copied first.
        ReplicaId joins = _view.Phase == RingPhase.Copying ? _view.Joins : default;
        if (!IsRebuilding && !joins.IsNone && joins == Self)
            return;
        ReplicaId[] peers = [.. _view.Members.Where(id => id != Self && id != joins)];
        // Those it was not compared with since it may lack something come first, then those it was told to.
        if (_standing.Compared is { } compared)
            peers = [.. Sharers.Except(compared)];
        else if (_ordered.Any(IsThere))
            peers = [.. _ordered.Where(peers.Contains)];
        if (peers.Length == 0)
            return;
        // That one is down is a hint and no proof: where all seem to be, they are asked all the same.
        if (peers.Any(IsThere))
            peers = [.. peers.Where(IsThere)];
        ReplicaId peer = peers[_nextPeer++ % peers.Length];
        _repair = new Repair(peer, _options.MerkleDepth, NextToken(), _appliedIndex, now.Monotonic + 10 * Math.Max(Math.Min(_options.RepairMicros, 60 * Instant.Second), _options.HintAfterMicros))
        {
            IsRebuild = isRebuild, HasPaxos = !isRebuild,
        };
        Continue(_repair, now, effects);
    }

    private void LookAtRepair(in Instant now, Effects effects)
    {
        if (_orderedBy.Count > 0)
            EndOrdered(now, effects);
        if (_repair is { DoneAt: 0 } late && now.Monotonic >= late.GiveUpAt)
            _repair = null;
        else if (_repair is { DoneAt: 0 } waiting && now.Monotonic >= waiting.AskAgainAt)
            AskAgain(waiting, now, effects);
    }

    // Attempts at conditional writes that were under way when it lost something must not come to their end with its help of then: all others refuse the
    // rounds of that time, and what they have accepted is learned from them.
    private const long RoundsAhead = 600 * Instant.Second;

    private void TakeRebuilt(Repair rebuild, Streamed streamed, in Instant now, Effects effects)
    {
        Learn(streamed);
        (rebuild.HasPaxos, rebuild.PaxosAfter) = (streamed.Next == StreamPart.End, streamed.After);
        Continue(rebuild, now, effects);
    }

    private void Continue(Repair repair, in Instant now, Effects effects)
    {
        if (!repair.HasPaxos)
        {
            AskAgain(repair, now, effects);
            return;
        }

        switch (repair.Comparison.Next())
        {
            case MerkleStep.Judge judge:
                Lookup(new StoreQuery.Judge(repair.Peer, judge.Answer.ToBytes()), new Awaited.Judged(repair), effects);
                break;
            case MerkleStep.List list:
                Lookup(new StoreQuery.Leaf(repair.Peer, repair.Comparison.Token, list.Leaf, list.After), new Awaited.Listed(repair), effects);
                break;
            case MerkleStep.Done:
                repair.Left ??= [.. repair.Comparison.Different];
                Offer(repair, effects);
                break;
            default:
                AskAgain(repair, now, effects);
                break;
        }
    }

    private void AskAgain(Repair repair, in Instant now, Effects effects)
    {
        repair.AskAgainAt = now.Monotonic + _options.HintAfterMicros;
        ArmTick(now, effects);
        if (!repair.HasPaxos)
            Tell(repair.Peer, new StreamAsk(repair.PaxosToken = NextToken(), Self, StreamPart.Paxos, repair.PaxosAfter, now.Wall + RoundsAhead), effects);
        else if (repair.Exchanging != 0)
            Tell(repair.Peer, repair.Offer!, effects);
        else if (repair.Left is null && repair.Comparison.Next() is MerkleStep.Ask ask)
            Tell(repair.Peer, new Compare(ask.Question.ToBytes()), effects);
    }

    private void Offer(Repair repair, Effects effects)
    {
        if (repair.Left!.Count > 0)
        {
            UInt128[] some = [.. repair.Left.Take(PrintsInOne)];
            Lookup(new StoreQuery.Prints(some, _options.RepairBytes), new Awaited.Offered(repair, some), effects);
            return;
        }

        // In the log after all that it brought: once this is applied, so is that.
        if (!repair.Comparison.IsPartial && repair.TookAll)
        {
            Update(new StoreUpdate.Synced(repair.Peer, repair.Index, repair.PeerLacks));
            repair.IsWhole = true;
        }

        repair.DoneAt = Math.Max(1, NextIndex - 1);
        if (repair.DoneAt <= _appliedIndex)
            _repair = null;
    }

    private void TakeExchanged(Repair repair, Exchanged exchanged, in Instant now, Effects effects)
    {
        repair.PeerLacks |= exchanged.Lacks;
        repair.TookAll &= TakeKeys(KeyList.Decode(exchanged.Keys), now) && exchanged.TookAll;
        int covered = Math.Min(exchanged.Covered, repair.Offer!.Prints.Count);
        if (covered < 1)
            throw new InvalidDataException($"an exchange covers {exchanged.Covered} keys; it goes forward");
        repair.Left!.RemoveRange(0, covered);
        _keysExchanged += covered;
        (repair.Exchanging, repair.Offer) = (0, null);
        Offer(repair, effects);
    }

    /// <summary>False: some are ahead of this replica's clock, and are left to a later comparison.</summary>
    private bool TakeKeys((ReadOnlyMemory<byte> Key, KeyVersions Versions)[] keys, in Instant now)
    {
        bool all = true;
        // Whoever is being filled takes old deletions too: they may be all that keeps a value from coming back.
        bool isFilled = IsRebuilding || _view.Phase == RingPhase.Copying;
        foreach ((ReadOnlyMemory<byte> key, KeyVersions versions) in keys)
        {
            if (IsAhead(versions, now, out _))
            {
                _refusedAsAhead++;
                all = false;
            }
            else if (_placement.Of(key).Contains(Self))
                Update(new StoreUpdate.Merge(key, versions, !isFilled && IsOld(versions, now)));
        }

        return all;
    }

    private void FinishRepair(in Instant now, Effects effects)
    {
        if (_repair is not { DoneAt: > 0 } repair || repair.DoneAt > _appliedIndex)
            return;
        _repair = null;
        if (!repair.IsWhole)
            return;
        _comparisons++;
        _keysCompared += _standing.Keys;
        if (_ordered.Remove(repair.Peer))
            EndOrdered(now, effects);
    }

    private void Purge(DeletedKeys deleted)
    {
        _purgeFrom = deleted.Next;
        foreach ((ReadOnlyMemory<byte> key, KeyVersions versions) in deleted.List)
            Update(new StoreUpdate.Purge(key, versions.Set.Clock));
    }

    private static List<MerkleNode> Nodes(ReadOnlyMemory<byte> bytes)
    {
        var reader = new ByteReader(bytes);
        var nodes = new List<MerkleNode>();
        while (reader.Remaining > 0)
            nodes.Add(new MerkleNode(reader.Int32(), reader.Int32()));
        return nodes;
    }
}
