using ActorRepl.Protocols.Crdt;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Merkle;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Convergence;

/// <summary>
/// What streams cannot bring, after a long absence or a lost disk: two replicas freeze what they have, find by their trees which keys differ, and one takes the other's values of
/// those, all at one moment. So nobody sees a half of an update, and this replica goes on serving meanwhile, unless it is being rebuilt.
/// </summary>
public sealed partial class ConvergentReplica
{
    private const int PrintsInOne = 4_096;

    private readonly Dictionary<ReplicaId, long> _frozenAt = [];
    // What is frozen for whom and not ready to be compared: some keys are made so at a time, and all else goes on in between.
    private readonly SortedDictionary<ReplicaId, long> _hashing = [];
    private Comparison? _comparison;
    private long _rebuiltIndex;

    /// <summary>A part of the trees: one question under way at a time.</summary>
    private sealed class Lane(int depth, int number)
    {
        /// <summary>Answers name it, from 1.</summary>
        public MerkleComparison Trees { get; } = new(depth, number + 1, new MerkleNode(1, number));
        public ConvergentMessage? Asked { get; set; }
        public bool IsDone { get; set; }
    }

    /// <summary>One comparison with one peer, to its end.</summary>
    private sealed class Comparison(ReplicaId peer, long token)
    {
        public ReplicaId Peer { get; } = peer;
        public long Token { get; } = token;

        /// <summary>What the peer has frozen; null: it has not said so yet.</summary>
        public VersionVector? Vector { get; set; }
        public VersionVector? Stable { get; set; }

        /// <summary>What this replica has frozen can be compared.</summary>
        public bool IsHashed { get; set; }

        /// <summary>The trees, a child of the root each, compared at the same time; null: not begun.</summary>
        public Lane[]? Lanes { get; set; }

        /// <summary>Differing keys that are still to be brought over; null: the trees are not compared yet.</summary>
        public List<UInt128>? Left { get; set; }

        /// <summary>The message that is to be answered next.</summary>
        public ConvergentMessage? Asked { get; set; }
        public long AskAgainAt { get; set; }
        public long GiveUpAt { get; set; }
        public bool HasStaged { get; set; }

        /// <summary>The last part that was brought over of the first key that is left; null: none of it.</summary>
        public ValuePart? Arriving { get; set; }
    }

    private void ReceiveComparison(ReplicaId from, ConvergentMessage message, in Instant now, Effects effects)
    {
        switch (message)
        {
            case Open open when _appliedIndex >= _beginIndex:
                _frozenAt[from] = now.Monotonic;
                Lookup(new StoreQuery.Freeze(from, open.Token), new Awaited.PeerOpens(from, open.Token), effects);
                break;
            case Compare compare:
                MerkleMessage.Decode(compare.Question);
                _frozenAt[from] = now.Monotonic;
                Lookup(new StoreQuery.Compare(from, compare.Token, compare.Question), new Awaited.PeerCompares(from, compare.Token), effects);
                break;
            case Fetch fetch:
                _frozenAt[from] = now.Monotonic;
                Lookup(new StoreQuery.States(from, fetch.Token, fetch.List, fetch.Offset, _options.MaxMessageBytes), new Awaited.PeerFetches(from, fetch.Token, fetch.Exchange), effects);
                break;
            case Close when _frozenAt.Remove(from):
                Lookup(new StoreQuery.Thaw(from), new Awaited.Nothing(), effects);
                break;
            case Opened opened when IsUnderWay(from, opened.Token, out Comparison? comparison) && comparison.Vector is null:
                if (!opened.Vector.Descends(opened.Stable))
                    throw new InvalidDataException("what is stable is there too");
                (comparison.Vector, comparison.Stable) = (opened.Vector, opened.Stable);
                BeginIfReady(comparison, now, effects);
                break;
            case Compared compared when IsUnderWay(from, compared.Token, out Comparison? comparison):
                MerkleMessage answer = MerkleMessage.Decode(compared.Answer);
                if (comparison.Lanes is { } lanes && answer.Token >= 1 && answer.Token <= lanes.Length && lanes[answer.Token - 1].Trees.Take(answer))
                    Continue(comparison, lanes[answer.Token - 1], now, effects);
                break;
            case Fetched fetched when IsUnderWay(from, fetched.Token, out Comparison? comparison):
                TakeStates(comparison, fetched, now, effects);
                break;
            case Gone gone when IsUnderWay(from, gone.Token, out _):
                GiveUp(effects);
                break;
        }
    }

