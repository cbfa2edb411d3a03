using ActorRepl.Actors.Client;
using ActorRepl.Actors.Faults;
using ActorRepl.Actors.Messages;
using ActorRepl.Actors.Nodes;
using ActorRepl.Actors.Settings;
using ActorRepl.Actors.Tests.Cluster;
using ActorRepl.Protocols.Control;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Machines;
using ActorRepl.Protocols.PrimaryBackup;
using ActorRepl.Protocols.Raft;
using Akka.Actor;
using ReplicaReport = ActorRepl.Actors.Messages.ReplicaReport;

namespace ActorRepl.Actors.Tests;

/// <summary>A primary–backup group of three nodes in one process, with its control group.</summary>
public sealed class PrimaryBackupTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly DiskData _data = new();
    private readonly MemoryNodeStateStore[] _stores = [.. Enumerable.Range(0, 3).Select(_ => new MemoryNodeStateStore())];
    private readonly MemoryLostEntriesStore[] _lost = [.. Enumerable.Range(0, 3).Select(_ => new MemoryLostEntriesStore())];
    private readonly LinkFaults[] _links = [.. Enumerable.Range(0, 3).Select(_ => new LinkFaults())];

    [Fact]
    public async Task A_command_is_acknowledged_in_each_way_that_can_be_asked_for_and_every_node_reads_it()
    {
        await using TestCluster cluster = await StartAsync();
        WriteConcern[] concerns =
        [
            default, Ack.Async, Ack.SemiSync(1, reach: AckReach.Received), Ack.SemiSync(2), Ack.SemiSync(2, reach: AckReach.Applied), Ack.Sync(), Ack.Quorum(),
        ];
        int value = 0;
        foreach (WriteConcern concern in concerns)
        {
            foreach (TestNode node in cluster.Running)
            {
                await WriteAsync(node, "a", $"{++value}", concern);
                Assert.Equal($"{value}", await node.Client.GetAsync("a", timeout: Patience));
            }

            // Applied on both backups: a stale read of any node has it.
            if (concern is { Backups: 2, Reach: AckReach.Applied })
                Assert.All(await Task.WhenAll(cluster.Running.Select(node => node.Client.GetAsync("a", RequestKind.StaleRead))), read => Assert.Equal($"{value}", read));
        }
    }

    [Fact]
    public async Task What_more_backups_are_asked_for_than_there_are_is_refused_in_time_and_said()
    {
        await using TestCluster cluster = await StartAsync();
        TestNode primary = await PrimaryAsync(cluster);
        await cluster.TerminateAsync(primary.Id.Value % 3 + 1);
        var refused = await Assert.ThrowsAnyAsync<ReplicationException>(
            () => WriteAsync(primary, "a", "1", Ack.SemiSync(2, TimeSpan.FromMilliseconds(200), OnAckTimeout.Refuse)));
        Assert.Contains("SemiSync", refused.Message, StringComparison.Ordinal);
        await WriteAsync(primary, "a", "2", Ack.SemiSync(1));
    }

    [Fact]
    public async Task When_the_primarys_node_stops_another_takes_over_with_everything_and_the_old_one_comes_back_as_its_backup()
    {
        await using TestCluster cluster = await StartAsync();
        TestNode primary = await PrimaryAsync(cluster);
        for (int i = 0; i < 50; i++)
            await WriteAsync(primary, $"k{i}", $"{i}");
        int gone = primary.Id.Value;
        await cluster.TerminateAsync(gone);
        TestNode other = cluster.Running.First();
        await WriteAsync(other, "after", "1");
        TestNode next = await PrimaryAsync(cluster);
        Assert.NotEqual(gone, next.Id.Value);
        for (int i = 0; i < 50; i++)
            Assert.Equal($"{i}", await other.Client.GetAsync($"k{i}", timeout: Patience));

        TestNode again = await cluster.StartNodeAsync(gone);
        await Wait.UntilAsync(
            async () => await StatusAsync(again) is { Role: "backup" } status && status.Leader != again.Id && status.SyncSet.Count == 3, "it follows, and is counted in");
        Assert.Equal("1", await again.Client.GetAsync("after", timeout: Patience));
        Assert.Empty(_lost.SelectMany(store => store.Kept));
    }

    [Fact]
    public async Task Async_writes_that_only_a_cut_off_primary_had_are_set_aside_when_it_follows_the_next_one()
    {
        await using TestCluster cluster = await StartAsync();
        TestNode primary = await PrimaryAsync(cluster);
        await WriteAsync(primary, "safe", "1");
        LinkFaults links = _links[primary.Id.Value - 1];
        links.Set(new LinkFault(LinkFaultKind.Cut, ReplicaId.None));
        await WriteAsync(primary, "risky", "1", Ack.Async);
        TestNode other = cluster.Running.First(node => node.Id != primary.Id);
        // What the one that is cut off still takes it cannot answer.
        await Wait.UntilAsync(() => TryAsync(other, "later", "2"), "another takes writes");
        links.Clear();

        MemoryLostEntriesStore store = _lost[primary.Id.Value - 1];
        await Wait.UntilAsync(() => store.Kept.Count > 0, "what was lost is set aside");
        LostEntries lost = Assert.Single(store.Kept);
        Assert.Equal(primary.Id, lost.Node);
        Assert.Contains("risky", CommandsOf(lost));
        Assert.DoesNotContain("safe", CommandsOf(lost));
        Assert.Equal("1", await primary.Client.GetAsync("safe", timeout: Patience));
        Assert.Equal("2", await primary.Client.GetAsync("later", timeout: Patience));
        Assert.Null(await primary.Client.GetAsync("risky", timeout: Patience));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_backup_that_was_away_gets_what_only_the_journal_of_the_primary_has_left(bool startsAgain)
    {
        await using TestCluster cluster = await StartAsync(options => options with { CheckpointEntries = 20, KeepEntries = 2, KeepBytes = 0, SlotBytes = 0 });
        TestNode primary = await PrimaryAsync(cluster);
        int away = primary.Id.Value % 3 + 1;
        await cluster.TerminateAsync(away);
        for (int i = 0; i < 30; i++)
            await WriteAsync(primary, $"k{i}", $"{i}");
        await Wait.UntilAsync(async () => await StatusAsync(primary) is { CheckpointIndex: >= 20 }, "the log before a checkpoint is not in memory any more");
        long last = (await StatusAsync(primary))!.CommitIndex;
        if (startsAgain)
        {
            await cluster.TerminateAsync(primary.Id.Value);
            primary = await cluster.StartNodeAsync(primary.Id.Value);
        }

        // It says nothing until what it reports is listened to.
        LinkFaults links = _links[away - 1];
        links.Set(new LinkFault(LinkFaultKind.Cut, ReplicaId.None));
        TestNode back = await cluster.StartNodeAsync(away);
        var told = new System.Collections.Concurrent.ConcurrentQueue<string>();
        IActorRef listener = back.System.ActorOf(Props.Create(() => new EventListener(told)));
        back.System.EventStream.Subscribe(listener, typeof(ReplicaEvent));
        links.Clear();
        await Wait.UntilAsync(async () => await StatusAsync(back) is { Role: "backup" } status && status.AppliedIndex >= last, "it has caught up and is in sync");
        for (int i = 0; i < 30; i++)
            Assert.Equal($"{i}", await back.Client.GetAsync($"k{i}", RequestKind.StaleRead));
        Assert.DoesNotContain(told, what => what.Contains("checkpoint of", StringComparison.Ordinal) || what.Contains("installed", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_switchover_fails_no_command()
    {
        await using TestCluster cluster = await StartAsync();
        TestNode primary = await PrimaryAsync(cluster);
        using var stop = new CancellationTokenSource();
        Task<int> writer = Task.Run(async () =>
        {
            int done = 0;
            for (; !stop.IsCancellationRequested; done++)
                await WriteAsync(cluster[primary.Id.Value % 3 + 1], "a", $"{done}");
            return done;
        });
        var to = new ReplicaId(primary.Id.Value % 3 + 1);
        await Wait.UntilAsync(() => primary.IsTransferredAsync(to), "it may lead");
        await Wait.UntilAsync(async () => (await PrimaryAsync(cluster)).Id == to, "it leads");
        await stop.CancelAsync();
        Assert.True(await writer > 0);
    }

    [Fact]
    public async Task Writes_go_on_without_the_control_group()
    {
        await using TestCluster cluster = await StartAsync();
        foreach (TestNode node in cluster.Running)
            node.Runtime.Root.Tell(new StopHosting(new HostedShard(ControlGroup.Own, 0, 0)));
        await Wait.UntilAsync(async () => !await cluster[1].ControlAnswersAsync(), "the control group answers no more");
        TestNode primary = await PrimaryAsync(cluster);
        for (int i = 0; i < 20; i++)
            await WriteAsync(cluster[1 + i % 3], "a", $"{i}");
        Assert.Equal("19", await primary.Client.GetAsync("a", timeout: Patience));
    }

    public void Dispose() => _data.Dispose();

    /// <summary>What is refused for certain, as by a primary that does not hear its backups in time, is sent again.</summary>
    private static async Task WriteAsync(TestNode node, string key, string value, WriteConcern concern = default)
    {
        for (long deadline = Environment.TickCount64 + (long)Patience.TotalMilliseconds; ;)
        {
            try
            {
                var options = new RequestOptions { Timeout = Patience, Concern = concern };
                KeyValueReply reply = KeyValue.Reply(await node.Client.ExecuteAsync(KeyValue.Group, KeyValue.Bytes(key), KeyValue.Set(key, value), options));
                Assert.Equal(KeyValueReplyKind.Ok, reply.Kind);
                return;
            }
            catch (ReplicationException refused) when (!refused.Rejection.OutcomeUnknown && Environment.TickCount64 < deadline)
            {
                await Task.Delay(10);
            }
        }
    }

    private static async Task<bool> TryAsync(TestNode node, string key, string value)
    {
        try
        {
            await node.Client.SetAsync(key, value, TimeSpan.FromMilliseconds(500));
            return true;
        }
        catch (ReplicationException)
        {
            return false;
        }
    }

    private static string[] CommandsOf(LostEntries lost)
    {
        var keys = new List<string>();
        foreach (EntryBatch batch in lost.Batches.Where(batch => batch.Kind == EntryKind.Command))
        {
            foreach (ReadOnlyMemory<byte> payload in batch)
            {
                KeyValueOperationReader operations = KeyValueCodec.Operations(CommandEnvelope.Decode(payload, out _));
                while (operations.Next(out KeyValueOperation operation))
                    keys.Add(System.Text.Encoding.UTF8.GetString(operation.Key.Span));
            }
        }

        return [.. keys];
    }

    private static async Task<ReplicaStatus?> StatusAsync(TestNode node) =>
        (await node.Runtime.LocalReplicasAsync()).SingleOrDefault(report => report.Group == KeyValue.Group)?.Status;

    /// <summary>The primary of the latest epoch that anybody knows, once it says so itself.</summary>
    private static async Task<TestNode> PrimaryAsync(TestCluster cluster)
    {
        TestNode? primary = null;
        await Wait.UntilAsync(
            async () =>
            {
                var statuses = new Dictionary<TestNode, ReplicaStatus>();
                foreach (TestNode node in cluster.Running)
                {
                    if (await StatusAsync(node) is { } status)
                        statuses.Add(node, status);
                }

                long epoch = statuses.Values.Select(status => status.Term).DefaultIfEmpty().Max();
                primary = statuses.FirstOrDefault(known => known.Value.Term == epoch && known.Value.Leader == known.Key.Id).Key;
                return primary is not null;
            },
            "there is a primary");
        return primary!;
    }

    private async Task<TestCluster> StartAsync(Func<PrimaryBackupOptions, PrimaryBackupOptions>? change = null)
    {
        // Leases long enough that one which was cut off may still answer for a moment.
        var options = PrimaryBackupOptions.Default with { LeaseMicros = 800 * Instant.Millisecond };
        options = change?.Invoke(options) ?? options;
        TestCluster cluster = await TestCluster.StartAsync(new TestClusterOptions
        {
            Config = _data.Config,
            Group = new GroupDefinition { Name = KeyValue.Group, Protocol = new PrimaryBackupFactory(options), Machine = () => new KeyValueMachine(), Shards = 1, Replicas = 3 },
            Change = settings => settings with
            {
                NodeState = _stores[settings.Self.Value - 1],
                Lost = _lost[settings.Self.Value - 1],
                Links = _links[settings.Self.Value - 1],
                Control = new ControlSettings { Protocol = new RaftFactory(TestClusterOptions.Raft) },
            },
        });
        await Wait.UntilAsync(
            async () => cluster.Running.All(node => node.Runtime.ControlState.Groups.ContainsKey(KeyValue.Group))
                && await StatusAsync(await PrimaryAsync(cluster)) is { SyncSet.Count: 3 } status && status.CommitIndex > 0,
            "the shard has a primary that all follow");
        return cluster;
    }
}
