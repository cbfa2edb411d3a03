using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Raft;

namespace ActorRepl.Protocols.Tests.Raft;

/// <summary>Section 7 of the paper: checkpoints instead of an ever longer log.</summary>
public class CheckpointTests
{
    private static readonly RaftOptions Small = new() { CheckpointEntries = 10, KeepEntries = 3 };

    private static RaftNode Leader(RaftOptions? options = null)
    {
        RaftNode leader = new RaftNode(1, 3, options ?? Small).Start().Elect(2);
        leader.Acknowledge(2, 1);
        return leader;
    }

    private static void Write(RaftNode leader, int count, int acknowledgedBy = 2)
    {
        for (int i = 0; i < count; i++)
        {
            leader.Command($"c{leader.Status.LastIndex + 1}");
            if (acknowledgedBy > 0)
                leader.Acknowledge(acknowledgedBy, leader.Status.LastIndex);
        }
    }

    private static RaftCluster LongAgo(out RaftNode leader, out RaftNode behind)
    {
        var cluster = new RaftCluster(3, Small);
        leader = cluster.ElectLeader();
        ReplicaId led = leader.Id;
        behind = cluster.Nodes.First(node => node.Id != led);
        cluster.Isolate(behind.Id.Value);
        for (int i = 0; i < 40; i++)
        {
            leader.Command($"c{i}");
            cluster.Settle();
        }

        Assert.True(leader.Status.CheckpointIndex > 10);
        return cluster;
    }

    [Fact]
    public void A_checkpoint_is_asked_for_after_so_many_applied_entries_and_again_after_as_many()
    {
        RaftNode leader = Leader();
        Write(leader, 8);
        Assert.Equal(0, leader.Status.CheckpointIndex);
        Write(leader, 1);
        Assert.Equal(10, leader.Status.CheckpointIndex);
        Write(leader, 9);
        Assert.Equal(10, leader.Status.CheckpointIndex);
        Write(leader, 1);
        Assert.Equal(20, leader.Status.CheckpointIndex);
    }

    [Fact]
    public void A_checkpoint_is_asked_for_after_so_many_applied_bytes()
    {
        RaftNode leader = Leader(new RaftOptions { CheckpointBytes = 2000 });
        for (int i = 0; i < 3; i++)
        {
            Assert.Equal(0, leader.Status.CheckpointIndex);
            leader.Command(new string('x', 800));
            leader.Acknowledge(2, leader.Status.LastIndex);
        }

        Assert.Equal(4, leader.Status.CheckpointIndex);
    }

    [Fact]
    public void A_checkpoint_holds_hard_state_configuration_and_the_log_that_is_not_applied()
    {
        RaftNode leader = Leader();
        leader.AnswersCheckpoints = false;
        Write(leader, 8);
        leader.Command("last applied");
        leader.Commands(null, "open", "open too");
        leader.Acknowledge(2, 10);

        CheckpointRequest request = leader.Saving!.Request;
        Assert.Equal((10L, 1L), (request.Index, request.Term));
        Assert.Equal(new HardState(1, leader.Id, false), HardState.Decode(request.HardState));
        Assert.Equal([1, 2, 3], RaftConfiguration.Decode(request.Configuration).Voters.Select(id => id.Value));
        EntryBatch tail = Assert.Single(request.Tail);
        Assert.Equal((11L, 12L), (tail.FirstIndex, tail.LastIndex));
    }

    [Fact]
    public void A_replica_that_starts_from_checkpoint_and_records_goes_on_where_it_was()
    {
        RaftNode leader = Leader();
        Write(leader, 14);
        Write(leader, 2, acknowledgedBy: 0);
        RecoveredState recovered = leader.Recover();
        Assert.Null(recovered.Damage);
        RaftNode again = new RaftNode(1, 3, Small, recovered) { Applied = [.. leader.SavedState] }.Start();
        Assert.Equal((leader.Status.LastIndex, 10L, 10L, leader.Status.Term), (again.Status.LastIndex, again.Status.CommitIndex, again.Status.AppliedIndex, again.Status.Term));

        again.Elect(3);
        again.Acknowledge(3, again.Status.LastIndex);
        Assert.Equal(again.Status.LastIndex, again.Applied.Count);
    }

    [Fact]
    public void One_checkpoint_is_taken_at_a_time_and_the_log_stays_until_it_is_saved()
    {
        RaftNode leader = Leader();
        leader.AnswersCheckpoints = false;
        Write(leader, 30);
        Assert.Single(leader.Seen.OfType<Effect.Checkpoint>());
        leader.Receive(3, new AppendReply(1, success: false, nonVoter: false, 0, 0, 0));
        leader.FinishCheckpoint();
        Assert.Equal(2, leader.Seen.OfType<Effect.Checkpoint>().Count());
    }

