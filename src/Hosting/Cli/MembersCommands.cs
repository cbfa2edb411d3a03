using System.Diagnostics;
using System.Globalization;
using ActorRepl.Hosting.Cluster;
using ActorRepl.Hosting.Status;

namespace ActorRepl.Hosting.Cli;

/// <summary><c>actorrepl members</c>, <c>transfer</c> and <c>nodes</c>.</summary>
internal sealed class MembersCommands(LocalCluster cluster) : IDisposable
{
    private static readonly string[] MemberHeadings = ["group", "shard", "leader", "voters", "learners", "witnesses", "behind", "state"];
    private static readonly string[] NodeHeadings = ["node", "name", "address", "region", "rack", "state", "control", "replicas", "leaders"];
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(300);

    private readonly AdminClient _client = new(cluster);

    public async Task<int> ListAsync(string group, int? shard, bool json, CancellationToken cancellation)
    {
        MembersReport report = Only(await _client.MembersAsync(group, cancellation).ConfigureAwait(false), shard);
        if (json)
            Terminal.Json(report, StatusJson.Default.MembersReport);
        else
            Terminal.Table(MemberHeadings, [.. report.Shards.Select(one => Row(group, one))]);
        return ExitCode.Success;
    }

    /// <summary>Gives an order for each node, then waits until all is in force.</summary>
    public async Task<int> OrderAsync(MembersOrder order, CancellationToken cancellation)
    {
        int concerned = 0;
        foreach ((int node, int? by) in order.Nodes)
        {
            OrderTaken taken = await _client.OrderAsync("/members", [
                ("group", order.Group), ("do", by is null ? order.Do : "replace"), ("node", $"{node}"), ("by", by is null ? null : $"{by}"),
                ("role", order.Role), ("shard", order.Shard?.ToString(CultureInfo.InvariantCulture)), ("fewer", order.Fewer ? "true" : null)], cancellation).ConfigureAwait(false);
            concerned += taken.Shards;
        }

        if (concerned == 0 && !order.Json)
            Terminal.Line("nothing to do: it is so already");
        MembersReport report = await WaitAsync(order, cancellation).ConfigureAwait(false);
        if (order.Json)
            Terminal.Json(report, StatusJson.Default.MembersReport);
        else if (concerned > 0)
            Terminal.Line($"done: {string.Join("; ", report.Shards.GroupBy(one => $"{one.Actual}").Select(same => $"{Shards(same)} on {same.Key}"))}");
        return ExitCode.Success;
    }

    public async Task<int> TransferAsync(string group, int? shard, int? node, bool json, CancellationToken cancellation)
    {
        MembersReport before = Only(await _client.MembersAsync(group, cancellation).ConfigureAwait(false), shard);
        if (before.Shards.All(one => one.Leader == 0 && one.Actual is not null))
            throw new UserErrorException($"group '{group}' has no leaders: there is no leadership to give away");
        var problems = new Dictionary<int, string>();
        foreach (ShardMembersStatus one in before.Shards)
        {
            try
            {
                await _client.OrderAsync("/transfer", [("group", group), ("shard", $"{one.Shard}"), ("node", node is null ? null : $"{node}")], cancellation).ConfigureAwait(false);
            }
            catch (UserErrorException refused) when (shard is null)
            {
                problems.Add(one.Shard, refused.Message);
                if (!json)
                    Terminal.Problem($"{group}/{one.Shard}: {refused.Message}");
            }
        }

        MembersReport after = Only(await _client.MembersAsync(group, cancellation).ConfigureAwait(false), shard);
        ShardTransfer[] done = [.. before.Shards.Zip(after.Shards, (was, now) => new ShardTransfer(now.Shard, was.Leader, now.Leader, problems.GetValueOrDefault(now.Shard)))];
        if (json)
            Terminal.Json(new TransferReport(group, done), StatusJson.Default.TransferReport);
        else
            Array.ForEach(done, one => Terminal.Line($"{group}/{one.Shard}: node {one.Led} led, node {one.Leads} leads"));
        return problems.Count == 0 ? ExitCode.Success : ExitCode.Failure;
    }

    public async Task<int> NodesAsync(bool json, CancellationToken cancellation)
    {
        NodesReport report = await _client.NodesAsync(cancellation).ConfigureAwait(false);
        if (json)
            Terminal.Json(report, StatusJson.Default.NodesReport);
        else
            Terminal.Table(NodeHeadings, [.. report.Nodes.Select(Row)]);
        return ExitCode.Success;
    }

