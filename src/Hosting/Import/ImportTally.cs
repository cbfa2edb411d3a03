namespace ActorRepl.Hosting.Import;

/// <summary>Counts what became of an import's records. Thread-safe.</summary>
internal sealed class ImportTally
{
    private const int KeptProblems = 5;
    private readonly List<string> _problems = [];
    private long _acknowledged;
    private long _failed;

    public long Acknowledged => Volatile.Read(ref _acknowledged);

    public long Failed => Volatile.Read(ref _failed);

    /// <summary>The first few problems; a broken cluster says the same thing many times.</summary>
    public IReadOnlyList<string> Problems
    {
        get
        {
            lock (_problems)
                return [.. _problems];
        }
    }

    public void Acknowledge() => Interlocked.Increment(ref _acknowledged);

    public void Fail(int records, string problem)
    {
        Interlocked.Add(ref _failed, records);
        lock (_problems)
        {
            if (_problems.Count < KeptProblems)
                _problems.Add(problem);
        }
    }
}
