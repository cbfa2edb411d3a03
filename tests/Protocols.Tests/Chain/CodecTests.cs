using ActorRepl.Protocols.Chain;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Tests.Chain;

public class CodecTests
{
    private static readonly ChainView View = ChainView.Create(7, [new(3), new(1)], [new(new ReplicaId(1)), new(new ReplicaId(2), ReadOnly: true, Slow: 2, Pardon: 99), new(new ReplicaId(3))]);

    public static TheoryData<object> Messages() =>
    [
        new Forward(3, new LogPosition(1, 4), 4, 3, [EntryBatch.Pack(EntryKind.Command, 5, 2, 9, [new byte[] { 1, 2 }, new byte[] { 3 }])]),
        new Forward(3, new LogPosition(1, 4), 4, 3, []),
        new ForwardReply(3, ForwardOutcome.Mismatch, 5, 4, new LogPosition(1, 2)),
        new Settled(3, 17),
        new ChainAck(3, 16),
        new Beat(3, 1, BeatFlags.WantsAnswer | BeatFlags.Leaves, 2, 3, 4, 5, 6, 7, 8),
        new CheckpointOffer(3, new LogPosition(2, 9)),
        new VersionQuery(3, 12),
        new VersionReply(3, 12, 40),
        new ViewNotice(View),
        new ViewRequest(-1),
    ];

    [Theory]
    [MemberData(nameof(Messages))]
    public void A_message_comes_out_as_it_went_in_and_every_cut_is_refused(object given)
    {
        var message = (ChainMessage)given;
        byte[] bytes = message.ToBytes();
        ChainMessage decoded = ChainMessage.Decode(bytes);
        Assert.Equal((message.Kind, message.Epoch), (decoded.Kind, decoded.Epoch));
        Assert.Equal(bytes, decoded.ToBytes());
        for (int length = 0; length < bytes.Length; length++)
            Assert.Throws<InvalidDataException>(() => ChainMessage.Decode(bytes.AsMemory(0, length)));
    }

    [Fact]
    public void A_view_keeps_its_order_and_says_who_is_next()
    {
        ChainView view = ChainView.Decode(View.Encode());
        Assert.Equal((new ReplicaId(3), new ReplicaId(1), 7), (view.Head, view.Tail, view.Epoch));
        Assert.Equal((new ReplicaId(1), new ReplicaId(3)), (view.SuccessorOf(new(3)), view.PredecessorOf(new(1))));
        Assert.True(view.SuccessorOf(new(1)).IsNone && view.PredecessorOf(new(3)).IsNone && view.PredecessorOf(new(2)).IsNone);
        Assert.Equal(View.Members, view.Members);
        Assert.Equal(new Membership([new(1), new(3)], [new(2)]), view.Membership);
    }

    [Fact]
    public void A_view_that_cannot_be_is_refused()
    {
        ChainMember one = new(new ReplicaId(1)), reader = new(new ReplicaId(2), ReadOnly: true);
        Assert.Throws<ArgumentException>(() => ChainView.Create(-1, [new(1)], [one]));
        Assert.Throws<ArgumentException>(() => ChainView.Create(0, [], [one]));
        Assert.Throws<ArgumentException>(() => ChainView.Create(0, [new(1), new(1)], [one]));
        Assert.Throws<ArgumentException>(() => ChainView.Create(0, [new(2)], [one, reader]));
        Assert.Throws<ArgumentException>(() => ChainView.Create(0, [new(3)], [one]));
        Assert.Throws<ArgumentException>(() => ChainView.Create(0, [new(1)], [one, one]));
    }
}
