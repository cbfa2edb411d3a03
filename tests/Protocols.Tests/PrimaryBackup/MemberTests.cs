using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Modes;
using ActorRepl.Protocols.PrimaryBackup;

namespace ActorRepl.Protocols.Tests.PrimaryBackup;

/// <summary>Changes of the sync set and of the members, switchover, and members with a part of their own.</summary>
public class MemberTests
{
    private const long Second = Instant.Second;

    private static ReplicaId[] Ids(params int[] ids) => [.. ids.Select(id => new ReplicaId(id))];

    [Fact]
    public void A_backup_that_is_gone_leaves_the_sync_set_and_comes_back_when_it_has_caught_up()
    {
        var cluster = new BackupCluster(3);
        BackupNode primary = cluster.Ready();
        cluster.Kill(3);
        cluster.Until(() => !primary.Status.SyncSet.Contains(new ReplicaId(3)));
        Assert.Equal("a", cluster.Write("a"));
        cluster.Restart(3);
        cluster.Until(() => primary.Status.SyncSet.Count == 3);
        Assert.Equal("a", cluster[3].State);
        Assert.Equal(Ids(1, 2, 3), cluster.Ready().Status.SyncSet);
    }

    [Fact]
    public void With_all_backups_gone_the_primary_goes_on_alone_in_a_later_epoch()
    {
        var cluster = new BackupCluster(3);
        BackupNode primary = cluster.Ready();
        cluster.Kill(2, 3);
        cluster.Until(() => primary.Status.SyncSet.Count == 1 && primary.Replica.CommitIndex == primary.Status.LastIndex);
        long write = primary.Command("a", new WriteConcern(AckLevel.Async));
        cluster.Settle();
        Assert.Equal("a", primary.Replies[write]);
        cluster.Kill(1);
        cluster.Restart(2);
        cluster.Restart(3);
        cluster.Run(5 * Second);
        Assert.Null(cluster.Primary);
        cluster.Restart(1);
        cluster.Until(() => cluster.Primary is not null);
        Assert.Equal("b", cluster.Write("b"));
        Assert.Equal("a,b", cluster.Primary!.State);
    }

    [Fact]
    public void A_new_member_is_bootstrapped_while_writes_go_on()
    {
        var cluster = new BackupCluster(3);
        BackupNode primary = cluster.Ready();
        for (int i = 0; i < 20; i++)
            cluster.Write($"{i}");
        cluster.Join(4);
        Assert.Equal("", cluster.Answer(primary, primary.Change(new Membership(Ids(1, 2, 3), Ids(4)))));
        cluster.Run(Second);
        Assert.Equal(primary.State, cluster[4].State);
        Assert.Equal("read-only", cluster[4].Status.Role);
        Assert.Equal("", cluster.Answer(primary, primary.Change(new Membership(Ids(1, 2, 4)))));
        cluster.Until(() => primary.Status.SyncSet.SequenceEqual(Ids(1, 2, 4)));
        Assert.Equal(new Membership(Ids(1, 2, 4)), primary.Status.Members);
        cluster.Kill(1);
        cluster.Until(() => cluster.Primary is { Replica.Epoch: var epoch } && epoch == cluster.Epoch && cluster.Primary.Id.Value != 1);
        Assert.NotEqual(3, cluster.Primary!.Id.Value);
    }

    [Fact]
    public void A_primary_that_is_to_leave_gives_its_place_away_first()
    {
        var cluster = new BackupCluster(3);
        BackupNode primary = cluster.Ready();
        Assert.Equal("NotLeader", cluster.Answer(primary, primary.Change(new Membership(Ids(2, 3)))));
        cluster.Until(() => cluster.Primary is { Id.Value: not 1 });
        BackupNode next = cluster.Ready();
        Assert.Equal("", cluster.Answer(next, next.Change(new Membership(Ids(2, 3)))));
        Assert.Equal(new Membership(Ids(2, 3)), next.Status.Members);
    }

