using System.Text.Json;

namespace ActorRepl.Simulation.Quorum;

/// <summary>Runs many seeds of the quorum protocol and prints what they met.</summary>
internal static class QuorumRun
{
    public const string Name = "quorum";

    public static readonly string ProfileNames = string.Join(", ", QuorumTrial.Profiles);

    public const long DefaultSteps = 6_000;

    /// <summary>What a thousand seeds must have met, each at least so often. About a third of what they do meet.</summary>
    private static readonly SortedDictionary<string, long> Floors = new(StringComparer.Ordinal)
    {
        ["checkpoints"] = 4_000, ["damage found in memory"] = 500, ["values damaged in memory"] = 500, ["reads at other levels"] = 3_000, ["reads of sets"] = 1_500, ["sets done"] = 1_500, ["clocks set"] = 800, ["comparisons"] = 150_000, ["crashes"] = 1_900, ["disks lost"] = 110, ["hints delivered"] = 9_000, ["hints kept"] = 40_000,
        ["isolations"] = 1_600, ["purges"] = 90, ["reads judged"] = 30_000, ["reads with siblings"] = 17_000, ["rebuilds"] = 110, ["safe writes"] = 35_000, ["skew refused"] = 14_000,
        ["weak writes"] = 9_000, ["writes refused: NoQuorum"] = 13_000, ["writes with two dots"] = 1_500,
        ["changes of members done"] = 60, ["conditional writes done"] = 2_500, ["serial reads"] = 2_000, ["views"] = 300,
    };

    public static int Run(ulong first, long count, string? profile, long steps, int maxFailures, bool json, bool checkFloors, TextWriter output)
    {
        (IReadOnlyList<QuorumResult> failures, SortedDictionary<string, long> coverage, count) = RunSeeds(first, count, profile, steps, maxFailures);
        string[] missed = checkFloors && profile is null && failures.Count == 0 && count >= 1_000
            ? [.. Floors.Where(floor => coverage.GetValueOrDefault(floor.Key) * 1_000 < floor.Value * count).Select(floor => floor.Key)]
            : [];
        if (json)
            output.WriteLine(JsonSerializer.Serialize(new { Protocol = "quorum", Seeds = count, Failures = failures, Coverage = coverage, Missed = missed }));
        else
            Print(count, failures, coverage, missed, steps, output);
        return failures.Count > 0 || missed.Length > 0 ? 1 : 0;
    }

    /// <summary>Runs so many seeds, or until so many have failed; says how many it ran.</summary>
    public static (IReadOnlyList<QuorumResult> Failures, SortedDictionary<string, long> Coverage, long Seeds) RunSeeds(ulong first, long count, string? profile, long steps, int maxFailures)
    {
        var failures = new List<QuorumResult>();
        var coverage = new SortedDictionary<string, long>(StringComparer.Ordinal);
        long ran = 0;
        Parallel.For(0L, count, (number, loop) =>
        {
            QuorumResult result = QuorumTrial.Run(first + (ulong)number, profile, steps);
            lock (failures)
            {
                ran++;
                foreach ((string what, long met) in result.Coverage)
                    coverage[what] = coverage.GetValueOrDefault(what) + met;
                if (result.Rule is not null)
                    failures.Add(result);
                if (failures.Count >= maxFailures)
                    loop.Stop();
            }
        });
        return (failures, coverage, ran);
    }

    public static string Replay(QuorumResult failure, long steps) =>
        $"dotnet run -c Release --project tests/Simulation -- --protocol quorum --profile {failure.Profile}{(steps == DefaultSteps ? "" : $" --steps {steps}")} --seed {failure.Seed}";

    private static void Print(long count, IReadOnlyList<QuorumResult> failures, SortedDictionary<string, long> coverage, string[] missed, long steps, TextWriter output)
    {
        foreach (QuorumResult failure in failures.OrderBy(failure => failure.Seed))
        {
            output.WriteLine($"seed {failure.Seed} ({failure.Profile}): {failure.Detail}");
            output.WriteLine($"  {Replay(failure, steps)}");
        }

        foreach ((string what, long met) in coverage)
            output.WriteLine($"{what,-40} {met,12:N0}{(missed.Contains(what) ? "  BELOW ITS FLOOR" : "")}");
        output.WriteLine(failures.Count == 0 ? $"{count:N0} seeds of quorum: all rules held" : $"{failures.Count} of {count:N0} seeds of quorum failed");
    }
}
