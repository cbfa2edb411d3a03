using System.Text.Json;

namespace ActorRepl.Simulation.Run;

/// <summary>Says how a run went: to people, to programs, and while it goes on.</summary>
internal static class Report
{
    public static void Text(RunOptions options, RunResult result, IReadOnlyCollection<CoverageItem> missed)
    {
        foreach (SeedResult failure in result.Failures)
            Failure(options, failure);
        Console.WriteLine();
        Console.WriteLine($"{"coverage",-28}{"count",12}{"floor",12}");
        foreach (CoverageItem item in Coverage.Items)
        {
            long floor = Coverage.Floor(options.Protocol, item, result.Seeds);
            if (floor == 0 && result.Coverage[item] == 0)
                continue;
            Console.WriteLine($"{Words(item),-28}{result.Coverage[item],12:N0}{(floor > 0 ? floor.ToString("N0") : ""),12}{(missed.Contains(item) ? item == CoverageItem.HistoriesUndecided ? "  too many" : "  below its floor" : "")}");
        }

        Console.WriteLine();
        Console.WriteLine($"{options.Protocol.Name}: {result.Seeds:N0} seeds, {result.Steps:N0} steps, trace {result.Hash:x16}, in {result.Elapsed.TotalSeconds:N1} s on {result.Workers} threads: "
            + $"{result.SeedsPerSecond:N0} seeds/s, {result.StepsPerSecond:N0} steps/s ({result.StepsPerSecond / result.Workers:N0} a thread)");
        Console.WriteLine(result.Failures.Count > 0 ? $"{result.Failures.Count} failed" : missed.Count > 0 ? "all rules held, but coverage is not what it must be" : "all rules held");
    }

    public static void Json(RunOptions options, RunResult result, IReadOnlyCollection<CoverageItem> missed) => Console.WriteLine(JsonSerializer.Serialize(new
    {
        Protocol = options.Protocol.Name,
        result.Seeds,
        result.Steps,
        Hash = $"{result.Hash:x16}",
        Seconds = Math.Round(result.Elapsed.TotalSeconds, 3),
        StepsPerSecond = Math.Round(result.StepsPerSecond),
        Coverage = Coverage.Items.ToDictionary(item => item.ToString(), item => result.Coverage[item]),
        BelowFloor = missed.Select(item => item.ToString()),
        Failures = result.Failures.Select(failure => new { failure.Seed, failure.Profile, failure.Nodes, failure.Steps, failure.Rule, failure.Detail, Replay = SimulationCommand.Replay(options, failure) }),
    }));

    public static void Failure(RunOptions options, SeedResult failure)
    {
        Console.WriteLine($"seed {failure.Seed} ({failure.Profile}, {failure.Nodes} nodes) failed at step {failure.Steps}: {failure.Rule}");
        Console.WriteLine($"  {failure.Detail}");
        Console.WriteLine("replay it with");
        Console.WriteLine($"  {SimulationCommand.Replay(options, failure)}");
    }

    /// <summary>One line, written over once a second; nothing where the output is no terminal.</summary>
    public static IDisposable ShowProgress(Runner runner, long count, bool enabled)
    {
        if (!enabled)
            return new Timer(_ => { });
        DateTime start = DateTime.UtcNow;
        return new Timer(
            _ =>
            {
                long done = runner.SeedsDone;
                double seconds = (DateTime.UtcNow - start).TotalSeconds;
                string left = done > 0 ? $", {(count - done) * seconds / done:N0} s left" : "";
                Console.Write($"\r{done:N0} of {count:N0} seeds, {done / seconds:N0} a second{left}   ");
            },
            null,
            1000,
            1000);
    }

    private static string Words(CoverageItem item) =>
        string.Concat(item.ToString().Select((letter, place) => char.IsUpper(letter) && place > 0 ? " " + char.ToLowerInvariant(letter) : char.ToLowerInvariant(letter).ToString()));
}