    [Fact]
    public void A_switchover_fails_no_command()
    {
        var cluster = new BackupCluster(3);
        BackupNode primary = cluster.Ready();
        long before = primary.Command("a");
        cluster.LosesProposals = true;
        long transfer = primary.Transfer(2);
        cluster.Run(20 * BackupNode.Ms);
        long during = primary.Command("b"), read = primary.Read();
        cluster.Run(20 * BackupNode.Ms);
        Assert.Equal("a", primary.Replies[before]);
        Assert.DoesNotContain(during, primary.Rejections.Keys);
        Assert.DoesNotContain(read, primary.Served);
        cluster.LosesProposals = false;
        Assert.Equal("", cluster.Answer(primary, transfer));
        Assert.Equal(new Rejection(RejectReason.NotLeader, Leader: new ReplicaId(2), Detail: primary.Rejections[during].Detail), primary.Rejections[during]);
        Assert.Equal(2, cluster.Ready().Id.Value);
        Assert.Equal("b", cluster.Write("b"));
        Assert.Equal("a,b", cluster[2].State);
    }

    [Fact]
    public void Until_the_outcome_of_a_proposal_is_known_only_what_meets_both_views_is_acknowledged()
    {
        var cluster = new BackupCluster(3);
        BackupNode primary = cluster.Ready();
        cluster.LosesProposals = true;
        cluster.Kill(2);
        cluster.Run(Second);
        // A view without n2 is proposed: from now on n3 must have what is acknowledged, whatever n2 does.
        cluster.Restart(2);
        cluster.Kill(3);
        long write = primary.Command("a"), async = primary.Command("b", new WriteConcern(AckLevel.Async));
        cluster.Run(2 * Second);
        Assert.Empty(primary.Replies);
        cluster.Restart(3);
        Assert.Equal("a", cluster.Answer(primary, write));
        Assert.Equal("b", cluster.Answer(primary, async));
    }

    [Fact]
    public void While_the_control_group_is_away_nothing_is_proposed_and_whoever_is_left_is_enough()
    {
        var cluster = new BackupCluster(3);
        BackupNode primary = cluster.Ready();
        cluster.ControlWorks = false;
        cluster.Kill(2);
        cluster.Run(Second);
        cluster.Restart(2);
        cluster.Run(Second);
        cluster.Kill(3);
        Assert.Equal("a", cluster.Write("a"));
        cluster.Run(60 * Second);
        Assert.Equal("b", cluster.Write("b"));
        Assert.Equal(0, primary.Replica.Epoch);
        cluster.ControlWorks = true;
        cluster.Until(() => primary.Status.SyncSet.SequenceEqual(Ids(1, 2)));
        Assert.Equal("c", cluster.Write("c"));
    }

    [Fact]
    public void With_the_control_group_away_a_switchover_is_given_up_and_holds_no_command()
    {
        var cluster = new BackupCluster(3);
        BackupNode primary = cluster.Ready();
        cluster.Run(Second);
        cluster.ControlWorks = false;
        long transfer = primary.Transfer(2);
        Assert.Equal("a", cluster.Write("a"));
        Assert.Equal("NoQuorum", cluster.Answer(primary, transfer));
        Assert.Equal("b", cluster.Write("b"));
    }

    [Fact]
    public void What_the_control_group_does_not_answer_is_said_again_less_and_less_often()
    {
        var cluster = new BackupCluster(3);
        BackupNode primary = cluster.Ready();
        cluster.LosesProposals = true;
        cluster.Kill(2);
        cluster.Run(Second);
        int first = cluster.Proposed;
        Assert.InRange(first, 1, 3);
        cluster.Run(60 * Second);
        Assert.InRange(cluster.Proposed - first, 10, 25);
        cluster.LosesProposals = false;
        cluster.Until(() => primary.Status.SyncSet.Count == 2, limit: 4 * Second);
    }

    [Fact]
    public void Nor_does_one_that_takes_over_repeat_what_nobody_installs()
    {
        var cluster = new BackupCluster(3);
        cluster.Ready();
        cluster.LosesProposals = true;
        cluster.Kill(1);
        cluster.Run(60 * Second);
        Assert.InRange(cluster.Proposed, 10, 80);
        cluster.LosesProposals = false;
        cluster.Until(() => cluster.Primary is not null, limit: 4 * Second);
    }

    [Fact]
    public void Members_of_a_shard_that_was_just_made_may_start_one_after_the_other()
    {
        var cluster = new BackupCluster(3, late: [2, 3]);
        cluster.Run(2 * Second);
        cluster.Appear(2);
        cluster.Run(2 * Second);
        cluster.Appear(3);
        Assert.Equal("a", cluster.Write("a"));
        cluster.Run(2 * Second);
        Assert.Equal((0, 3), (cluster[1].Replica.Epoch, cluster[1].Status.SyncSet.Count));
    }

