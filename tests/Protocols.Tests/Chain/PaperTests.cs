using ActorRepl.Protocols.Chain;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Tests.Chain;

/// <summary>Van Renesse and Schneider, "Chain Replication for Supporting High Throughput and Availability" (OSDI 2004): what its sections say, each as a test.</summary>
public class PaperTests
{
    private const long Ms = Instant.Millisecond;

    private static void AssertSame(ChainCluster cluster, string state)
    {
        cluster.Run(Instant.Second);
        Assert.All(cluster.Running, node => Assert.Equal(state, node.State));
    }

    [Fact]
    public void Section_2_Updates_enter_at_the_head_and_are_answered_once_the_tail_has_them()
    {
        var cluster = new ChainCluster(3);
        cluster.Ready();
        cluster[3].DiskWorks = false;
        long write = cluster[1].Command("a1");
        cluster.Run(20 * Ms);
        Assert.False(cluster[1].Replies.ContainsKey(write), "not on the tail's disk yet");
        cluster[3].MakeDurable();
        cluster[3].DiskWorks = true;
        cluster.Settle();
        Assert.Equal("a1", cluster[1].Replies[write]);
    }

    [Fact]
    public void Section_2_Nothing_is_committed_that_is_not_on_the_disk_of_every_link()
    {
        foreach (int slow in new[] { 1, 2 })
        {
            var cluster = new ChainCluster(3);
            cluster.Ready();
            cluster[slow].DiskWorks = false;
            long write = cluster[1].Command("a1");
            cluster.Run(20 * Ms);
            Assert.Equal(cluster[1].Status.LastIndex, cluster[3].Replica.LastPosition.Index);
            Assert.True(cluster[3].Replica.CommitIndex < cluster[3].Replica.LastPosition.Index, $"the tail commits what link {slow} may lose");
            Assert.False(cluster[1].Replies.ContainsKey(write));
            cluster[slow].MakeDurable();
            cluster[slow].DiskWorks = true;
            cluster.Settle();
            Assert.Equal("a1", cluster[1].Replies[write]);
        }
    }

    [Fact]
    public void Section_2_Queries_are_for_the_tail_and_updates_for_the_head()
    {
        var cluster = new ChainCluster(3);
        cluster.Ready();
        long read = cluster[2].Read(), write = cluster[2].Command("a1");
        Assert.Equal((RejectReason.NotLeader, cluster[3].Id), (cluster[2].Rejections[read].Reason, cluster[2].Rejections[read].Leader));
        Assert.Equal((RejectReason.NotLeader, cluster[1].Id), (cluster[2].Rejections[write].Reason, cluster[2].Rejections[write].Leader));
        read = cluster[3].Read();
        cluster.Settle();
        Assert.Contains(read, cluster[3].Served);
    }

    [Fact]
    public void Section_3_1_Failure_of_the_head()
    {
        var cluster = new ChainCluster(3);
        cluster.Ready();
        Assert.Equal("a1", cluster.Write("a1"));
        long died = cluster.Now;
        cluster.Kill(1);
        cluster.Until(() => cluster.Head is { Id.Value: 2 } && cluster.Write("b1") == "b1");
        Assert.InRange(cluster.Now - died, 0, 1500 * Ms);
        AssertSame(cluster, "a1,b1");
        Assert.Equal("2 > 3", string.Join(" > ", cluster[2].Replica.CurrentView.Links.Select(id => id.Value)));
    }

    [Fact]
    public void Section_3_2_Failure_of_the_tail_What_its_predecessor_has_is_committed()
    {
        var cluster = new ChainCluster(3);
        cluster.Ready();
        cluster.Cut(2, 3);
        long write = cluster[1].Command("a1");
        cluster.Run(20 * Ms);
        Assert.False(cluster[1].Replies.ContainsKey(write));
        cluster.Kill(3);
        Assert.Equal("a1", cluster.Answer(cluster[1], write));
        AssertSame(cluster, "a1");
        Assert.Equal(cluster[2].Id, cluster[1].Replica.CurrentView.Tail);
    }

