using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Merkle;

namespace ActorRepl.Protocols.Quorum;

/// <summary>Anti-entropy: trees compared with one peer after the other, keys that differ exchanged; and what is deleted forgotten.</summary>
public sealed partial class QuorumReplica
{
    private const int PrintsInOne = 64;
    private const int PurgesInOne = 256;

    private StoreStanding _standing;
    private bool _standingIsStale;
    private Repair? _repair;
    private int _nextPeer;

    /// <summary>One comparison with one peer, to its end.</summary>
    private sealed class Repair(ReplicaId peer, int depth, long token, long index, long giveUpAt)
    {
        public ReplicaId Peer { get; } = peer;

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

        /// <summary>All is exchanged; done when this update is applied.</summary>
        public long DoneAt { get; set; }
    }

    private void Receive(ReplicaId from, QuorumMessage message, in Instant now, Effects effects)
    {
        switch (message)
        {
            case Put put:
                TakePut(from, put, now, effects);
                break;
            case PutAck ack:
                TakeAck(from, ack, effects);
                break;
            case Get get:
                TakeGet(from, get, effects);
                break;
            case GetAnswer answer:
                TakeAnswer(from, answer, effects);
                break;
            case Compare compare:
                Lookup(new StoreQuery.Compare(from, compare.Question), new Awaited.PeerCompares(from), effects);
                break;
            case Compared compared when _repair?.Peer == from:
                if (_repair.Left is null && _repair.Comparison.Take(MerkleMessage.Decode(compared.Answer)))
                    Continue(_repair, now, effects);
                break;
            case Exchange exchange:
                bool tookAll = TakeKeys(exchange.Keys, now);
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
                effects.Send(peer.From, new Compared(result));
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
                _whenDurable.Add((peer.From, new Exchanged(peer.Token, BitConverter.ToInt32(result.Span), peer.TookAll, result[sizeof(int)..])));
                break;
        }
    }

    private void BeginRepair(in Instant now, Effects effects)
    {
        ReplicaId[] peers = [.. Peers];
        if (_repair is not null || peers.Length == 0 || _appliedIndex < _rebuildIndex)
            return;
        // Those it was not compared with since it may lack something come first.
        if (_standing.Compared is { } compared && peers.Any(id => !compared.Contains(id)))
            peers = [.. peers.Except(compared)];
        ReplicaId peer = peers[_nextPeer++ % peers.Length];
        _repair = new Repair(peer, _options.MerkleDepth, NextToken(), _appliedIndex, now.Monotonic + 10 * Math.Max(_options.RepairMicros, _options.HintAfterMicros));
        Continue(_repair, now, effects);
    }

    private void Continue(Repair repair, in Instant now, Effects effects)
    {
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
        ArmTick(effects);
        if (repair.Exchanging != 0)
            effects.Send(repair.Peer, repair.Offer!);
        else if (repair.Left is null && repair.Comparison.Next() is MerkleStep.Ask ask)
            effects.Send(repair.Peer, new Compare(ask.Question.ToBytes()));
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
            Update(new StoreUpdate.Synced(repair.Peer, repair.Index));
        repair.DoneAt = NextIndex - 1;
        if (repair.DoneAt <= _appliedIndex)
            _repair = null;
    }

    private void TakeExchanged(Repair repair, Exchanged exchanged, in Instant now, Effects effects)
    {
        repair.TookAll &= TakeKeys(exchanged.Keys, now) && exchanged.TookAll;
        int covered = Math.Min(exchanged.Covered, repair.Offer!.Prints.Count);
        Invariant.That(covered > 0, "an exchange goes forward");
        repair.Left!.RemoveRange(0, covered);
        (repair.Exchanging, repair.Offer) = (0, null);
        Offer(repair, effects);
    }

    /// <summary>False: some are ahead of this replica's clock, and are left to a later comparison.</summary>
    private bool TakeKeys(ReadOnlyMemory<byte> keys, in Instant now)
    {
        bool all = true;
        foreach ((ReadOnlyMemory<byte> key, KeyVersions versions) in KeyList.Decode(keys))
        {
            if (IsAhead(versions, now, out _))
                all = false;
            else
                Update(new StoreUpdate.Merge(key, versions, PeersFor(key), IsOld(versions, now)));
        }

        return all;
    }

    private void FinishRepair()
    {
        if (_repair is { DoneAt: > 0 } repair && repair.DoneAt <= _appliedIndex)
            _repair = null;
    }

    private void Purge(IReadOnlyList<(ReadOnlyMemory<byte> Key, KeyVersions Versions)> deleted)
    {
        foreach ((ReadOnlyMemory<byte> key, KeyVersions versions) in deleted)
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