    [Fact]
    public void A_checkpoint_that_failed_is_tried_again_after_a_while()
    {
        RaftNode leader = Leader();
        leader.AnswersCheckpoints = false;
        Write(leader, 9);
        leader.Step(new Input.CheckpointFailed(10, "no room"));
        Write(leader, 5);
        Assert.Single(leader.Seen.OfType<Effect.Checkpoint>());
        Assert.Contains(leader.Reports, report => report.Contains("no room", StringComparison.Ordinal));
        leader.Pass(Small.CheckpointRetryMicros);
        Assert.Equal(2, leader.Seen.OfType<Effect.Checkpoint>().Count());
    }

    [Fact]
    public void A_follower_a_little_late_is_sent_entries_kept_behind_the_checkpoint()
    {
        RaftNode leader = Leader();
        Write(leader, 7);
        leader.Acknowledge(3, 8);
        Write(leader, 2);
        leader.Sent.Clear();
        leader.Pass(60 * RaftNode.Ms);
        leader.Receive(3, new AppendReply(1, success: false, nonVoter: false, 9, 8, 1));
        Assert.DoesNotContain(leader.Sent, sent => sent.Message is CheckpointOffer);
        Assert.Contains(leader.Sent, sent => sent.To.Value == 3 && sent.Message is AppendRequest { PrevIndex: 8 });
    }

    [Theory]
    [InlineData(true, 0)]
    [InlineData(false, 0)]
    [InlineData(true, 20_000)]
    public void A_checkpoint_that_a_follower_pulls_is_kept_until_it_has_it_or_is_gone_or_the_log_grows_too_long(bool answers, int bytes)
    {
        RaftNode leader = Leader(Small with { MaxLogBytes = 100_000, CheckpointBytes = 50_000, KeepBytes = 0, MaxBatchBytes = 10_000 });
        Write(leader, 19);
        leader.Receive(3, new AppendReply(1, success: false, nonVoter: false, 0, 0, 0));
        Assert.Contains(leader.Sent, sent => sent.To.Value == 3 && sent.Message is CheckpointOffer { Index: 20 });
        if (!answers)
            leader.Now += Small.ElectionMaxMicros;
        for (int i = 0; bytes > 0 && i < 5; i++)
        {
            leader.Command(new string('x', bytes));
            leader.Acknowledge(2, leader.Status.LastIndex);
        }

        Write(leader, 30);
        if (!answers || bytes > 0)
        {
            Assert.True(leader.Status.CheckpointIndex > 20);
            return;
        }

        Assert.Equal(20, leader.Status.CheckpointIndex);
        leader.Acknowledge(3, 20);
        Assert.Equal(50, leader.Status.CheckpointIndex);
    }

    [Fact]
    public void The_leader_offers_its_checkpoint_when_it_has_discarded_the_next_entry_a_follower_needs()
    {
        RaftCluster cluster = LongAgo(out RaftNode leader, out RaftNode behind);
        cluster.Heal();
        cluster.Run(Instant.Second);

        Assert.Single(behind.Seen.OfType<Effect.Install>());
        Assert.Equal(leader.Applied, behind.Applied);
        Assert.Equal(leader.Status.LastIndex, leader.Status.Followers[behind.Id]);
        Assert.Equal("leader", leader.Status.Role);
    }

    [Fact]
    public void A_follower_that_installed_a_checkpoint_recovers_from_it()
    {
        RaftCluster cluster = LongAgo(out RaftNode leader, out RaftNode behind);
        cluster.Heal();
        cluster.Run(Instant.Second);
        leader.Command("after");
        cluster.Settle();
        RaftNode again = cluster.Restart(behind.Id.Value);
        Assert.Null(again.Recovered.Damage);
        cluster.Run(Instant.Second);
        Assert.Equal(leader.Applied, again.Applied);
    }

    [Fact]
    public void If_the_follower_has_an_entry_with_the_checkpoints_last_index_and_term_it_retains_what_follows()
    {
        RaftNode follower = new RaftNode(1, 3, recovered: Given.Log(2, 1, 1, 2, 2, 2)).Start();
        follower.Receive(2, new CheckpointOffer(2, 3, 2));
        Assert.Equal(new Effect.Fetch(new ReplicaId(2), 3), follower.Fetching);
        follower.Step(new Input.TransferReady(new ReplicaId(2), Given.Manifest(3, 2, 7)));
        Assert.Equal((4L, 5L), (follower.Installing!.Request.Tail[0].FirstIndex, follower.Installing.Request.Tail[0].LastIndex));
        follower.FinishInstall([(1, 1, "1@1"), (2, 1, "2@1"), (3, 2, "3@2")]);

        Assert.Equal((5L, 3L, 3L), (follower.Status.LastIndex, follower.Status.CommitIndex, follower.Status.AppliedIndex));
        Assert.True(follower.TakeOne<AppendReply>() is { Success: true, Index: 3 });
    }

