using ActorRepl.Hosting.Status;

namespace ActorRepl.Hosting.Cli;

/// <summary>What <c>actorrepl top</c> shows of one moment; rates are over the time since the sample before.</summary>
/// <param name="Seconds">Since the sample before; 0: this is the first, and has no rates.</param>
public sealed record TopReport(DateTimeOffset Time, double Seconds, IReadOnlyList<TopNode> Nodes, IReadOnlyList<TopShard> Shards);

/// <param name="Cpu">Share of one core, 1 for all of it.</param>
/// <param name="WritesPerSecond">Committed entries of the shards that the node leads; of groups without a leader, entries of its own logs.</param>
public sealed record TopNode(int Node, string State, double? Cpu, long? MemoryBytes, int Leads, int Replicas, double? WritesPerSecond, string? Problem);

/// <param name="Leader">0: nobody says that it leads, or the protocol has no leader (<see cref="TopShard.Leaderless"/>).</param>
/// <param name="LagMs">The longest that 99 % of the lag samples of any follower did not exceed.</param>
public sealed record TopShard(string Group, int Shard, string Protocol, int Leader, long Term, long Committed, double? WritesPerSecond, long LagEntries, double? LagMs, string? Mode, string? Problem)
{
    /// <summary>What its replicas keep for members that may lack it: hints, or updates. Null: the protocol keeps nothing of the kind.</summary>
    public long? KeptBytes { get; init; }

    /// <summary>Any replica takes writes.</summary>
    public bool Leaderless { get; init; }
}

/// <summary>Makes what is shown from what the nodes say now and said before.</summary>
internal sealed class TopSampler
{
    private Dictionary<(string Group, int Shard), long> _committed = [];
    private Dictionary<(int Node, string Group, int Shard), long> _own = [];
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
        _own = nodes.SelectMany(node => OwnLogs(node).Select(own => (Key: (node.Id, own.Group, own.Shard), own.Commit))).ToDictionary(own => own.Key, own => own.Commit);
        _cpu = nodes.Where(node => node.Status is not null).ToDictionary(node => node.Id, node => (node.Status!.Node.Pid, node.Status.Process?.CpuSeconds ?? 0));
        _at = micros;
        return new TopReport(time, Math.Round(seconds, 3), all, shards);
    }

    private TopShard Shard((string Group, int Shard) key, string protocol, (int Node, ShardReplicaStatus Of)[] replicas, double seconds)
    {
        bool leaderless = replicas.Any(replica => replica.Of.IsLeaderless);
        // Of two that say they lead, the older one does not know better yet.
        ShardReplicaStatus? leader = replicas.Where(replica => replica.Of.Leader == replica.Node).Select(replica => replica.Of).MaxBy(replica => replica.Term);
        long committed = replicas.Max(replica => replica.Of.Commit);
        double? rate = seconds > 0 && _committed.TryGetValue(key, out long before) ? Math.Round(Math.Max(0, committed - before) / seconds, 1) : null;
        (int Node, SpreadStatus Of)[] spread = [.. replicas.Where(replica => replica.Of.Spread is not null).Select(replica => (replica.Node, replica.Of.Spread!))];
        long lag = spread.Length > 0 ? spread.Max(replica => replica.Of.Members.Where(member => member.Heard).Select(member => member.Lacks).DefaultIfEmpty().Max())
            : leader?.Followers is { Count: > 0 } followers ? Math.Max(0, leader.Last - followers.Values.Min()) : 0;
        double? millis = leader?.Lags is { Count: > 0 } lags ? lags.Values.Max(follower => follower.P99) : null;
        string? problem = leader is null && !leaderless ? "nobody leads" : replicas.Select(replica => replica.Of).FirstOrDefault(replica => replica.Health != "running") is { } ill ? ill.Detail ?? ill.Health
            : leader?.Mode is null or "target" ? spread.Select(replica => Problem(replica.Node, replica.Of)).FirstOrDefault(unwell => unwell is not null) : leader.ModeReason;
        long[] kept = [.. replicas.Select(replica => replica.Of.Spread?.KeptBytes ?? replica.Of.Repair?.HintsBytes).OfType<long>()];
        return new TopShard(key.Group, key.Shard, protocol, leaderless ? 0 : leader?.Leader ?? 0, leader?.Term ?? (leaderless ? replicas.Max(replica => replica.Of.Term) : 0), committed, rate, lag, millis, leader?.Mode, problem)
        {
            KeptBytes = kept.Length > 0 ? kept.Sum() : null, Leaderless = leaderless,
        };
    }

    private static string? Problem(int node, SpreadStatus of) =>
        of.Rebuilding ? $"node {node} is being rebuilt"
        : of.Members.FirstOrDefault(member => !member.Heard || member.SilentSeconds >= StatusCommand.LongSilence) is { } silent ? $"node {node} does not hear node {silent.Node}"
        : of.Unreadable > 0 ? $"node {node} could not merge {of.Unreadable} parts of updates"
        : null;

    private static IEnumerable<(string Group, int Shard, long Commit)> OwnLogs(NodeReport node) => (node.Status?.Groups ?? [])
        .SelectMany(group => group.Local.Where(replica => replica.IsLeaderless).Select(replica => (group.Name, replica.Shard, replica.Commit)));

    private TopNode Node(NodeReport node, TopShard[] shards, double seconds)
    {
        TopShard[] led = [.. shards.Where(shard => shard.Leader == node.Id)];
        double? cpu = seconds > 0 && node.Status is { Process: { } process } status && _cpu.TryGetValue(node.Id, out (int Pid, double Cpu) before) && before.Pid == status.Node.Pid
            ? Math.Round(Math.Max(0, process.CpuSeconds - before.Cpu) / seconds, 3) : null;
        double? rate = seconds > 0 && node.Status is not null ? Math.Round(led.Sum(shard => shard.WritesPerSecond ?? 0) + OwnLogs(node).Sum(own =>
            _own.TryGetValue((node.Id, own.Group, own.Shard), out long earlier) ? Math.Max(0, own.Commit - earlier) / seconds : 0), 1) : null;
        string? problem = node.Error ?? (node.Status is { Ready: false } starting ? string.Join("; ", starting.NotReady) : null);
        return new TopNode(node.Id, node.State, cpu, node.Status?.Process?.MemoryBytes, led.Length, node.Status?.Groups.Sum(group => group.Local.Count) ?? 0, rate, problem);
    }
}