    public void Dispose() => _client.Dispose();

    private async Task<MembersReport> WaitAsync(MembersOrder order, CancellationToken cancellation)
    {
        var waited = Stopwatch.StartNew();
        string shown = "";
        while (true)
        {
            MembersReport report = Only(await _client.MembersAsync(order.Group, cancellation).ConfigureAwait(false), order.Shard);
            ShardMembersStatus[] open = [.. report.Shards.Where(one => !one.Settled)];
            if (open.Length == 0)
                return report;
            if (waited.Elapsed > order.Patience)
                throw new UserErrorException(
                    $"{Shards(open)} of group '{order.Group}' not changed after {order.Patience.TotalSeconds:0} s; the order stands, 'actorrepl members list {order.Group}' shows how far it is");
            string progress = $"{report.Shards.Count - open.Length} of {report.Shards.Count} shards done; {string.Join("; ", open.Take(4).Select(Progress))}";
            if (progress != shown && !order.Json)
                Terminal.Line(shown = progress);
            await Task.Delay(Look, cancellation).ConfigureAwait(false);
        }
    }

    private static string Progress(ShardMembersStatus shard)
    {
        if (shard.Actual is null)
            return $"shard {shard.Shard} has no leader";
        IEnumerable<string> behind = (shard.Wanted?.Voters ?? []).Where(node => !shard.Actual.Voters.Contains(node)).Select(node =>
            shard.Missing.TryGetValue($"{node}", out long missing) ? $"node {node} is {missing.ToString("N0", CultureInfo.InvariantCulture)} entries behind" : $"node {node} is to join");
        string text = string.Join(", ", behind);
        return $"shard {shard.Shard} on {shard.Actual}{(shard.Leaving.Count > 0 ? " (changing)" : "")}{(text.Length > 0 ? $": {text}" : "")}";
    }

    private static MembersReport Only(MembersReport report, int? shard)
    {
        if (shard is null)
            return report;
        ShardMembersStatus[] one = [.. report.Shards.Where(each => each.Shard == shard)];
        return one.Length > 0 ? report with { Shards = one } : throw new UserErrorException($"group '{report.Group}' has shards 0 to {report.Shards.Count - 1}; there is no {shard}");
    }

    private static string Shards(IEnumerable<ShardMembersStatus> shards)
    {
        int[] numbers = [.. shards.Select(shard => shard.Shard)];
        return $"shard{(numbers.Length == 1 ? "" : "s")} {string.Join(",", numbers)}";
    }

    private static string[] Row(string group, ShardMembersStatus shard) =>
    [
        group, $"{shard.Shard}", shard.Leader != 0 ? $"{shard.Leader}" : shard.Actual is null ? "none" : "-", Numbers(shard.Actual?.Voters), Numbers(shard.Actual?.Learners), Numbers(shard.Actual?.Witnesses),
        shard.Missing.Values.DefaultIfEmpty().Max().ToString("N0", CultureInfo.InvariantCulture),
        shard.Settled ? "settled" : shard.Wanted is null ? "not registered" : $"to be {shard.Wanted}",
    ];

    private static string[] Row(NodeEntry node) =>
        [$"{node.Id}", node.Name, node.Address, Dash(node.Region), Dash(node.Rack), node.Status, node.Control, $"{node.Replicas}", $"{node.Leaders}"];

    private static string Numbers(IReadOnlyList<int>? numbers) => numbers is { Count: > 0 } ? string.Join(",", numbers) : "-";

    private static string Dash(string text) => text.Length > 0 ? text : "-";
}

/// <param name="Do"><c>add</c>, <c>remove</c> or <c>promote</c>.</param>
/// <param name="Nodes">Each with the node that takes its place, where it is to be replaced.</param>
/// <param name="Role"><c>voter</c>, <c>learner</c> or <c>witness</c>.</param>
/// <param name="Shard">Null: all.</param>
/// <param name="Fewer">Fewer replicas than the group declares will do.</param>
internal sealed record MembersOrder(
    string Do, string Group, IReadOnlyList<(int Node, int? By)> Nodes, string Role, int? Shard, bool Fewer, TimeSpan Patience, bool Json);
