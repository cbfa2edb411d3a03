using Akka.Actor;
using Akka.Cluster;

namespace ActorRepl.EngineParity;

/// <summary>What Akka.Cluster's documentation promises of membership.</summary>
public sealed class ClusterSpec
{
    private const string Name = "parity";

    private const string Settings = """
        akka {
          actor.provider = cluster
          cluster {
            log-info = off
            downing-provider-class = ""
            seed-node-timeout = 1 s
            retry-unsuccessful-join-after = 1 s
            periodic-tasks-initial-delay = 100 ms
            gossip-interval = 200 ms
            leader-actions-interval = 200 ms
            unreachable-nodes-reaper-interval = 200 ms
            failure-detector {
              heartbeat-interval = 200 ms
              expected-response-after = 200 ms
              acceptable-heartbeat-pause = 1 s
            }
          }
        }
        """;

    [Fact]
    public async Task A_node_that_joins_itself_is_up_and_leads()
    {
        await using var a = Start();
        var cluster = Cluster.Get(a.System);
        Assert.Equal(a.Address, cluster.SelfAddress);
        Assert.Equal(MemberStatus.Removed, cluster.SelfMember.Status);
        Assert.Empty(cluster.State.Members);

        cluster.Join(cluster.SelfAddress);

        await Up(a);
        Assert.True(cluster.IsUp);
        await Eventually.TrueAsync(() => Equals(a.Address, cluster.State.Leader), () => $"leader is {cluster.State.Leader}");
        Assert.False(cluster.IsTerminated);
    }

    [Fact]
    public async Task Nodes_that_join_come_up_and_all_see_the_same_members_and_leader()
    {
        await using var a = Start();
        await using var b = Start();
        await using var c = Start();
        await Form(a, b, c);

        var lowest = new[] { a, b, c }.Select(n => n.Address).Order(Member.AddressOrdering).First();
        foreach (var node in new[] { a, b, c })
        {
            var cluster = Cluster.Get(node.System);
            await Eventually.TrueAsync(() => lowest.Equals(cluster.State.Leader), () => $"leader is {cluster.State.Leader}, not {lowest}");
            Assert.Equal(3, cluster.State.Members.Count);
            await Eventually.TrueAsync(() => cluster.State.Unreachable.IsEmpty, () => $"unreachable are {string.Join(", ", cluster.State.Unreachable)}");
            Assert.Contains(cluster.SelfMember, cluster.State.Members);
        }
        Assert.True(Cluster.Get(a.System).SelfMember.IsOlderThan(Cluster.Get(b.System).SelfMember));
        Assert.True(Cluster.Get(b.System).SelfMember.IsOlderThan(Cluster.Get(c.System).SelfMember));
    }

    [Fact]
    public async Task Seed_nodes_started_together_form_one_cluster()
    {
        int[] ports = FreePorts.Take(3);
        string seeds = string.Join(", ", ports.Select(port => $"\"akka.tcp://{Name}@127.0.0.1:{port}\""));
        var nodes = await Task.WhenAll(ports.Select(port => Task.Run(() =>
            NetworkNode.Start(Name, $"akka.cluster.seed-nodes = [{seeds}]\n{Settings}", port))));
        await using var a = nodes[0];
        await using var b = nodes[1];
        await using var c = nodes[2];

        await Up(a, b, c);
        Assert.All(nodes, node => Assert.Equal(3, Cluster.Get(node.System).State.Members.Count));
    }

    [Fact]
    public async Task Roles_are_seen_by_others_and_each_has_a_leader()
    {
        await using var a = Start("akka.cluster.roles = [front]");
        await using var b = Start("akka.cluster.roles = [back, disk]");
        await Form(a, b);

        var seen = Cluster.Get(a.System);
        Assert.Equal(["front"], seen.SelfRoles);
        Assert.True(seen.SelfMember.HasRole("front"));
        var other = seen.State.Members.Single(m => m.Address == b.Address);
        Assert.Equal(["back", "disk"], other.Roles.Order());
        await Eventually.TrueAsync(
            () => b.Address.Equals(seen.State.RoleLeader("disk")) && a.Address.Equals(seen.State.RoleLeader("front")),
            () => $"role leaders are {seen.State.RoleLeader("disk")} and {seen.State.RoleLeader("front")}");
        Assert.Null(seen.State.RoleLeader("none"));
    }

