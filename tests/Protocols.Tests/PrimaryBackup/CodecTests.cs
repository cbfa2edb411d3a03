using System.Text;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.PrimaryBackup;

namespace ActorRepl.Protocols.Tests.PrimaryBackup;

/// <summary>What goes over the wire and onto the disk comes back as it was, and nothing else is taken.</summary>
public class CodecTests
{
    private static readonly View Some = View.Create(7, new ReplicaId(2), 1,
    [
        new ViewMember(new ReplicaId(1), InSync: true), new ViewMember(new ReplicaId(2), InSync: true),
        new ViewMember(new ReplicaId(3), InSync: false, ReadOnly: true, DelayMillis: 5), new ViewMember(new ReplicaId(4), InSync: false, Upstream: new ReplicaId(1), Pardon: 99),
    ]);

    private static readonly EntryBatch Entries = EntryBatch.Pack(EntryKind.Command, 5, 6, 1234, [Encoding.UTF8.GetBytes("a"), Encoding.UTF8.GetBytes("bc")]);

    public static TheoryData<string> Messages => [.. All.Keys];

    private static readonly Dictionary<string, PrimaryBackupMessage> All = new PrimaryBackupMessage[]
    {
        new Append(7, 4, 6, 3, 1000, new LogPosition(6, 6), AppendFlags.WantsReceived | AppendFlags.Relays, [Entries]),
        new AppendReply(7, AppendOutcome.Mismatch, new Standing(Sealed: true, Loss: 12), 1000, 4, 3, new LogPosition(5, 2)),
        new Beat(7, 3, 1000),
        new BeatReply(-1, new Standing(Sealed: false), 1000, 4, 3, 2),
        new CheckpointOffer(7, 10, 3),
        new ReadIndexRequest(7, 11),
        new ReadIndexReply(7, 11, 12),
        new SealRequest(7, pre: true, new LogPosition(6, 6)),
        new SealReply(7, pre: false, granted: true, new LogPosition(6, 6)),
        new ViewNotice(Some),
        new ViewRequest(-1),
    }.ToDictionary(message => message.Kind.ToString());

    [Theory, MemberData(nameof(Messages))]
    public void A_message_comes_back_as_it_was(string kind)
    {
        PrimaryBackupMessage message = All[kind];
        byte[] bytes = message.ToBytes();
        Assert.Equal(bytes, PrimaryBackupMessage.Decode(bytes).ToBytes());
        Assert.Equal(message.GetType(), PrimaryBackupMessage.Decode(bytes).GetType());
        for (int length = 0; length < bytes.Length; length++)
            Assert.Throws<InvalidDataException>(() => PrimaryBackupMessage.Decode(bytes.AsMemory(0, length)));
    }

    [Fact]
    public void View_hard_state_and_configuration_come_back_as_they_were()
    {
        Assert.Equal(Some.Encode(), View.Decode(Some.Encode()).Encode());
        Assert.Equal(View.Unknown.Encode(), View.Decode(View.Unknown.Encode()).Encode());
        var state = new HardState(7, true, 99);
        Assert.Equal(state, HardState.Decode(state.Encode()));
        var configuration = new Configuration(Some, [(0, 1), (3, 20), (7, 25)]);
        Assert.Equal(configuration.Encode(), Configuration.Decode(configuration.Encode()).Encode());
    }

    /// <summary>Primary, promise, members in sync, others.</summary>
    [Theory]
    [InlineData(1, 1, new[] { 1, 2 }, new int[0], true)]
    [InlineData(1, 0, new[] { 1 }, new[] { 2 }, true)]
    [InlineData(1, 0, new[] { 1, 2 }, new int[0], false)]
    [InlineData(1, 2, new[] { 1, 2 }, new int[0], false)]
    [InlineData(2, 0, new[] { 1 }, new[] { 2 }, false)]
    [InlineData(3, 1, new[] { 1, 2 }, new int[0], false)]
    public void A_view_names_a_primary_in_sync_and_a_promise_that_can_be_kept(int primary, int promise, int[] inSync, int[] others, bool isPossible)
    {
        IEnumerable<ViewMember> members = inSync.Select(id => new ViewMember(new ReplicaId(id), true)).Concat(others.Select(id => new ViewMember(new ReplicaId(id), false)));
        if (isPossible)
            Assert.Equal(promise, View.Create(1, new ReplicaId(primary), promise, members).Promise);
        else
            Assert.Throws<ArgumentException>(() => View.Create(1, new ReplicaId(primary), promise, members));
    }

    /// <summary>Epochs begin at 1 (epoch 0), 10 (epoch 2) and 20 (epoch 5); the state has everything up to 25.</summary>
    [Theory]
    [InlineData(0, 0, 25, "Here")]
    [InlineData(0, 9, 25, "Here")]
    [InlineData(0, 10, 25, "Lost")]
    [InlineData(2, 10, 25, "Here")]
    [InlineData(2, 9, 25, "NotYet")]
    [InlineData(5, 25, 25, "Here")]
    [InlineData(5, 26, 25, "NotYet")]
    [InlineData(2, 26, 25, "Lost")]
    [InlineData(2, 15, 9, "NotYet")]
    [InlineData(0, 5, 0, "NotYet")]
    public void A_position_is_here_or_not_yet_or_lost(long epoch, long index, long applied, string expected)
    {
        var history = new EpochHistory();
        history.Reset([(0, 1), (2, 10), (5, 20)], 25, []);
        Assert.Equal(expected, history.Judge(new LogPosition(epoch, index), applied).ToString());
    }
}
