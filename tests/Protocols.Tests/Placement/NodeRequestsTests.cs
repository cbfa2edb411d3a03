using ActorRepl.Protocols.Control;
using ActorRepl.Protocols.Placement;
using ActorRepl.Protocols.Tests.Control;
using static ActorRepl.Protocols.Tests.Control.Cluster;

namespace ActorRepl.Protocols.Tests.Placement;

public sealed class NodeRequestsTests
{
    [Fact]
    public void A_node_is_drained_where_every_shard_on_it_has_another_to_go_to_and_kept_again()
    {
        Cluster cluster = Cluster.Of(4).WithGroup("kv", 4, 3);
        cluster.Accept(NodeRequests.Drain(cluster.State, N(3)).Command!);
        Assert.Equal(NodeStatus.Draining, cluster.State.Node(N(3))!.Status);
        Assert.Equal(new NodeOrder(Command: null), NodeRequests.Drain(cluster.State, N(3)));
        cluster.Accept(NodeRequests.Keep(cluster.State, N(3)).Command!);
        Assert.Equal(NodeStatus.Up, cluster.State.Node(N(3))!.Status);
        Assert.Equal(new NodeOrder(Command: null), NodeRequests.Keep(cluster.State, N(3)));
    }

    [Fact]
    public void What_cannot_be_is_refused_with_the_reason()
    {
        Cluster cluster = Cluster.Of(3).WithGroup("kv", 4, 3);
        Assert.Contains("4 shards on n3 (node3) have no other node to go to, kv/0 among them", NodeRequests.Drain(cluster.State, N(3)).Refusal, StringComparison.Ordinal);
        Assert.Contains("node n9 has not registered; registered are n1, n2, n3", NodeRequests.Drain(cluster.State, N(9)).Refusal, StringComparison.Ordinal);
        Assert.Contains("n9 has not registered", NodeRequests.Keep(cluster.State, N(9)).Refusal, StringComparison.Ordinal);
        Assert.Contains("n9 has not registered", NodeRequests.Remove(cluster.State, N(9)).Refusal, StringComparison.Ordinal);
    }

    [Fact]
    public void A_node_is_removed_once_it_holds_nothing_and_then_neither_drained_nor_kept()
    {
        Cluster cluster = Cluster.Of(4).WithGroup("kv", 4, 3);
        Assert.Contains("shards are placed on it", cluster.Refuse(NodeRequests.Remove(cluster.State, N(4)).Command!).Reason, StringComparison.Ordinal);
        cluster.Accept(MemberRequests.Remove(cluster.State, "kv", N(4)));
        cluster.Accept(NodeRequests.Remove(cluster.State, N(4)).Command!);
        Assert.Equal(NodeStatus.Removed, cluster.State.Node(N(4))!.Status);
        Assert.Equal(new NodeOrder(Command: null), NodeRequests.Remove(cluster.State, N(4)));
        Assert.Contains("is removed and not being drained", NodeRequests.Keep(cluster.State, N(4)).Refusal, StringComparison.Ordinal);
        Assert.Contains("was removed", cluster.Refuse(NodeRequests.Drain(cluster.State, N(4)).Command!).Reason, StringComparison.Ordinal);
    }
}
