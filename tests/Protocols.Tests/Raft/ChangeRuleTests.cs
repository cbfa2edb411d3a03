using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Raft;

namespace ActorRepl.Protocols.Tests.Raft;

/// <summary>The rules of changes of members, on one replica at a time: section 6 with figures 10 and 11, thesis chapter 4.</summary>
public class ChangeRuleTests
{
    private static Membership Voters(params int[] ids) => new(Ids(ids));

    private static IEnumerable<ReplicaId> Ids(params int[] ids) => ids.Select(id => new ReplicaId(id));

    private static string LastMembers(RaftNode node) => new ConfigurationHistory(new RaftConfiguration(Ids(1, 2, 3))) is var history
        && node.Recover() is var recovered ? Fold(history, recovered) : "";

    private static string Fold(ConfigurationHistory history, RecoveredState recovered)
    {
        history.Reset(0, RaftConfiguration.Decode(recovered.Configuration), recovered.Log);
        return history.Current.ToString();
    }

    private static RaftNode Leader()
    {
        RaftNode leader = new RaftNode(1, 3).Start().Elect(2);
        leader.Acknowledge(2, 1);
        leader.Acknowledge(3, 1);
        leader.Sent.Clear();
        return leader;
    }

    private static EntryBatch Entry(long index, long term, RaftConfiguration configuration) =>
        EntryBatch.Pack(EntryKind.Configuration, index, term, 0, [configuration.Encode()]);

    // Figure 10: "Switching directly from one configuration to another is unsafe because different servers will switch at different times."
    [Fact]
    public void Figure_10_two_disjoint_majorities_exist_without_a_joint_configuration_and_none_with_it()
    {
        var old = new RaftConfiguration(Ids(1, 2, 3));
        var grown = new RaftConfiguration(Ids(1, 2, 3, 4, 5));
        Assert.True(old.HasQuorum(id => id.Value is 1 or 2) && grown.HasQuorum(id => id.Value is 3 or 4 or 5));
        RaftConfiguration joint = old.Toward(grown.Membership, []);
        Assert.False(joint.HasQuorum(id => id.Value is 3 or 4 or 5));
        Assert.False(joint.HasQuorum(id => id.Value is 1 or 2));
        Assert.True(joint.HasQuorum(id => id.Value is 1 or 2 or 4));
    }

    // Figure 11: C-new is created only once C-old,new is committed, and each is in force from its creation.
    [Fact]
    public void Figure_11_the_leader_first_creates_the_joint_entry_commits_it_and_then_creates_the_new_one()
    {
        RaftNode leader = Leader();
        long id = leader.Change(Voters(1, 2));
        Assert.Equal("n1,n2 from n1,n2,n3", LastMembers(leader));
        Assert.Equal(Ids(1, 2, 3), leader.Status.LeavingVoters);
        leader.Acknowledge(3, 2);
        Assert.Equal(1, leader.Status.CommitIndex);
        leader.Acknowledge(2, 2);
        Assert.Equal("n1,n2", LastMembers(leader));
        Assert.False(leader.Replies.ContainsKey(id));
        leader.Acknowledge(2, 3);
        Assert.Equal("", leader.Replies[id]);
        Assert.Empty(leader.Status.LeavingVoters);
    }

    // "a server always uses the latest configuration in its log, regardless of whether the entry is committed"
    [Fact]
    public void A_follower_uses_the_latest_configuration_in_its_log_and_takes_it_back_when_it_is_truncated()
    {
        RaftNode follower = new RaftNode(1, 3).Start();
        follower.Receive(2, new AppendRequest(1, 0, 0, 0, [Given.Batch(1, 1), Entry(2, 1, new RaftConfiguration(Ids(2, 3, 4)))]));
        Assert.Equal(Voters(2, 3, 4), follower.Status.Members);
        Assert.Equal(Voters(2, 3, 4), new RaftNode(1, 3, recovered: follower.Recover()).Start().Status.Members);
        follower.Receive(3, new AppendRequest(2, 1, 1, 0, [Given.Batch(2, 2)]));
        Assert.Equal(Voters(1, 2, 3), follower.Status.Members);
        Assert.Equal(Voters(1, 2, 3), new RaftNode(1, 3, recovered: follower.Recover()).Start().Status.Members);
    }

