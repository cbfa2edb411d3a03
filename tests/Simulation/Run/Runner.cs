using System.Diagnostics;

namespace ActorRepl.Simulation.Run;

/// <summary>What a number of seeds came to; <see cref="Hash"/> is the sum of theirs, the same however many threads ran them.</summary>
internal sealed record RunResult(long Seeds, long Steps, ulong Hash, TimeSpan Elapsed, int Workers, Coverage Coverage, IReadOnlyList<SeedResult> Failures)
{
    public double StepsPerSecond => Steps / Elapsed.TotalSeconds;
    public double SeedsPerSecond => Seeds / Elapsed.TotalSeconds;
}

/// <summary>Runs seeds in parallel, one a core, and stops soon after a failure.</summary>
internal sealed class Runner(RunOptions options)
{
    private readonly Lock _lock = new();
    private readonly Coverage _coverage = new();
    private readonly List<SeedResult> _failures = [];
    private long _nextSeed;
    private long _seeds;
    private long _steps;
    private ulong _hash;
    private volatile bool _stop;

    /// <summary>Seeds that are done; may be read while running.</summary>
    public long SeedsDone => Interlocked.Read(ref _seeds);

    /// <summary>Runs <paramref name="count"/> seeds from <paramref name="first"/> on, until so many have failed.</summary>
    public RunResult Run(ulong first, long count, int maxFailures = 1, int? workers = null)
    {
        int threads = workers ?? Environment.ProcessorCount;
        var watch = Stopwatch.StartNew();
        _nextSeed = (long)first;
        Thread[] running = [.. Enumerable.Range(0, threads).Select(_ => new Thread(() => Work((long)first + count, maxFailures)))];
        foreach (Thread thread in running)
            thread.Start();
        foreach (Thread thread in running)
            thread.Join();
        _failures.Sort((left, right) => left.Seed.CompareTo(right.Seed));
        return new RunResult(_seeds, _steps, _hash, watch.Elapsed, threads, _coverage, _failures);
    }

    private void Work(long end, int maxFailures)
    {
        while (!_stop)
        {
            long seed = Interlocked.Increment(ref _nextSeed) - 1;
            if (seed >= end)
                return;
            SeedResult result = SeedRun.Run(options, (ulong)seed);
            lock (_lock)
            {
                _coverage.Add(result.Coverage);
                _steps += result.Steps;
                _hash += result.Hash;
                _seeds++;
                if (result.Rule is null)
                    continue;
                _failures.Add(result);
                _stop |= _failures.Count >= maxFailures;
            }
        }
    }
}