    private bool IsUnderWay(ReplicaId peer, long token, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out Comparison? comparison)
    {
        comparison = _comparison;
        return comparison is not null && comparison.Peer == peer && comparison.Token == token;
    }

    /// <summary>
    /// One that lost what it had settled waits until all others know of that. From then on none of them lets go of more than all had settled before, which is what any of them has
    /// settled by now, and so this replica, too, by the first that it takes. Otherwise one might already have let go of what is not settled here, and its values could not be put in order.
    /// </summary>
    private bool MayBegin => !_storeIsRebuilding || _peers.Values.All(peer => peer.Owed is not null);

    private void BeginComparison(Peer peer, in Instant now, Effects effects)
    {
        if (_comparison is not null || !MayBegin)
            return;
        _comparison = new Comparison(peer.Id, NextToken());
        Lookup(new StoreQuery.Freeze(Self, _comparison.Token), new Awaited.OwnOpens(_comparison), effects);
        Ask(_comparison, new Open(_comparison.Token), now, effects);
    }

    private void Ask(Comparison comparison, ConvergentMessage message, in Instant now, Effects effects)
    {
        comparison.Asked = message;
        Moved(comparison, now);
        effects.Send(comparison.Peer, message);
    }

    /// <summary>Once both sides can be compared. Until then the peer is asked again from time to time, and so keeps what it has frozen.</summary>
    private void BeginIfReady(Comparison comparison, in Instant now, Effects effects)
    {
        if (comparison is { IsHashed: true, Vector: not null, Lanes: null })
            BeginLanes(comparison, now, effects);
    }

    /// <summary>Something was frozen, or some more of it made ready: it can be compared, or there is more to do.</summary>
    private void Frozen(ReplicaId peer, long token, ReadOnlyMemory<byte> result, in Instant now, Effects effects)
    {
        if (result.IsEmpty)
        {
            // It was let go of.
            if (_hashing.TryGetValue(peer, out long last) && last == token)
                _hashing.Remove(peer);
            return;
        }

        var reader = new CrdtReader(result.Span);
        (VersionVector vector, VersionVector stable) = (Vectors.Read(ref reader), Vectors.Read(ref reader));
        if (reader.Byte() == 0)
        {
            _hashing[peer] = token;
            if (peer == Self && _comparison is { } waiting)
                waiting.GiveUpAt = now.Monotonic + _options.PatienceMicros;
            _timers.EnsureArmed(GoOnHashing.Value, now.Monotonic, now, effects);
            return;
        }

        _hashing.Remove(peer);
        if (peer != Self)
            effects.Send(peer, new Opened(token, vector, stable));
        else if (_comparison is { } comparison && comparison.Token == token)
        {
            comparison.IsHashed = true;
            BeginIfReady(comparison, now, effects);
        }
    }

    private void HashMore(Effects effects)
    {
        if (_hashing.Count == 0)
            return;
        (ReplicaId peer, long token) = _hashing.First();
        Lookup(new StoreQuery.Hash(peer, token), new Awaited.Hashed(peer, token), effects);
    }

    private void BeginLanes(Comparison comparison, in Instant now, Effects effects)
    {
        (comparison.Asked, comparison.Left) = (null, null);
        comparison.Lanes = [.. Enumerable.Range(0, MerkleTree.Fanout).Select(number => new Lane(_options.MerkleDepth, number))];
        foreach (Lane lane in comparison.Lanes)
            Continue(comparison, lane, now, effects);
    }

