namespace ActorRepl.Benchmarks.Failover;

/// <summary>Counts elections by the terms of leaders: one that was won and lost again between two looks counts too.</summary>
internal sealed class ElectionCounter
{
    private readonly Dictionary<int, long> _terms = [];

    /// <summary>Terms that began after each shard's first look.</summary>
    public int Count { get; private set; }

    public void Look(IReadOnlyDictionary<int, (int Node, long Term)> leaders)
    {
        foreach ((int shard, (int _, long term)) in leaders)
        {
            long known = _terms.GetValueOrDefault(shard, term);
            Count += (int)Math.Max(0, term - known);
            _terms[shard] = Math.Max(known, term);
        }
    }
}
