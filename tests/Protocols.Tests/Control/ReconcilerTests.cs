using System.Collections.Immutable;
using ActorRepl.Protocols.Control;
using ActorRepl.Protocols.Kernel;
using static ActorRepl.Protocols.Tests.Control.Cluster;

namespace ActorRepl.Protocols.Tests.Control;

public sealed class ReconcilerTests
{
    private static readonly ShardKey First = new("kv", 0);
    private static readonly ReconcilerOptions Options = new();

    private readonly Reconciler _reconciler = new(Options);
    private Observations _seen = new();
    private long _now = 1_000 * Instant.Second;

    [Fact]
    public void A_node_that_is_down_is_lost_only_after_a_while_and_up_again_as_soon_as_it_answers()
    {
        Cluster cluster = Cluster.Of(3);
        Up(1, 2, 3);
        Down(3);
        _now += Options.ReplaceAfter;
        Assert.Empty(Next(cluster));
        _now += 1;
        var lost = new ControlCommand.SetNodeStatus(N(3), NodeStatus.Up, NodeStatus.Lost);
        Assert.Equal([new ControlAction.Submit(lost)], Next(cluster));
        Assert.Empty(Next(cluster));
        cluster.Accept(lost);
        Up(3);
        Assert.Equal([new ControlAction.Submit(new ControlCommand.SetNodeStatus(N(3), NodeStatus.Lost, NodeStatus.Up))], Next(cluster));
    }

    [Fact]
    public void A_lost_node_is_replaced_step_by_step_as_a_learner_then_as_a_voter()
    {
        Cluster cluster = Cluster.Of(4).WithGroup("kv", 1, 3);
        cluster.Accept(new ControlCommand.SetNodeStatus(N(3), NodeStatus.Up, NodeStatus.Lost));
        Up(1, 2, 4);
        Report(First, leader: 1, Voters(1, 2, 3), (2, 100), (3, 0));
        ControlAction.Submit submitted = Assert.IsType<ControlAction.Submit>(Assert.Single(Next(cluster)));
        Assert.Equal(new ControlCommand.SetMembers(First, 1, Voters(1, 2, 4)), submitted.Command);
        cluster.Accept(submitted.Command);

        var withLearner = new Membership([N(1), N(2), N(3)], [N(4)]);
        Assert.Equal([new ControlAction.ChangeMembers(First, N(1), withLearner)], Next(cluster));
        Report(First, leader: 1, withLearner, (2, 5_000), (3, 0), (4, 5_000 - Options.CatchUpEntries - 1));
        Assert.Empty(Next(cluster));
        Report(First, leader: 1, withLearner, (2, 5_000), (3, 0), (4, 5_000 - Options.CatchUpEntries));
        Assert.Equal([new ControlAction.ChangeMembers(First, N(1), Voters(1, 2, 4))], Next(cluster));
        Report(First, leader: 1, Voters(1, 2, 4), (2, 5_000), (4, 5_000));
        Assert.Equal([new ControlAction.Submit(new ControlCommand.ReleaseReplica(First, N(3), Disk(3)))], Next(cluster));
    }

    [Fact]
    public void A_voter_that_has_lost_its_vote_gets_another_by_a_change_to_the_members_there_are_once_it_has_caught_up()
    {
        Cluster cluster = Cluster.Of(3).WithGroup("kv", 1, 3);
        Up(1, 2, 3);
        Report(First, leader: 1, Voters(1, 2, 3), (2, 5_000), (3, 100));
        LoseVote(First, N(3));
        Assert.Empty(Next(cluster));
        Report(First, leader: 1, Voters(1, 2, 3), (2, 5_000), (3, 5_000));
        Assert.Empty(Next(cluster));
        LoseVote(First, N(3));
        Assert.Equal([new ControlAction.ChangeMembers(First, N(1), Voters(1, 2, 3))], Next(cluster));
        Assert.Empty(Next(cluster));
    }

    [Fact]
    public void Nothing_is_asked_of_a_shard_that_changes_that_nobody_leads_or_that_has_no_majority()
    {
        Cluster cluster = Cluster.Of(5).WithGroup("kv", 1, 3);
        cluster.Accept(new ControlCommand.SetMembers(First, 1, Voters(1, 4, 5)));
        Up(1, 2, 3, 4, 5);
        Report(First, leader: 1, Voters(1, 2, 3), [N(1), N(2)], (2, 100), (3, 100));
        Assert.Empty(Next(cluster));
        Report(First, leader: 0, Voters(1, 2, 3), (2, 100), (3, 100));
        Assert.Empty(Next(cluster));
        Report(First, leader: 1, Voters(1, 2, 3), (2, 100), (3, 100));
        Down(2);
        Down(3);
        Assert.Empty(Next(cluster));
        Up(3);
        Assert.Single(Next(cluster));
    }