    [Fact]
    public void Section_3_3_Failure_of_another_link_What_its_successor_missed_is_forwarded_again()
    {
        var cluster = new ChainCluster(4);
        cluster.Ready();
        Assert.Equal("a1", cluster.Write("a1"));
        // In-process requests: sent to the link that fails, and no further.
        cluster.Cut(2, 3);
        long[] writes = [cluster[1].Command("b1"), cluster[1].Command("c1")];
        cluster.Run(20 * Ms);
        Assert.Equal("a1", cluster[3].State);
        cluster.Kill(2);
        cluster.Heal();
        foreach (long write in writes)
            cluster.Answer(cluster[1], write);
        AssertSame(cluster, "a1,b1,c1");
        Assert.Equal("1 > 3 > 4", string.Join(" > ", cluster[1].Replica.CurrentView.Links.Select(id => id.Value)));
    }

    [Fact]
    public void Section_3_3_Several_fail_at_once()
    {
        var cluster = new ChainCluster(5);
        cluster.Ready();
        Assert.Equal("a1", cluster.Write("a1"));
        cluster.Kill(1, 3, 5);
        cluster.Until(() => cluster.Head is { Id.Value: 2 } && cluster.Write("b1") == "b1");
        AssertSame(cluster, "a1,b1");
        Assert.Equal("2 > 4", string.Join(" > ", cluster[2].Replica.CurrentView.Links.Select(id => id.Value)));
    }

    [Fact]
    public void Section_3_4_A_chain_is_extended_at_its_tail_while_updates_go_on()
    {
        var cluster = new ChainCluster(3);
        cluster.Ready();
        cluster.Kill(2);
        cluster.Until(() => cluster[1].Replica.CurrentView.Links.Length == 2 && cluster.Write("a1") == "a1");
        cluster.Restart(2);
        for (int i = 0; i < 20; i++)
        {
            cluster.Until(() => cluster.Head is not null && cluster.Write($"b{i}") == $"b{i}");
            cluster.Run(5 * Ms);
        }

        cluster.Until(() => cluster.Ready().Replica.CurrentView.Links.Length == 3);
        Assert.Equal(cluster[2].Id, cluster[1].Replica.CurrentView.Tail);
        AssertSame(cluster, cluster[1].State);
    }

    [Fact]
    public void A_chain_of_one_still_serves_and_grows_again()
    {
        var cluster = new ChainCluster(3);
        cluster.Ready();
        cluster.Kill(1, 2);
        cluster.Until(() => cluster.Head is { Id.Value: 3 } && cluster.Write("a1") == "a1");
        long read = cluster[3].Read();
        Assert.Contains(read, cluster[3].Served);
        cluster.Restart(1);
        cluster.Restart(2);
        cluster.Until(() => cluster.Ready().Replica.CurrentView.Links.Length == 3);
        AssertSame(cluster, "a1");
    }

    [Fact]
    public void What_only_a_failed_head_had_is_dropped_for_certain_and_never_done()
    {
        var cluster = new ChainCluster(3);
        cluster.Ready();
        cluster.Isolate(1);
        long lost = cluster[1].Command("x1", deadline: cluster.Now + 60 * Instant.Second);
        // The control group cannot be reached from here either: it does not see its own removal.
        cluster.Until(() => cluster.Running.Any(node => node.Id.Value == 2 && node.Replica.IsActingHead) || cluster[1].Replica.CurrentView.Links.Length == 1);
        cluster.Heal();
        cluster.Until(() => cluster.Ready().Replica.CurrentView.Links.Length == 3);
        Assert.Contains(cluster.Answer(cluster[1], lost), new[] { "Dropped", "x1" });
        bool isDone = cluster[1].Replies.ContainsKey(lost);
        AssertSame(cluster, isDone ? "x1" : "");
    }

