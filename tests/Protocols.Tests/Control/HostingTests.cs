using System.Collections.Immutable;
using ActorRepl.Protocols.Control;
using ActorRepl.Protocols.Kernel;
using static ActorRepl.Protocols.Tests.Control.Cluster;

namespace ActorRepl.Protocols.Tests.Control;

public sealed class HostingTests
{
    private const long MaxAge = 10 * Instant.Second;
    private static readonly ShardKey First = new("kv", 0);
    private static readonly Instant Now = new(100 * Instant.Second, 0, 0);

    [Fact]
    public void A_founder_without_data_starts_as_a_voter()
    {
        HostingDecision.Run run = Assert.IsType<HostingDecision.Run>(Assert.Single(Decide(Cluster.Of(4).WithGroup("kv", 1, 3), 2)));
        Assert.Equal([N(1), N(2), N(3)], run.Founders);
    }

    [Fact]
    public void Whoever_came_later_joins()
    {
        Cluster cluster = Cluster.Of(4).WithGroup("kv", 1, 3);
        cluster.Accept(new ControlCommand.SetMembers(First, 1, Voters(1, 2, 4)));
        HostingDecision.Run run = Assert.IsType<HostingDecision.Run>(Assert.Single(Decide(cluster, 4)));
        Assert.DoesNotContain(N(4), run.Founders);
        Assert.NotEmpty(run.Founders);
    }

    [Fact]
    public void A_founder_that_was_out_and_is_back_joins_and_does_not_found_again()
    {
        Cluster cluster = Cluster.Of(4).WithGroup("kv", 1, 3);
        cluster.Accept(new ControlCommand.SetMembers(First, 1, Voters(2, 3, 4)));
        cluster.Accept(new ControlCommand.ReleaseReplica(First, N(1), Disk(1)));
        cluster.Accept(new ControlCommand.SetMembers(First, 2, Voters(1, 2, 3)));
        Assert.Equal([N(2), N(3)], Assert.IsType<HostingDecision.Run>(Assert.Single(Decide(cluster, 1))).Founders);
    }

    [Fact]
    public void After_its_disk_was_replaced_a_node_starts_a_replica_only_once_the_old_one_is_released()
    {
        Cluster cluster = Cluster.Of(3).WithGroup("kv", 1, 3);
        cluster.Accept(Register(1, generation: 1));
        Assert.Empty(Decide(cluster, 1, generation: 1));
        cluster.Accept(new ControlCommand.ReleaseReplica(First, N(1), Disk(1, 1)));
        Assert.Equal([N(2), N(3)], Assert.IsType<HostingDecision.Run>(Assert.Single(Decide(cluster, 1, generation: 1))).Founders);
    }

    [Fact]
    public void A_node_whose_disk_the_state_does_not_know_yet_starts_nothing()
    {
        Cluster cluster = Cluster.Of(3).WithGroup("kv", 1, 3);
        Assert.Empty(Decide(cluster, 1, generation: 1));
        Assert.Empty(Decide(cluster, 9));
    }

    [Fact]
    public void A_replica_that_is_not_wanted_is_deleted_once_it_is_released_and_its_shard_is_known_to_be_without_it()
    {
        Cluster cluster = Cluster.Of(4).WithGroup("kv", 1, 3);
        cluster.Accept(new ControlCommand.SetMembers(First, 1, Voters(2, 3, 4)));
        Observations settled = Reports((1, Report(1, leader: 2, last: 5, Voters(1, 2, 3))), (2, Report(2, 2, 9, Voters(2, 3, 4))), (3, Report(3, 2, 9, Voters(2, 3, 4))));
        Assert.IsType<HostingDecision.Run>(Assert.Single(Decide(cluster, 1, seen: settled, local: true)));
        cluster.Accept(new ControlCommand.ReleaseReplica(First, N(1), Disk(1)));
        Assert.IsType<HostingDecision.Delete>(Assert.Single(Decide(cluster, 1, seen: settled, local: true)));
    }

    [Theory]
    [InlineData("nobody reports")]
    [InlineData("only the leader knows")]
    [InlineData("the change is under way")]
    [InlineData("the reports are old")]
    [InlineData("the leader is behind us")]
    [InlineData("a later term is known")]
    [InlineData("we lead")]
    [InlineData("we do not report")]
    public void A_released_replica_stays_while(string why)
    {
        Cluster cluster = Cluster.Of(4).WithGroup("kv", 1, 3);
        cluster.Accept(new ControlCommand.SetMembers(First, 1, Voters(2, 3, 4)));
        cluster.Accept(new ControlCommand.ReleaseReplica(First, N(1), Disk(1)));
        Membership after = Voters(2, 3, 4), before = Voters(1, 2, 3);
        ReplicaReport own = Report(1, 2, 5, before), second = Report(2, 2, 9, after), third = Report(3, 2, 9, after);
        Observations seen = why switch
        {
            "nobody reports" => Reports((1, own)),
            "only the leader knows" => Reports((1, own), (2, second), (3, Report(3, 2, 9, before))),
            "the change is under way" => Reports((1, own), (2, Report(2, 2, 9, after, leaving: [N(1), N(2), N(3)])), (3, third)),
            "the reports are old" => Reports((1, own), (2, second with { At = Now.Monotonic - MaxAge - 1 }), (3, third with { At = Now.Monotonic - MaxAge - 1 })),
            "the leader is behind us" => Reports((1, Report(1, 2, 10, before)), (2, second), (3, third)),
            "a later term is known" => Reports((1, own), (2, second), (3, Report(3, 2, 9, after, term: 4))),
            "we lead" => Reports((1, Report(1, leader: 1, 5, before, term: 2)), (2, second), (3, third)),
            _ => Reports((2, second), (3, third)),
        };
        Assert.IsType<HostingDecision.Run>(Assert.Single(Decide(cluster, 1, seen: seen, local: true)));
        Assert.IsType<HostingDecision.Delete>(Assert.Single(Decide(cluster, 1, seen: Reports((1, own), (2, second), (3, third)), local: true)));
    }

    [Fact]
    public void What_the_state_does_not_mention_is_left_alone()
    {
        Assert.Empty(Hosting.Decide(Cluster.Of(3).State, N(1), Disk(1), new HashSet<ShardKey> { First }, new Observations(), Now, MaxAge));
    }

    private static IReadOnlyList<HostingDecision> Decide(Cluster cluster, int self, int generation = 0, Observations? seen = null, bool local = false) =>
        Hosting.Decide(cluster.State, N(self), Disk(self, generation), local ? new HashSet<ShardKey> { First } : [], seen ?? new Observations(), Now, MaxAge);

    private static ReplicaReport Report(int id, int leader, long last, Membership members, ReplicaId[]? leaving = null, long term = 3) => new(
        new ReplicaStatus(id == leader ? "leader" : "follower", term, N(leader), last, last, last, 0, true) { Members = members, LeavingVoters = leaving ?? [] },
        Now.Monotonic);

    private static Observations Reports(params (int Id, ReplicaReport Report)[] reports) => new()
    {
        Reports = ImmutableSortedDictionary<ShardKey, ImmutableSortedDictionary<ReplicaId, ReplicaReport>>.Empty
            .Add(First, reports.ToImmutableSortedDictionary(report => N(report.Id), report => report.Report)),
    };
}
