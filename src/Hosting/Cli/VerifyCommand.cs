using System.CommandLine;
using System.Globalization;
using ActorRepl.Hosting.Cluster;
using ActorRepl.Hosting.Http;
using ActorRepl.Hosting.Status;

namespace ActorRepl.Hosting.Cli;

/// <summary><c>actorrepl verify</c>: whether all replicas of a group's shards have the same state.</summary>
internal static class VerifyCommand
{
    // Each adds up whole states on all of its replicas.
    private const int ShardsAtOnce = 4;

    private static readonly string[] Headings = ["group", "shard", "entry", "items", "bytes", "checksum", "replicas", "state"];

    /// <param name="where">Makes the options that say which cluster.</param>
    /// <param name="find">Finds the cluster, by those options.</param>
    public static Command Build(
        Func<(Option<string> Data, Option<int?> BasePort)> where,
        Func<ParseResult, Option<string>, Option<int?>, CancellationToken, Task<LocalCluster>> find)
    {
        (Option<string> data, Option<int?> basePort) = where();
        var group = new Argument<string>("GROUP");
        var shard = new Option<int?>("--shard") { Description = "Only this shard; without it, all of the group.", HelpName = "K" };
        var json = new Option<bool>("--json") { Description = "Print JSON." };
        var timeout = new Option<int>("--timeout")
        {
            Description = "Seconds that a replica may take to add its state up.", HelpName = "N", DefaultValueFactory = _ => VerifyEndpoint.DefaultSeconds,
        };
        timeout.Validators.Add(result =>
        {
            if (result.Tokens is [var token] && int.TryParse(token.Value, out int value) && value is < 1 or > VerifyEndpoint.MostSeconds)
                result.AddError($"--timeout is {value}; it must be 1 to {VerifyEndpoint.MostSeconds}");
        });
        var command = new Command("verify", "Compare the whole states of a shard's replicas while it works on; fails and names those that differ.") { group, shard, json, timeout, data, basePort };
        command.SetAction(async (line, cancellation) => await RunAsync(
            await find(line, data, basePort, cancellation).ConfigureAwait(false), line.GetValue(group)!, line.GetValue(shard), line.GetValue(timeout), line.GetValue(json),
            cancellation).ConfigureAwait(false));
        return command;
    }

    private static async Task<int> RunAsync(LocalCluster cluster, string group, int? shard, int seconds, bool json, CancellationToken cancellation)
    {
        using var client = new AdminClient(cluster, TimeSpan.FromSeconds(4 * seconds + 10));
        int[] shards = shard is { } one
            ? [one]
            : [.. (await client.MembersAsync(group, cancellation).ConfigureAwait(false)).Shards.Select(each => each.Shard).Order()];
        using var turns = new SemaphoreSlim(ShardsAtOnce);
        ShardVerifyStatus[] found = await Task.WhenAll(shards.Select(async number =>
        {
            await turns.WaitAsync(cancellation).ConfigureAwait(false);
            try
            {
                return await client.VerifyAsync(group, number, seconds, cancellation).ConfigureAwait(false);
            }
            finally
            {
                turns.Release();
            }
        })).ConfigureAwait(false);
        var report = new VerifyReport(group, found.All(each => each.Equal), found);
        if (json)
            Terminal.Json(report, StatusJson.Default.VerifyReport);
        else
            Terminal.Table(Headings, [.. found.Select(each => Row(group, each))]);
        foreach (string problem in json ? [] : found.SelectMany(each => Problems(group, each)))
            Terminal.Problem(problem);
        return report.Equal ? ExitCode.Success : ExitCode.Failure;
    }

    private static string[] Row(string group, ShardVerifyStatus shard)
    {
        ReplicaVerifyStatus? agreed = shard.Replicas.FirstOrDefault(replica => replica.Agrees);
        string state = shard.Equal ? "equal" : shard.Different.Count > 0 ? "DIFFERENT" : "incomplete";
        return
        [
            group, $"{shard.Shard}", shard.Index == 0 ? "-" : $"{shard.Term}/{shard.Index}", Number(agreed?.Items), Number(agreed?.Bytes), agreed?.Checksum ?? "-",
            string.Join(',', shard.Replicas.Select(replica => replica.Node)), state,
        ];
    }

    private static IEnumerable<string> Problems(string group, ShardVerifyStatus shard)
    {
        if (shard.Problem is { } problem)
            yield return $"{group}/{shard.Shard}: {problem}";
        foreach (ReplicaVerifyStatus replica in shard.Replicas.Where(replica => !replica.Agrees))
        {
            yield return replica.Checksum is null
                ? $"{group}/{shard.Shard}: node {replica.Node} does not say: {replica.Problem}"
                : !shard.Different.Contains(replica.Node)
                ? $"{group}/{shard.Shard}: node {replica.Node} has not compared itself with all others: {replica.Problem}"
                : $"{group}/{shard.Shard}: node {replica.Node} differs: {replica.Checksum}, {Number(replica.Items)} items of {Number(replica.Bytes)} bytes";
        }
    }

    private static string Number(long? value) => value?.ToString("N0", CultureInfo.InvariantCulture) ?? "-";
}
