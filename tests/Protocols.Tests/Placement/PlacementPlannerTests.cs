using System.Collections.Immutable;
using ActorRepl.Protocols.Control;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Placement;
using ActorRepl.Protocols.Tests.Control;
using FsCheck;
using FsCheck.Fluent;
using static ActorRepl.Protocols.Tests.Control.Cluster;

namespace ActorRepl.Protocols.Tests.Placement;

public class PlacementPlannerTests
{
    private static void ForAll(Action<DeterministicRandom> property) =>
        Prop.ForAll(ArbMap.Default.ArbFor<ulong>(), seed => property(new DeterministicRandom(seed))).QuickCheckThrowOnFailure();

    [Fact]
    public void Without_labels_the_first_placement_is_that_of_existing_data_directories() => ForAll(random =>
    {
        int nodes = 1 + (int)random.Next(9), replicas = 1 + (int)random.Next(nodes), shards = 1 + (int)random.Next(40);
        ControlNode[] there = [.. Cluster.Of(nodes, _ => ("same", "")).State.Nodes.Values];
        ImmutableArray<ShardPlan> plan = PlacementPlanner.Initial(there, shards, replicas);
        for (int shard = 0; shard < shards; shard++)
            Assert.Equal(ShardPlacement.ReplicasOf(shard, replicas, there.Select(node => node.Id)), plan[shard].Members.Voters);
        AssertLevel(there.Select(node => plan.Count(shard => shard.PreferredLeader == node.Id)));
        Assert.All(plan, shard => Assert.Contains(shard.PreferredLeader, shard.Members.Voters));
    });

    [Fact]
    public void Replicas_are_spread_over_as_many_regions_and_racks_as_can_be() => ForAll(random =>
    {
        int regions = 1 + (int)random.Next(4);
        Cluster cluster = Cluster.Of(1 + (int)random.Next(12), _ => ($"region{random.Next(regions)}", $"rack{random.Next(3)}"));
        ControlNode[] nodes = [.. cluster.State.Nodes.Values];
        int replicas = 1 + (int)random.Next(Math.Min(nodes.Length, 5));
        foreach (ShardPlan plan in PlacementPlanner.Initial(nodes, 10, replicas))
            AssertSpread(nodes, [.. plan.Members.Voters.Select(id => cluster.State.Nodes[id])]);
    });

    [Fact]
    public void With_equal_domains_nodes_have_as_many_replicas_and_preferred_leaders_as_others_within_one() => ForAll(random =>
    {
        int racks = 2 + (int)random.Next(3), perRack = 1 + (int)random.Next(3), shards = 1 + (int)random.Next(30);
        Cluster cluster = Cluster.Of(racks * perRack, id => ("", $"rack{id % racks}"));
        ControlNode[] nodes = [.. cluster.State.Nodes.Values];
        ImmutableArray<ShardPlan> plan = PlacementPlanner.Initial(nodes, shards, Math.Min(3, nodes.Length));
        foreach (IGrouping<string, ControlNode> rack in nodes.GroupBy(node => node.Rack))
            AssertLevel(rack.Select(node => plan.Count(shard => shard.Members.Voters.Contains(node.Id))));
        AssertLevel(nodes.Select(node => plan.Count(shard => shard.Members.Voters.Contains(node.Id))));
    });

