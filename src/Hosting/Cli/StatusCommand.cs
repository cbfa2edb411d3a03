using System.Globalization;
using ActorRepl.Hosting.Cluster;
using ActorRepl.Hosting.Status;
using ActorRepl.Protocols.Control;

namespace ActorRepl.Hosting.Cli;

/// <summary><c>actorrepl status</c>.</summary>
internal static class StatusCommand
{
    private const int MostShardsInALine = 16;

    /// <summary>Seconds. Members of a quiet group speak less often than of a busy one, and far more often than this.</summary>
    public const double LongSilence = 10;

    private static readonly string[] Headings =
        ["node", "state", "redis", "http", "group", "shard", "role", "term", "commit", "applied", "lag", "health", "members"];

    private static readonly string[] RingHeadings = ["group", "shard", "replica", "share", "ring", "hints", "hint bytes", "compared", "exchanged", "repair"];

    private static readonly string[] SpreadHeadings = ["group", "shard", "replica", "keys", "kept", "kept bytes", "tags", "others", "compares", "refused", "unreadable"];

    private static readonly string[] FollowerHeadings =
        ["group", "shard", "follower", "in sync", "sent", "received", "durable", "applied", "lag", "bytes", "ms", "missed", "caught up in"];

    /// <summary>Succeeds if every node is ready.</summary>
    public static async Task<int> RunAsync(LocalCluster cluster, bool json, CancellationToken cancellation)
    {
        IReadOnlyList<NodeReport> nodes = await ReportAsync(cluster, cancellation).ConfigureAwait(false);
        if (json)
        {
            var report = new ClusterReport(cluster.File.Cluster, cluster.File.BasePort, cluster.Data, nodes);
            Terminal.Json(report, StatusJson.Default.ClusterReport);
        }
        else
        {
            bool modes = Replicas(nodes).Any(replica => replica.Of.Mode is not null);
            Terminal.Table(modes ? [.. Headings, "mode", "in sync"] : Headings, [.. nodes.SelectMany(node => Rows(node, modes))]);
            foreach (NodeReport node in nodes.Where(node => node is { State: "starting", Status: null }))
                Terminal.Line($"node {node.Id}: {node.Error}");
            foreach (NodeReport node in nodes)
            {
                foreach (string why in (node.Status?.Groups ?? []).SelectMany(group => group.Local).Where(replica => replica.Role == "down").Select(replica => replica.Detail).OfType<string>().Distinct())
                    Terminal.Line($"node {node.Id}: {why}");
            }

            foreach (string chain in Chains(nodes))
                Terminal.Line(chain);
            ShowRings(nodes);
            ShowSpread(nodes);
            foreach ((GroupStatus group, ShardReplicaStatus replica) in Replicas(nodes).Where(replica => replica.Of is { Mode: not (null or "target") }))
                Terminal.Line($"{group.Name}/{replica.Shard} {Mode(replica)}");
            // Where modes follow from it; of others it is in --json.
            string[][] followers = [.. Replicas(nodes).Where(replica => replica.Of.Mode is not null).SelectMany(replica => (replica.Of.Progress ?? []).Select(follower => Row(replica.Group, replica.Of.Shard, follower)))];
            if (followers.Length > 0)
            {
                Terminal.Line("");
                Terminal.Table(FollowerHeadings, followers);
            }
        }

        return nodes.All(node => node.State == "ready") ? ExitCode.Success : ExitCode.Failure;
    }

    public static async Task<IReadOnlyList<NodeReport>> ReportAsync(LocalCluster cluster, CancellationToken cancellation)
    {
        using var client = new NodeStatusClient(TimeSpan.FromSeconds(3), cluster.Access);
        return await Task.WhenAll(cluster.Nodes.Select(node => client.ReportAsync(node, cancellation))).ConfigureAwait(false);
    }

    /// <summary>One line for a node: addresses, its roles, where its logs are.</summary>
    public static string Summary(NodeReport node)
    {
        string start = $"node {node.Id}  redis 127.0.0.1:{node.RedisPort}  http 127.0.0.1:{node.HttpPort}  ";
        if (node.Status is null)
            return $"{start}{node.State}";
        IEnumerable<string> groups = node.Status.Groups.Where(group => group.Name != ControlGroup.Own).Select(group =>
            $"{group.Name}: {Roles(group.Local)}"
            + $"  log {group.Local.Sum(replica => replica.Last):N0}  lag {group.Local.Sum(replica => replica.Lag):N0}");
        return $"{start}{string.Join("  ", groups)}";
    }

