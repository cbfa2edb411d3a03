using ActorRepl.Protocols.Chain;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Tests.Chain;

/// <summary>Terrace and Freedman, "Object Storage on CRAQ" (USENIX ATC 2009): clean and dirty versions, consistency models, and reads of links that were removed.</summary>
public class CraqTests
{
    private const long Ms = Instant.Millisecond;
    private static readonly ChainOptions Apportioned = ChainOptions.Default with { ApportionedReads = true };

    private static ChainCluster Warm(ChainOptions options)
    {
        var cluster = new ChainCluster(3, options);
        cluster.Ready();
        Assert.Equal("a1", cluster.Write("a1"));
        // Leases come with the beats.
        cluster.Run(300 * Ms);
        return cluster;
    }

    /// <summary>A write that is on its way, dirty at every link and committed at none.</summary>
    private static void BeginWrite(ChainCluster cluster, string command)
    {
        cluster[3].DiskWorks = false;
        cluster[1].Command(command);
        cluster.Settle();
    }

    private static void EndWrite(ChainCluster cluster)
    {
        cluster[3].DiskWorks = true;
        cluster[3].MakeDurable();
        cluster.Settle();
    }

    [Fact]
    public void Section_2_3_A_clean_version_is_read_at_any_link_without_asking()
    {
        ChainCluster cluster = Warm(Apportioned);
        foreach (int link in new[] { 1, 2 })
        {
            long read = cluster[link].Read();
            Assert.Contains(read, cluster[link].Served);
            Assert.DoesNotContain(cluster[link].Sent, sent => sent.Message is VersionQuery);
        }
    }

    [Fact]
    public void Section_2_3_A_dirty_version_is_asked_for_at_the_tail()
    {
        ChainCluster cluster = Warm(Apportioned);
        BeginWrite(cluster, "a2");
        long dirty = cluster[2].Read();
        Assert.DoesNotContain(dirty, cluster[2].Served);
        Assert.Contains(cluster[2].Sent, sent => sent.To == cluster[3].Id && sent.Message is VersionQuery);
        // The tail says that the older version is the committed one, and that is answered.
        cluster.Settle();
        Assert.Contains(dirty, cluster[2].Served);
        Assert.Equal("a1", cluster[2].State);
        EndWrite(cluster);
        Assert.Equal("a1,a2", cluster[2].State);
    }

    [Fact]
    public void Section_2_3_A_link_that_hears_of_a_later_version_waits_until_it_has_applied_it()
    {
        ChainCluster cluster = Warm(Apportioned);
        cluster.Cut(3, 2);
        cluster[1].Command("a2");
        cluster.Settle();
        Assert.Equal("a1,a2", cluster[3].State);
        long read = cluster[2].Read();
        cluster.Run(10 * Ms);
        Assert.DoesNotContain(read, cluster[2].Served);
        cluster.Heal();
        cluster.Until(() => cluster[2].Served.Contains(read));
        Assert.Equal("a1,a2", cluster[2].State);
    }

    [Fact]
    public void Section_2_3_Another_key_stays_clean()
    {
        ChainCluster cluster = Warm(Apportioned);
        BeginWrite(cluster, "b1");
        long read = cluster[2].Read(key: "a");
        Assert.Contains(read, cluster[2].Served);
        EndWrite(cluster);
    }

    [Fact]
    public void Where_keys_end_with_time_any_command_under_way_makes_all_of_them_dirty()
    {
        ChainCluster cluster = Warm(Apportioned);
        cluster[2].EndsWithTime = true;
        Assert.Equal("b1", cluster.Write("b1"));
        Assert.Contains(cluster[2].Read(key: "a"), cluster[2].Served);
        BeginWrite(cluster, "b2");
        long read = cluster[2].Read(key: "a");
        Assert.DoesNotContain(read, cluster[2].Served);
        cluster.Settle();
        Assert.Contains(read, cluster[2].Served);
        EndWrite(cluster);
    }