    [Fact]
    public void If_the_checkpoint_conflicts_with_the_log_the_follower_discards_its_entire_log()
    {
        RaftNode follower = new RaftNode(1, 3, recovered: Given.Log(3, 1, 1, 2, 2, 2)).Start();
        follower.Receive(2, new CheckpointOffer(3, 3, 3));
        follower.Step(new Input.TransferReady(new ReplicaId(2), Given.Manifest(3, 3, 7)));
        Assert.Empty(follower.Installing!.Request.Tail);
        follower.FinishInstall([(1, 1, "1@1"), (2, 1, "2@1"), (3, 3, "3@3")]);
        Assert.Equal((3L, 3L), (follower.Status.LastIndex, follower.Status.CommitIndex));
    }

    [Fact]
    public void An_offer_of_what_the_follower_has_is_acknowledged_and_not_fetched()
    {
        RaftNode follower = new RaftNode(1, 3, recovered: Given.Log(1, 1, 1, 1)).Start();
        follower.Receive(2, Given.Append(1, 3, 1, 3));
        follower.Sent.Clear();
        follower.Receive(2, new CheckpointOffer(1, 2, 1));
        Assert.Null(follower.Fetching);
        Assert.True(follower.TakeOne<AppendReply>() is { Success: true, Index: 3 });
    }

    [Fact]
    public void An_offer_is_followed_once_however_often_it_is_repeated()
    {
        RaftNode follower = new RaftNode(1, 3).Start();
        for (int i = 0; i < 3; i++)
            follower.Receive(2, new CheckpointOffer(1, 20, 1));
        Assert.Single(follower.Seen.OfType<Effect.Fetch>());
        follower.Step(new Input.TransferFailed(new ReplicaId(2), 20, "gone"));
        follower.Receive(2, new CheckpointOffer(1, 20, 1));
        Assert.Equal(2, follower.Seen.OfType<Effect.Fetch>().Count());
    }

    [Fact]
    public void A_new_leaders_offer_takes_the_place_of_a_dead_ones()
    {
        RaftNode follower = new RaftNode(1, 3).Start();
        follower.Receive(2, new CheckpointOffer(1, 20, 1));
        follower.Receive(3, new CheckpointOffer(2, 25, 1));
        Assert.Equal([typeof(Effect.Fetch), typeof(Effect.Abandon), typeof(Effect.Fetch)],
            follower.Seen.Where(effect => effect is Effect.Fetch or Effect.Abandon).Select(effect => effect.GetType()));
        Assert.Equal(new ReplicaId(3), follower.Fetching!.From);
    }

    [Fact]
    public void A_checkpoint_the_log_has_got_past_meanwhile_is_abandoned()
    {
        RaftNode follower = new RaftNode(1, 3).Start();
        follower.Receive(2, new CheckpointOffer(1, 2, 1));
        follower.Receive(2, Given.Append(1, 0, 0, 3, 1, 1, 1));
        follower.Step(new Input.TransferReady(new ReplicaId(2), Given.Manifest(2, 1, 3)));
        Assert.Contains(follower.Seen, effect => effect is Effect.Abandon);
        Assert.Null(follower.Installing);
    }

    [Fact]
    public void While_it_installs_a_replica_takes_no_entries_applies_none_and_does_not_campaign()
    {
        RaftNode follower = new RaftNode(1, 3).Start();
        follower.Receive(2, new CheckpointOffer(1, 20, 1));
        follower.Step(new Input.TransferReady(new ReplicaId(2), Given.Manifest(20, 1, 3)));
        follower.Sent.Clear();
        follower.Receive(2, Given.Append(1, 0, 0, 1, 1));
        Assert.Empty(follower.Sent);
        Assert.Empty(follower.Applied);
        follower.Receive(2, new Heartbeat(1, 0, 5));
        Assert.Equal(5, follower.TakeOne<HeartbeatReply>().Round);
        follower.Pass(3 * Instant.Second);
        Assert.Empty(follower.Sent);
    }

    [Fact]
    public void A_former_leaders_commands_that_a_checkpoint_passed_over_are_unknown()
    {
        RaftNode leader = Leader();
        long id = leader.Command("a");
        leader.Receive(3, new CheckpointOffer(2, 20, 2));
        leader.Step(new Input.TransferReady(new ReplicaId(3), Given.Manifest(20, 2, 3)));
        leader.FinishInstall(Enumerable.Range(1, 20).Select(index => ((long)index, 1L, "")));
        Assert.True(leader.Rejections[id] is { Reason: RejectReason.NoQuorum, OutcomeUnknown: true });
    }
}
