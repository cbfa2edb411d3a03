using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.PrimaryBackup;

namespace ActorRepl.Protocols.Tests.PrimaryBackup;

/// <summary>docs/primary-backup.md, "A write": who must have a command, and how far, before it is answered and seen.</summary>
public class AcknowledgementTests
{
    private const long Second = Instant.Second;

    [Fact]
    public void A_write_reaches_every_member()
    {
        var cluster = new BackupCluster(3);
        cluster.Ready();
        Assert.Equal("a", cluster.Write("a"));
        cluster.Run(Second);
        Assert.All(cluster.Nodes, node => Assert.Equal("a", node.State));
    }

    /// <summary>Backups that are cut off from the primary in both directions, the level, and whether it is met.</summary>
    [Theory]
    [InlineData(AckLevel.SemiSync, 1, 0, true)]
    [InlineData(AckLevel.SemiSync, 1, 1, true)]
    [InlineData(AckLevel.SemiSync, 2, 0, true)]
    [InlineData(AckLevel.SemiSync, 2, 1, false)]
    [InlineData(AckLevel.Sync, 0, 0, true)]
    [InlineData(AckLevel.Quorum, 0, 1, true)]
    [InlineData(AckLevel.Quorum, 0, 2, false)]
    [InlineData(AckLevel.Async, 0, 1, true)]
    [InlineData(AckLevel.Async, 0, 2, false)]
    public void A_level_is_met_by_so_many_backups(AckLevel level, byte backups, int silent, bool isMet)
    {
        var cluster = new BackupCluster(3);
        BackupNode primary = cluster.Ready();
        cluster.ControlWorks = false;
        if (silent > 0)
            cluster.Isolate([.. Enumerable.Range(4 - silent, silent)]);
        cluster.Run(400 * BackupNode.Ms);
        long write = primary.Command("a", new WriteConcern(level, backups, AckReach.Durable, 60_000));
        cluster.Run(50 * BackupNode.Ms);
        Assert.Equal(isMet, primary.Replies.ContainsKey(write));
    }

    [Fact]
    public void Nobody_sees_a_write_before_its_level_is_met()
    {
        var cluster = new BackupCluster(3);
        BackupNode primary = cluster.Ready();
        cluster.ControlWorks = false;
        cluster.Isolate(2, 3);
        long write = primary.Command("a");
        long stale = primary.Read(RequestKind.StaleRead);
        cluster.Run(100 * BackupNode.Ms);
        Assert.Contains(stale, primary.Served);
        Assert.Equal("", primary.State);
        cluster.Heal();
        Assert.Equal("a", cluster.Answer(primary, write));
    }

    [Fact]
    public void Received_is_answered_before_a_backups_disk_has_it_and_durable_is_not()
    {
        var cluster = new BackupCluster(3);
        BackupNode primary = cluster.Ready();
        cluster[2].DiskWorks = cluster[3].DiskWorks = false;
        long durable = primary.Command("a", new WriteConcern(AckLevel.SemiSync, 1, AckReach.Durable));
        cluster.Run(20 * BackupNode.Ms);
        Assert.False(primary.Replies.ContainsKey(durable));
        cluster[2].DiskWorks = true;
        cluster[2].MakeDurable();
        Assert.Equal("a", cluster.Answer(primary, durable));
        cluster[2].DiskWorks = false;
        long received = primary.Command("b", new WriteConcern(AckLevel.SemiSync, 1, AckReach.Received));
        cluster.Run(20 * BackupNode.Ms);
        Assert.Equal("b", primary.Replies[received]);
    }

    [Fact]
    public void Nothing_is_answered_before_the_primarys_own_disk_has_it()
    {
        var cluster = new BackupCluster(3);
        BackupNode primary = cluster.Ready();
        primary.DiskWorks = false;
        long write = primary.Command("a");
        long async = primary.Command("b", new WriteConcern(AckLevel.Async));
        cluster.Run(20 * BackupNode.Ms);
        Assert.Empty(primary.Replies);
        primary.DiskWorks = true;
        primary.MakeDurable();
        Assert.Equal("a", cluster.Answer(primary, write));
        Assert.Equal("b", cluster.Answer(primary, async));
    }

    [Fact]
    public void Applied_is_answered_once_a_read_at_a_backup_sees_it()
    {
        var cluster = new BackupCluster(3);
        BackupNode primary = cluster.Ready();
        long write = primary.Command("a", new WriteConcern(AckLevel.SemiSync, 2, AckReach.Applied));
        cluster.Settle();
        Assert.Equal("a", primary.Replies[write]);
        Assert.Equal("a", cluster[2].State);
        Assert.Equal("a", cluster[3].State);
    }

