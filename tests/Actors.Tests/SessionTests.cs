using ActorRepl.Actors.Client;
using ActorRepl.Actors.Messages;
using ActorRepl.Actors.Tests.Cluster;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Actors.Tests;

/// <summary>Commands of a session are applied once, whatever happens on the way.</summary>
public sealed class SessionTests
{
    private static readonly RequestOptions Patient = new() { Timeout = TimeSpan.FromSeconds(20) };

    private readonly JournalFaults _faults = new();

    [Fact]
    public async Task Increments_sent_while_leaders_fail_again_and_again_count_once_each()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(new TestClusterOptions { Config = _ => _faults.Config });
        TestNode first = await cluster.LeaderAsync();
        using var stop = new CancellationTokenSource();
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Task chaos = FailLeadersAsync(cluster, begun, stop.Token);
        await begun.Task;

        IReplicationSession[] sessions = [.. cluster.Running.Select(node => node.Client.OpenSession(KeyValue.Group))];
        await Task.WhenAll(Enumerable.Range(0, 8).Select(async worker =>
        {
            for (int i = 0; i < 50; i++)
                await sessions[worker % sessions.Length].ExecuteAsync(KeyValue.Bytes("n"), KeyValue.Increment("n"), Patient);
        }));

        await stop.CancelAsync();
        await chaos;
        _faults.Fails = _ => false;
        await cluster.LeaderAsync();
        Assert.Equal("400", await first.Client.GetAsync("n", timeout: Patient.Timeout));
        Assert.True((await ReportsAsync(cluster)).Sum(report => report.Starts) > 3, "no leader has failed");
    }

    [Fact]
    public async Task A_command_whose_first_attempt_may_be_in_the_log_is_never_said_to_be_certainly_not_done()
    {
        var options = new TestClusterOptions { Nodes = 1, Config = _ => _faults.Config };
        await using TestCluster cluster = await TestCluster.StartAsync(options with
        {
            Group = options.Group with { Replicas = 1 },
            Change = settings => settings with { Replica = settings.Replica with { MinRestart = TimeSpan.FromSeconds(1) } },
        });
        IReplicationClient client = cluster[1].Client;
        await client.SetAsync("n", "0");
        IReplicationSession session = client.OpenSession(KeyValue.Group);
        await session.ExecuteAsync(KeyValue.Bytes("n"), KeyValue.Increment("m"), Patient);

        _faults.FailsOnceWritten = _ => true;
        var failure = await Assert.ThrowsAnyAsync<ReplicationException>(
            async () => await session.ExecuteAsync(KeyValue.Bytes("n"), KeyValue.Increment("n"), Patient));
        _faults.FailsOnceWritten = _ => false;
        await cluster.LeaderAsync();

        Assert.Equal("1", await client.GetAsync("n", timeout: Patient.Timeout));
        Assert.True(failure.Rejection.OutcomeUnknown, failure.Message);
    }

    private async Task FailLeadersAsync(TestCluster cluster, TaskCompletionSource begun, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            TestNode leader = await cluster.LeaderAsync();
            string id = PersistenceIds.Replica("test", leader.Id, KeyValue.Group, 0);
            int failures = 0;
            _faults.Fails = failing => failing == id && Interlocked.Increment(ref failures) == 1;
            begun.TrySetResult();
            await Wait.UntilAsync(() => failures > 0 || stop.IsCancellationRequested, "the leader writes");
            await Wait.UntilAsync(async () => (await ReportsAsync(cluster)).All(report => report.Status is not null), "all replicas run");
        }
    }

    private static async Task<IEnumerable<ReplicaReport>> ReportsAsync(TestCluster cluster) =>
        (await Task.WhenAll(cluster.Running.Select(node => node.Runtime.LocalReplicasAsync()))).SelectMany(reports => reports);
}
