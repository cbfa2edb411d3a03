using System.CommandLine;
using System.Globalization;
using System.Net.Http.Json;
using ActorRepl.Hosting.Cluster;
using ActorRepl.Hosting.Http;
using ActorRepl.Hosting.Status;

namespace ActorRepl.Hosting.Cli;

/// <summary><c>actorrepl repair</c>: has the replicas of a group without a leader compare themselves and exchange what differs, now.</summary>
internal static class RepairCommand
{
    // Each walks hash trees, and moves what differs.
    private const int ShardsAtOnce = 2;

    private static readonly TimeSpan Look = TimeSpan.FromSeconds(1);
    private static readonly string[] Headings = ["group", "shard", "node", "compared with", "keys compared", "keys exchanged", "state"];

    /// <param name="where">Makes the options that say which cluster.</param>
    /// <param name="find">Finds the cluster, by those options.</param>
    public static Command Build(
        Func<(Option<string> Data, Option<int?> BasePort)> where,
        Func<ParseResult, Option<string>, Option<int?>, CancellationToken, Task<LocalCluster>> find)
    {
        (Option<string> data, Option<int?> basePort) = where();
        var group = new Argument<string?>("GROUP") { Arity = ArgumentArity.ZeroOrOne, Description = "The group; may be left out where there is one without a leader." };
        var shard = new Option<int?>("--shard") { Description = "Only this shard; without it, all of the group.", HelpName = "K" };
        var json = new Option<bool>("--json") { Description = "Print JSON." };
        var timeout = new Option<int>("--timeout")
        {
            Description = "Seconds that one replica may take.", HelpName = "N", DefaultValueFactory = _ => RepairEndpoint.DefaultSeconds,
        };
        timeout.Validators.Add(result =>
        {
            if (result.Tokens is [var token] && int.TryParse(token.Value, out int value) && value is < 1 or > RepairEndpoint.MostSeconds)
                result.AddError($"--timeout is {value}; it must be 1 to {RepairEndpoint.MostSeconds}");
        });
        var command = new Command("repair", "Have the replicas of a group without a leader compare themselves and exchange what differs, with progress.") { group, shard, json, timeout, data, basePort };
        command.SetAction(async (line, cancellation) => await RunAsync(
            await find(line, data, basePort, cancellation).ConfigureAwait(false), line.GetValue(group), line.GetValue(shard), line.GetValue(timeout), line.GetValue(json),
            cancellation).ConfigureAwait(false));
        return command;
    }

    private static async Task<int> RunAsync(LocalCluster cluster, string? named, int? shard, int seconds, bool json, CancellationToken cancellation)
    {
        IReadOnlyList<NodeReport> nodes = await StatusCommand.ReportAsync(cluster, cancellation).ConfigureAwait(false);
        string group = named ?? Only(nodes);
        (int Node, int Shard)[] replicas = [.. nodes.SelectMany(node => (node.Status?.Groups ?? []).Where(each => each.Name == group)
            .SelectMany(each => each.Local).Where(replica => shard is null || replica.Shard == shard).Select(replica => (node.Id, replica.Shard))).OrderBy(replica => (replica.Shard, replica.Id))];
        if (replicas.Length == 0)
            throw new UserErrorException(Missing(nodes, group, shard));
        if (Local(nodes, group).All(replica => replica.Health == "running" && replica.Repair is null))
        {
            string why = Local(nodes, group).Any(replica => replica.IsLeaderless)
                ? "its replicas compare themselves as soon as one may lack something, and there is nothing to order; 'actorrepl verify' shows whether they have the same"
                : "its replicas apply one log, and there is nothing to repair";
            throw new UserErrorException($"group '{group}' replicates by {Groups(nodes).First(each => each.Name == group).Protocol}: {why}");
        }

        NodeReport[] silentOnes = [.. nodes.Where(node => node.Status is null)];
        foreach (NodeReport silent in json ? [] : silentOnes)
            Terminal.Problem($"node {silent.Id} does not answer: what it has is not compared; the others go on without it");
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        Task progress = json ? Task.CompletedTask : ShowAsync(cluster, group, shard, ended.Token);
        using HttpClient http = cluster.Access.Http(TimeSpan.FromSeconds(seconds + 10));
        using var turns = new SemaphoreSlim(ShardsAtOnce);
        ReplicaRepairStatus[] done = await Task.WhenAll(replicas.GroupBy(replica => replica.Shard).SelectMany(all => all).Select(async replica =>
        {
            await turns.WaitAsync(cancellation).ConfigureAwait(false);
            try
            {
                return await OrderAsync(http, cluster, group, replica.Node, replica.Shard, seconds, cancellation).ConfigureAwait(false);
            }
            finally
            {
                turns.Release();
            }
        })).ConfigureAwait(false);
        await ended.CancelAsync().ConfigureAwait(false);
        await progress.ConfigureAwait(false);
        var report = new RepairReport(group, silentOnes.Length == 0 && done.All(each => each.Problem is null), done) { Silent = [.. silentOnes.Select(node => node.Id)] };
        if (json)
            Terminal.Json(report, StatusJson.Default.RepairReport);
        else
            Terminal.Table(Headings, [.. done.Select(each => Row(group, each))]);
        return report.Done ? ExitCode.Success : ExitCode.Failure;
    }

