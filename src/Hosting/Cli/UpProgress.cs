using System.Collections.Concurrent;
using ActorRepl.Hosting.Status;

namespace ActorRepl.Hosting.Cli;

/// <summary>How far a starting cluster is: from what its nodes report to one line.</summary>
internal sealed class UpProgress(int nodes)
{
    private readonly ConcurrentDictionary<int, NodeStatus> _reports = new();

    public string Phase
    {
        get
        {
            if (_reports.Count < nodes)
                return $"starting: {_reports.Count} of {nodes} nodes answer";
            int up = _reports.Values.Min(report => report.Members.Count(member => member is { Status: "up", Reachable: true }));
            if (up < nodes)
                return $"forming the cluster: {up} of {nodes} nodes are up";
            int shards = _reports.Values.First().Groups.Sum(group => group.Shards);
            int led = _reports.Values.Sum(report => report.Groups.Sum(group => group.Local.Count(replica => replica.Leader == report.Node.Id || replica.IsLeaderless)));
            return $"electing leaders: {Math.Min(led, shards)} of {shards} shards have one";
        }
    }

    public void Report(NodeReport report) => _reports[report.Id] = report.Status!;

    /// <summary>Shows every change of the phase until the task ends; the task's own errors are not this one's.</summary>
    public async Task ShowAsync(Task all, Action<string> show)
    {
        string? shown = null;
        while (!all.IsCompleted)
        {
            if (Phase is var phase && phase != shown)
                show(shown = phase);
            await Task.WhenAny(all, Task.Delay(100)).ConfigureAwait(false);
        }
    }
}
