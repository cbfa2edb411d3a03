using ActorRepl.Protocols.Control;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Placement;
using ActorRepl.Protocols.Tests.Control;
using static ActorRepl.Protocols.Tests.Control.Cluster;

namespace ActorRepl.Protocols.Tests.Placement;

public sealed class MemberRequestsTests
{
    [Fact]
    public void A_node_is_added_to_each_shard_that_it_does_not_hold()
    {
        Cluster cluster = Cluster.Of(4).WithGroup("kv", 4, 3);
        cluster.Accept(MemberRequests.Add(cluster.State, "kv", N(4)));
        Assert.All(Enumerable.Range(0, 4), shard => Assert.Contains(N(4), cluster.Shard("kv", shard).Members.Voters));
        Assert.Equal(Voters(1, 2, 3, 4), cluster.Shard("kv", 0).Members);
        MemberPlan again = MemberRequests.Add(cluster.State, "kv", N(4));
        Assert.Empty(again.Commands);
        Assert.Null(again.Refusal);
    }

    [Fact]
    public void Three_members_grow_to_five_and_shrink_to_three()
    {
        Cluster cluster = Cluster.Of(3).WithGroup("kv", 4, 3);
        foreach (int id in (int[])[4, 5])
        {
            cluster.Accept(Register(id));
            cluster.Accept(MemberRequests.Add(cluster.State, "kv", N(id)));
        }

        Assert.All(Enumerable.Range(0, 4), shard => Assert.Equal(Voters(1, 2, 3, 4, 5), cluster.Shard("kv", shard).Members));
        foreach (int id in (int[])[1, 4])
            cluster.Accept(MemberRequests.Remove(cluster.State, "kv", N(id)));
        Assert.All(Enumerable.Range(0, 4), shard => Assert.Equal(Voters(2, 3, 5), cluster.Shard("kv", shard).Members));
    }

    [Fact]
    public void A_learner_is_added_and_promoted()
    {
        Cluster cluster = Cluster.Of(4).WithGroup("kv", 1, 3);
        cluster.Accept(MemberRequests.Add(cluster.State, "kv", N(4), MemberRole.Learner));
        Assert.Equal([N(4)], cluster.Shard("kv", 0).Members.Learners);
        cluster.Accept(MemberRequests.Promote(cluster.State, "kv", N(4)));
        Assert.Equal(Voters(1, 2, 3, 4), cluster.Shard("kv", 0).Members);
    }

    [Theory]
    [InlineData(MemberRole.Voter, MemberRole.Learner)]
    [InlineData(MemberRole.Voter, MemberRole.Witness)]
    [InlineData(MemberRole.Learner, MemberRole.Witness)]
    [InlineData(MemberRole.Witness, MemberRole.Voter)]
    [InlineData(MemberRole.Witness, MemberRole.Learner)]
    public void Adding_a_member_again_takes_no_role_from_it(MemberRole has, MemberRole asked)
    {
        Cluster cluster = Cluster.Of(4).WithGroup("kv", 1, 3);
        cluster.Accept(MemberRequests.Add(cluster.State, "kv", N(4), has));
        MemberPlan plan = MemberRequests.Add(cluster.State, "kv", N(4), asked);
        Assert.Empty(plan.Commands);
        Assert.Equal($"n4 is a {has} of kv/0 and adding it does not make it a {asked}; remove it first", plan.Refusal, ignoreCase: true);
        Assert.Empty(MemberRequests.Add(cluster.State, "kv", N(4), has).Commands);
    }

    [Fact]
    public void Only_the_shard_that_is_named_changes()
    {
        Cluster cluster = Cluster.Of(4).WithGroup("kv", 2, 3);
        cluster.Accept(MemberRequests.Replace(cluster.State, "kv", N(2), N(4), shard: 0));
        Assert.Equal(Voters(1, 3, 4), cluster.Shard("kv", 0).Members);
        Assert.Equal(Voters(2, 3, 4), cluster.Shard("kv", 1).Members);
    }

    [Fact]
    public void A_removed_node_is_replaced_where_fewer_would_be_left_than_declared()
    {
        Cluster cluster = Cluster.Of(5).WithGroup("kv", 5, 3);
        cluster.Accept(MemberRequests.Remove(cluster.State, "kv", N(1)));
        Assert.All(Enumerable.Range(0, 5), shard =>
        {
            Assert.Equal(3, cluster.Shard("kv", shard).Members.Voters.Count);
            Assert.DoesNotContain(N(1), cluster.Shard("kv", shard).Members.Members);
        });
        int[] counts = [.. Enumerable.Range(2, 4).Select(id => cluster.State.Shards.Count(pair => pair.Value.Members.Members.Contains(N(id))))];
        Assert.InRange(counts.Max() - counts.Min(), 0, 1);
    }

    [Fact]
    public void What_cannot_be_is_refused_with_the_reason()
    {
        Cluster cluster = Cluster.Of(4).WithGroup("kv", 1, 3).WithGroup("one", 1, 1);
        void Refused(string said, MemberPlan plan)
        {
            Assert.Empty(plan.Commands);
            Assert.Contains(said, plan.Refusal, StringComparison.Ordinal);
        }

        Refused("there is no group 'no'; there are kv, one", MemberRequests.Add(cluster.State, "no", N(4)));
        Refused("node n9 has not registered", MemberRequests.Add(cluster.State, "kv", N(9)));
        Refused("shards 0 to 0", MemberRequests.Add(cluster.State, "kv", N(4), shard: 1));
        Refused("no member", MemberRequests.Remove(cluster.State, "kv", N(4)));
        Refused("no member", MemberRequests.Promote(cluster.State, "kv", N(4)));
        Refused("already", MemberRequests.Replace(cluster.State, "kv", N(1), N(2)));
        Refused("is a voter of one/0", MemberRequests.Add(cluster.State, "one", cluster.Shard("one", 0).Members.Voters[0], MemberRole.Learner));
        Refused("on every node", MemberRequests.Add(cluster.State, ControlGroup.Own, N(4)));

        cluster.Accept(new ControlCommand.SetNodeStatus(N(4), NodeStatus.Up, NodeStatus.Lost));
        Refused("lost", MemberRequests.Add(cluster.State, "kv", N(4)));
        Refused("no other node is up", MemberRequests.Remove(cluster.State, "kv", N(1)));
        cluster.Accept(MemberRequests.Remove(cluster.State, "kv", N(1), allowFewer: true));
        Assert.Equal(Voters(2, 3), cluster.Shard("kv", 0).Members);
        cluster.Accept(new ControlCommand.SetNodeStatus(N(2), NodeStatus.Up, NodeStatus.Lost));
        cluster.Accept(new ControlCommand.SetNodeStatus(N(3), NodeStatus.Up, NodeStatus.Lost));
    }
}
