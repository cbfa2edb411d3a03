using ActorRepl.Actors.Control;
using ActorRepl.Actors.Nodes;
using ActorRepl.Actors.Settings;
using ActorRepl.Actors.Tests.Cluster;
using ActorRepl.Protocols.Control;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Machines;
using ActorRepl.Protocols.Raft;

namespace ActorRepl.Actors.Tests.Control;

/// <summary>Views on their way from replicas to the control group and back.</summary>
public sealed class ViewTests : IDisposable
{
    private readonly DiskData _data = new();
    private readonly MemoryNodeStateStore[] _stores = [.. Enumerable.Range(0, 3).Select(_ => new MemoryNodeStateStore())];
    private readonly ViewingProtocol _protocol = new();

    [Fact]
    public async Task A_view_that_is_proposed_is_told_to_every_replica_of_the_shard()
    {
        await using TestCluster cluster = await StartAsync();
        await ProposeAsync(cluster[1], 0, "a");
        foreach (TestNode node in cluster.Running)
            await WhenToldAsync(node, "1:a");
        await ProposeAsync(cluster[2], 1, "b");
        foreach (TestNode node in cluster.Running)
            await WhenToldAsync(node, "2:b");
        Assert.All(cluster.Running, node => Assert.Equal(["1:a", "2:b"], _protocol.ToldTo(node.Id).Distinct()));
    }

    [Fact]
    public async Task Of_two_that_follow_the_same_epoch_one_is_in_force_and_whoever_proposed_the_other_is_told_of_it()
    {
        await using TestCluster cluster = await StartAsync();
        TestNode leader = cluster[_first.Value];
        await ProposeAsync(leader, 0, "a");
        await WhenToldAsync(leader, "1:a");
        int before = _protocol.ToldTo(leader.Id).Length;
        await ProposeAsync(leader, 0, "b");
        await Wait.UntilAsync(() => _protocol.ToldTo(leader.Id).Length > before, "it is told again");
        Assert.Equal("1:a", _protocol.ToldTo(leader.Id)[^1]);
        Assert.DoesNotContain(cluster.Running.SelectMany(node => _protocol.ToldTo(node.Id)), told => told.EndsWith('b'));
    }

    [Fact]
    public async Task A_replica_that_starts_is_told_what_is_in_force()
    {
        await using TestCluster cluster = await StartAsync();
        await ProposeAsync(cluster[1], 0, "a");
        int other = cluster.Running.First(node => node.Id != _first).Id.Value;
        await WhenToldAsync(cluster[other], "1:a");
        await cluster.TerminateAsync(other);
        int before = _protocol.ToldTo(new ReplicaId(other)).Length;
        TestNode again = await cluster.StartNodeAsync(other);
        await Wait.UntilAsync(() => _protocol.ToldTo(again.Id).Length > before, "it is told again");
        Assert.Equal("1:a", _protocol.ToldTo(again.Id)[^1]);
    }

    [Fact]
    public async Task A_view_is_installed_soon_after_the_node_that_led_the_control_group_is_gone()
    {
        await using TestCluster cluster = await StartAsync();
        ReplicaId controls = ReplicaId.None;
        await Wait.UntilAsync(async () => !(controls = await ControllerAsync(cluster)).IsNone, "the control group has a leader");
        // Whoever is asked next must be another: the shard's leader goes on.
        if (controls == _first)
        {
            await cluster[1].Runtime.Admin!.TransferAsync(ControlGroup.Own, 0, new ReplicaId(_first.Value % 3 + 1));
            await Wait.UntilAsync(async () => (controls = await ControllerAsync(cluster)) is { IsNone: false } && controls != _first, "another leads it");
        }

        await cluster.TerminateAsync(controls.Value);
        // A proposal is carried for so long and then given up; who wants it proposes it again.
        long again = 0;
        await Wait.UntilAsync(async () =>
        {
            if (Environment.TickCount64 >= again)
            {
                await ProposeAsync(cluster[_first.Value], 0, "a");
                again = Environment.TickCount64 + (long)ShardViews.Patience.TotalMilliseconds;
            }

            return _protocol.ToldTo(_first).Contains("1:a");
        }, "the view is installed");
    }

    public void Dispose() => _data.Dispose();

    private static readonly ReplicaId _first = new(1);

    private static async Task<ReplicaId> ControllerAsync(TestCluster cluster)
    {
        var reports = (await Task.WhenAll(cluster.Running.Select(node => node.Runtime.LocalReplicasAsync()))).SelectMany(all => all);
        return reports.Where(report => report.Group == ControlGroup.Own && report.Status?.Role == "leader").MaxBy(report => report.Status!.Term)?.Node ?? ReplicaId.None;
    }

    private Task ProposeAsync(TestNode node, long expected, string view) =>
        node.Client.ExecuteOnShardAsync(KeyValue.Group, 0, ViewingProtocol.Propose(expected, view)).AsTask();

    private Task WhenToldAsync(TestNode node, string view) =>
        Wait.UntilAsync(() => _protocol.ToldTo(node.Id).Contains(view), $"{node.Id} is told {view}; it was told {string.Join(' ', _protocol.ToldTo(node.Id))}");

    private async Task<TestCluster> StartAsync()
    {
        TestCluster cluster = await TestCluster.StartAsync(new TestClusterOptions
        {
            Config = _data.Config,
            Group = new GroupDefinition { Name = KeyValue.Group, Protocol = _protocol, Machine = () => new KeyValueMachine(), Shards = 1, Replicas = 3 },
            Change = settings => settings with
            {
                NodeState = _stores[settings.Self.Value - 1],
                Control = new ControlSettings { Protocol = new RaftFactory(TestClusterOptions.Raft) },
            },
        });
        foreach (TestNode node in cluster.Running)
            await Wait.UntilAsync(() => node.Runtime.ControlState.Groups.ContainsKey(KeyValue.Group), "the group is registered");
        return cluster;
    }
}
