namespace ActorRepl.Benchmarks.Failover;

/// <summary>What one kill or stop did: the longest time without an acknowledged write on any shard that the node led.</summary>
/// <param name="CalmMs">The same in the second before: what the machine does by itself.</param>
/// <param name="Failed">Writes that were not acknowledged.</param>
internal sealed record Gap(int Node, IReadOnlyList<int> Shards, double Ms, double CalmMs, int Failed);

/// <summary>The gaps of a run and what they were to be; milliseconds.</summary>
internal sealed record GapReport(string What, IReadOnlyList<Gap> Gaps, int Writes, IReadOnlyList<Goal> Goals)
{
    public double P50 => At(Gaps, 0.5);
    public double P90 => At(Gaps, 0.9);
    public double Worst => At(Gaps, 1);

    /// <summary>By nearest rank: of ten gaps, the ninth is p90.</summary>
    public static double At(IEnumerable<Gap> gaps, double quantile)
    {
        double[] all = [.. gaps.Select(gap => gap.Ms).Order()];
        return all.Length == 0 ? 0 : all[Math.Max(0, (int)Math.Ceiling(all.Length * quantile) - 1)];
    }

    public override string ToString() =>
        $"{What}: {Gaps.Count} gaps, p50 {P50:0} ms, p90 {P90:0} ms, worst {Worst:0} ms; before them at most {Gaps.Select(gap => gap.CalmMs).DefaultIfEmpty().Max():0} ms; "
        + $"{Writes} writes acknowledged, {Gaps.Sum(gap => gap.Failed)} not\n{string.Join('\n', Goals)}";
}

/// <param name="Most">The most that it may be; null: any.</param>
/// <param name="Least">The least that it may be; null: any.</param>
internal sealed record Goal(string Of, double Measured, double? Most = null, double? Least = null)
{
    public bool Met => !(Measured > Most) && !(Measured < Least);

    public override string ToString() =>
        $"goal {(Met ? "met" : "missed")}: {Of} {Measured:0.#} of {(Most is { } most ? $"at most {most:0}" : $"at least {Least:0}")}";
}
