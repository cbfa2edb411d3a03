using System.Text.Json;

namespace ActorRepl.Simulation.Convergence;

/// <summary>Runs many seeds of the protocol of CRDT groups and prints what they met.</summary>
internal static class ConvergentRun
{
    public const string Name = "crdt";

    public static readonly string ProfileNames = string.Join(", ", ConvergentTrial.Profiles);

    public const long DefaultSteps = 6_000;

    /// <summary>What a thousand seeds must have met, each at least so often. About a third of what they do meet.</summary>
    private static readonly SortedDictionary<string, long> Floors = new(StringComparer.Ordinal)
    {
        ["checkpoints"] = 7_000, ["crashes"] = 4_500, ["disks lost"] = 230, ["isolations"] = 3_800, ["joins"] = 2_000, ["member changes"] = 90, ["quorum reads"] = 14_000, ["reads of pairs"] = 24_000,
        ["rebuilds"] = 300, ["rebuilt"] = 300, ["stable"] = 25_000, ["transfers"] = 4_500, ["units"] = 85_000, ["updates"] = 75_000, ["updates refused: NoQuorum"] = 25_000, ["weak reads"] = 8_500,
    };

    public static int Run(ulong first, long count, string? profile, long steps, int maxFailures, bool json, bool checkFloors, TextWriter output)
    {
        (IReadOnlyList<ConvergentResult> failures, SortedDictionary<string, long> coverage, count) = RunSeeds(first, count, profile, steps, maxFailures);
        string[] missed = checkFloors && profile is null && failures.Count == 0 && count >= 1_000
            ? [.. Floors.Where(floor => coverage.GetValueOrDefault(floor.Key) * 1_000 < floor.Value * count).Select(floor => floor.Key)]
            : [];
        if (json)
            output.WriteLine(JsonSerializer.Serialize(new { Protocol = "crdt", Seeds = count, Failures = failures, Coverage = coverage, Missed = missed }));
        else
            Print(count, failures, coverage, missed, steps, output);
        return failures.Count > 0 || missed.Length > 0 ? 1 : 0;
    }

    /// <summary>Runs so many seeds, or until so many have failed; says how many it ran.</summary>
    public static (IReadOnlyList<ConvergentResult> Failures, SortedDictionary<string, long> Coverage, long Seeds) RunSeeds(ulong first, long count, string? profile, long steps, int maxFailures)
    {
        var failures = new List<ConvergentResult>();
        var coverage = new SortedDictionary<string, long>(StringComparer.Ordinal);
        long ran = 0;
        Parallel.For(0L, count, (number, loop) =>
        {
            ConvergentResult result = ConvergentTrial.Run(first + (ulong)number, profile, steps);
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

    public static string Replay(ConvergentResult failure, long steps) =>
        $"dotnet run -c Release --project tests/Simulation -- --protocol crdt --profile {failure.Profile}{(steps == DefaultSteps ? "" : $" --steps {steps}")} --seed {failure.Seed}";

    private static void Print(long count, IReadOnlyList<ConvergentResult> failures, SortedDictionary<string, long> coverage, string[] missed, long steps, TextWriter output)
    {
        foreach (ConvergentResult failure in failures.OrderBy(failure => failure.Seed))
        {
            output.WriteLine($"seed {failure.Seed} ({failure.Profile}): {failure.Detail}");
            output.WriteLine($"  {Replay(failure, steps)}");
        }

        foreach ((string what, long met) in coverage)
            output.WriteLine($"{what,-40} {met,12:N0}{(missed.Contains(what) ? "  BELOW ITS FLOOR" : "")}");
        output.WriteLine(failures.Count == 0 ? $"{count:N0} seeds of crdt: all rules held" : $"{failures.Count} of {count:N0} seeds of crdt failed");
    }
}