    [Fact]
    public async Task Members_wait_for_the_minimum_number()
    {
        await using var a = Start("akka.cluster.min-nr-of-members = 2");
        await using var b = Start("akka.cluster.min-nr-of-members = 2");
        var cluster = Cluster.Get(a.System);
        var up = new TaskCompletionSource();
        cluster.RegisterOnMemberUp(() => up.TrySetResult());
        cluster.Join(a.Address);
        await Eventually.TrueAsync(() => cluster.SelfMember.Status == MemberStatus.Joining, () => $"{cluster.SelfMember}");
        await Task.Delay(TimeSpan.FromSeconds(1));
        Assert.Equal(MemberStatus.Joining, cluster.SelfMember.Status);
        Assert.False(up.Task.IsCompleted);

        Cluster.Get(b.System).Join(a.Address);
        await Up(a, b);
        await up.Task.WaitAsync(TimeSpan.FromSeconds(10));
    }

    [Fact]
    public async Task A_subscriber_learns_first_what_is_and_then_what_happens()
    {
        await using var a = Start();
        await using var b = Start();
        await Form(a);
        var cluster = Cluster.Get(a.System);
        var snapshots = a.Record();
        var events = a.Record();
        cluster.Subscribe(snapshots.Ref, typeof(ClusterEvent.IMemberEvent));
        cluster.Subscribe(events.Ref, ClusterEvent.InitialStateAsEvents, typeof(ClusterEvent.MemberUp));

        var state = await snapshots.NextAsync<ClusterEvent.CurrentClusterState>();
        Assert.Equal(a.Address, Assert.Single(state.Members).Address);
        Assert.Equal(a.Address, (await events.NextAsync<ClusterEvent.MemberUp>()).Member.Address);

        Cluster.Get(b.System).Join(a.Address);
        Assert.Equal(b.Address, (await snapshots.NextAsync<ClusterEvent.MemberJoined>()).Member.Address);
        Assert.Equal(b.Address, (await snapshots.NextAsync<ClusterEvent.MemberUp>()).Member.Address);
        Assert.Equal(b.Address, (await events.NextAsync<ClusterEvent.MemberUp>()).Member.Address);
        await Up(a, b);

        cluster.SendCurrentClusterState(events.Ref);
        Assert.Equal(2, (await events.NextAsync<ClusterEvent.CurrentClusterState>()).Members.Count);
    }

    [Fact]
    public async Task Who_unsubscribed_is_told_nothing()
    {
        await using var a = Start();
        await using var b = Start();
        await Form(a);
        var cluster = Cluster.Get(a.System);
        var recorder = a.Record();
        cluster.Subscribe(recorder.Ref, typeof(ClusterEvent.IMemberEvent));
        await recorder.NextAsync<ClusterEvent.CurrentClusterState>();
        cluster.Unsubscribe(recorder.Ref);

        Cluster.Get(b.System).Join(a.Address);
        await Up(a, b);
        cluster.SendCurrentClusterState(recorder.Ref);
        await recorder.NextAsync<ClusterEvent.CurrentClusterState>();
    }