    [Fact]
    public void A_link_of_an_earlier_epoch_is_not_obeyed()
    {
        var cluster = new ChainCluster(3);
        cluster.Ready();
        cluster.Sleep(1);
        cluster.Until(() => cluster.Head is { Id.Value: 2 } && cluster.Write("a1") == "a1");
        ChainNode second = cluster[2];
        LogPosition before = second.Replica.LastPosition;
        second.Receive(1, new Forward(0, new LogPosition(0, 1), 0, 0, [EntryBatch.Pack(EntryKind.Command, 2, 0, 0, [new byte[] { 1 }])]));
        second.Receive(3, new ChainAck(0, 100));
        Assert.Equal(before, second.Replica.LastPosition);
        cluster.Wake(1);
        cluster.Until(() => cluster.Ready().Replica.CurrentView.Links.Length == 3);
        AssertSame(cluster, "a1");
    }

    [Fact]
    public void A_link_that_started_again_takes_part_only_in_the_next_epoch()
    {
        var cluster = new ChainCluster(3);
        cluster.Ready();
        Assert.Equal("a1", cluster.Write("a1"));
        cluster.ControlWorks = false;
        cluster.Restart(2);
        cluster.Run(100 * Ms);
        Assert.False(cluster[2].Replica.TakesPart);
        cluster.ControlWorks = true;
        cluster.Until(() => cluster.Ready().Replica.CurrentView.Links.Length == 3 && cluster[2].Replica.TakesPart && cluster.Epoch > 0);
        Assert.Equal("b1", cluster.Write("b1"));
        AssertSame(cluster, "a1,b1");
    }

    [Fact]
    public void A_link_with_an_empty_disk_is_no_link_until_it_has_everything()
    {
        var cluster = new ChainCluster(3);
        cluster.Ready();
        Assert.Equal("a1", cluster.Write("a1"));
        cluster.Kill(2);
        cluster.Join(2);
        Assert.True(cluster[2].Replica.HasLostPromises);
        cluster.Until(() => cluster.View is { } view && !view.IsLink(cluster[2].Id));
        cluster.Until(() => cluster.Ready().Replica.CurrentView.Links.Length == 3);
        Assert.False(cluster[2].Replica.HasLostPromises);
        AssertSame(cluster, "a1");
    }

    [Fact]
    public void A_head_that_is_to_stop_hands_over_and_no_command_fails()
    {
        var cluster = new ChainCluster(3);
        cluster.Ready();
        long before = cluster[1].Command("a1");
        cluster[1].Step(new Input.HandOver(ReplicaId.None));
        long held = cluster[1].Command("b1");
        cluster.Until(() => cluster.Head is { Id.Value: 2 });
        Assert.Equal("a1", cluster[1].Replies[before]);
        Assert.Equal((RejectReason.NotLeader, false), (cluster[1].Rejections[held].Reason, cluster[1].Rejections[held].OutcomeUnknown));
        Assert.False(cluster.Head!.Replica.CurrentView.IsLink(cluster[1].Id));
        cluster.Ready();
        Assert.Equal("b1", cluster.Write("b1"));
    }

    [Fact]
    public void Members_come_and_go_several_at_once()
    {
        var cluster = new ChainCluster(3);
        cluster.Ready();
        Assert.Equal("a1", cluster.Write("a1"));
        cluster.Join(4);
        cluster.Join(5);
        long change = cluster[1].Change(new Membership([new ReplicaId(3), new ReplicaId(4), new ReplicaId(5)]));
        cluster.Until(() => cluster.Head is { } head && head.Replica.CurrentView.Links.Length == 3 && !head.Replica.CurrentView.IsMember(cluster[1].Id));
        Assert.Contains(change, cluster[1].Replies.Keys);
        Assert.Equal("3 > 4 > 5", string.Join(" > ", cluster.Ready().Replica.CurrentView.Links.Order().Select(id => id.Value)));
        cluster.Kill(1, 2);
        Assert.Equal("b1", cluster.Write("b1"));
        AssertSame(cluster, "a1,b1");
    }