    /// <summary>Each shard's, where they fit into a line; how many of each, where they do not.</summary>
    private static string Roles(IReadOnlyCollection<ShardReplicaStatus> replicas) => replicas.Count <= MostShardsInALine
        ? string.Join(' ', replicas.OrderBy(replica => replica.Shard).Select(replica => $"{replica.Shard}={replica.Role}"))
        : string.Join(", ", replicas.CountBy(replica => replica.Role).OrderBy(role => role.Key, StringComparer.Ordinal).Select(role => $"{role.Value} {role.Key}"));

    private static IEnumerable<(GroupStatus Group, ShardReplicaStatus Of)> Replicas(IEnumerable<NodeReport> nodes) =>
        nodes.SelectMany(node => node.Status?.Groups ?? []).SelectMany(group => group.Local.Select(replica => (group, replica)))
            .OrderBy(replica => replica.group.Name, StringComparer.Ordinal).ThenBy(replica => replica.replica.Shard);

    private static IEnumerable<string[]> Rows(NodeReport node, bool modes)
    {
        string[] start = [$"{node.Id}", node.State, $"127.0.0.1:{node.RedisPort}", $"127.0.0.1:{node.HttpPort}"];
        string[][] replicas = [.. (node.Status?.Groups ?? []).SelectMany(group => group.Local.OrderBy(replica => replica.Shard).Select(replica => Row(group, replica, modes)))];
        return replicas.Length == 0
            ? [[.. start, .. Enumerable.Repeat("-", Headings.Length - start.Length + (modes ? 2 : 0))]]
            : replicas.Select((row, i) => (string[])[.. i == 0 ? start : ["", "", "", ""], .. row]);
    }

    private static string[] Row(GroupStatus group, ShardReplicaStatus replica, bool modes) =>
    [
        group.Name, $"{replica.Shard}", replica.Role, $"{replica.Term}", Number(replica.Commit), Number(replica.Applied), Number(replica.Lag),
        replica.Health, replica.Members?.ToString() ?? "-",
        .. modes ? (string[])[replica.Mode ?? "-", replica.SyncSet is { } set ? string.Join(' ', set) : "-"] : [],
    ];

    private static string[] Row(GroupStatus group, int shard, FollowerStatus follower) =>
    [
        group.Name, $"{shard}", $"node {follower.Node}", follower.InSync ? "yes" : "no", Number(follower.Sent), Number(follower.Received), Number(follower.Durable),
        Number(follower.Applied), Number(follower.LagEntries), Number(follower.LagBytes), follower.LagMs.ToString("N1", CultureInfo.InvariantCulture),
        $"{follower.MissedBeats}", follower.CatchUpSeconds is { } seconds ? $"{seconds.ToString("N1", CultureInfo.InvariantCulture)} s" : "-",
    ];

    /// <summary>Groups on rings: whose share is how large, how far a change is, what is kept for others and what was repaired.</summary>
    private static void ShowRings(IReadOnlyList<NodeReport> nodes)
    {
        string[][] rows = [.. nodes.SelectMany(node => Replicas([node]).Where(replica => replica.Of.Repair is not null).Select(replica => Row(node.Id, replica.Group.Name, replica.Of, replica.Of.Repair!)))
            .OrderBy(row => row[0], StringComparer.Ordinal).ThenBy(row => int.Parse(row[1], CultureInfo.InvariantCulture))];
        if (rows.Length == 0)
            return;
        Terminal.Line("");
        Terminal.Table(RingHeadings, rows);
    }

    private static string[] Row(int node, string group, ShardReplicaStatus replica, RepairStatus repair) =>
    [
        group, $"{replica.Shard}", $"node {node}", replica.Ring is { } ring ? $"{ring.SharePercent.ToString("N1", CultureInfo.InvariantCulture)} %" : "-",
        replica.Ring is not { } change ? "-" : change.Ranges > 0 ? $"{change.Phase}: {change.RangesDone} of {change.Ranges} ranges, {Number(change.KeysDone)} keys, {Number(change.BytesDone)} bytes" : change.Phase,
        Number(repair.Hints), repair.OldestHintSeconds is { } old ? $"{Number(repair.HintsBytes)} ({old.ToString("N0", CultureInfo.InvariantCulture)} s)" : Number(repair.HintsBytes),
        Number(repair.Comparisons), Number(repair.KeysExchanged), repair.PeersLeft > 0 ? $"ordered, {repair.PeersLeft} left" : repair.With > 0 ? $"with node {repair.With}" : "-",
    ];

