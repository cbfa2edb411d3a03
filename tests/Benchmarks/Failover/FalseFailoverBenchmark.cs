using System.Diagnostics;
using ActorRepl.MultiNode.Tests;

namespace ActorRepl.Benchmarks.Failover;

/// <param name="LeaderChanges">Terms that began after the start, of all shards together.</param>
/// <param name="LongestPauseMs">Of the pauses as they were: on a busy machine they last longer than asked for.</param>
/// <param name="LongestGapMs">Without an acknowledged write on some shard.</param>
internal sealed record FalseFailoverReport(
    double Minutes, int Pauses, double LongestPauseMs, int LeaderChanges, int Writes, int FailedWrites, double LongestGapMs, IReadOnlyList<Goal> Goals)
{
    public override string ToString() =>
        $"{Minutes:0.#} minutes, {Pauses} pauses of leaders' nodes, the longest {LongestPauseMs:0} ms: {LeaderChanges} leader changes; "
        + $"{Writes} writes acknowledged, {FailedWrites} not, longest gap {LongestGapMs:0} ms\n{string.Join('\n', Goals)}";
}

/// <summary>
/// Nobody fails, all are slow: every core has a process that never rests, and the nodes that lead are stopped for 200 ms
/// (SIGSTOP), one each second. No leader may be taken for dead.
/// </summary>
internal sealed class FalseFailoverBenchmark(FailoverOptions options, Output output)
{
    // Leaders that the control group moves are no failover.
    private const string NoMoves = "actorrepl.control.leader-settle = 1 d";

    private static readonly TimeSpan Between = TimeSpan.FromMilliseconds(800);
    private static readonly TimeSpan ShownEvery = TimeSpan.FromSeconds(10);

    // After the last pause: an election that it brought about is over by then.
    private static readonly TimeSpan Aftermath = TimeSpan.FromSeconds(2);

    private readonly ElectionCounter _elections = new();
    private readonly ProcessPauser _pauser = new(TimeSpan.FromMilliseconds(200));

    public async Task<FalseFailoverReport> RunAsync(double minutes, CancellationToken stop)
    {
        await using ProcessCluster cluster = await ProcessCluster.StartAsync(settings: $"{NoMoves}\n{options.Settings}", basePort: options.BasePort);
        _elections.Look(await cluster.LeadersAsync());
        using var busy = new BusyProcesses(Environment.ProcessorCount);
        var writers = new ShardWriters(cluster, options.Writers, cluster.Ids, [.. Enumerable.Range(0, Workload.Shards)]);
        long from = Stopwatch.GetTimestamp();
        for (TimeSpan shown = TimeSpan.Zero; Stopwatch.GetElapsedTime(from).TotalMinutes < minutes && !stop.IsCancellationRequested;)
        {
            await PauseOneAsync(cluster);
            await Task.Delay(Between, CancellationToken.None);
            if (Stopwatch.GetElapsedTime(from) is var elapsed && elapsed - shown > ShownEvery)
            {
                shown = elapsed;
                output.Progress($"{_pauser.Count} pauses, the longest {_pauser.Longest.TotalMilliseconds:0} ms; {_elections.Count} leader changes; {writers.Times.Count} writes");
            }
        }

        await Task.Delay(Aftermath, CancellationToken.None);
        _elections.Look(await cluster.LeadersAsync());
        long to = Stopwatch.GetTimestamp();
        await writers.StopAsync();
        double gap = Enumerable.Range(0, Workload.Shards).Max(shard => writers.Times.LongestGap(shard, from, to).TotalMilliseconds);
        return new FalseFailoverReport(Stopwatch.GetElapsedTime(from, to).TotalMinutes, _pauser.Count, _pauser.Longest.TotalMilliseconds, _elections.Count,
            writers.Times.Count, writers.Failures.Count, gap, [new("leader changes", _elections.Count, 0)]);
    }

    /// <summary>Stops one of the nodes that lead, in turns, for 200 ms.</summary>
    private async Task PauseOneAsync(ProcessCluster cluster)
    {
        IReadOnlyDictionary<int, (int Node, long Term)> leaders = await cluster.LeadersAsync();
        _elections.Look(leaders);
        int[] nodes = [.. leaders.Values.Select(leader => leader.Node).Distinct().Order()];
        if (nodes.Length > 0)
            await _pauser.PauseAsync(cluster.ProcessIdOf(nodes[_pauser.Count % nodes.Length]));
    }
}