    [Fact]
    public void A_change_to_links_that_are_dead_does_not_keep_the_dead_ones_in_the_chain()
    {
        var cluster = new ChainCluster(2);
        cluster.Ready();
        cluster.Join(3);
        cluster.ControlWorks = false;
        cluster[1].Change(new Membership([new ReplicaId(2), new ReplicaId(3)]));
        cluster.Kill(2);
        cluster.Run(2 * Instant.Second);
        cluster.ControlWorks = true;
        cluster.Until(() => cluster.Head is { Replica.CurrentView.Links.Length: 1 }, what: "the chain goes on without the dead link");
        Assert.Equal("a1", cluster.Write("a1"));
        cluster.Restart(2);
        cluster.Until(() => cluster.Ready().Replica.CurrentView.IsLink(cluster[2].Id), what: "it is a link again");
        Assert.Equal("b1", cluster.Write("b1"));
        cluster.Kill(3);
        AssertSame(cluster, "a1,b1");
    }

    [Fact]
    public void Writes_wait_ever_less_often_for_a_member_whose_disk_takes_nothing()
    {
        var cluster = new ChainCluster(3);
        cluster.Ready();
        cluster.Kill(3);
        cluster.Until(() => cluster.Ready().Replica.CurrentView.Links.Length == 2);
        cluster.Restart(3);
        cluster[3].DiskWorks = false;
        int atOnce = 0;
        for (int i = 1; i <= 200; i++)
        {
            long write = cluster[1].Command($"a{i}");
            cluster.Run(100 * Ms);
            atOnce += cluster[1].Replies.ContainsKey(write) ? 1 : 0;
        }

        Assert.InRange(atOnce, 120, 190);
        cluster[3].MakeDurable();
        cluster[3].DiskWorks = true;
        cluster.Until(() => cluster.Ready().Replica.CurrentView.Links.Length == 3, 20 * Instant.Second);
    }

    [Fact]
    public void Links_of_one_region_stand_next_to_each_other()
    {
        var regions = new Dictionary<ReplicaId, string> { [new(1)] = "east", [new(2)] = "west", [new(3)] = "east", [new(4)] = "west" };
        var cluster = new ChainCluster(4, ChainOptions.Default with { Regions = regions });
        Assert.Equal("1 > 3 > 2 > 4", string.Join(" > ", cluster.Ready().Replica.CurrentView.Links.Select(id => id.Value)));
        cluster.Kill(3);
        cluster.Until(() => cluster.Ready().Replica.CurrentView.Links.Length == 3);
        cluster.Restart(3);
        cluster.Until(() => cluster.Ready().Replica.CurrentView.Links.Length == 4);
        Assert.Equal("1 > 3 > 2 > 4", string.Join(" > ", cluster.Head!.Replica.CurrentView.Links.Select(id => id.Value)));
    }

    [Fact]
    public void A_slow_link_is_reported_and_by_policy_removed_and_comes_back_when_it_keeps_up()
    {
        var cluster = new ChainCluster(3, ChainOptions.Default with { RemoveSlow = true, SlowMicros = 200 * Ms, SlowAfterMicros = 300 * Ms, RejoinAfterMicros = Instant.Second });
        cluster.Ready();
        cluster[2].DiskWorks = false;
        long write = cluster[1].Command("a1");
        Assert.Equal("a1", cluster.Answer(cluster[1], write));
        Assert.Contains(cluster[1].Reports, report => report.StartsWith("n2 is slow", StringComparison.Ordinal));
        Assert.False(cluster.Head!.Replica.CurrentView.IsLink(cluster[2].Id));
        cluster[2].MakeDurable();
        cluster[2].DiskWorks = true;
        cluster.Run(500 * Ms);
        Assert.False(cluster.Head!.Replica.CurrentView.IsLink(cluster[2].Id), "it has not kept up for long enough");
        cluster.Until(() => cluster.Ready().Replica.CurrentView.Links.Length == 3);
        AssertSame(cluster, "a1");
    }
}
