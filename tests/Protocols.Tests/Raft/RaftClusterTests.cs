using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Raft;

namespace ActorRepl.Protocols.Tests.Raft;

/// <summary>A whole group at work, from the outside.</summary>
public class RaftClusterTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(5)]
    public void A_group_elects_a_leader_and_replicates_commands_to_all(int size)
    {
        var cluster = new RaftCluster(size);
        RaftNode leader = cluster.ElectLeader();

        long[] ids = leader.Commands(null, "a", "b", "c");
        cluster.Run(100 * RaftNode.Ms);

        Assert.Equal(["a", "b", "c"], ids.Select(id => leader.Replies[id]));
        Assert.All(cluster.Nodes, node => Assert.Equal(["", "a", "b", "c"], node.Applied.Select(entry => entry.Command)));
    }

    [Fact]
    public void A_read_sees_what_was_written_before_it_and_writes_nothing()
    {
        var cluster = new RaftCluster(3);
        RaftNode leader = cluster.ElectLeader();
        leader.Command("a");
        long before = leader.Written.Count;
        long read = leader.Read();
        Assert.Empty(leader.Served);

        cluster.Settle();

        Assert.Equal([read], leader.Served);
        Assert.Contains(leader.Applied, entry => entry.Command == "a");
        Assert.Equal(before, leader.Written.Count);
    }

    [Fact]
    public void The_group_goes_on_when_its_leader_dies_and_the_dead_one_catches_up()
    {
        var cluster = new RaftCluster(3);
        RaftNode first = cluster.ElectLeader();
        first.Command("a");
        cluster.Settle();
        cluster.Kill(first.Id.Value);

        RaftNode second = cluster.ElectLeader();
        second.Command("b");
        cluster.Settle();
        RaftNode again = cluster.Restart(first.Id.Value);
        cluster.Run(Instant.Second);

        Assert.NotEqual(first.Id, second.Id);
        Assert.Equal(second.Applied, again.Applied);
        Assert.Equal("b", again.Applied[^1].Command);
    }
}