    [Fact]
    public async Task A_member_that_is_cut_off_is_unreachable_and_reachable_when_it_is_back()
    {
        await using var a = StartBehind();
        await using var b = StartBehind();
        await Form(a, b);
        var events = a.Record();
        var cluster = Cluster.Get(a.System);
        cluster.Subscribe(events.Ref, typeof(ClusterEvent.IReachabilityEvent));

        Part(a, b);
        var unreachable = await events.FishAsync<ClusterEvent.UnreachableMember>();
        Assert.Equal(b.Address, unreachable.Member.Address);
        Assert.Equal(MemberStatus.Up, unreachable.Member.Status);
        Assert.Contains(cluster.State.Unreachable, m => m.Address == b.Address);
        Assert.Contains(cluster.State.Members, m => m.Address == b.Address);

        a.Proxy!.Mend();
        b.Proxy!.Mend();
        await events.FishAsync<ClusterEvent.ReachableMember>(e => e.Member.Address == b.Address);
        foreach (var node in new[] { a, b })
            await Eventually.TrueAsync(
                () => Cluster.Get(node.System).State.Unreachable.IsEmpty,
                () => $"{node.Address} still cannot reach {string.Join(", ", Cluster.Get(node.System).State.Unreachable)}");
    }

    [Fact]
    public async Task A_node_that_leaves_passes_every_station_and_its_system_ends()
    {
        await using var a = Start();
        await using var b = Start();
        await Form(a, b);
        var events = a.Record();
        Cluster.Get(a.System).Subscribe(events.Ref, ClusterEvent.InitialStateAsSnapshot, typeof(ClusterEvent.IMemberEvent));
        await events.NextAsync<ClusterEvent.CurrentClusterState>();
        var leaver = Cluster.Get(b.System);
        var removed = new TaskCompletionSource();
        leaver.RegisterOnMemberRemoved(() => removed.TrySetResult());

        leaver.Leave(b.Address);

        Assert.Equal(b.Address, (await events.NextAsync<ClusterEvent.MemberLeft>()).Member.Address);
        Assert.Equal(b.Address, (await events.NextAsync<ClusterEvent.MemberExited>()).Member.Address);
        var gone = await events.NextAsync<ClusterEvent.MemberRemoved>();
        Assert.Equal(b.Address, gone.Member.Address);
        Assert.Equal(MemberStatus.Removed, gone.Member.Status);
        Assert.Equal(MemberStatus.Exiting, gone.PreviousStatus);
        await removed.Task.WaitAsync(TimeSpan.FromSeconds(10));
        await b.System.WhenTerminated.WaitAsync(TimeSpan.FromSeconds(20));
        Assert.True(leaver.IsTerminated);
        await Up(a);
    }

    [Fact]
    public async Task A_system_that_terminates_leaves_first()
    {
        await using var a = Start();
        await using var b = Start();
        await Form(a, b);
        var events = a.Record();
        Cluster.Get(a.System).Subscribe(events.Ref, typeof(ClusterEvent.MemberRemoved));

        await b.System.Terminate().WaitAsync(TimeSpan.FromSeconds(20));

        var gone = await events.FishAsync<ClusterEvent.MemberRemoved>();
        Assert.Equal(b.Address, gone.Member.Address);
        Assert.Equal(MemberStatus.Exiting, gone.PreviousStatus);
    }

    [Fact]
    public async Task A_system_that_ends_without_leaving_still_calls_back_on_its_removal()
    {
        await using var a = Start("akka.coordinated-shutdown.run-by-actor-system-terminate = off");
        await Form(a);
        var removed = new TaskCompletionSource();
        Cluster.Get(a.System).RegisterOnMemberRemoved(() => removed.TrySetResult());

        await a.System.Terminate().WaitAsync(TimeSpan.FromSeconds(20));

        Assert.True(removed.Task.IsCompleted);
    }

