using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Raft;

namespace ActorRepl.Protocols.Tests.Raft;

/// <summary>Changes of members by joint consensus (section 6, thesis chapter 4), on a small cluster without delay.</summary>
public class ChangeTests
{
    private static Membership Voters(params int[] ids) => new(ids.Select(id => new ReplicaId(id)));

    private static Membership Members(int[] voters, int[]? learners = null, int[]? witnesses = null) =>
        new(Ids(voters), Ids(learners ?? []), Ids(witnesses ?? []));

    private static IEnumerable<ReplicaId> Ids(int[] ids) => ids.Select(id => new ReplicaId(id));

    private static RaftCluster Grown(out RaftNode leader)
    {
        var cluster = new RaftCluster(3);
        leader = cluster.ElectLeader();
        for (int i = 0; i < 10; i++)
        {
            leader.Command($"c{i}");
            cluster.Settle();
        }

        cluster.Join(4);
        cluster.Join(5);
        Assert.Equal("", cluster.Change(Voters(1, 2, 3, 4, 5)));
        return cluster;
    }

    [Fact]
    public void Three_become_five_and_three_again_and_every_command_is_kept()
    {
        RaftCluster cluster = Grown(out RaftNode leader);
        Assert.Equal(Voters(1, 2, 3, 4, 5), leader.Status.Members);
        Assert.Empty(leader.Status.LeavingVoters);
        cluster.Run(Instant.Second);
        Assert.All(cluster.Nodes, node => Assert.Equal(leader.Applied, node.Applied));
        Assert.All(cluster.Nodes, node => Assert.True(node.Status.Voter));

        int[] stay = [.. Enumerable.Range(1, 5).Where(id => id != leader.Id.Value).Take(2), leader.Id.Value];
        Assert.Equal("", cluster.Change(Voters(stay)));
        leader.Command("after");
        cluster.Run(3 * Instant.Second);
        foreach (RaftNode node in cluster.Nodes)
        {
            bool isMember = stay.Contains(node.Id.Value);
            Assert.Equal(isMember, node.Status.Voter);
            Assert.Equal(isMember, node.Applied.Exists(applied => applied.Command == "after"));
            Assert.Equal(!isMember, node.Status.Role == "removed");
        }
    }

    [Fact]
    public void A_leader_that_is_removed_says_so_when_it_has_handed_over_and_after_a_restart()
    {
        RaftCluster cluster = Grown(out RaftNode leader);
        int was = leader.Id.Value;
        leader.Change(Voters([.. Enumerable.Range(1, 5).Where(id => id != was)]));
        cluster.Until(() => cluster.Leader is { } next && next.Id.Value != was);
        cluster.Run(3 * Instant.Second);
        Assert.Equal("removed", leader.Status.Role);
        Assert.False(leader.Status.Voter);
        Assert.Equal("removed", cluster.Restart(was, leader.Recover()).Status.Role);
    }

    [Fact]
    public void A_replica_that_joins_neither_votes_nor_campaigns_before_the_log_makes_it_a_member()
    {
        RaftNode joining = new RaftNode(4, 3).Start();
        joining.Pass(5 * Instant.Second);
        Assert.Empty(joining.Sent);
        joining.Receive(2, Given.Vote(1, 5, 1));
        Assert.False(joining.TakeOne<VoteReply>().Granted);
        Assert.Equal("joining", joining.Status.Role);
        Assert.Equal([1, 2, 3], new RaftNode(4, 9, recovered: joining.Recover()).Start().Status.Members!.Voters.Select(id => id.Value));
    }

    [Fact]
    public void All_voters_are_replaced_at_once_while_commands_go_on()
    {
        var cluster = new RaftCluster(3);
        RaftNode leader = cluster.ElectLeader();
        long before = leader.Command("before");
        foreach (int id in (int[])[4, 5, 6])
            cluster.Join(id);
        long change = leader.Change(Voters(4, 5, 6));
        cluster.Until(() => leader.Replies.ContainsKey(change));
        Assert.True(leader.Replies.ContainsKey(before));
        cluster.Until(() => cluster.Leader is { } next && next.Id.Value > 3);
        RaftNode next = cluster.Leader!;
        long after = next.Command("after");
        cluster.Settle();
        Assert.Equal("after", next.Replies[after]);
        Assert.Equal(["before", "after"], next.Applied.Select(applied => applied.Command).Where(command => command is "before" or "after"));
    }

    [Fact]
    public void A_witness_is_counted_and_has_neither_commands_nor_state()
    {
        var cluster = new RaftCluster(2);
        RaftNode leader = cluster.ElectLeader();
        leader.Command("secret");
        RaftNode witness = cluster.Join(3);
        Assert.Equal("", cluster.Change(Members([1, 2], witnesses: [3])));
        cluster.Kill(leader.Id.Value == 1 ? 2 : 1);
        long id = leader.Command("with the witness");
        cluster.Run(Instant.Second);
        Assert.Equal("with the witness", leader.Replies[id]);
        Assert.Equal("witness", witness.Status.Role);
        Assert.Equal(leader.Status.LastIndex, witness.Status.LastIndex);
        Assert.DoesNotContain(witness.Recover().Log, batch => batch.Kind == EntryKind.Command);
        Assert.DoesNotContain(witness.Applied, applied => applied.Command.Length > 0 && applied.Command[0] >= ' ');
    }

