using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.PrimaryBackup;

namespace ActorRepl.Protocols.Tests.PrimaryBackup;

/// <summary>docs/primary-backup.md, "Rules that keep the promise": leases, seals, taking over, fencing.</summary>
public class FailoverTests
{
    private const long Second = Instant.Second;
    private static readonly WriteConcern Async = new(AckLevel.Async);

    [Fact]
    public void When_the_primary_dies_a_backup_takes_over_within_a_second_and_has_what_was_acknowledged()
    {
        var cluster = new BackupCluster(3);
        cluster.Ready();
        Assert.Equal("a", cluster.Write("a"));
        cluster.Kill(1);
        long died = cluster.Now;
        cluster.Until(() => cluster.Primary is { Replica.Epoch: 1 } && cluster.Write("b") == "b");
        Assert.InRange(cluster.Now - died, PrimaryBackupOptions.Default.LeaseMicros, Second);
        Assert.Equal("a,b", cluster.Primary!.State);
    }

    [Fact]
    public void The_most_advanced_backup_takes_over()
    {
        var cluster = new BackupCluster(3);
        BackupNode primary = cluster.Ready();
        cluster.Cut(1, 2);
        primary.Command("a");
        cluster.Settle();
        cluster.Kill(1);
        cluster.Heal();
        cluster.Until(() => cluster.Primary is { } next && next.Replica.Epoch == cluster.Epoch && next.Id.Value > 1);
        Assert.Equal(3, cluster.Primary!.Id.Value);
        cluster.Run(Second);
        Assert.Equal("a", cluster[2].State);
    }

    [Fact]
    public void Nobody_seals_before_the_promise_to_the_primary_is_over()
    {
        var cluster = new BackupCluster(3);
        cluster.Ready();
        cluster.Run(Second);
        cluster.Kill(1);
        foreach (BackupNode backup in new[] { cluster[2], cluster[3] })
            backup.Step(new Input.PeerHint(new ReplicaId(1), Up: false));
        long promised = Math.Min(cluster[2].Replica.PromisedUntil, cluster[3].Replica.PromisedUntil);
        cluster.Run(promised - cluster.Now - 1);
        Assert.All(cluster.Running, node => Assert.False(node.Replica.IsSealed));
        cluster.Until(() => cluster.Primary is { Replica.Epoch: > 0 });
    }

    [Fact]
    public void A_backup_that_started_again_promises_as_if_it_had_just_heard_the_primary()
    {
        var cluster = new BackupCluster(3);
        cluster.Ready();
        cluster.Kill(1);
        cluster.Restart(2);
        cluster.Restart(3);
        long started = cluster.Now;
        cluster.Until(() => cluster[2].Replica.IsSealed || cluster[3].Replica.IsSealed || cluster.Epoch > 0);
        Assert.True(cluster.Now - started >= PrimaryBackupOptions.Default.LeaseMicros);
    }

    [Fact]
    public void One_backup_that_does_not_hear_the_primary_disturbs_nobody()
    {
        var cluster = new BackupCluster(3);
        cluster.Ready();
        cluster.ControlWorks = false;
        cluster.Cut(1, 2);
        cluster.Run(2 * Second);
        Assert.All(cluster.Nodes, node => Assert.False(node.Replica.IsSealed));
        Assert.Equal("a", cluster.Write("a"));
        cluster.Heal();
        cluster.Run(Second);
        Assert.Equal("a", cluster[2].State);
        Assert.Equal("backup", cluster[2].Status.Role);
    }

    [Fact]
    public void With_the_primary_and_a_backup_gone_at_once_the_last_one_does_not_take_over()
    {
        var cluster = new BackupCluster(3);
        cluster.Ready();
        cluster.Kill(1, 2);
        cluster.Run(5 * Second);
        Assert.Null(cluster.Primary);
        long stale = cluster[3].Read(RequestKind.StaleRead);
        Assert.Contains(stale, cluster[3].Served);
        Assert.Equal((ReplicaMode.Floor, "nobody leads: 0 backups have sealed epoch 0; it takes 2"), (cluster[3].Status.Mode, cluster[3].Status.ModeReason));
        cluster.Restart(2);
        cluster.Until(() => cluster.Primary is { Replica.Epoch: > 0 });
    }

