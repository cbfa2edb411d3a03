using ActorRepl.Hosting.Cluster;
using ActorRepl.Hosting.Status;

namespace ActorRepl.Hosting.Cli;

/// <summary>
/// <c>actorrepl transfer --force</c>: says what may be lost when a replica leads with what it has, asks whether that is meant, and has it lead.
/// </summary>
internal static class TakeOverCommand
{
    private const string Protocol = "primary-backup";

    public static async Task<int> RunAsync(LocalCluster cluster, string group, int? shard, int node, bool yes, bool json, CancellationToken cancellation)
    {
        cluster.Node(node);
        IReadOnlyList<NodeReport> nodes = await StatusCommand.ReportAsync(cluster, cancellation).ConfigureAwait(false);
        ShardReplicaStatus[] replicas = Replicas(nodes, group, shard, node);
        ShardTakeOver[] asked = [.. replicas.Where(replica => replica.Role != "primary").Select(replica => Foresee(nodes, group, replica))];
        if (!json)
        {
            foreach (ShardReplicaStatus leads in replicas.Where(replica => replica.Role == "primary"))
                Terminal.Line($"{group}/{leads.Shard}: node {node} leads");
            foreach (ShardTakeOver one in asked)
                Terminal.Line(Warning(nodes, group, node, one));
        }

        if (asked.Length > 0 && !yes && !IsMeant())
            throw new UserErrorException("nothing was done");
        using var client = new AdminClient(cluster);
        ShardTakeOver[] done = [.. replicas.Where(replica => replica.Role == "primary").Select(replica => Foresee(nodes, group, replica) with { TookOver = true })];
        foreach (ShardTakeOver one in asked)
            done = [.. done, await ForceAsync(client, group, node, one, json, cancellation).ConfigureAwait(false)];
        if (json)
            Terminal.Json(new TakeOverReport(group, node, [.. done.OrderBy(one => one.Shard)]), StatusJson.Default.TakeOverReport);
        return done.All(one => one.TookOver) ? ExitCode.Success : ExitCode.Failure;
    }

    private static async Task<ShardTakeOver> ForceAsync(AdminClient client, string group, int node, ShardTakeOver one, bool json, CancellationToken cancellation)
    {
        try
        {
            await client.OrderAsync("/transfer", [("group", group), ("shard", $"{one.Shard}"), ("node", $"{node}"), ("force", "true")], cancellation).ConfigureAwait(false);
            if (!json)
                Terminal.Line($"{group}/{one.Shard}: node {node} leads");
            return one with { TookOver = true };
        }
        catch (UserErrorException refused)
        {
            if (!json)
                Terminal.Problem($"{group}/{one.Shard}: {refused.Message}");
            return one with { Problem = refused.Message };
        }
    }

    private static ShardReplicaStatus[] Replicas(IReadOnlyList<NodeReport> nodes, string group, int? shard, int node)
    {
        if (nodes.First(report => report.Id == node).Status is not { } status)
            throw new UserErrorException($"node {node} does not answer; the one that is to lead must run");
        GroupStatus known = status.Groups.FirstOrDefault(one => one.Name == group)
            ?? throw new UserErrorException($"there is no group '{group}'; there are {string.Join(", ", status.Groups.Select(one => one.Name))}");
        if (known.Protocol != Protocol)
            throw new UserErrorException($"group '{group}' replicates by {known.Protocol}; --force is for {Protocol}");
        ShardReplicaStatus[] replicas = [.. known.Local.Where(replica => shard is null || replica.Shard == shard).OrderBy(replica => replica.Shard)];
        return replicas.Length > 0 ? replicas
            : throw new UserErrorException(shard is null ? $"node {node} holds no replica of '{group}'" : $"node {node} holds no replica of {group}/{shard}");
    }

    private static ShardTakeOver Foresee(IReadOnlyList<NodeReport> nodes, string group, ShardReplicaStatus replica)
    {
        IReadOnlyList<int> inSync = replica.SyncSet ?? [];
        return new ShardTakeOver(replica.Shard, replica.Term, replica.Last, inSync, [.. inSync.Where(id => Find(nodes, group, replica.Shard, id) is null)], TookOver: false, Problem: null);
    }

    /// <summary>A replica on a node; null: it does not run, as far as anybody can tell.</summary>
    private static ShardReplicaStatus? Find(IReadOnlyList<NodeReport> nodes, string group, int shard, int node) =>
        nodes.FirstOrDefault(report => report.Id == node)?.Status?.Groups.FirstOrDefault(one => one.Name == group)?.Local.FirstOrDefault(replica => replica.Shard == shard && replica.Role != "down");

    private static string Warning(IReadOnlyList<NodeReport> nodes, string group, int node, ShardTakeOver one)
    {
        string silent = one.Silent.Count == 0 ? "all of them answer" : $"{Nodes(one.Silent)} {(one.Silent.Count == 1 ? "does" : "do")} not answer";
        string others = string.Concat(one.InSync.Where(id => id != node).Select(id => (Id: id, Of: Find(nodes, group, one.Shard, id)))
            .Where(other => other.Of is not null && (other.Of.Term, other.Of.Last).CompareTo((one.Epoch, one.Last)) > 0)
            .Select(other => $" Node {other.Id} answers and has more, up to {other.Of!.Last}: it had better lead."));
        return $"{group}/{one.Shard}: node {node} has the log up to {one.Last}, in epoch {one.Epoch}. In sync were {Nodes(one.InSync)}; {silent}. "
            + $"What was acknowledged beyond {one.Last} is lost, at any level; a node that has it and comes back sets it aside ('actorrepl lost list').{others}";
    }

    private static string Nodes(IReadOnlyList<int> ids) => ids.Count == 0 ? "nobody it knows of" : $"node{(ids.Count == 1 ? "" : "s")} {string.Join(", ", ids)}";

    private static bool IsMeant()
    {
        if (Console.IsInputRedirected)
            throw new UserErrorException("--force asks on a terminal; say --yes where there is none");
        Console.Error.Write("Accept the loss? Type yes: ");
        return Console.ReadLine()?.Trim() == "yes";
    }
}
