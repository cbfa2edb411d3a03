using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Quorum;

/// <summary>First phase: promise to take nothing of this key below the ballot. Answered by <see cref="Promise"/>.</summary>
internal sealed class Prepare(long token, ReadOnlyMemory<byte> key, Ballot ballot) : QuorumMessage
{
    public long Token { get; } = token;
    public ReadOnlyMemory<byte> Key { get; } = key;
    public Ballot Ballot { get; } = ballot;

    protected override byte Tag => 11;
    protected override int BodySize => sizeof(long) + sizeof(int) + Key.Length + Ballot.SizeWithFlag;

    protected override void EncodeBody(ref ByteWriter writer)
    {
        writer.Int64(Token);
        writer.Bytes(Key.Span);
        Ballot.EncodeWithFlag(ref writer);
    }
}

/// <summary>What the acceptor has, durably.</summary>
/// <param name="isPromised">It has promised the ballot that was asked for, and nothing higher.</param>
/// <param name="atLeast">Lower rounds have no hope there.</param>
/// <param name="versions">What it has of the key: with the first phase, a quorum has been read.</param>
internal sealed class Promise(long token, bool isPromised, long atLeast, PaxosState state, KeyVersions versions) : QuorumMessage
{
    public override bool IsAnswer => true;

    public long Token { get; } = token;
    public bool IsPromised { get; } = isPromised;
    public long AtLeast { get; } = atLeast;
    public PaxosState State { get; } = state;
    public KeyVersions Versions { get; } = versions;

    protected override byte Tag => 12;
    protected override int BodySize => 2 * sizeof(long) + 1 + State.EncodedSize + Versions.EncodedSize;

    protected override void EncodeBody(ref ByteWriter writer)
    {
        writer.Int64(Token);
        writer.Byte(IsPromised ? (byte)1 : (byte)0);
        writer.Int64(AtLeast);
        State.Encode(ref writer);
        Versions.Encode(ref writer);
    }
}

/// <summary>Second phase: accept this proposal, unless a higher ballot was promised. Answered by <see cref="Accepted"/>.</summary>
internal sealed class Propose(long token, PaxosState state) : QuorumMessage
{
    public long Token { get; } = token;
    public PaxosState State { get; } = state;

    protected override byte Tag => 13;
    protected override int BodySize => sizeof(long) + State.EncodedSize;

    protected override void EncodeBody(ref ByteWriter writer)
    {
        writer.Int64(Token);
        State.Encode(ref writer);
    }
}

/// <summary>It is accepted, durably; or it is not.</summary>
/// <param name="atLeast">Lower rounds have no hope there.</param>
internal sealed class Accepted(long token, bool isAccepted, long atLeast) : QuorumMessage
{
    public override bool IsAnswer => true;

    public long Token { get; } = token;
    public bool IsAccepted { get; } = isAccepted;
    public long AtLeast { get; } = atLeast;

    protected override byte Tag => 14;
    protected override int BodySize => 2 * sizeof(long) + 1;

    protected override void EncodeBody(ref ByteWriter writer)
    {
        writer.Int64(Token);
        writer.Byte(IsAccepted ? (byte)1 : (byte)0);
        writer.Int64(AtLeast);
    }
}