    private static IEnumerable<GroupStatus> Groups(IReadOnlyList<NodeReport> nodes) => nodes.SelectMany(node => node.Status?.Groups ?? []);

    private static IEnumerable<ShardReplicaStatus> Local(IReadOnlyList<NodeReport> nodes, string group) => Groups(nodes).Where(each => each.Name == group).SelectMany(each => each.Local);

    private static string Missing(IReadOnlyList<NodeReport> nodes, string group, int? shard)
    {
        if (nodes.All(node => node.Status is null))
            return "no node answers";
        string[] known = [.. Groups(nodes).Select(each => each.Name).Where(name => name != Protocols.Control.ControlGroup.Own).Distinct()];
        if (!known.Contains(group))
            return $"there is no group '{group}'; there are {string.Join(", ", known)}";
        return shard is { } one && one >= Groups(nodes).First(each => each.Name == group).Shards
            ? $"group '{group}' has shards 0 to {Groups(nodes).First(each => each.Name == group).Shards - 1}, not {one}"
            : $"no node that answers has a replica of {group}{(shard is { } held ? $"/{held}" : "")}";
    }

    private static string Only(IReadOnlyList<NodeReport> nodes)
    {
        string[] groups = [.. Groups(nodes).Where(group => group.Local.Any(replica => replica.Repair is not null)).Select(group => group.Name).Distinct()];
        return groups is [var only] ? only
            : throw new UserErrorException(groups.Length == 0 ? "there is no group whose replicas repair each other" : $"name a group: {string.Join(", ", groups)}");
    }

    private static async Task<ReplicaRepairStatus> OrderAsync(HttpClient http, LocalCluster cluster, string group, int node, int shard, int seconds, CancellationToken cancellation)
    {
        ReplicaRepairStatus Failed(string why) => new(shard, node, 0, 0, 0, why);
        try
        {
            var where = new Uri(cluster.Access.HttpAddress(cluster.Nodes.Single(each => each.Id == node)), $"/repair?group={Uri.EscapeDataString(group)}&shard={shard}&timeout={seconds}");
            using HttpResponseMessage response = await http.PostAsync(where, null, cancellation).ConfigureAwait(false);
            if (response.IsSuccessStatusCode)
                return await response.Content.ReadFromJsonAsync(StatusJson.Default.ReplicaRepairStatus, cancellation).ConfigureAwait(false) ?? Failed("the answer is empty");
            HealthStatus? refusal = await response.Content.ReadFromJsonAsync(StatusJson.Default.HealthStatus, cancellation).ConfigureAwait(false);
            return Failed(refusal is { Reasons: [var reason, ..] } ? reason : $"node {node} answers {(int)response.StatusCode}");
        }
        catch (Exception silent) when (silent is HttpRequestException or System.Text.Json.JsonException or TaskCanceledException)
        {
            cancellation.ThrowIfCancellationRequested();
            return Failed(silent.Message);
        }
    }

    private static async Task ShowAsync(LocalCluster cluster, string group, int? shard, CancellationToken ended)
    {
        // Of each replica what was said last: what has not changed is not said again.
        var said = new Dictionary<(int Node, int Shard), string>();
        try
        {
            while (true)
            {
                await Task.Delay(Look, ended).ConfigureAwait(false);
                foreach (NodeReport node in await StatusCommand.ReportAsync(cluster, ended).ConfigureAwait(false))
                {
                    foreach (ShardReplicaStatus replica in (node.Status?.Groups ?? []).Where(each => each.Name == group).SelectMany(each => each.Local))
                    {
                        if (replica.Repair is not { PeersLeft: > 0 } repair || (shard is not null && replica.Shard != shard))
                            continue;
                        string progress = $"{group}/{replica.Shard} node {node.Id}: {repair.PeersLeft} to compare with{(repair.With == 0 ? "" : $", now node {repair.With}")}; "
                            + $"{Number(repair.KeysCompared)} keys compared, {Number(repair.KeysExchanged)} exchanged since it started";
                        if (said.GetValueOrDefault((node.Id, replica.Shard)) != progress)
                            Terminal.Line(said[(node.Id, replica.Shard)] = progress);
                    }
                }
            }
        }
        catch (OperationCanceledException)
        {
        }
    }

    private static string[] Row(string group, ReplicaRepairStatus done) =>
        [group, $"{done.Shard}", $"{done.Node}", $"{done.Comparisons}", Number(done.KeysCompared), Number(done.KeysExchanged), done.Problem ?? "done"];

    private static string Number(long value) => value.ToString("N0", CultureInfo.InvariantCulture);
}