    private void Continue(Comparison comparison, Lane lane, in Instant now, Effects effects)
    {
        lane.Asked = null;
        switch (lane.Trees.Next())
        {
            case MerkleStep.Judge judge:
                Lookup(new StoreQuery.Judge(Self, judge.Answer.ToBytes()), new Awaited.Judged(comparison, lane), effects);
                break;
            case MerkleStep.List list:
                Lookup(new StoreQuery.Leaf(Self, lane.Trees.Token, list.Leaf, list.After), new Awaited.Listed(comparison, lane), effects);
                break;
            case MerkleStep.Ask ask:
                lane.Asked = new Compare(comparison.Token, ask.Question.ToBytes());
                Moved(comparison, now);
                effects.Send(comparison.Peer, lane.Asked);
                break;
            default:
                lane.IsDone = true;
                if (!comparison.Lanes!.All(each => each.IsDone))
                    break;
                comparison.Left = [.. comparison.Lanes!.SelectMany(each => each.Trees.Different)];
                FetchNext(comparison, now, effects);
                break;
        }
    }

    private void Moved(Comparison comparison, in Instant now)
    {
        comparison.AskAgainAt = now.Monotonic + _options.ResendMicros;
        comparison.GiveUpAt = now.Monotonic + _options.PatienceMicros;
    }

    private void ComparisonLookedUp(Awaited awaited, ReadOnlyMemory<byte> result, in Instant now, Effects effects)
    {
        switch (awaited)
        {
            case Awaited.PeerOpens opens:
                Frozen(opens.Peer, opens.Token, result, now, effects);
                break;
            case Awaited.OwnOpens opens when opens.Comparison == _comparison:
                Frozen(Self, opens.Comparison.Token, result, now, effects);
                break;
            case Awaited.Hashed hashed:
                Frozen(hashed.Peer, hashed.Token, result, now, effects);
                // Those that wait behind it, too.
                if (_hashing.Count > 0)
                    _timers.EnsureArmed(GoOnHashing.Value, now.Monotonic, now, effects);
                break;
            case Awaited.PeerCompares compares:
                effects.Send(compares.Peer, result.IsEmpty ? new Gone(compares.Token) : new Compared(compares.Token, result));
                break;
            case Awaited.PeerFetches fetches:
                effects.Send(fetches.Peer, result.IsEmpty ? new Gone(fetches.Token) : new Fetched(fetches.Token, fetches.Exchange, BitConverter.ToInt32(result.Span), result[sizeof(int)..]));
                break;
            case Awaited.Judged judged when judged.Comparison == _comparison:
                judged.Lane.Trees.Judged(Nodes(result));
                Continue(judged.Comparison, judged.Lane, now, effects);
                break;
            case Awaited.Listed listed when listed.Comparison == _comparison:
                listed.Lane.Trees.Listed((MerkleItems)MerkleMessage.Decode(result));
                Continue(listed.Comparison, listed.Lane, now, effects);
                break;
        }
    }

    private void FetchNext(Comparison comparison, in Instant now, Effects effects)
    {
        if (comparison.Left!.Count > 0)
        {
            Ask(comparison, new Fetch(comparison.Token, NextToken(), comparison.Arriving is { } part ? part.Offset + part.Bytes.Length : 0, [.. comparison.Left.Take(PrintsInOne)]), now, effects);
            return;
        }

        if (comparison.Lanes!.Any(lane => lane.Trees.IsPartial))
        {
            // More differs than one comparison finds; what was brought over counts as equal now.
            BeginLanes(comparison, now, effects);
            return;
        }

        if (!comparison.HasStaged)
            Stage(comparison, PartList.Encode([]));
        Update(new StoreUpdate.Join(comparison.Vector!, comparison.Stable!));
        _taken = _taken.Merge(comparison.Vector!);
        TakeHeld();
        effects.Send(comparison.Peer, new Close(comparison.Token));
        _comparisons++;
        End(effects);
    }

