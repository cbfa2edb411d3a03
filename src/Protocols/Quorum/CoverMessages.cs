using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Quorum;

/// <summary>Make these durable, and say of each whether it has replaced all that you had of its key. Answered by <see cref="CoverAck"/>.</summary>
internal sealed class Cover(IReadOnlyList<Parcel> parcels) : QuorumMessage
{
    public IReadOnlyList<Parcel> Parcels { get; } = parcels;

    protected override byte Tag => 20;
    protected override int BodySize => SizeOf(Parcels);
    protected override void EncodeBody(ref ByteWriter writer) => Write(ref writer, Parcels);
}

/// <summary>These are durable here. Layout: count (4) and tokens (8 each) of those that knew all that was here, then of the others.</summary>
internal sealed class CoverAck(IReadOnlyList<long> covering, IReadOnlyList<long> others) : QuorumMessage
{
    public override bool IsAnswer => true;

    /// <summary>They have replaced all that was here.</summary>
    public IReadOnlyList<long> Covering { get; } = covering;

    /// <summary>Something was here that they did not know, or may have been.</summary>
    public IReadOnlyList<long> Others { get; } = others;

    protected override byte Tag => 21;
    protected override int BodySize => 2 * sizeof(int) + (Covering.Count + Others.Count) * sizeof(long);

    protected override void EncodeBody(ref ByteWriter writer)
    {
        Write(ref writer, Covering);
        Write(ref writer, Others);
    }
}