    [Fact]
    public void An_operator_may_accept_the_loss_and_make_the_last_one_primary()
    {
        var cluster = new BackupCluster(3);
        cluster.Ready();
        cluster.Write("a");
        Assert.Equal("NoQuorum", cluster.Answer(cluster[3], cluster[3].Transfer(3, force: true)));
        cluster.Kill(1, 2);
        cluster.Run(2 * Second);
        Assert.Null(cluster.Primary);
        Assert.Equal("NotLeader", cluster.Answer(cluster[3], cluster[3].Transfer(3)));
        Assert.Equal("", cluster.Answer(cluster[3], cluster[3].Transfer(3, force: true)));
        Assert.Equal(3, cluster.Ready().Id.Value);
        Assert.Equal("b", cluster.Write("b", Async));
        Assert.Equal("a,b", cluster[3].State);
    }

    [Fact]
    public void With_a_promise_of_all_backups_any_one_takes_over()
    {
        var cluster = new BackupCluster(3, new PrimaryBackupOptions { Concern = new WriteConcern(AckLevel.Sync, 0, AckReach.Durable, 10_000, OnAckTimeout.Refuse) });
        cluster.Ready();
        Assert.Equal("a", cluster.Write("a"));
        cluster.Kill(1, 2);
        cluster.Until(() => cluster.Primary is { Id.Value: 3 });
        Assert.Equal("a", cluster.Ready().State);
    }

    [Fact]
    public void A_primary_of_an_old_epoch_is_fenced_and_follows()
    {
        var cluster = new BackupCluster(3);
        BackupNode old = cluster.Ready();
        cluster.Isolate(1);
        cluster.Until(() => cluster.Nodes.Any(node => node.Replica is { IsPrimary: true, Epoch: 1 }));
        long semiSync = old.Command("a"), async = old.Command("b", Async), read = old.Read();
        cluster.Run(Second);
        Assert.Empty(old.Replies);
        Assert.Empty(old.Served);
        cluster.Heal();
        cluster.Run(Second);
        Assert.False(old.Replica.IsPrimary);
        Assert.Equal("backup", old.Status.Role);
        Assert.NotEqual(default, old.Rejections[semiSync]);
        Assert.NotEqual(default, old.Rejections[async]);
        Assert.NotEqual(default, old.Rejections[read]);
        Assert.Equal("c", cluster.Write("c"));
    }

    [Fact]
    public void What_only_the_old_primary_had_is_lost_counted_and_set_aside()
    {
        var cluster = new BackupCluster(3);
        BackupNode old = cluster.Ready();
        cluster.Write("a");
        cluster.Isolate(1);
        long lost = old.Command("x", Async);
        cluster.Settle();
        Assert.Equal("x", old.Replies[lost]);
        cluster.Kill(1);
        cluster.Heal();
        cluster.Until(() => cluster.Primary is { Replica.Epoch: > 0 });
        cluster.Write("b");
        BackupNode back = cluster.Restart(1);
        cluster.Run(2 * Second);
        Assert.Equal(["x"], back.LostCommands);
        Assert.Equal(1, back.Replica.LostEntries);
        Assert.Equal("a,b", back.State);
    }

    [Fact]
    public void One_that_has_applied_what_is_lost_takes_a_checkpoint()
    {
        var cluster = new BackupCluster(3);
        BackupNode old = cluster.Ready();
        cluster.Write("a");
        cluster.Isolate(1);
        old.Command("x", Async);
        cluster.Settle();
        Assert.Equal("a,x", old.State);
        cluster.Until(() => cluster.Nodes.Any(node => node.Replica is { IsPrimary: true, Epoch: > 0 }));
        cluster.Heal();
        cluster.Run(3 * Second);
        Assert.Equal(["x"], old.LostCommands);
        Assert.Equal("b", cluster.Write("b"));
        cluster.Run(Second);
        Assert.Equal("a,b", old.State);
        Assert.Equal("backup", old.Status.Role);
        Assert.False(old.Replica.HasLostPromises);
    }

