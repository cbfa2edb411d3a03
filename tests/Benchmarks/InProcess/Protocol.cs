namespace ActorRepl.Benchmarks.InProcess;

/// <summary>What the benchmark asks of its node processes, a line of JSON each on their standard input.</summary>
internal sealed record Order(string What, int[]? Callers = null, double Seconds = 0, int ValueBytes = 0, int Keys = 0, bool Reads = false);

/// <summary>What they answer, a line each on standard output.</summary>
internal sealed record Answer
{
    /// <summary>Why the node cannot serve yet; null: nothing is missing.</summary>
    public string? Missing { get; init; }

    /// <summary>The shards whose leader is in this process.</summary>
    public int[] Leads { get; init; } = [];

    /// <summary>Since the process started.</summary>
    public Usage Usage { get; init; } = new();

    /// <summary>Of the run that was asked for.</summary>
    public Dictionary<int, long> Latencies { get; init; } = [];

    public double Seconds { get; init; }

    /// <summary>Calls that were refused, which a change of leaders does.</summary>
    public long Refused { get; init; }
}

/// <summary>What a process has used and written so far. Times in seconds.</summary>
internal sealed record Usage
{
    public double User { get; init; }
    public double System { get; init; }
    public long Allocated { get; init; }
    public int Collections { get; init; }
    public double Pauses { get; init; }
    public long Switches { get; init; }
    public long Faults { get; init; }
    public long Records { get; init; }
    public long Writes { get; init; }
    public long WrittenBytes { get; init; }

    public static Usage operator -(Usage later, Usage earlier) => new()
    {
        User = later.User - earlier.User,
        System = later.System - earlier.System,
        Allocated = later.Allocated - earlier.Allocated,
        Collections = later.Collections - earlier.Collections,
        Pauses = later.Pauses - earlier.Pauses,
        Switches = later.Switches - earlier.Switches,
        Faults = later.Faults - earlier.Faults,
        Records = later.Records - earlier.Records,
        Writes = later.Writes - earlier.Writes,
        WrittenBytes = later.WrittenBytes - earlier.WrittenBytes,
    };
}