    /// <summary>Groups whose members all take changes: what each replica keeps for the others, and what they lack.</summary>
    private static void ShowSpread(IReadOnlyList<NodeReport> nodes)
    {
        string[][] rows = [.. nodes.SelectMany(node => Replicas([node]).Where(replica => replica.Of.Spread is not null).Select(replica => Row(node.Id, replica.Group.Name, replica.Of.Shard, replica.Of.Spread!)))
            .OrderBy(row => row[0], StringComparer.Ordinal).ThenBy(row => int.Parse(row[1], CultureInfo.InvariantCulture))];
        if (rows.Length == 0)
            return;
        Terminal.Line("");
        Terminal.Table(SpreadHeadings, rows);
    }

    private static string[] Row(int node, string group, int shard, SpreadStatus spread) =>
    [
        group, $"{shard}", $"node {node}", Number(spread.Keys), Number(spread.KeptUpdates), Number(spread.KeptBytes), Number(spread.Tags), string.Join(", ", spread.Members.Select(Standing)),
        spread.Rebuilding && spread.ComparingWith > 0 ? $"rebuilds from node {spread.ComparingWith}" : spread.Rebuilding ? "to be rebuilt" : spread.ComparingWith > 0 ? $"with node {spread.ComparingWith}"
            : spread.LentTo > 0 ? $"lent to {spread.LentTo}" : Number(spread.Comparisons),
        Number(spread.Refused), Number(spread.Unreadable + spread.UnreadableMessages),
    ];

    /// <summary>What a member lacks, of those that lack something or are silent.</summary>
    private static string Standing(MemberSpreadStatus member) => !member.Heard ? $"{member.Node} not heard"
        : $"{member.Node} {(member.Lacks == 0 ? "has all" : $"lacks {Number(member.Lacks)}")}"
            + (member.Ahead > 0 ? $", has {Number(member.Ahead)} more" : "") + (member.SilentSeconds >= LongSilence ? $", silent {Number((long)member.SilentSeconds)} s" : "");

    /// <summary>Each chain by the word of who has seen the latest epoch, its head if that has: its links in order, who joins, and who is slow.</summary>
    private static IEnumerable<string> Chains(IEnumerable<NodeReport> nodes) => nodes
        .SelectMany(node => Replicas([node]).Select(replica => (Node: node.Id, Group: replica.Group.Name, replica.Of)))
        .Where(replica => replica.Of.Chain is not null)
        .GroupBy(replica => (replica.Group, replica.Of.Shard)).OrderBy(shard => shard.Key)
        .Select(shard => shard.MaxBy(replica => (replica.Of.Term, replica.Of.Leader == replica.Node)))
        .Select(best => Chain(best.Group, best.Of, best.Of.Chain!));

    private static string Chain(string group, ShardReplicaStatus replica, IReadOnlyList<int> links)
    {
        string order = string.Join(" -> ", links.Select((node, at) => $"node {node}{(at == 0 ? " (head)" : at == links.Count - 1 ? " (tail)" : "")}"));
        int[] members = [.. replica.Members?.Voters ?? [], .. replica.Members?.Learners ?? []];
        return $"{group}/{replica.Shard} {order}, epoch {replica.Term}"
            + Named("not in the chain", members.Except(links)) + Named("slow", (replica.Progress ?? []).Where(link => link.Slow).Select(link => link.Node));
    }

    private static string Named(string what, IEnumerable<int> nodes) =>
        nodes.Order().ToArray() is { Length: > 0 } named ? $"; {what}: {string.Join(", ", named.Select(node => $"node {node}"))}" : "";

    /// <summary>Why a shard is not at its target, and how far it is on its way there.</summary>
    private static string Mode(ShardReplicaStatus replica)
    {
        string why = $"is at {replica.Mode}: {replica.ModeReason}";
        if (replica.Recovery is not { } recovery)
            return why;
        string left = recovery.Seconds is { } seconds ? $", {seconds.ToString("N1", CultureInfo.InvariantCulture)} s left" : "";
        return $"{why}; {recovery.Percent.ToString("N0", CultureInfo.InvariantCulture)} % done, {Number(recovery.LagEntries)} entries behind{left}";
    }

    private static string Number(long value) => value.ToString("N0", CultureInfo.InvariantCulture);
}