    [Theory]
    [InlineData(1 << 20, 0, true)]
    [InlineData(0, 1 << 20, true)]
    [InlineData(0, 0, false)]
    public void What_is_lost_and_only_in_a_checkpoint_is_set_aside_all_the_same_or_counted(long atRiskBytes, long keepBytes, bool isKept)
    {
        var cluster = new BackupCluster(3, new PrimaryBackupOptions { CheckpointEntries = 1, KeepEntries = 0, KeepBytes = keepBytes, SlotBytes = 0, AtRiskBytes = atRiskBytes });
        BackupNode old = cluster.Ready();
        cluster.Write("a");
        cluster.Isolate(1);
        string[] lost = ["w", "x", "y", "z"];
        foreach (string command in lost)
            old.Command(command, Async);
        cluster.Settle();
        Assert.Equal("a,w,x,y,z", old.State);
        Assert.Equal(5, old.SavedState.Count(entry => entry.Command.Length > 0) + old.Status.LastIndex - old.Saved!.Index);
        cluster.Kill(1);
        cluster.Until(() => cluster.Primary is { Replica.Epoch: > 0 });
        BackupNode back = cluster.Restart(1);
        cluster.Heal();
        cluster.Until(() => back.State == "a" && back.Status.Role == "backup");
        long onlyInState = old.Saved.Index - 2;
        Assert.True(onlyInState >= 3, "the checkpoint was due and has some of them");
        Assert.Equal(isKept ? lost : lost[(int)onlyInState..], back.LostCommands);
        Assert.Equal(4, back.Replica.LostEntries);
        Assert.Equal(!isKept, back.Reports.Exists(report => report.Contains("cannot be set aside", StringComparison.Ordinal)));
    }

    [Fact]
    public void A_primary_that_starts_again_leads_only_in_a_new_epoch()
    {
        var cluster = new BackupCluster(3);
        cluster.Ready();
        cluster.Write("a");
        cluster.Kill(1);
        BackupNode back = cluster.Restart(1);
        Assert.False(back.Replica.IsPrimary);
        cluster.Until(() => cluster.Primary is { Replica.Epoch: > 0 });
        Assert.Equal(1, cluster.Primary!.Id.Value);
        Assert.Equal("b", cluster.Write("b"));
        Assert.Equal("a,b", cluster.Primary.State);
    }

    [Fact]
    public void The_last_replica_of_a_shard_comes_back_by_itself()
    {
        var cluster = new BackupCluster(1);
        cluster.Ready();
        cluster.Write("a");
        cluster.Kill(1);
        cluster.Restart(1);
        cluster.Until(() => cluster.Primary is not null);
        Assert.Equal("b", cluster.Write("b"));
        Assert.Equal("a,b", cluster.Primary!.State);
    }

    [Fact]
    public void A_primary_that_finds_the_epoch_sealed_proposes_itself_anew()
    {
        var cluster = new BackupCluster(3);
        BackupNode primary = cluster.Ready();
        cluster.ControlWorks = false;
        cluster.Isolate(1);
        cluster.Until(() => cluster[2].Replica.IsSealed && cluster[3].Replica.IsSealed);
        cluster.Kill(2);
        cluster.Cut(3, 9);
        cluster.Heal();
        long write = primary.Command("a");
        cluster.Run(Second);
        Assert.False(primary.Replies.ContainsKey(write));
        cluster.ControlWorks = true;
        cluster.Until(() => cluster.Epoch > 0);
        cluster.Run(Second);
        Assert.NotNull(cluster.Primary);
    }

    [Fact]
    public void The_control_group_away_for_a_minute_costs_no_write()
    {
        var cluster = new BackupCluster(3);
        cluster.Ready();
        cluster.ControlWorks = false;
        for (int second = 0; second < 60; second++)
        {
            cluster.Run(Second);
            Assert.Equal($"{second}", cluster.Write($"{second}"));
        }
    }

    [Fact]
    public void A_replica_that_lost_its_disk_is_not_promoted_and_not_counted_until_a_later_view()
    {
        var cluster = new BackupCluster(3);
        BackupNode primary = cluster.Ready();
        cluster.Write("a");
        cluster.ControlWorks = false;
        cluster.Kill(2);
        BackupNode damaged = cluster.Restart(2, new RecoveredState { Damage = "a record is missing" });
        cluster.Run(2 * Second);
        Assert.True(damaged.Replica.HasLostPromises);
        cluster.Kill(3);
        long write = primary.Command("b");
        cluster.Run(Second);
        Assert.False(primary.Replies.ContainsKey(write));
        cluster.Restart(3);
        cluster.ControlWorks = true;
        Assert.Equal("b", cluster.Answer(primary, write));
        cluster.Until(() => !damaged.Replica.HasLostPromises && damaged.Status.Role == "backup");
        Assert.Equal("a,b", damaged.State);
    }

    [Fact]
    public void Nothing_of_a_new_epoch_is_sent_before_the_epoch_is_on_the_primarys_disk()
    {
        BackupNode node = new BackupNode(1, 3) { DiskWorks = false }.Start();
        node.Command("a");
        node.Pass(Second);
        Assert.Empty(node.Sent);
        Assert.False(node.Replica.IsPrimary);
        node.MakeDurable();
        Assert.True(node.Replica.IsPrimary);
        Assert.NotEmpty(node.Take<Append>());
    }
}
