using System.Globalization;

namespace ActorRepl.Benchmarks.Chain;

/// <summary>
/// A control group of the kernel that gives a process a part of one core and no more: by the quota of the CPU controller, version 1 or 2.
/// Needs to be root, and a hierarchy that may be written.
/// </summary>
internal sealed class CpuShare : IDisposable
{
    // Short, so that a process that has used its share waits for a few ms and not for longer than heartbeats are apart.
    private const int PeriodMicros = 10_000;

    private readonly string _directory;
    private (long Periods, long Throttled) _seen;

    private CpuShare(string directory) => _directory = directory;

    /// <summary>The controller that is used, for people.</summary>
    public static string Kind => File.Exists("/sys/fs/cgroup/cgroup.controllers") ? "cgroup v2, cpu.max" : "cgroup v1, cpu.cfs_quota_us";

    /// <summary>Puts a process, all its threads, into a group of its own.</summary>
    /// <param name="cores">Of one core, such as 0.25.</param>
    /// <exception cref="InvalidOperationException">There is no such controller that may be used here.</exception>
    public static CpuShare Limit(int process, double cores)
    {
        bool isSecond = File.Exists("/sys/fs/cgroup/cgroup.controllers");
        string directory = Path.Combine(isSecond ? "/sys/fs/cgroup" : "/sys/fs/cgroup/cpu", $"actorrepl-benchmark-{process}");
        string quota = ((int)(cores * PeriodMicros)).ToString(CultureInfo.InvariantCulture);
        try
        {
            Directory.CreateDirectory(directory);
            if (isSecond)
            {
                File.WriteAllText(Path.Combine(directory, "cpu.max"), $"{quota} {PeriodMicros}");
            }
            else
            {
                File.WriteAllText(Path.Combine(directory, "cpu.cfs_period_us"), $"{PeriodMicros}");
                File.WriteAllText(Path.Combine(directory, "cpu.cfs_quota_us"), quota);
            }

            File.WriteAllText(Path.Combine(directory, "cgroup.procs"), $"{process}");
            return new CpuShare(directory);
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            throw new InvalidOperationException($"a process cannot be limited by {Kind} here: {refused.Message}", refused);
        }
    }

    /// <summary>In which part of all periods since the last call it had used up its share before the end, 0 to 1.</summary>
    public double Throttled()
    {
        Dictionary<string, long> stat = File.ReadLines(Path.Combine(_directory, "cpu.stat")).Select(line => line.Split(' '))
            .ToDictionary(words => words[0], words => long.Parse(words[1], CultureInfo.InvariantCulture));
        (long periods, long throttled) now = (stat["nr_periods"], stat["nr_throttled"]);
        double part = (now.throttled - _seen.Throttled) / (double)Math.Max(1, now.periods - _seen.Periods);
        _seen = now;
        return part;
    }

    /// <summary>The group goes once its process has ended.</summary>
    public void Dispose()
    {
        try
        {
            Directory.Delete(_directory);
        }
        catch (IOException)
        {
            // The process is still there; an empty group is all that is left behind.
        }
    }
}
