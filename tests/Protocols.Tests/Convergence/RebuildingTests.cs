using ActorRepl.Protocols.Convergence;
using ActorRepl.Protocols.Crdt;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Tests.Convergence;

/// <summary>A replica that lost its disk and is brought up by two others, of which one has let go of what the other had not even settled.</summary>
public class RebuildingTests
{
    private static readonly CrdtKey Note = new(CrdtType.Text, "note");

    /// <summary>
    /// Node 2 has settled a deletion, says so, and loses its disk. Node 1 does not hear of the loss, and lets go of the deleted letter. Node 3 had not settled it when it lent node 2 what it had:
    /// there a letter was typed before the deleted one, and at node 1 one was typed where it had been. Of the two only who has the deleted letter settled knows the order.
    /// </summary>
    [Fact]
    public void One_that_lost_its_disk_takes_nothing_before_all_know_of_the_loss()
    {
        var group = new ConvergentCluster(new ConvergentOptions { RelayAfterMicros = 600 * Instant.Second, CollectMicros = 100 * Instant.Millisecond });
        group.World.Loses = (from, to, _) => (from, to) is (1, 3);
        group.Update(2, Note, new CrdtOperation.InsertText(0, "LoS"));
        group.Update(2, Note, new CrdtOperation.DeleteRange(1, 1));
        group.World.RunFor(3 * Instant.Second);
        Assert.All(Enumerable.Range(1, 3), node => Assert.Equal((3, "LS"), (KeptOf(node), group.Text(node, Note))));

        // Typed next to a letter that may still be there for others; node 1 hears what node 3 says, and none of what it types.
        group.World.Loses = (from, to, message) => (from, to) is (1, 3) || ((from, to) is (3, 1) && message[0] == Units.Tag);
        group.Update(3, Note, new CrdtOperation.InsertText(1, "M"));
        group.World[2].LoseDisk();
        group.World.Loses = (from, to, message) => (from, to) is (1, 3) or (1, 2) or (2, 1) || ((from, to) is (3, 1) && message[0] == Units.Tag);
        group.World[2].Start();
        group.World.RunFor(3 * Instant.Second);

        // With what node 1 changes next node 3 settles the deletion, too, and says so.
        group.Update(1, new CrdtKey(CrdtType.Counter, "other"), new CrdtOperation.Add(1));
        group.World.Loses = (from, to, message) => (from, to) is (1, 2) or (2, 1) || ((from, to) is (3, 1) && message[0] == Units.Tag);
        Assert.True(group.World.RunUntil(() => KeptOf(1) == 2, 10 * Instant.Second), "node 1 believes that all have settled the deletion, and lets go of it");
        group.Update(1, Note, new CrdtOperation.InsertText(1, "N"));
        Assert.Equal("LNS", group.Text(1, Note));

        // Now node 1 hears of the loss, and is asked for what it has as a whole.
        group.World.Loses = (from, to, message) => (from, to) is (1, 2) or (3, 1) && message[0] == Units.Tag;
        group.World.RunFor(3 * Instant.Second);
        group.World.Loses = null;
        group.World.RunUntil(() => group.IsEven, 10 * Instant.Second);
        Assert.Equal(["LNMS", "LNMS", "LNMS"], Enumerable.Range(1, 3).Select(node => group.Text(node, Note)));
        group.UntilEven();

        long KeptOf(int node) => CrdtCodec.Decode<Text>(group.World[node].Store.StateOf(Note)!).Kept;
    }
}
