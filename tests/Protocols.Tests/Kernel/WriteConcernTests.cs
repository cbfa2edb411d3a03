using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Raft;

namespace ActorRepl.Protocols.Tests.Kernel;

public sealed class WriteConcernTests
{
    [Theory]
    [InlineData(AckLevel.Default, 0, AckReach.Default, 0, OnAckTimeout.Default)]
    [InlineData(AckLevel.Default, 0, AckReach.Applied, 500, OnAckTimeout.Refuse)]
    [InlineData(AckLevel.Async, 0, AckReach.Default, 0, OnAckTimeout.Default)]
    [InlineData(AckLevel.SemiSync, 2, AckReach.Received, 100, OnAckTimeout.Degrade)]
    [InlineData(AckLevel.Sync, 0, AckReach.Durable, 0, OnAckTimeout.Refuse)]
    public void What_makes_sense_comes_back_as_it_was_encoded(AckLevel level, byte backups, AckReach reach, int millis, OnAckTimeout onTimeout)
    {
        var concern = new WriteConcern(level, backups, reach, millis, onTimeout);
        Assert.Null(concern.Contradiction);
        byte[] bytes = new byte[WriteConcern.EncodedSize];
        var writer = new ByteWriter(bytes);
        concern.Encode(ref writer);
        var reader = new ByteReader(bytes);
        Assert.Equal(concern, WriteConcern.Decode(ref reader));
        Assert.Equal(0, reader.Remaining);
    }

    [Theory]
    [InlineData(AckLevel.Quorum, 1, AckReach.Default, 0, OnAckTimeout.Default, "only SemiSync counts them")]
    [InlineData(AckLevel.Default, 1, AckReach.Default, 0, OnAckTimeout.Default, "only SemiSync counts them")]
    [InlineData(AckLevel.Async, 0, AckReach.Applied, 0, OnAckTimeout.Default, "neither reach nor timeout")]
    [InlineData(AckLevel.Async, 0, AckReach.Default, 10, OnAckTimeout.Default, "neither reach nor timeout")]
    [InlineData(AckLevel.Sync, 0, AckReach.Default, -1, OnAckTimeout.Default, "-1 ms")]
    [InlineData((AckLevel)9, 0, AckReach.Default, 0, OnAckTimeout.Default, "no acknowledgement level 9")]
    [InlineData(AckLevel.Sync, 0, (AckReach)9, 0, OnAckTimeout.Default, "no reach 9")]
    [InlineData(AckLevel.Sync, 0, AckReach.Default, 0, (OnAckTimeout)9, "no way 9")]
    public void What_makes_none_is_named(AckLevel level, byte backups, AckReach reach, int millis, OnAckTimeout onTimeout, string why) =>
        Assert.Contains(why, new WriteConcern(level, backups, reach, millis, onTimeout).Contradiction, StringComparison.Ordinal);

    [Fact]
    public void Raft_takes_what_it_does_for_every_command_and_nothing_else()
    {
        IProtocolFactory raft = new RaftFactory();
        Assert.Null(raft.Refusal(default));
        Assert.Null(raft.Refusal(new WriteConcern(AckLevel.Quorum, Reach: AckReach.Durable)));
        foreach (WriteConcern other in (WriteConcern[])[new(AckLevel.Async), new(AckLevel.Sync), new(AckLevel.SemiSync, 1), new(AckLevel.Quorum, Reach: AckReach.Received), new(AckLevel.Quorum, TimeoutMillis: 5)])
            Assert.Contains("a majority has it on disk", raft.Refusal(other), StringComparison.Ordinal);
    }
}