    [Fact]
    public void The_first_primary_may_be_the_last_to_start()
    {
        var cluster = new BackupCluster(3, late: [1]);
        cluster.Run(3 * Second);
        cluster.Appear(1);
        Assert.Equal("a", cluster.Write("a"));
        Assert.Equal((0, 1), (cluster[1].Replica.Epoch, cluster.Primary!.Id.Value));
    }

    [Fact]
    public void The_mode_is_target_only_with_all_members_in_sync_that_can_be()
    {
        var options = new PrimaryBackupOptions { Parts = new Dictionary<ReplicaId, MemberPart> { [new(4)] = new(DelayMillis: 1_000) } };
        var cluster = new BackupCluster(4, options);
        BackupNode primary = cluster.Ready();
        cluster.Run(Second);
        Assert.Equal(ReplicaMode.Target, primary.Status.Mode);
        cluster.Kill(4);
        cluster.Run(Second);
        Assert.Equal(ReplicaMode.Target, primary.Status.Mode);
        cluster.Kill(3);
        cluster.Until(() => primary.Status.SyncSet.Count == 2);
        cluster.Run(Second);
        Assert.Equal(ReplicaMode.Degraded, primary.Status.Mode);
        Assert.Contains("1 followers in sync and healthy, 2 are asked for (n3 Dead, not in sync)", primary.Status.ModeReason, StringComparison.Ordinal);
        cluster.Kill(2);
        cluster.Until(() => primary.Status.SyncSet.Count == 1);
        cluster.Run(Second);
        Assert.Equal(ReplicaMode.Floor, primary.Status.Mode);
        Assert.Equal("a", cluster.Write("a"));
        cluster.Restart(2);
        cluster.Restart(3);
        cluster.Until(() => primary.Status.Mode == ReplicaMode.Target, 30 * Second);
    }

    [Fact]
    public void At_the_floor_a_shard_that_is_to_be_read_only_takes_no_commands()
    {
        var cluster = new BackupCluster(2, new PrimaryBackupOptions { Modes = new ModeOptions { AtFloor = FloorPolicy.ReadOnly } });
        BackupNode primary = cluster.Ready();
        cluster.Kill(2);
        cluster.Until(() => primary.Status.SyncSet.Count == 1);
        cluster.Run(Second);
        Assert.Equal("NoQuorum", cluster.Write("a"));
        cluster.Restart(2);
        cluster.Until(() => primary.Status.Mode == ReplicaMode.Target, 30 * Second);
        Assert.Equal("b", cluster.Write("b"));
    }

    [Fact]
    public void A_delayed_member_applies_late_and_has_the_log_at_once()
    {
        var cluster = new BackupCluster(3, new PrimaryBackupOptions { Parts = new Dictionary<ReplicaId, MemberPart> { [new(3)] = new(DelayMillis: 5_000) } });
        BackupNode primary = cluster.Ready();
        Assert.Equal(Ids(1, 2), primary.Status.SyncSet);
        cluster.Write("a");
        cluster.Run(4 * Second);
        Assert.Equal("", cluster[3].State);
        Assert.Equal(primary.Replica.LastPosition, cluster[3].Replica.LastPosition);
        cluster.Run(2 * Second);
        Assert.Equal("a", cluster[3].State);
        Assert.Equal("delayed", cluster[3].Status.Role);
    }

    [Fact]
    public void A_cascaded_member_follows_another_one_and_the_primary_while_that_is_gone()
    {
        var cluster = new BackupCluster(4, new PrimaryBackupOptions { Parts = new Dictionary<ReplicaId, MemberPart> { [new(4)] = new(Upstream: new ReplicaId(3)) } });
        BackupNode primary = cluster.Ready();
        cluster.Run(Second);
        primary.Sent.Clear();
        primary.Command("a");
        Assert.DoesNotContain(primary.Sent, sent => sent is { To.Value: 4, Message: Append });
        cluster.Run(Second);
        Assert.Equal("a", cluster[4].State);
        cluster.Kill(3);
        cluster.Run(Second);
        cluster.Write("b");
        cluster.Run(Second);
        Assert.Equal("a,b", cluster[4].State);
    }