    [Fact]
    public void A_leader_that_is_to_go_hands_over_first()
    {
        Cluster cluster = Cluster.Of(3).WithGroup("kv", 1, 3);
        cluster.Accept(new ControlCommand.SetMembers(First, 1, Voters(2, 3)));
        Up(1, 2, 3);
        Report(First, leader: 1, Voters(1, 2, 3), (2, 99), (3, 100));
        Assert.Equal([new ControlAction.Transfer(First, N(1), N(3))], Next(cluster));
        Assert.Empty(Next(cluster));
        Report(First, leader: 3, Voters(1, 2, 3), (1, 100), (2, 100));
        Assert.Equal([new ControlAction.ChangeMembers(First, N(3), Voters(2, 3))], Next(cluster));
    }

    [Fact]
    public void A_replica_whose_disk_was_replaced_leaves_before_a_new_one_comes()
    {
        Cluster cluster = Cluster.Of(3).WithGroup("kv", 1, 3);
        cluster.Accept(Register(3, generation: 1));
        Up(1, 2, 3);
        Report(First, leader: 1, Voters(1, 2, 3), (2, 100), (3, 100));
        Assert.Equal([new ControlAction.ChangeMembers(First, N(1), Voters(1, 2))], Next(cluster));
        Report(First, leader: 1, Voters(1, 2), (2, 100));
        var release = new ControlCommand.ReleaseReplica(First, N(3), Disk(3, 1));
        Assert.Equal([new ControlAction.Submit(release)], Next(cluster));
        cluster.Accept(release);
        Assert.Equal([new ControlAction.ChangeMembers(First, N(1), new Membership([N(1), N(2)], [N(3)]))], Next(cluster));
    }

    [Fact]
    public void A_replica_is_not_released_on_the_word_of_a_leader_alone()
    {
        Cluster cluster = Cluster.Of(4).WithGroup("kv", 1, 3);
        cluster.Accept(new ControlCommand.SetMembers(First, 1, Voters(1, 2, 4)));
        Up(1, 2, 3, 4);
        Report(First, leader: 1, Voters(1, 2, 3), (2, 100), (3, 100), (4, 100));
        ImmutableSortedDictionary<ReplicaId, ReplicaReport> before = _seen.Reports[First];
        Report(First, leader: 1, Voters(1, 2, 4), (2, 100), (4, 100));
        ImmutableSortedDictionary<ReplicaId, ReplicaReport> after = _seen.Reports[First];
        _seen = _seen with { Reports = _seen.Reports.SetItem(First, before.SetItem(N(1), after[N(1)])) };
        Assert.Empty(Next(cluster));
        _seen = _seen with { Reports = _seen.Reports.SetItem(First, after) };
        Assert.Single(Next(cluster));
    }

    [Fact]
    public void A_retired_replica_is_not_counted_on()
    {
        Cluster cluster = Cluster.Of(3).WithGroup("kv", 1, 3);
        cluster.Accept(Register(3, generation: 1));
        Up(1, 3);
        Down(2);
        Report(First, leader: 1, Voters(1, 2, 3), (2, 100), (3, 100));
        Assert.Empty(Next(cluster));
    }

    [Fact]
    public void Replicas_are_made_few_at_a_time()
    {
        Cluster cluster = Cluster.Of(4).WithGroup("kv", 9, 3);
        cluster.Accept(new ControlCommand.SetNodeStatus(N(3), NodeStatus.Up, NodeStatus.Lost));
        Up(1, 2, 4);
        foreach ((ShardKey key, ControlShard shard) in cluster.State.Shards)
            Report(key, leader: shard.Members.Voters.First(id => id != N(3)).Value, shard.Members, (1, 9), (2, 9), (3, 9), (4, 9));
        ControlAction.Submit[] replaced = [.. Next(cluster).OfType<ControlAction.Submit>()];
        foreach (IGrouping<ReplicaId, ReplicaId> spare in replaced
            .Select(action => (ControlCommand.SetMembers)action.Command)
            .SelectMany(set => set.Members.Members.Except(cluster.State.Shard(set.Shard)!.Members.Members))
            .GroupBy(id => id))
            Assert.InRange(spare.Count(), 1, Options.MaxMovesPerNode);
        Assert.NotEmpty(replaced);
    }

