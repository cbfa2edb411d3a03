using ActorRepl.Hosting.Status;

namespace ActorRepl.Hosting.Cli;

/// <summary>What <c>actorrepl top</c> shows of one moment; rates are over the time since the sample before.</summary>
/// <param name="Seconds">Since the sample before; 0: this is the first, and has no rates.</param>
public sealed record TopReport(DateTimeOffset Time, double Seconds, IReadOnlyList<TopNode> Nodes, IReadOnlyList<TopShard> Shards);

/// <param name="Cpu">Share of one core, 1 for all of it.</param>
/// <param name="WritesPerSecond">Committed entries of the shards that the node leads.</param>
public sealed record TopNode(int Node, string State, double? Cpu, long? MemoryBytes, int Leads, int Replicas, double? WritesPerSecond, string? Problem);

/// <param name="Leader">0: nobody says that it leads.</param>
/// <param name="LagMs">The longest that 99 % of the lag samples of any follower did not exceed.</param>
public sealed record TopShard(string Group, int Shard, string Protocol, int Leader, long Term, long Committed, double? WritesPerSecond, long LagEntries, double? LagMs, string? Mode, string? Problem);

/// <summary>Makes what is shown from what the nodes say now and said before.</summary>
internal sealed class TopSampler
{
    private Dictionary<(string Group, int Shard), long> _committed = [];
    private Dictionary<int, (int Pid, double Cpu)> _cpu = [];
    private long? _at;

    /// <param name="nodes">What every node says.</param>
    /// <param name="micros">When, µs of a monotonic clock.</param>
    /// <param name="time">When, for whoever reads it.</param>
    public TopReport Take(IReadOnlyList<NodeReport> nodes, long micros, DateTimeOffset time)
    {
        double seconds = _at is { } before ? (micros - before) / 1e6 : 0;
        TopShard[] shards = [.. nodes
            .SelectMany(node => (node.Status?.Groups ?? []).SelectMany(group => group.Local.Select(replica => (Group: group, Node: node.Id, Replica: replica))))
            .GroupBy(one => (one.Group.Name, one.Replica.Shard))
            .Select(shard => Shard(shard.Key, shard.First().Group.Protocol, [.. shard.Select(one => (one.Node, one.Replica))], seconds))
            .OrderBy(shard => shard.Group, StringComparer.Ordinal).ThenBy(shard => shard.Shard)];
        TopNode[] all = [.. nodes.Select(node => Node(node, shards, seconds))];
        _committed = shards.ToDictionary(shard => (shard.Group, shard.Shard), shard => shard.Committed);
        _cpu = nodes.Where(node => node.Status is not null).ToDictionary(node => node.Id, node => (node.Status!.Node.Pid, node.Status.Process?.CpuSeconds ?? 0));
        _at = micros;
        return new TopReport(time, Math.Round(seconds, 3), all, shards);
    }

    private TopShard Shard((string Group, int Shard) key, string protocol, (int Node, ShardReplicaStatus Of)[] replicas, double seconds)
    {
        // Of two that say they lead, the older one does not know better yet.
        ShardReplicaStatus? leader = replicas.Where(replica => replica.Of.Leader == replica.Node).Select(replica => replica.Of).MaxBy(replica => replica.Term);
        long committed = replicas.Max(replica => replica.Of.Commit);
        double? rate = seconds > 0 && _committed.TryGetValue(key, out long before) ? Math.Round(Math.Max(0, committed - before) / seconds, 1) : null;
        long lag = leader?.Followers is { Count: > 0 } followers ? Math.Max(0, leader.Last - followers.Values.Min()) : 0;
        double? millis = leader?.Lags is { Count: > 0 } lags ? lags.Values.Max(follower => follower.P99) : null;
        string? problem = leader is null ? "nobody leads" : replicas.Select(replica => replica.Of).FirstOrDefault(replica => replica.Health != "running") is { } ill ? ill.Detail ?? ill.Health
            : leader.Mode is null or "target" ? null : leader.ModeReason;
        return new TopShard(key.Group, key.Shard, protocol, leader?.Leader ?? 0, leader?.Term ?? 0, committed, rate, lag, millis, leader?.Mode, problem);
    }

    private TopNode Node(NodeReport node, TopShard[] shards, double seconds)
    {
        TopShard[] led = [.. shards.Where(shard => shard.Leader == node.Id)];
        double? cpu = seconds > 0 && node.Status is { Process: { } process } status && _cpu.TryGetValue(node.Id, out (int Pid, double Cpu) before) && before.Pid == status.Node.Pid
            ? Math.Round(Math.Max(0, process.CpuSeconds - before.Cpu) / seconds, 3) : null;
        double? rate = seconds > 0 && node.Status is not null ? Math.Round(led.Sum(shard => shard.WritesPerSecond ?? 0), 1) : null;
        string? problem = node.Error ?? (node.Status is { Ready: false } starting ? string.Join("; ", starting.NotReady) : null);
        return new TopNode(node.Id, node.State, cpu, node.Status?.Process?.MemoryBytes, led.Length, node.Status?.Groups.Sum(group => group.Local.Count) ?? 0, rate, problem);
    }
}