    [Fact]
    public void Section_2_4_Eventual_reads_are_answered_by_any_link_from_what_it_has_applied()
    {
        ChainCluster cluster = Warm(Apportioned);
        BeginWrite(cluster, "a2");
        long read = cluster[2].Read(RequestKind.StaleRead);
        Assert.Contains(read, cluster[2].Served);
        Assert.Equal("a1", cluster[2].State);
        EndWrite(cluster);
    }

    [Fact]
    public void Section_2_4_A_session_does_not_go_back()
    {
        ChainCluster cluster = Warm(Apportioned);
        cluster.Cut(3, 2);
        cluster[1].Command("a2");
        cluster.Settle();
        LogPosition seen = cluster[3].Replica.PositionAt(cluster[3].Replica.AppliedIndex)!.Value;
        long read = cluster[2].Read(RequestKind.SessionRead, atLeast: seen);
        Assert.DoesNotContain(read, cluster[2].Served);
        cluster.Heal();
        cluster.Until(() => cluster[2].Served.Contains(read));
    }

    [Fact]
    public void Section_2_4_Eventual_reads_with_a_bound_ask_when_the_bound_is_over()
    {
        ChainCluster cluster = Warm(Apportioned with { LeaseReads = false });
        long read = cluster[2].Read(RequestKind.BoundedRead, staleness: 100 * Ms);
        Assert.DoesNotContain(read, cluster[2].Served);
        cluster.Until(() => cluster[2].Served.Contains(read));
        long soon = cluster[2].Read(RequestKind.BoundedRead, staleness: 100 * Ms);
        Assert.Contains(soon, cluster[2].Served);
        cluster.Run(200 * Ms);
        long late = cluster[2].Read(RequestKind.BoundedRead, staleness: 100 * Ms);
        Assert.DoesNotContain(late, cluster[2].Served);
    }

    [Fact]
    public void Without_lease_reads_even_a_clean_version_is_asked_for()
    {
        ChainCluster cluster = Warm(Apportioned with { LeaseReads = false });
        long read = cluster[2].Read();
        Assert.DoesNotContain(read, cluster[2].Served);
        cluster.Until(() => cluster[2].Served.Contains(read));
    }

    [Fact]
    public void A_removed_tail_that_only_slept_serves_no_read_from_before()
    {
        ChainCluster cluster = Warm(ChainOptions.Default);
        cluster.Sleep(3);
        cluster.Until(() => cluster.Head is { Replica.CurrentView.Links.Length: 2 } && cluster.Write("a2") == "a2");
        ChainNode tail = cluster[3];
        tail.Now = cluster.Now;
        long read = tail.Read();
        Assert.DoesNotContain(read, tail.Served);
        cluster.Wake(3);
        cluster.Until(() => tail.Rejections.ContainsKey(read) || tail.Served.Contains(read));
        Assert.True(tail.Rejections.ContainsKey(read) || tail.State == "a1,a2");
    }

    [Fact]
    public void A_chain_without_a_link_commits_nothing_while_that_may_hold_a_lease()
    {
        ChainCluster cluster = Warm(ChainOptions.Default);
        // Nobody hears the tail, and it hears everybody: it is removed while it still takes itself for the tail.
        cluster.Cut(3, 1);
        cluster.Cut(3, 2);
        cluster.Until(() => cluster[2].Replica.CurrentView.Links.Length == 2 || !cluster[3].Replica.HoldsLeaseAt(cluster.Now), what: "the lease ends or the view changes");
        long committed = cluster[2].Replica.CommitIndex;
        Assert.False(cluster[3].Replica.HoldsLeaseAt(cluster.Now) && cluster[2].Replica.Epoch > cluster[3].Replica.Epoch && cluster[2].Replica.CommitIndex > committed);
        cluster.Until(() => cluster.Head is { Replica.CurrentView.Links.Length: 2 } && cluster.Write("a2") == "a2");
        Assert.False(cluster[3].Replica.HoldsLeaseAt(cluster.Now) && cluster[3].Replica.Epoch == 0);
    }
}