    [Fact]
    public void More_replicas_than_nodes_are_refused()
    {
        ArgumentException refused = Assert.Throws<ArgumentException>(() => PlacementPlanner.Initial([.. Cluster.Of(2).State.Nodes.Values], 4, 3));
        Assert.Contains("3 replicas a shard need as many nodes; there are 2", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Nodes_that_join_get_their_share_by_as_few_moves_as_can_be() => ForAll(random =>
    {
        int nodes = 3 + (int)random.Next(3), added = 1 + (int)random.Next(3), shards = 1 + (int)random.Next(20);
        Cluster cluster = Cluster.Of(nodes).WithGroup("kv", shards, 3);
        for (int id = nodes + 1; id <= nodes + added; id++)
        {
            cluster.Accept(Register(id));
            cluster.Accept(new ControlCommand.SetNodeStatus(N(id), NodeStatus.Joining, NodeStatus.Up));
        }

        int floor = 3 * shards / (nodes + added);
        int ceiling = floor + (3 * shards % (nodes + added) == 0 ? 0 : 1);
        int[] counts = Counts(cluster.State);
        int fewest = Math.Max(counts.Sum(count => Math.Max(0, count - ceiling)), counts.Sum(count => Math.Max(0, floor - count)));
        IReadOnlyList<ReplicaMove> moves = PlacementPlanner.Rebalance(cluster.State, int.MaxValue);
        Assert.Equal(fewest, moves.Count);
        Apply(cluster, moves);
        AssertLevel(Counts(cluster.State));
        Assert.Empty(PlacementPlanner.Rebalance(cluster.State, int.MaxValue));
    });

    [Fact]
    public void Rebalancing_ends_and_spreads_no_shard_less_than_before() => ForAll(random =>
    {
        Cluster cluster = Cluster.Of(3 + (int)random.Next(6), id => ($"region{random.Next(3)}", $"rack{random.Next(3)}")).WithGroup("kv", 12, 3);
        foreach (ControlNode node in cluster.State.Nodes.Values.ToArray())
            cluster.Accept(Register(node.Id.Value) with { Region = $"region{random.Next(3)}", Rack = $"rack{random.Next(3)}" });
        ControlNode[] nodes = [.. cluster.State.Nodes.Values];
        int Regions(int shard) => cluster.Shard("kv", shard).Members.Voters.Select(id => cluster.State.Nodes[id].Region).Distinct().Count();
        int[] before = [.. Enumerable.Range(0, 12).Select(Regions)];
        IReadOnlyList<ReplicaMove> moves = PlacementPlanner.Rebalance(cluster.State, 1_000);
        Assert.InRange(moves.Count, 0, 999);
        Apply(cluster, moves);
        int best = Math.Min(3, nodes.Select(node => node.Region).Distinct().Count());
        for (int shard = 0; shard < 12; shard++)
        {
            Assert.InRange(Regions(shard), before[shard], 3);
            Assert.Equal(best, Regions(shard));
        }
    });

    [Fact]
    public void A_spare_is_taken_from_a_domain_that_the_others_are_not_in_then_where_least_is()
    {
        Cluster cluster = Cluster.Of(7, id => ($"region{(id - 1) % 3}", "")).WithGroup("kv", 1, 3);
        Assert.Equal(Voters(1, 2, 3), cluster.Shard("kv", 0).Members);
        Assert.Equal(N(5), PlacementPlanner.Spare(cluster.State, new ShardKey("kv", 0), N(2)));
        Assert.Equal(N(4), PlacementPlanner.Spare(cluster.State, new ShardKey("kv", 0), N(1)));
        cluster.Accept(new ControlCommand.SetNodeStatus(N(4), NodeStatus.Up, NodeStatus.Lost));
        Assert.Equal(N(7), PlacementPlanner.Spare(cluster.State, new ShardKey("kv", 0), N(1)));
        Assert.Null(PlacementPlanner.Spare(Cluster.Of(3).WithGroup("kv", 1, 3).State, new ShardKey("kv", 0), N(1)));
    }

    [Fact]
    public void The_control_group_is_everywhere_with_five_voters_that_change_only_when_they_must()
    {
        Cluster cluster = Cluster.Of(7);
        Membership members = PlacementPlanner.ControlMembers(cluster.State, Voters(2, 3, 4));
        Assert.Equal(new Membership(new[] { 1, 2, 3, 4, 5 }.Select(N), new[] { 6, 7 }.Select(N)), members);
        Assert.Equal(members, PlacementPlanner.ControlMembers(cluster.State, members));

        cluster.Accept(new ControlCommand.SetNodeStatus(N(2), NodeStatus.Up, NodeStatus.Lost));
        Membership replaced = PlacementPlanner.ControlMembers(cluster.State, members);
        Assert.Equal(new Membership(new[] { 1, 3, 4, 5, 6 }.Select(N), new[] { 2, 7 }.Select(N)), replaced);
        cluster.Accept(new ControlCommand.RemoveNode(N(2)));
        Assert.DoesNotContain(N(2), PlacementPlanner.ControlMembers(cluster.State, replaced).Members);
    }

    [Fact]
    public void A_lost_voter_of_the_control_group_stays_one_while_nobody_can_take_its_place()
    {
        Cluster cluster = Cluster.Of(3);
        cluster.Accept(new ControlCommand.SetNodeStatus(N(2), NodeStatus.Up, NodeStatus.Lost));
        Assert.Equal(Voters(1, 2, 3), PlacementPlanner.ControlMembers(cluster.State, Voters(1, 2, 3)));
    }

    private static void Apply(Cluster cluster, IReadOnlyList<ReplicaMove> moves)
    {
        foreach (ReplicaMove move in moves)
        {
            ControlShard shard = cluster.State.Shard(move.Shard)!;
            cluster.Accept(new ControlCommand.SetMembers(move.Shard, shard.MembersVersion, shard.Members.Replace(move.From, move.To)));
        }
    }

    private static int[] Counts(ControlState state) =>
        [.. state.Nodes.Keys.Select(id => state.Shards.Count(pair => pair.Value.Members.Members.Contains(id)))];

    private static void AssertLevel(IEnumerable<int> counts) => Assert.InRange(counts.Max() - counts.Min(), 0, 1);

    private static void AssertSpread(ControlNode[] all, ControlNode[] chosen)
    {
        string[] regions = [.. all.Select(node => node.Region).Distinct()];
        Assert.Equal(Math.Min(regions.Length, chosen.Length), chosen.Select(node => node.Region).Distinct().Count());
        foreach (string region in regions)
        {
            int here = chosen.Count(node => node.Region == region);
            int racks = all.Where(node => node.Region == region).Select(node => node.Rack).Distinct().Count();
            Assert.Equal(Math.Min(here, racks), chosen.Where(node => node.Region == region).Select(node => node.Rack).Distinct().Count());
        }
    }
}