    [Fact]
    public void Leadership_goes_to_the_preferred_voter_once_it_has_been_up_for_a_while_and_then_rests()
    {
        Cluster cluster = Cluster.Of(3).WithGroup("kv", 1, 3);
        Up(1, 2, 3);
        Report(First, leader: 2, Voters(1, 2, 3), (1, 100), (3, 100));
        Assert.Empty(Next(cluster));
        _now += Options.LeaderSettle;
        Up(1);
        Report(First, leader: 2, Voters(1, 2, 3), (1, 100), (3, 100));
        Assert.Empty(Next(cluster));
        _now += Options.LeaderSettle;
        Report(First, leader: 2, Voters(1, 2, 3), (1, 100), (3, 100));
        Assert.Equal([new ControlAction.Transfer(First, N(2), N(1))], Next(cluster));
        _now += Options.RetryAfter + 1;
        Report(First, leader: 2, Voters(1, 2, 3), (1, 100), (3, 100));
        Assert.Empty(Next(cluster));
    }

    [Fact]
    public void Leaders_are_spread_from_the_node_that_has_at_least_two_more_one_at_a_time()
    {
        Cluster cluster = Cluster.Of(3).WithGroup("kv", 4, 3);
        foreach (ShardKey key in cluster.State.Shards.Select(pair => pair.Key))
            cluster.Accept(new ControlCommand.SetPreferredLeader(key, ReplicaId.None));
        Up(1, 2, 3);
        int[] leaders = [1, 1, 1, 1];
        var moves = new List<ControlAction>();
        for (int step = 0; step < 10; step++)
        {
            for (int shard = 0; shard < leaders.Length; shard++)
                Report(new ShardKey("kv", shard), leaders[shard], Voters(1, 2, 3), (1, 100), (2, 100), (3, 100));
            ControlAction[] now = [.. Next(cluster)];
            Assert.InRange(now.Length, 0, 1);
            foreach (ControlAction.Transfer transfer in now.OfType<ControlAction.Transfer>())
                leaders[transfer.Shard.Shard] = transfer.To.Value;
            moves.AddRange(now);
            _now += Options.LeaderSettle;
        }

        Assert.Equal(2, moves.Count);
        Assert.Equal([1, 1, 2, 3], leaders.Order());
    }

    [Fact]
    public void Of_many_shards_a_fiftieth_moves_at_a_time()
    {
        Cluster cluster = Cluster.Of(3).WithGroup("kv", 200, 3);
        ShardKey[] shards = [.. cluster.State.Shards.Select(pair => pair.Key)];
        foreach (ShardKey key in shards)
            cluster.Accept(new ControlCommand.SetPreferredLeader(key, ReplicaId.None));
        Up(1, 2, 3);
        IReadOnlyList<ControlAction> actions = [];
        for (int step = 0; step < 2; step++, _now += Options.LeaderSettle)
        {
            foreach (ShardKey key in shards)
                Report(key, leader: 1, Voters(1, 2, 3), (1, 100), (2, 100), (3, 100));
            actions = Next(cluster);
        }

        Assert.Equal(4, actions.Count);
        Assert.All(actions, action => Assert.Equal(N(1), Assert.IsType<ControlAction.Transfer>(action).From));
        Assert.True(_reconciler.IsMovingLeaders);
    }

    [Fact]
    public void A_draining_node_gives_away_its_leaderships_and_its_replicas()
    {
        Cluster cluster = Cluster.Of(4).WithGroup("kv", 1, 3);
        cluster.Accept(new ControlCommand.SetNodeStatus(N(1), NodeStatus.Up, NodeStatus.Draining));
        Up(1, 2, 3, 4);
        _now += Options.LeaderSettle;
        Report(First, leader: 1, Voters(1, 2, 3), (2, 100), (3, 100));
        IReadOnlyList<ControlAction> actions = Next(cluster);
        Assert.Contains(new ControlAction.Submit(new ControlCommand.SetMembers(First, 1, Voters(2, 3, 4))), actions);
        Assert.Single(actions.OfType<ControlAction.Transfer>());
    }

