using System.Reflection;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Merkle;
using ActorRepl.Protocols.Quorum;
using ActorRepl.Simulation.Quorum;

namespace ActorRepl.Protocols.Tests.Quorum;

/// <summary>Repair that somebody orders, and damage that nothing tells of.</summary>
public class RepairOnOrderTests
{
    [Fact]
    public void A_repair_that_is_ordered_ends_when_all_peers_were_compared_with_and_says_what_it_did()
    {
        var group = new QuorumCluster(QuorumCluster.Quiet with { MaxHintBytes = 0 });
        group.World[3].Crash();
        for (int i = 0; i < 30; i++)
            Assert.NotNull(group.Put(1, $"key{i}", $"{i}").Reply);
        group.World.RunFor(Instant.Second);
        group.World[3].Start();
        group.World.RunFor(100 * Instant.Millisecond);
        Assert.Empty(group.Held(3, "key7"));
        Assert.NotNull(Order(group, 3, 60 * Instant.Second).Reply);
        Assert.Equal(["7"], group.Held(3, "key7"));
        RepairProgress done = group.World[3].Replica!.Status.Repair!;
        Assert.Equal((2, 0), ((int)done.Comparisons, done.PeersLeft));
        Assert.InRange(done.KeysExchanged, 30, 60);
    }

    [Fact]
    public void A_repair_that_cannot_reach_a_peer_in_time_says_which()
    {
        var group = new QuorumCluster();
        group.World[2].Crash();
        Rejection why = Order(group, 1, 3 * Instant.Second).Why!.Value;
        Assert.Equal(RejectReason.NoQuorum, why.Reason);
        Assert.Contains("not compared with n2", why.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void A_repair_does_not_wait_for_a_peer_that_is_down_and_says_which()
    {
        var group = new QuorumCluster();
        group.World[2].Crash();
        SeemsDown(group, 2);
        QuorumOutcome? ended = null;
        group.World.Submit(1, RequestKind.Repair, [], 600 * Instant.Second, outcome => ended = outcome);
        Assert.True(group.World.RunUntil(() => ended is not null, 20 * Instant.Second), "it goes on with the others");
        Assert.Equal("not compared with n2: down; it goes on once back", ended!.Why!.Value.Detail);
        Assert.Equal(1, group.World[1].Replica!.Status.Repair!.Comparisons);
    }

    [Fact]
    public void A_repair_under_way_is_not_held_up_by_a_peer_that_goes_down()
    {
        var group = new QuorumCluster();
        group.World[2].Crash();
        group.World[3].Crash();
        QuorumOutcome? ended = null;
        group.World.Submit(1, RequestKind.Repair, [], 600 * Instant.Second, outcome => ended = outcome);
        group.World.RunFor(30 * Instant.Second);
        Assert.Null(ended);
        SeemsDown(group, 2);
        group.World[3].Start();
        Assert.True(group.World.RunUntil(() => ended is not null, 60 * Instant.Second), "it goes on with the others");
        Assert.Equal("not compared with n2: down; it goes on once back", ended!.Why!.Value.Detail);
    }

    [Fact]
    public void A_peer_that_is_down_takes_no_turns_of_the_others()
    {
        var group = new QuorumCluster(QuorumCluster.Quiet with { RepairMicros = 2 * Instant.Second });
        group.World[2].Crash();
        SeemsDown(group, 2);
        Assert.True(group.World.RunUntil(() => group.World[1].Replica!.Status.Repair!.Comparisons >= 5, 20 * Instant.Second), "the others are compared all the while");
    }

    private static void SeemsDown(QuorumCluster group, int node) => group.World[1].Tell(new Input.PeerHint(new ReplicaId(node), Up: false));

    [Fact]
    public void A_tree_that_was_damaged_silently_is_found_when_it_is_counted_anew_and_is_right_again()
    {
        var group = new QuorumCluster(QuorumCluster.Quiet with { RecountMicros = 20 * Instant.Second, RepairMicros = 2 * Instant.Second });
        for (int i = 0; i < 20; i++)
            group.Put(1, $"key{i}", $"{i}", level: ConsistencyLevel.All);
        UInt128 right = group.World[3].Store.RootWith(new ReplicaId(1));
        Damage(group.World[3].Store, new ReplicaId(1));
        Assert.NotEqual(right, group.World[3].Store.RootWith(new ReplicaId(1)));
        Assert.True(group.World.RunUntil(() => group.World[3].Store.RootWith(new ReplicaId(1)) == right, 120 * Instant.Second), "the tree is that of the data again");
        Assert.True(group.World.RunUntil(() => group.World[3].Replica!.Status.Repair!.Damaged == 1, 10 * Instant.Second), "it is said");
    }

    private static QuorumOutcome Order(QuorumCluster group, int node, long patience)
    {
        QuorumOutcome? ended = null;
        group.World.Submit(node, RequestKind.Repair, [], patience, outcome => ended = outcome);
        Assert.True(group.World.RunUntil(() => ended is not null, patience + Instant.Second), "a repair ends");
        return ended!;
    }

    // A digest in memory flips.
    private static void Damage(QuorumStore store, ReplicaId peer)
    {
        object trees = typeof(QuorumStore).GetField("_trees", BindingFlags.NonPublic | BindingFlags.Instance)!.GetValue(store)!;
        MerkleTree tree = ((KeyTrees)trees).With(peer).Tree;
        var digests = (UInt128[][])typeof(MerkleTree).GetField("_digests", BindingFlags.NonPublic | BindingFlags.Instance)!.GetValue(tree)!;
        digests[tree.Depth][3] ^= 1;
        digests[0][0] ^= 1;
    }
}