    [Fact]
    public void Progress_says_how_far_each_follower_has_got()
    {
        var cluster = new BackupCluster(3);
        BackupNode primary = cluster.Ready();
        cluster.Write("a");
        cluster.Run(Second);
        FollowerProgress two = primary.Status.Progress.Single(follower => follower.Id.Value == 2);
        Assert.Equal(new FollowerProgress(new ReplicaId(2), 2, 2, 2, 2) { InSync = true, CatchUpMicros = two.CatchUpMicros }, two);
        Assert.Equal(ReplicaMode.Target, primary.Status.Mode);
        cluster.Kill(2);
        primary.Command("b");
        cluster.Run(Second);
        two = primary.Status.Progress.Single(follower => follower.Id.Value == 2);
        Assert.True(two is { Durable: 2, LagEntries: > 0, LagBytes: > 0, LagMicros: > 0, MissedBeats: > 10, InSync: false });
    }

    [Fact]
    public void A_follower_that_is_far_behind_gets_a_checkpoint_and_then_the_log()
    {
        var cluster = new BackupCluster(3, new PrimaryBackupOptions { CheckpointEntries = 10, KeepEntries = 2, KeepBytes = 0, SlotBytes = 0 });
        cluster.Ready();
        cluster.Kill(3);
        for (int i = 0; i < 50; i++)
            cluster.Write($"{i}");
        cluster.Restart(3);
        cluster.Until(() => cluster[3].State == cluster.Primary!.State);
        Assert.Contains(cluster[3].Reports, report => report.StartsWith("installed a checkpoint", StringComparison.Ordinal));
    }

    [Fact]
    public void A_slot_holds_the_log_for_a_member_that_is_away_up_to_a_limit()
    {
        var cluster = new BackupCluster(3, new PrimaryBackupOptions { CheckpointEntries = 10, KeepEntries = 1_000_000, KeepBytes = 0, SlotBytes = 1 << 20 });
        cluster.Ready();
        cluster.Kill(3);
        for (int i = 0; i < 50; i++)
            cluster.Write($"{i}");
        cluster.Restart(3);
        cluster.Until(() => cluster[3].State == cluster.Primary!.State);
        Assert.DoesNotContain(cluster[3].Reports, report => report.StartsWith("installed a checkpoint", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void What_is_not_in_memory_any_more_is_read_back_from_the_WAL_for_a_follower_also_after_the_primary_has_started_again(bool restarts)
    {
        BackupCluster cluster = BehindByFifty(all => all);
        if (restarts)
        {
            int primary = cluster.Primary!.Id.Value;
            cluster.Kill(primary);
            cluster.Restart(primary);
            cluster.Ready();
        }

        cluster.Restart(3);
        cluster.Until(() => cluster[3].State == cluster.Primary!.State);
        Assert.DoesNotContain(cluster[3].Reports, report => report.StartsWith("installed a checkpoint", StringComparison.Ordinal));
        Assert.True(cluster.Primary!.RangesRead > 0);
        cluster.Until(() => cluster.Primary!.Status.SyncSet.Count == 3, what: "it is in sync again");
    }

    [Fact]
    public void What_the_WAL_has_of_another_history_or_in_part_is_not_sent()
    {
        foreach (Func<IReadOnlyList<EntryBatch>, IReadOnlyList<EntryBatch>> wrong in (Func<IReadOnlyList<EntryBatch>, IReadOnlyList<EntryBatch>>[])
        [
            all => [EntryBatch.Pack(EntryKind.Command, all[0].FirstIndex, term: 7, 0, [new byte[] { 1 }])],
            all => [.. all.Skip(1)],
            _ => [],
        ])
        {
            BackupCluster cluster = BehindByFifty(wrong);
            cluster.Restart(3);
            cluster.Until(() => cluster[3].State == cluster.Primary!.State);
            Assert.Contains(cluster[3].Reports, report => report.StartsWith("installed a checkpoint", StringComparison.Ordinal));
        }
    }

    /// <summary>Node 3 is down and lacks fifty entries, of which the others have few in memory.</summary>
    private static BackupCluster BehindByFifty(Func<IReadOnlyList<EntryBatch>, IReadOnlyList<EntryBatch>> readsBack)
    {
        var cluster = new BackupCluster(3, new PrimaryBackupOptions { CheckpointEntries = 10, KeepEntries = 2, KeepBytes = 0, SlotBytes = 0, MaxBatchBytes = 200 });
        foreach (BackupNode node in cluster.Nodes)
            node.ReadsBack = readsBack;
        cluster.Ready();
        cluster.Kill(3);
        for (int i = 0; i < 50; i++)
            cluster.Write($"{i}");
        return cluster;
    }
}