    [Fact]
    public void Acknowledgements_that_do_not_come_degrade_and_heal_by_themselves()
    {
        var cluster = new BackupCluster(3, new PrimaryBackupOptions { Modes = new() { MinimumStayMicros = 0, SettleMicros = 0 } });
        BackupNode primary = cluster.Ready();
        cluster.Kill(2, 3);
        long write = primary.Command("a", new WriteConcern(AckLevel.SemiSync, 1, AckReach.Durable, 2_000, OnAckTimeout.Degrade));
        cluster.Run(Second);
        Assert.Empty(primary.Replies);
        Assert.Equal("a", cluster.Answer(primary, write));
        Assert.Contains(primary.Reports, report => report.StartsWith("acknowledges with less than asked for", StringComparison.Ordinal));
        long next = primary.Command("b");
        cluster.Settle();
        Assert.Equal("b", primary.Replies[next]);
        cluster.Restart(2);
        cluster.Until(() => primary.Reports.Any(report => report.StartsWith("acknowledges as asked for again", StringComparison.Ordinal)));
        cluster.Kill(2);
        long waits = primary.Command("c");
        cluster.Run(Second);
        Assert.False(primary.Replies.ContainsKey(waits));
    }

    [Fact]
    public void Acknowledgements_that_do_not_come_are_refused_with_an_unknown_outcome_and_the_command_stays_in_the_log()
    {
        var cluster = new BackupCluster(3);
        BackupNode primary = cluster.Ready();
        cluster.Kill(2, 3);
        long write = primary.Command("a", new WriteConcern(AckLevel.SemiSync, 1, AckReach.Durable, 1_000, OnAckTimeout.Refuse));
        Assert.Equal("NoQuorum unknown", cluster.Answer(primary, write));
        cluster.Restart(2);
        cluster.Run(2 * Second);
        Assert.Equal("a", cluster[2].State);
    }

    [Fact]
    public void An_async_write_waits_for_the_semi_sync_one_before_it()
    {
        var cluster = new BackupCluster(3);
        BackupNode primary = cluster.Ready();
        cluster[2].DiskWorks = cluster[3].DiskWorks = false;
        primary.Command("a");
        long async = primary.Command("b", new WriteConcern(AckLevel.Async));
        cluster.Run(20 * BackupNode.Ms);
        Assert.Empty(primary.Replies);
        cluster[3].DiskWorks = true;
        cluster[3].MakeDurable();
        Assert.Equal("b", cluster.Answer(primary, async));
    }

    [Fact]
    public void A_primary_that_slept_acknowledges_no_async_write_when_it_wakes()
    {
        var cluster = new BackupCluster(3);
        BackupNode old = cluster.Ready();
        cluster.Sleep(1);
        cluster.Until(() => cluster.Primary is { Id.Value: > 1 });
        old.Now = cluster.Now;
        long write = old.Command("lost", new WriteConcern(AckLevel.Async));
        Assert.Empty(old.Replies);
        cluster.Wake(1);
        Assert.Equal("Dropped", cluster.Answer(old, write));
    }

    [Theory]
    [InlineData(AckLevel.SemiSync, 3)]
    [InlineData((AckLevel)9, 0)]
    public void A_concern_that_cannot_be_met_is_invalid(AckLevel level, byte backups)
    {
        var cluster = new BackupCluster(3);
        BackupNode primary = cluster.Ready();
        Assert.Equal("Invalid", cluster.Answer(primary, primary.Command("a", new WriteConcern(level, backups))));
    }

    [Fact]
    public void Writes_are_refused_while_fewer_replicas_than_asked_for_keep_up()
    {
        var cluster = new BackupCluster(3, new PrimaryBackupOptions { MinReplicasToWrite = 2 });
        BackupNode primary = cluster.Ready();
        cluster.Run(Second);
        Assert.Equal("a", cluster.Write("a"));
        cluster.Kill(3);
        cluster.Run(Second);
        Assert.Equal("NoQuorum", cluster.Answer(primary, primary.Command("b")));
        cluster.Restart(3);
        cluster.Until(() => primary.Status.Mode != ReplicaMode.Floor, 20 * Second);
        cluster.Until(() => cluster.Write("c") == "c", 20 * Second);
    }

    [Fact]
    public void A_shard_of_one_replica_acknowledges_by_itself()
    {
        var cluster = new BackupCluster(1);
        cluster.Ready();
        Assert.Equal("a", cluster.Write("a"));
    }

    [Fact]
    public void A_primary_that_was_cut_off_for_a_moment_has_every_command_asked_again_and_refuses_none_for_good()
    {
        var cluster = new BackupCluster(3);
        BackupNode primary = cluster.Ready();
        cluster.ControlWorks = false;
        var refused = new List<Rejection>();
        foreach (int backup in (int[])[2, 3])
            cluster.Cut(backup, 1);
        cluster.Run(PrimaryBackupOptions.Default.DeadAfterMicros + 3 * PrimaryBackupOptions.Default.HeartbeatMicros);
        cluster.Heal();
        for (int i = 0; i < 1000; i++)
        {
            long command = primary.Command($"{i}");
            cluster.Run(BackupNode.Ms);
            if (primary.Rejections.TryGetValue(command, out Rejection why))
                refused.Add(why);
        }

        Assert.NotEmpty(refused);
        Assert.All(refused, why => Assert.True(why is { Reason: RejectReason.Unavailable, OutcomeUnknown: false }, why.ToString()));
        Assert.Equal("after", cluster.Write("after"));
    }
}
