using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.PrimaryBackup;

namespace ActorRepl.Protocols.Tests.PrimaryBackup;

/// <summary>docs/primary-backup.md, "Reads".</summary>
public class ReadTests
{
    private const long Second = Instant.Second;

    [Fact]
    public void A_linearizable_read_waits_for_a_round_that_began_after_it_came()
    {
        var cluster = new BackupCluster(3);
        BackupNode primary = cluster.Ready();
        cluster.Run(Second);
        cluster.Isolate(1);
        long read = primary.Read();
        cluster.Run(100 * BackupNode.Ms);
        Assert.DoesNotContain(read, primary.Served);
        cluster.Heal();
        cluster.Run(100 * BackupNode.Ms);
        Assert.Contains(read, primary.Served);
    }

    [Fact]
    public void With_lease_reads_a_primary_answers_at_once_and_not_beyond_the_lease()
    {
        var cluster = new BackupCluster(3, new PrimaryBackupOptions { LeaseReads = true });
        BackupNode primary = cluster.Ready();
        cluster.Run(Second);
        cluster.Sleep(2);
        cluster.Sleep(3);
        long read = primary.Read();
        Assert.Contains(read, primary.Served);
        primary.Now += PrimaryBackupOptions.Default.LeaseMicros;
        read = primary.Read();
        Assert.DoesNotContain(read, primary.Served);
    }

    [Fact]
    public void A_follower_read_waits_for_the_primarys_commit_index()
    {
        var cluster = new BackupCluster(3);
        cluster.Ready();
        cluster.Write("a");
        long read = cluster[2].Read(RequestKind.FollowerRead);
        cluster.Settle();
        Assert.Contains(read, cluster[2].Served);
        Assert.Equal("a", cluster[2].State);
    }

    [Fact]
    public void A_session_sees_at_any_replica_what_it_has_seen_before()
    {
        var cluster = new BackupCluster(3);
        BackupNode primary = cluster.Ready();
        cluster.Cut(1, 3);
        cluster.Write("a");
        long index = primary.Replica.AppliedIndex;
        long read = cluster[3].Read(RequestKind.SessionRead, atLeast: new LogPosition(0, index));
        cluster.Run(50 * BackupNode.Ms);
        Assert.DoesNotContain(read, cluster[3].Served);
        cluster.Heal();
        cluster.Until(() => cluster[3].Served.Contains(read));
        Assert.Equal("a", cluster[3].State);
    }

    [Fact]
    public void A_session_is_told_that_the_history_it_has_seen_is_lost()
    {
        var cluster = new BackupCluster(3);
        BackupNode old = cluster.Ready();
        cluster.Isolate(1);
        old.Command("x", new WriteConcern(AckLevel.Async));
        cluster.Settle();
        var seen = new LogPosition(0, old.Replica.AppliedIndex);
        cluster.Kill(1);
        cluster.Until(() => cluster.Primary is { Replica.Epoch: > 0 });
        BackupNode next = cluster.Ready();
        cluster.Write("a");
        Assert.Equal("HistoryLost", cluster.Answer(next, next.Read(RequestKind.SessionRead, atLeast: seen)));
    }

    [Fact]
    public void What_the_primary_of_an_epoch_never_made_nobody_has_seen_and_it_says_so_at_once()
    {
        var cluster = new BackupCluster(3);
        BackupNode primary = cluster.Ready();
        cluster.Write("a");
        long read = primary.Read(RequestKind.SessionRead, atLeast: new LogPosition(primary.Replica.Epoch, primary.Status.LastIndex + 1));
        Assert.Equal(RejectReason.HistoryLost, primary.Rejections[read].Reason);
    }

    [Fact]
    public void A_bounded_read_is_served_from_fresh_state_and_refused_where_nobody_says_how_old_it_is()
    {
        var cluster = new BackupCluster(3);
        cluster.Ready();
        cluster.Write("a");
        long read = cluster[2].Read(RequestKind.BoundedRead, staleness: Second);
        cluster.Settle();
        Assert.Contains(read, cluster[2].Served);
        long again = cluster[2].Read(RequestKind.BoundedRead, staleness: Second);
        Assert.Contains(again, cluster[2].Served);
        cluster.ControlWorks = false;
        cluster.Kill(1, 3);
        cluster.Run(2 * Second);
        Assert.Equal("TooStale", cluster.Answer(cluster[2], cluster[2].Read(RequestKind.BoundedRead, staleness: Second)));
        Assert.Equal("NotLeader", cluster.Answer(cluster[2], cluster[2].Read(RequestKind.FollowerRead)));
    }
}