    [Fact]
    public void A_change_waits_until_an_entry_of_the_leaders_own_term_is_committed()
    {
        RaftNode leader = new RaftNode(1, 3).Start().Elect(2);
        leader.Receive(2, new HeartbeatReply(1, default(Standing), 0));
        leader.Change(Voters(1, 2));
        Assert.Equal("n1,n2,n3", LastMembers(leader));
        leader.Acknowledge(2, 1);
        Assert.Equal("n1,n2 from n1,n2,n3", LastMembers(leader));
    }

    [Fact]
    public void One_change_at_a_time_and_the_second_is_certainly_not_made()
    {
        RaftNode leader = Leader();
        leader.Change(Voters(1, 2));
        long second = leader.Change(Voters(1, 3));
        Assert.True(leader.Rejections[second] is { Reason: RejectReason.Overloaded, OutcomeUnknown: false });
    }

    [Theory]
    [InlineData(new[] { 1 }, new[] { 9 }, RejectReason.Invalid)]
    [InlineData(new[] { 1, 3 }, new int[0], RejectReason.NoQuorum)]
    [InlineData(new[] { 1, 2 }, new[] { 3 }, RejectReason.Invalid)]
    public void What_would_lose_the_quorum_or_the_state_is_refused_for_certain(int[] voters, int[] witnesses, RejectReason reason)
    {
        RaftNode leader = Leader();
        for (int i = 0; i < 20; i++)
        {
            leader.Pass(RaftOptions.Default.HeartbeatMicros);
            leader.Receive(2, new HeartbeatReply(1, default(Standing), 0));
        }

        long id = leader.Change(new Membership(Ids(voters), witnesses: Ids(witnesses)));
        Assert.True(leader.Rejections[id].Reason == reason && !leader.Rejections[id].OutcomeUnknown, leader.Rejections[id].Detail);
        Assert.NotEmpty(leader.Rejections[id].Detail!);
        Assert.Equal("n1,n2,n3", LastMembers(leader));
    }

    // Thesis 4.2.1: a new server that is unavailable never catches up.
    [Fact]
    public void One_who_never_answers_fails_the_change_by_name_at_its_deadline_and_stays_a_learner()
    {
        var cluster = new RaftCluster(3);
        Assert.Contains("n7 did not answer or catch up in time", cluster.Change(Voters(1, 2, 3, 7), 2 * Instant.Second), StringComparison.Ordinal);
        Assert.Equal(Ids(7), cluster.Leader!.Status.Members!.Learners);
        Assert.Equal(Ids(1, 2, 3), cluster.Leader.Status.Members.Voters);
    }

    [Fact]
    public void A_new_leader_completes_a_joint_configuration_that_it_finds()
    {
        RaftConfiguration joint = new RaftConfiguration(Ids(1, 2, 3)).Toward(Voters(1, 2), []);
        RaftNode next = new RaftNode(1, 3, recovered: Given.Log(1) with { Log = [Given.Batch(1, 1), Entry(2, 1, joint)] }).Start().Elect(2);
        Assert.Equal("n1,n2 from n1,n2,n3", LastMembers(next));
        next.Acknowledge(2, 3);
        Assert.Equal("n1,n2", LastMembers(next));
    }

    // Thesis 4.2.2: "a server that is not part of its own latest configuration should still start new elections"
    [Fact]
    public void Who_is_not_part_of_its_latest_configuration_still_campaigns_while_that_is_not_committed()
    {
        RaftConfiguration joint = new RaftConfiguration(Ids(1, 2, 3)).Toward(Voters(2, 3), []);
        EntryBatch[] log = [Given.Batch(1, 1), Entry(2, 1, joint), Entry(3, 1, joint.Alone())];
        RaftNode left = new RaftNode(1, 3, recovered: Given.Log(1) with { Log = log }).Start();
        left.Pass(RaftOptions.Default.ElectionMaxMicros);
        Assert.Equal(Ids(2, 3), left.Take<VoteRequest>().Select(sent => sent.To));
    }

