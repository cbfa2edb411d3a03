using ActorRepl.Hosting.Cli;

namespace ActorRepl.Hosting.Import;

/// <summary>Counts what became of an import's records, and says which were not stored and why. Thread-safe.</summary>
/// <param name="path">The file that is imported.</param>
/// <param name="report">Gets every problem; null: only the first few are told.</param>
internal sealed class ImportTally(string path, ImportProblems? report)
{
    private const int KeptProblems = 5;
    private readonly List<string> _failures = [];
    private readonly List<string> _bad = [];
    private long _acknowledged;
    private long _failed;
    private long _badLines;

    public long Acknowledged => Volatile.Read(ref _acknowledged);

    public long Failed => Volatile.Read(ref _failed);

    public long BadLines => Volatile.Read(ref _badLines);

    /// <summary>The first few problems of each kind; a broken cluster says the same thing many times.</summary>
    public IReadOnlyList<string> Problems
    {
        get
        {
            lock (_failures)
                return [.. _bad, .. _failures];
        }
    }

    /// <summary>Of those, what has not been told yet.</summary>
    public IReadOnlyList<string> Untold
    {
        get
        {
            lock (_failures)
                return report is null ? [.. _failures] : [.. _bad, .. _failures];
        }
    }

    public void Acknowledge() => Interlocked.Increment(ref _acknowledged);

    /// <summary>These records were not stored, or nobody knows.</summary>
    public void Fail(IReadOnlyList<ImportRecord> records, string problem)
    {
        Interlocked.Add(ref _failed, records.Count);
        Keep(_failures, records[0].Line, problem);
        foreach (ImportRecord record in records)
            report?.Add(record.Line, problem);
    }

    /// <summary>A line is no record. Told at once, unless there is a report.</summary>
    public void Bad(ImportLineException wrong)
    {
        Interlocked.Increment(ref _badLines);
        string text = Keep(_bad, wrong.Line, wrong.Message);
        if (report is null)
            Terminal.Problem(text);
        else
            report.Add(wrong.Line, wrong.Message);
    }

    private string Keep(List<string> kept, long line, string problem)
    {
        string text = $"{path}, line {line}: {problem}";
        lock (_failures)
        {
            if (kept.Count < KeptProblems)
                kept.Add(text);
        }

        return text;
    }
}
