using ActorRepl.Hosting.Cluster;
using ActorRepl.Hosting.Status;
using ActorRepl.Protocols.Checking;
using Xunit.Abstractions;

namespace ActorRepl.MultiNode.Tests;

/// <summary>
/// Groups without a leader, whose nodes are killed, come back, join and leave while clients write. With three copies of which two must answer, one node that is
/// gone is never noticed. Every run ends in the checker.
/// </summary>
public class QuorumTests(ITestOutputHelper output)
{
    private const string Settings = """
        actorrepl.group-defaults { protocol = quorum, shards = 2, replicas = 3 }
        actorrepl.quorum { hints.replay-every = 200 ms, repair.every = 2 s }
        actorrepl.control { report-interval = 200 ms, tick = 200 ms, down-after = 2 s }
        """;

    private const int Shards = 2;

    private readonly int _seed = Random.Shared.Next();

    [Fact]
    public async Task One_of_three_killed_fails_no_quorum_and_with_two_killed_one_copy_still_answers_and_what_was_missed_comes_back()
    {
        output.WriteLine($"seed {_seed}");
        await using ProcessCluster cluster = await ProcessCluster.StartAsync(settings: Settings);
        var workload = new QuorumWorkload(cluster, _seed);
        workload.Start(writers: [1, 1, 2, 2], sharing: [1, 2, 3, 3]);
        await MoreAsync(workload);
        for (int round = 0; round < 2; round++)
        {
            await cluster.KillAsync(3);
            await MoreAsync(workload);
            if (round == 0)
            {
                cluster.Start(3);
                await cluster.WhenReadyAsync();
                await MoreAsync(workload);
            }
        }

        await workload.StopAsync();
        output.WriteLine($"{workload.Acknowledged} writes acknowledged, {workload.Failures.Count} operations failed, {workload.History.Count} shared operations");
        Assert.Empty(workload.Failures);

        await cluster.KillAsync(2);
        await using (RespClient left = await RespClient.ConnectAsync(cluster.Redis(1)))
        {
            await CallAsync(left, "READ", "stale");
            Assert.NotEqual(RespReplyKind.Error, (await CallAsync(left, "GET", "own-1-0")).Kind);
            await CallAsync(left, "READ", "default");
            RespReply refused = await CallAsync(left, "GET", "own-1-0");
            Assert.Equal(RespReplyKind.Error, refused.Kind);
            Assert.StartsWith("NOQUORUM", refused.Text, StringComparison.Ordinal);
            // By now it may be known that they are gone, or not yet.
            Assert.Matches(@"Quorum of 3 owners must answer; (n2, n3 are down|1 did \(n1\), not n2, n3)", refused.Text);
            await ProcessCluster.UntilAsync(async () => (await CallAsync(left, "GET", "own-1-0")).Text.Contains("n2, n3 are down", StringComparison.Ordinal), "it is known at once that too few are left");
            await CallAsync(left, "ACK", "async");
            Assert.Equal("OK", (await CallAsync(left, "SET", "while-alone", "1")).Text);
        }

        cluster.Start(2);
        cluster.Start(3);
        await cluster.WhenReadyAsync();
        await ProcessCluster.UntilAsync(async () => await HintsAsync(cluster) == 0, "every hint has found its owner");
        await EqualAsync(cluster);
        foreach (int node in cluster.Ids)
        {
            Assert.Empty(await workload.MissingThroughAsync(node));
            await using var client = new RetryingClient(cluster, node);
            Assert.Equal("1", (await client.CallAsync("GET", "while-alone")).Reply.Text);
        }

        CheckResult result = LinearizabilityChecker.Check(workload.History, new CheckerLimits { Timeout = TimeSpan.FromSeconds(60) });
        Assert.True(result.Verdict == Linearizability.Linearizable, $"{result.Verdict}: {result.Explanation}");
        (int code, string said) = await cluster.CommandAsync("repair");
        Assert.True(code == 0, said);
        output.WriteLine(said);
    }

    [Fact]
    public async Task A_fourth_node_joins_and_another_leaves_under_load_and_no_operation_fails()
    {
        output.WriteLine($"seed {_seed}");
        await using ProcessCluster cluster = await ProcessCluster.StartAsync(settings: Settings);
        await ProcessCluster.UntilAsync(async () => (await cluster.NodesAsync(1)).Count(node => node.Control == "voter") == 3, "all vote in the control group");
        var workload = new QuorumWorkload(cluster, _seed);
        workload.Start(writers: [1, 3], sharing: [1, 3, 2]);
        await MoreAsync(workload);
        await cluster.JoinAsync(4);
        await MembersAsync(cluster, 1, 2, 3, 4);
        await MoreAsync(workload);
        (int code, string said) = await cluster.CommandAsync("node", "drain", "2");
        Assert.True(code == 0, said);
        await MembersAsync(cluster, 1, 3, 4);
        await MoreAsync(workload);
        await workload.StopAsync();
        output.WriteLine($"{workload.Acknowledged} writes acknowledged, {workload.Failures.Count} operations failed, {workload.History.Count} shared operations");
        Assert.Empty(workload.Failures);
        foreach (int node in (int[])[1, 3, 4])
            Assert.Empty(await workload.MissingThroughAsync(node));
        CheckResult result = LinearizabilityChecker.Check(workload.History, new CheckerLimits { Timeout = TimeSpan.FromSeconds(60) });
        Assert.True(result.Verdict == Linearizability.Linearizable, $"{result.Verdict}: {result.Explanation}");
    }

    private static Task MoreAsync(QuorumWorkload workload, int more = 200)
    {
        int wanted = workload.Acknowledged + more;
        return ProcessCluster.UntilAsync(() => Task.FromResult(workload.Acknowledged >= wanted || !workload.Failures.IsEmpty), $"{more} more writes are acknowledged");
    }

    private static async Task<long> HintsAsync(ProcessCluster cluster)
    {
        long bytes = 0;
        foreach (int node in cluster.Ids)
        {
            for (int shard = 0; shard < Shards; shard++)
                bytes += (await cluster.ReplicaAsync(node, shard))?.Repair?.HintsBytes ?? 1;
        }

        return bytes;
    }

    private static async Task EqualAsync(ProcessCluster cluster)
    {
        for (int shard = 0; shard < Shards; shard++)
        {
            int number = shard;
            await ProcessCluster.UntilAsync(async () => await cluster.VerifyAsync(1, number) is { Equal: true }, $"every replica of shard {shard} has what its peers have");
        }
    }

    private static Task MembersAsync(ProcessCluster cluster, params int[] nodes) => ProcessCluster.UntilAsync(
        async () =>
        {
            for (int shard = 0; shard < Shards; shard++)
            {
                foreach (int node in nodes)
                {
                    ShardReplicaStatus? replica = await cluster.ReplicaAsync(node, shard);
                    if (replica?.Members is not { } members || !members.Voters.SequenceEqual(nodes) || replica.Ring is not { Phase: "stable" })
                        return false;
                }
            }

            return true;
        },
        $"the rings are of {string.Join(", ", nodes)}",
        () => cluster.StandingAsync(1));

    private static async Task<RespReply> CallAsync(RespClient client, params string[] words)
    {
        using var limited = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        return await client.CallAsync(limited.Token, [.. words.Select(word => (ReadOnlyMemory<byte>)System.Text.Encoding.UTF8.GetBytes(word))]);
    }
}