    [Fact]
    public async Task A_member_that_is_downed_is_removed_and_what_is_watched_there_counts_as_terminated()
    {
        await using var a = StartBehind();
        await using var b = StartBehind();
        await Form(a, b);
        var watcher = a.Record();
        var remote = await a.FindAsync(b, b.Record().Ref);
        await a.WatchAsync(watcher, remote, b);
        var events = a.Record();
        var cluster = Cluster.Get(a.System);
        cluster.Subscribe(events.Ref, typeof(ClusterEvent.IClusterDomainEvent));

        Part(a, b);
        await events.FishAsync<ClusterEvent.UnreachableMember>(e => e.Member.Address == b.Address);
        Assert.Empty(watcher.Rest());
        cluster.Down(b.Address);

        var downed = await events.FishAsync<ClusterEvent.MemberDowned>();
        Assert.Equal(b.Address, downed.Member.Address);
        var gone = await events.FishAsync<ClusterEvent.MemberRemoved>();
        Assert.Equal(b.Address, gone.Member.Address);
        Assert.Equal(MemberStatus.Down, gone.PreviousStatus);
        Assert.Equal(remote, (await watcher.NextAsync<Terminated>()).ActorRef);
    }

    [Fact]
    public async Task A_reachable_node_that_is_downed_shuts_down()
    {
        await using var a = Start();
        await using var b = Start();
        await Form(a, b);
        var events = a.Record();
        Cluster.Get(a.System).Subscribe(events.Ref, typeof(ClusterEvent.MemberRemoved));

        Cluster.Get(a.System).Down(b.Address);

        await b.System.WhenTerminated.WaitAsync(TimeSpan.FromSeconds(20));
        Assert.True(Cluster.Get(b.System).IsTerminated);
        Assert.Equal(b.Address, (await events.FishAsync<ClusterEvent.MemberRemoved>()).Member.Address);
    }

    [Fact]
    public async Task A_new_incarnation_at_the_same_address_replaces_the_old_member()
    {
        await using var a = StartBehind();
        var proxy = new CutOff();
        await using var old = NetworkNode.StartBehind(proxy, Name, Settings);
        await Form(a, old);
        int uid = Cluster.Get(old.System).SelfUniqueAddress.Uid;
        var events = a.Record();
        Cluster.Get(a.System).Subscribe(events.Ref, typeof(ClusterEvent.IMemberEvent));

        // For its peers the old incarnation is killed; what listens at its address from now on is another.
        proxy.Cut();
        await using var again = NetworkNode.StartBehind(proxy, Name, Settings);
        Assert.Equal(old.Address, again.Address);
        Cluster.Get(again.System).Join(a.Address);

        var gone = await events.FishAsync<ClusterEvent.MemberRemoved>();
        Assert.Equal(uid, gone.Member.UniqueAddress.Uid);
        var up = await events.FishAsync<ClusterEvent.MemberUp>(e => e.Member.UniqueAddress.Uid != uid);
        Assert.Equal(again.Address, up.Member.Address);
        await Up(a, again);
        Assert.Equal(2, Cluster.Get(a.System).State.Members.Count);
        Cluster.Get(old.System).Down(old.Address);
    }

    private static NetworkNode Start(string config = "") => NetworkNode.Start(Name, config + "\n" + Settings);

    private static NetworkNode StartBehind() => NetworkNode.StartBehind(new CutOff(), Name, Settings);

    /// <summary>None of the nodes can reach another.</summary>
    private static void Part(params NetworkNode[] nodes)
    {
        foreach (var node in nodes)
            node.Proxy!.Cut();
    }

    /// <summary>Makes the first node form a cluster and the others join it one after the other.</summary>
    private static async Task Form(params NetworkNode[] nodes)
    {
        for (int i = 0; i < nodes.Length; i++)
        {
            Cluster.Get(nodes[i].System).Join(nodes[0].Address);
            await Up(nodes[..(i + 1)]);
        }
    }

    /// <summary>Waits until each of the nodes sees all of them up.</summary>
    private static async Task Up(params NetworkNode[] nodes)
    {
        foreach (var node in nodes)
            await Eventually.TrueAsync(
                () => nodes.All(n => Cluster.Get(node.System).State.Members.Any(m => m.Address == n.Address && m.Status == MemberStatus.Up)),
                () => $"{node.Address} sees {string.Join(", ", Cluster.Get(node.System).State.Members)}");
    }
}