    [Fact]
    public void A_damaged_voter_has_its_vote_back_once_a_change_names_it_again()
    {
        var cluster = new RaftCluster(3);
        RaftNode leader = cluster.ElectLeader();
        leader.Command("a");
        cluster.Settle();
        int victim = leader.Id.Value % 3 + 1;
        RaftNode again = cluster.Restart(victim, cluster[victim].Recover() with { Log = [], Damage = "lost" });
        cluster.Run(Instant.Second);
        Assert.False(again.Status.Voter);
        Assert.Equal("", cluster.Change(Voters(1, 2, 3)));
        cluster.Run(Instant.Second);
        Assert.True(again.Status.Voter);
        Assert.False(again.Standing.NonVoter);

        // It is counted again: with another one down the group goes on.
        cluster.Kill(Enumerable.Range(1, 3).First(id => id != victim && id != leader.Id.Value));
        long id = leader.Command("b");
        cluster.Run(Instant.Second);
        Assert.Equal("b", leader.Replies[id]);
    }

    [Fact]
    public void A_voter_whose_disk_was_replaced_learns_until_a_change_names_it_again()
    {
        var cluster = new RaftCluster(3);
        RaftNode leader = cluster.ElectLeader();
        leader.Command("a");
        cluster.Settle();
        int victim = leader.Id.Value % 3 + 1, other = Enumerable.Range(1, 3).First(id => id != victim && id != leader.Id.Value);
        RaftNode again = cluster.Replace(victim);
        cluster.Run(Instant.Second);
        Assert.Equal(leader.Applied, again.Applied);
        Assert.True(again.Standing.NonVoter);
        Assert.False(again.Status.Voter);

        // Its acknowledgements are worth nothing, and it elects nobody, after a restart neither.
        cluster.Kill(other);
        long alone = leader.Command("b", leader.Now + 2 * Instant.Second);
        cluster.Run(3 * Instant.Second);
        Assert.Equal(RejectReason.NoQuorum, leader.Rejections[alone].Reason);
        again = cluster.Restart(victim);
        cluster.Run(3 * Instant.Second);
        Assert.Null(cluster.Leader);

        cluster.Restart(other);
        Assert.Equal("", cluster.Change(Voters(1, 2, 3)));
        cluster.Run(Instant.Second);
        Assert.True(again.Status.Voter);
        Assert.False(again.Standing.NonVoter);
    }

    [Fact]
    public void Two_of_three_with_replaced_disks_elect_nobody()
    {
        var cluster = new RaftCluster(3);
        RaftNode leader = cluster.ElectLeader();
        leader.Command("a");
        cluster.Settle();
        cluster.Kill(leader.Id.Value);
        foreach (int id in Enumerable.Range(1, 3).Where(id => id != leader.Id.Value))
            cluster.Replace(id);
        cluster.Run(10 * Instant.Second);
        Assert.Null(cluster.Leader);
        Assert.DoesNotContain(cluster.Running, node => node.Status.Term > 0);
    }

    [Fact]
    public void One_replaces_the_only_one_and_has_its_vote_before_it_is_counted()
    {
        var cluster = new RaftCluster(1);
        RaftNode leader = cluster.ElectLeader();
        leader.Command("a");
        RaftNode joining = cluster.Join(4);
        Assert.Equal("", cluster.Change(Voters(4)));
        cluster.Run(3 * Instant.Second);
        Assert.Same(joining, cluster.Leader);
        Assert.Equal(["a"], joining.Applied.Select(applied => applied.Command).Where(command => command == "a"));
        RaftConfiguration[] steps = [.. joining.Recover().Log.Where(batch => batch.Kind == EntryKind.Configuration)
            .SelectMany(Configurations)];
        int pardoned = Array.FindIndex(steps, step => step.Pardons.Length > 0), counted = Array.FindIndex(steps, step => step.IsVoter(joining.Id));
        Assert.InRange(pardoned, 0, counted - 1);
    }

    [Fact]
    public void A_learner_that_came_with_an_empty_disk_gets_a_vote_while_a_voter_is_away_though_the_majority_needs_its_own()
    {
        var cluster = new RaftCluster(3);
        RaftNode leader = cluster.ElectLeader();
        RaftNode joining = cluster.Join(4);
        ReplicaId[] learner = [joining.Id];
        Assert.Equal("", cluster.Change(new Membership(Voters(1, 2, 3).Voters, learner)));
        cluster.Kill(cluster.Nodes.First(node => node != leader && node != joining).Id.Value);
        cluster.Run(Instant.Second);
        Assert.Equal("", cluster.Change(Voters(1, 2, 3, 4)));
        cluster.Run(Instant.Second);
        Assert.True(joining.Status.Voter);
    }

    [Fact]
    public void Leadership_goes_to_the_voter_that_is_named()
    {
        var cluster = new RaftCluster(3);
        RaftNode leader = cluster.ElectLeader();
        int to = leader.Id.Value % 3 + 1;
        long id = leader.Transfer(to);
        cluster.Until(() => leader.Replies.ContainsKey(id), Instant.Second);
        Assert.Equal(to, cluster.Leader!.Id.Value);
    }

    private static IEnumerable<RaftConfiguration> Configurations(EntryBatch batch)
    {
        var found = new List<RaftConfiguration>();
        foreach (ReadOnlyMemory<byte> payload in batch)
            found.Add(RaftConfiguration.Decode(payload));
        return found;
    }
}
