using System.Text;

namespace ActorRepl.Protocols.Checking;

public enum Linearizability : byte
{
    Linearizable = 1,
    NotLinearizable = 2,

    /// <summary>The search reached its limit before it could tell.</summary>
    Unknown = 3,
}

/// <summary>How far a search may go.</summary>
public sealed record CheckerLimits
{
    /// <summary>Configurations (sets of operations done, with a state) remembered for one key; about 50 bytes each.</summary>
    public int MaxConfigurations { get; init; } = 4_000_000;

    /// <summary>Time for the whole history; null: none, so that the verdict depends on the history alone.</summary>
    public TimeSpan? Timeout { get; init; }
}

/// <summary>A verdict. Unless linearizable, <see cref="Key"/> and <see cref="Explanation"/> say where the search got stuck.</summary>
public sealed record CheckResult(Linearizability Verdict, string? Key = null, string? Explanation = null);

/// <summary>
/// Decides whether a history of reads, writes, appends, compare-and-sets and deletes is linearizable (Herlihy and Wing
/// 1990): the search of Wing and Gong (1993) with Lowe's memoization (2017). Linearizability is local, so each key is
/// decided for itself.
/// </summary>
public static class LinearizabilityChecker
{
    private const int FirstEffort = 1 << 14;
    private const int EffortGrowth = 8;

    public static CheckResult Check(IEnumerable<RecordedOperation> history, CheckerLimits? limits = null)
    {
        limits ??= new CheckerLimits();
        long deadline = limits.Timeout is { } timeout ? Environment.TickCount64 + (long)timeout.TotalMilliseconds : long.MaxValue;
        var open = new List<(string Key, LinearizationSearch Search, RecordedOperation[]? Whole)>();
        foreach (IGrouping<string, RecordedOperation> key in history.GroupBy(operation => operation.Key, StringComparer.Ordinal))
        {
            RecordedOperation[] whole = [.. key];
            RecordedOperation[] seen = WithoutUnseen(whole);
            open.Add((key.Key, new LinearizationSearch(seen, deadline), seen.Length < whole.Length ? whole : null));
        }

        // All keys get a little effort before any gets much: one that is easy to refute decides the history.
        for (long effort = FirstEffort; ; effort *= EffortGrowth)
        {
            bool isLast = effort >= limits.MaxConfigurations;
            for (int i = 0; i < open.Count; i++)
            {
                (string key, LinearizationSearch search, RecordedOperation[]? whole) = open[i];
                Linearizability verdict = search.Run((int)Math.Min(effort, limits.MaxConfigurations));
                if (verdict == Linearizability.NotLinearizable && whole is null)
                    return new CheckResult(verdict, key, Explain(key, search));
                if (verdict == Linearizability.Linearizable)
                    open.RemoveAt(i--);
                else if (verdict == Linearizability.NotLinearizable)
                    open[i--] = (key, new LinearizationSearch(whole!, deadline), null);
            }

            if (open.Count == 0)
                return new CheckResult(Linearizability.Linearizable);
            if (isLast || Environment.TickCount64 > deadline)
                return new CheckResult(Linearizability.Unknown, open[0].Key, $"key \"{open[0].Key}\": not decided within {open[0].Search.Configurations} configurations");
        }
    }

    // An operation whose outcome is unknown and whose value nobody has seen may well not have happened. Leaving such out
    // spares the search their every place in the order; only where that leads nowhere are they tried too.
    private static RecordedOperation[] WithoutUnseen(RecordedOperation[] operations)
    {
        string[] seen =
        [
            .. operations.Where(operation => !operation.IsOutcomeUnknown && operation.Action == RecordedAction.Read).Select(read => read.Value)
                .Concat(operations.Where(operation => operation.Succeeded == true).Select(operation => operation.Expected))
                .Distinct(),
        ];
        return [.. operations.Where(operation => !operation.IsOutcomeUnknown
            || (operation.Value.Length > 0 && seen.Any(value => value.Contains(operation.Value, StringComparison.Ordinal))))];
    }

    private static string Explain(string key, LinearizationSearch search)
    {
        StuckPoint stuck = search.Stuck;
        var text = new StringBuilder();
        text.Append($"key \"{key}\": {stuck.Done} of {search.Count} operations can be put in order, to the value {RecordedOperation.Show(stuck.State)}");
        if (stuck.Waiting is { } waiting)
            text.Append("; then this must have happened and cannot:\n  ").Append(waiting);
        Append(text, "the last that fit before it:", stuck.Before);
        Append(text, "under way at the same time, and not yet done:", stuck.Concurrent);
        return text.ToString();
    }

    private static void Append(StringBuilder text, string title, IReadOnlyList<RecordedOperation> operations)
    {
        if (operations.Count == 0)
            return;
        text.Append("\n  ").Append(title);
        foreach (RecordedOperation operation in operations)
            text.Append("\n    ").Append(operation);
    }
}