    private void TakeStates(Comparison comparison, Fetched fetched, in Instant now, Effects effects)
    {
        if (comparison.Asked is not Fetch fetch || fetch.Exchange != fetched.Exchange)
            return;
        ValuePart[] parts = PartList.Decode(fetched.States.Span);
        bool isPart = fetched.Covered == 0;
        if (fetched.Covered > fetch.List.Count || (isPart && parts.Length != 1))
            throw new InvalidDataException($"{comparison.Peer} has looked for {fetched.Covered} of {fetch.List.Count} keys");
        // Each is whole, but for what is left of the first, or a part of it.
        for (int i = 0; i < parts.Length; i++)
        {
            bool goesOn = i > 0 || comparison.Arriving is not { } before ? parts[i].Offset == 0
                : parts[i].Key.Equals(before.Key) && parts[i].Total == before.Total && parts[i].Offset == before.Offset + before.Bytes.Length;
            if (parts[i].IsLast && parts[i].Offset == 0)
                WholeValue.Unpack(parts[i].Key, parts[i].Bytes);
            if (!goesOn || parts[i].IsLast == isPart)
                throw new InvalidDataException($"{comparison.Peer} sends {parts[i].Key} from byte {parts[i].Offset} on");
        }

        if (comparison.Arriving is not null && parts.Length == 0)
            throw new InvalidDataException($"{comparison.Peer} does not send the rest of a value");
        comparison.Arriving = isPart ? parts[0] : null;
        Stage(comparison, fetched.States);
        if (comparison.Lanes!.Any(lane => lane.Trees.IsPartial))
            Lookup(new StoreQuery.Settle(Self, [.. fetch.List.Take(fetched.Covered)], fetched.States), new Awaited.Nothing(), effects);
        comparison.Left!.RemoveRange(0, fetched.Covered);
        comparison.Asked = null;
        FetchNext(comparison, now, effects);
    }

    private void Stage(Comparison comparison, ReadOnlyMemory<byte> states)
    {
        Update(new StoreUpdate.Stage(First: !comparison.HasStaged, states));
        comparison.HasStaged = true;
    }

    private void LookAtComparison(in Instant now, Effects effects)
    {
        if (_comparison is { } comparison && now.Monotonic >= comparison.GiveUpAt)
            GiveUp(effects);
        else if (_comparison is { } waiting && now.Monotonic >= waiting.AskAgainAt)
        {
            waiting.AskAgainAt = now.Monotonic + _options.ResendMicros;
            foreach (ConvergentMessage? asked in (waiting.Lanes ?? []).Select(lane => lane.Asked).Append(waiting.Asked))
            {
                if (asked is not null)
                    effects.Send(waiting.Peer, asked);
            }
        }

        long time = now.Monotonic;
        foreach (ReplicaId idle in _frozenAt.Where(each => time - each.Value >= 4 * _options.PatienceMicros).Select(each => each.Key).ToArray())
        {
            _frozenAt.Remove(idle);
            Lookup(new StoreQuery.Thaw(idle), new Awaited.Nothing(), effects);
        }
    }

    private void GiveUp(Effects effects)
    {
        effects.Send(_comparison!.Peer, new Close(_comparison.Token));
        End(effects);
    }

    private void End(Effects effects)
    {
        _comparison = null;
        Lookup(new StoreQuery.Thaw(Self), new Awaited.Nothing(), effects);
    }

    /// <summary>
    /// Everybody knows that this replica is being rebuilt, and takes nothing for stable that it has not said to have since; and it has all that they had when they heard of it.
    /// </summary>
    private void FinishRebuilding(Effects effects)
    {
        if (!_storeIsRebuilding || _appliedIndex < _beginIndex || _rebuiltIndex > _appliedIndex)
            return;
        if (_rebuiltIndex > 0 || _peers.Values.Any(peer => peer.Owed is not { } owed || !_vector.Descends(owed)))
            return;
        _rebuiltIndex = NextIndex;
        Update(new StoreUpdate.Rebuilt());
        effects.Add(new Effect.Report("it has what all others have, and serves again"));
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