    [Fact]
    public void A_change_that_was_refused_is_asked_for_again_soon_and_then_later_each_time()
    {
        Cluster cluster = Cluster.Of(4).WithGroup("kv", 1, 3);
        cluster.Accept(new ControlCommand.SetMembers(First, 1, Voters(1, 2, 3, 4)));
        Up(1, 2, 3, 4);
        Report(First, leader: 1, Voters(1, 2, 3), (2, 100), (3, 100));
        var pauses = new List<long>();
        var change = Assert.IsType<ControlAction.ChangeMembers>(Assert.Single(Next(cluster)));
        while (pauses.Count < 6)
        {
            long refused = _now;
            _reconciler.Refused(change, new Instant(_now, 0, 0));
            ControlAction[] next = [];
            for (; next.Length == 0; next = [.. Next(cluster)])
            {
                _now += Instant.Second / 4;
                Report(First, leader: 1, Voters(1, 2, 3), (2, 100), (3, 100));
            }

            Assert.Equal([change], next);
            pauses.Add(_now - refused);
        }

        Assert.Equal([1, 2, 4, 8, 10, 10], pauses.Select(pause => 2 * pause / Instant.Second));
    }

    [Fact]
    public void A_node_that_lost_its_disk_votes_in_the_control_group_before_it_votes_elsewhere()
    {
        Cluster cluster = Cluster.Of(3).WithGroup(ControlGroup.Own, 1, 3).WithGroup("kv", 1, 3);
        var withLearner = new Membership([N(1), N(2)], [N(3)]);
        Up(1, 2, 3);
        foreach (ShardKey key in new[] { ControlGroup.OwnShard, First })
            Report(key, leader: 1, withLearner, (2, 100), (3, 100));
        Assert.Equal([new ControlAction.ChangeMembers(ControlGroup.OwnShard, N(1), Voters(1, 2, 3))], Next(cluster));
        Report(ControlGroup.OwnShard, leader: 1, Voters(1, 2, 3), (2, 100), (3, 100));
        LoseVote(ControlGroup.OwnShard, N(3));
        Assert.DoesNotContain(Next(cluster), action => action is ControlAction.ChangeMembers { Shard.Group: "kv" });
        Report(ControlGroup.OwnShard, leader: 1, Voters(1, 2, 3), (2, 100), (3, 100));
        Assert.Equal([new ControlAction.ChangeMembers(First, N(1), Voters(1, 2, 3))], Next(cluster));
    }

    [Fact]
    public void A_node_that_waits_for_its_vote_in_the_control_group_because_another_is_away_votes_elsewhere()
    {
        Cluster cluster = Cluster.Of(4).WithGroup(ControlGroup.Own, 1, 4).WithGroup("kv", 1, 3);
        Up(1, 2, 3);
        Down(4);
        Report(ControlGroup.OwnShard, leader: 1, new Membership([N(1), N(2)], [N(3), N(4)]), (2, 100), (3, 100), (4, 0));
        Report(First, leader: 1, new Membership([N(1), N(2)], [N(3)]), (2, 100), (3, 100));
        Assert.Equal([new ControlAction.ChangeMembers(First, N(1), Voters(1, 2, 3))], Next(cluster));
    }

    [Fact]
    public void The_control_group_follows_the_nodes()
    {
        Cluster cluster = Cluster.Of(3).WithGroup(ControlGroup.Own, 1, 3);
        cluster.Accept(Register(4));
        cluster.Accept(new ControlCommand.SetNodeStatus(N(4), NodeStatus.Joining, NodeStatus.Up));
        Up(1, 2, 3, 4);
        var own = new ShardKey(ControlGroup.Own, 0);
        Report(own, leader: 2, Voters(1, 2, 3), (1, 10), (3, 10));
        Assert.Equal([new ControlAction.Submit(new ControlCommand.SetMembers(own, 1, Voters(1, 2, 3, 4)))], Next(cluster));
    }

    [Fact]
    public void One_link_that_is_left_of_a_chain_is_enough_to_replace_the_others()
    {
        Cluster cluster = Cluster.Of(5).WithGroup("kv", 1, 3);
        foreach (int gone in (int[])[2, 3])
            cluster.Accept(new ControlCommand.SetNodeStatus(N(gone), NodeStatus.Up, NodeStatus.Lost));
        Up(1, 4, 5);
        Chain(First, Voters(1, 2, 3), [1], (2, 50), (3, 50));
        cluster.Accept(new ControlCommand.SetMembers(First, 1, Voters(1, 4, 5)));
        var withLearners = new Membership([N(1), N(2), N(3)], [N(4), N(5)]);
        Assert.Equal([new ControlAction.ChangeMembers(First, N(1), withLearners)], Next(cluster));
        Chain(First, withLearners, [1], (2, 50), (3, 50), (4, 5_000), (5, 5_000));
        Assert.Equal([new ControlAction.ChangeMembers(First, N(1), Voters(1, 4, 5))], Next(cluster));
        Chain(First, Voters(1, 4, 5), [1, 4, 5], (4, 5_000), (5, 5_000));
        Assert.Equal([2, 3], Next(cluster).OfType<ControlAction.Submit>().Select(submit => ((ControlCommand.ReleaseReplica)submit.Command).Node.Value));
    }