    [Fact]
    public void A_checkpoint_holds_the_configuration_in_force_at_its_index_and_not_a_later_one()
    {
        RaftNode follower = new RaftNode(1, 3, RaftOptions.Default with { CheckpointEntries = 1 }).Start();
        follower.Receive(2, new AppendRequest(1, 0, 0, 1, [Given.Batch(1, 1), Entry(2, 1, new RaftConfiguration(Ids(1, 2, 3, 4)))]));
        Assert.Equal(1, follower.Saved!.Index);
        Assert.Equal("n1,n2,n3", RaftConfiguration.Decode(follower.Saved.Configuration).ToString());
        Assert.Equal(Voters(1, 2, 3, 4), new RaftNode(1, 3, recovered: follower.Recover()).Start().Status.Members);
    }

    [Fact]
    public void One_that_asks_for_votes_and_was_removed_is_told_so_and_asks_no_more()
    {
        RaftNode member = new RaftNode(2, 3).Start();
        member.Receive(3, new AppendRequest(1, 0, 0, 1, [Entry(1, 1, new RaftConfiguration(Ids(2, 3)))]));
        member.Sent.Clear();
        member.Pass(Instant.Second);
        member.Sent.Clear();
        member.Receive(1, Given.PreVote(1));
        Removed told = member.TakeOne<Removed>();

        RaftNode removed = new RaftNode(1, 3).Start();
        removed.Receive(2, told);
        Assert.Equal("removed", removed.Status.Role);
        removed.Pass(5 * Instant.Second);
        Assert.Empty(removed.Sent);
    }

    [Fact]
    public void A_pardon_is_for_one_loss_and_no_other()
    {
        RaftNode lost = new RaftNode(1, 3, recovered: Given.Log(1, 1) with { Damage = "gone" }).Start();
        long loss = lost.Standing.Loss;
        RaftConfiguration without = new(Ids(2, 3));
        RaftConfiguration wrong = without.Toward(Voters(1, 2, 3), [new Pardon(new ReplicaId(1), loss + 1)]);
        lost.Receive(2, new AppendRequest(2, 1, 1, 0, [Entry(2, 2, without), Entry(3, 2, wrong)]));
        Assert.False(lost.Status.Voter);
        RaftConfiguration right = without.Toward(Voters(1, 2, 3), [new Pardon(new ReplicaId(1), loss)]);
        lost.Receive(2, new AppendRequest(2, 3, 2, 0, [Entry(4, 2, right)]));
        Assert.True(lost.Status.Voter);
        Assert.Equal(new ReplicaId(2), HardState.Decode(lost.Recover().HardState).Vote);
    }

    [Fact]
    public void A_leader_gives_way_to_a_voter_of_higher_priority_that_keeps_up_and_to_no_other()
    {
        var options = RaftOptions.Default with { Priorities = new Dictionary<ReplicaId, int> { [new(2)] = 5 }, PriorityPatienceMicros = 2 * Instant.Second };
        var cluster = new RaftCluster(3, options);
        cluster.Until(() => cluster.Leader?.Id.Value == 2);
        cluster.Run(10 * Instant.Second);
        Assert.Equal(2, cluster.Leader!.Id.Value);
    }

    [Fact]
    public void A_transfer_to_one_that_cannot_lead_or_does_not_answer_is_refused_with_the_reason()
    {
        RaftNode leader = Leader();
        Assert.Equal(RejectReason.Invalid, leader.Rejections[leader.Transfer(9)].Reason);
        leader.Step(new Input.Requests([leader.Request(RequestKind.Transfer, "x")]));
        Assert.Equal(RejectReason.Invalid, leader.Rejections[leader.Id.Value * 1_000_000 + leader.LastRequest].Reason);
        Assert.Equal("", leader.Replies[leader.Transfer(1)]);
        Assert.Equal(RejectReason.NotLeader, new RaftNode(2, 3).Start() is var follower ? follower.Rejections[follower.Transfer(1)].Reason : default);
    }
}
