using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Ring;

/// <summary>One stream of data that a change of the ring asks for.</summary>
/// <param name="Range">Which keys.</param>
/// <param name="To">The node that becomes a replica of them.</param>
/// <param name="From">
/// The replica whose place it takes: with all that this one has, no acknowledged write has fewer holders than before. None: there are more replicas than
/// before, and it must hear <see cref="Others"/> as if that one were away.
/// </param>
/// <param name="Others">The replicas that stay. Where the one that leaves is away, as many of them as a read asks take its part, together.</param>
public sealed record RangeMove(TokenRange Range, ReplicaId To, ReplicaId From, IReadOnlyList<ReplicaId> Others);

/// <summary>
/// A ring on its way to another. Until all that a range asks for is streamed, its keys are read from the replicas of before and written to those of both:
/// a write is done once it has enough acknowledgements of the ones and of the others. So whoever reads enough of either finds it.
/// </summary>
public sealed class RingChange
{
    private readonly RingReplication _replication;
    private readonly HashSet<RangeMove> _open;

    private RingChange(TokenRing before, TokenRing after, RingReplication replication, IReadOnlyList<RangeMove> moves)
    {
        Before = before;
        After = after;
        _replication = replication;
        Moves = moves;
        _open = [.. moves];
    }

    public TokenRing Before { get; }
    public TokenRing After { get; }

    /// <summary>Ascending by range; ranges that lie side by side and have the same part are one.</summary>
    public IReadOnlyList<RangeMove> Moves { get; }

    public bool IsDone => _open.Count == 0;

    /// <summary>How much of what moves has moved, 0 to 1,000.</summary>
    public int PartsPerThousand
    {
        get
        {
            UInt128 all = Sum(Moves), open = Sum(_open);
            // In units of 2^-32 of the ring, so that the product has room.
            return all == 0 ? 1_000 : (int)((all - open) / (1ul << 32) * 1_000 / UInt128.Max(all / (1ul << 32), 1));
        }
    }

    public static RingChange Between(TokenRing before, TokenRing after, RingReplication replication)
    {
        ulong[] ends = [.. before.Tokens.Concat(after.Tokens).Distinct().Order()];
        var moves = new List<RangeMove>();
        var last = new Dictionary<ReplicaId, int>();
        for (int i = 0; i < ends.Length; i++)
        {
            var range = new TokenRange(ends[i == 0 ? ^1 : i - 1], ends[i]);
            foreach (RangeMove move in MovesOf(range, before, after, replication))
                Add(moves, last, move);
        }

        return new RingChange(before, after, replication, moves);
    }

    /// <summary>The stream is through and durable where it went.</summary>
    /// <exception cref="InvariantViolationException">It is none of this change's, or was through before.</exception>
    public void Complete(RangeMove move) => Invariant.That(_open.Remove(move), "a stream is completed once, by the change that asked for it");

    /// <summary>Who answers reads of this token now.</summary>
    public IReadOnlyList<ReplicaId> ReadersOf(ulong token) => (IsOpen(token) ? Before : After).PreferencesOf(token, _replication).Owners;

    /// <summary>Who takes writes of this token now: enough of each of these sets must acknowledge.</summary>
    public IReadOnlyList<IReadOnlyList<ReplicaId>> WritersOf(ulong token)
    {
        IReadOnlyList<ReplicaId> after = After.PreferencesOf(token, _replication).Owners;
        return IsOpen(token) ? [Before.PreferencesOf(token, _replication).Owners, after] : [after];
    }

    private bool IsOpen(ulong token) => _open.Any(move => move.Range.Contains(token));

    private static IEnumerable<RangeMove> MovesOf(TokenRange range, TokenRing before, TokenRing after, RingReplication replication)
    {
        IReadOnlyList<ReplicaId> old = before.PreferencesOf(range.UpTo, replication).Owners;
        IReadOnlyList<ReplicaId> now = after.PreferencesOf(range.UpTo, replication).Owners;
        if (old.Count == 0)
            yield break;
        List<ReplicaId> leaving = [.. old.Except(now)];
        ReplicaId[] staying = [.. old.Intersect(now)];
        foreach (ReplicaId to in now.Except(old))
        {
            // Within its own region if one leaves there: that is nearer, and keeps each region's count.
            string region = after.Find(to)!.Region;
            ReplicaId from = leaving.Find(id => before.Find(id)!.Region == region);
            leaving.Remove(from);
            yield return new RangeMove(range, to, from, staying);
        }
    }

    // Ranges come in ascending order, so only a node's last stream can go on.
    private static void Add(List<RangeMove> moves, Dictionary<ReplicaId, int> last, RangeMove move)
    {
        if (last.TryGetValue(move.To, out int at) && moves[at] is var before && before.From == move.From && before.Range.UpTo == move.Range.After
            && before.Others.SequenceEqual(move.Others))
        {
            moves[at] = before with { Range = new TokenRange(before.Range.After, move.Range.UpTo) };
            return;
        }

        last[move.To] = moves.Count;
        moves.Add(move);
    }

    private static UInt128 Sum(IEnumerable<RangeMove> moves) => moves.Aggregate(UInt128.Zero, (sum, move) => sum + move.Range.Size);
}