    [Fact]
    public void The_head_of_a_chain_goes_to_another_link_and_to_none_that_is_not_in_it()
    {
        Cluster cluster = Cluster.Of(3).WithGroup("kv", 1, 3);
        cluster.Accept(new ControlCommand.SetNodeStatus(N(1), NodeStatus.Up, NodeStatus.Draining));
        Up(1, 2, 3);
        _now += 2 * Options.LeaderSettle;
        Up(1, 2, 3);
        _seen = _seen with { Nodes = _seen.Nodes.SetItems(_seen.Nodes.Select(node => KeyValuePair.Create(node.Key, node.Value with { Since = 0 }))) };
        Chain(First, Voters(1, 2, 3), [1, 3], (2, 100), (3, 100));
        Assert.Equal([new ControlAction.Transfer(First, N(1), N(3))], Next(cluster));
    }

    [Fact]
    public void A_step_has_no_more_actions_than_its_limit()
    {
        Cluster cluster = Cluster.Of(20);
        var reconciler = new Reconciler(Options with { MaxActions = 5 });
        _now += 2 * Options.ReplaceAfter;
        for (int id = 1; id <= 20; id++)
            _seen = _seen with { Nodes = _seen.Nodes.SetItem(N(id), new NodeObservation(Up: false, 0)) };
        Assert.Equal(5, reconciler.Next(cluster.State, _seen, new Instant(_now, 0, 0)).Count);
    }

    private IReadOnlyList<ControlAction> Next(Cluster cluster) => _reconciler.Next(cluster.State, _seen, new Instant(_now, 0, 0));

    private void Up(params int[] ids) => Observe(up: true, ids);

    private void Down(int id) => Observe(up: false, id);

    private void Observe(bool up, params int[] ids)
    {
        foreach (int id in ids)
            _seen = _seen with { Nodes = _seen.Nodes.SetItem(N(id), new NodeObservation(up, _now)) };
    }

    private void Report(ShardKey key, int leader, Membership members, params (int Id, long Match)[] followers) => Report(key, leader, members, [], followers);

    /// <summary>As its head reports it, and nobody else.</summary>
    private void Chain(ShardKey key, Membership members, int[] links, params (int Id, long Match)[] followers)
    {
        Report(key, links[0], members, followers);
        ReplicaReport head = _seen.Reports[key][N(links[0])];
        head = head with { Status = head.Status with { Links = [.. links.Select(N)] } };
        _seen = _seen with { Reports = _seen.Reports.SetItem(key, ImmutableSortedDictionary<ReplicaId, ReplicaReport>.Empty.Add(N(links[0]), head)) };
    }

    private void LoseVote(ShardKey key, ReplicaId id)
    {
        ImmutableSortedDictionary<ReplicaId, ReplicaReport> reports = _seen.Reports[key];
        _seen = _seen with { Reports = _seen.Reports.SetItem(key, reports.SetItem(id, reports[id] with { Status = reports[id].Status with { Voter = false } })) };
    }

    /// <summary>All members report alike; the leader with what each follower has, its commit is the highest.</summary>
    private void Report(ShardKey key, int leader, Membership members, ReplicaId[] leaving, params (int Id, long Match)[] followers)
    {
        long commit = followers.Max(follower => follower.Match);
        ReplicaReport Of(ReplicaId id) => new(
            new ReplicaStatus(id.Value == leader ? "leader" : "follower", 1, N(leader), commit, commit, commit, 0, true)
            {
                Members = members,
                LeavingVoters = leaving,
                Followers = id.Value == leader ? followers.ToDictionary(follower => N(follower.Id), follower => follower.Match) : new Dictionary<ReplicaId, long>(),
            }, _now);
        _seen = _seen with { Reports = _seen.Reports.SetItem(key, members.Members.ToImmutableSortedDictionary(id => id, Of)) };
    }
}
