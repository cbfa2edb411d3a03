using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Quorum;

/// <summary>A key that is asked about, under the sender's token.</summary>
internal readonly record struct AskedKey(long Token, ReadOnlyMemory<byte> Key)
{
    public int EncodedSize => sizeof(long) + sizeof(int) + Key.Length;
}

/// <summary>What an owner knows of a key that it was asked about.</summary>
internal readonly record struct ToldClock(long Token, VersionVector Clock)
{
    public int EncodedSize => sizeof(long) + Clock.EncodedSize;
}

/// <summary>Which writes of these keys do you know? Answered by <see cref="Told"/>, or not at all by one that is being rebuilt.</summary>
internal sealed class Ask(IReadOnlyList<AskedKey> keys) : QuorumMessage
{
    public IReadOnlyList<AskedKey> Keys { get; } = keys;

    protected override byte Tag => 18;

    protected override int BodySize
    {
        get
        {
            int size = sizeof(int);
            for (int i = 0; i < Keys.Count; i++)
                size += Keys[i].EncodedSize;
            return size;
        }
    }

    public static Ask Decode(ref ByteReader reader)
    {
        var keys = new AskedKey[reader.Count(sizeof(long) + sizeof(int))];
        for (int i = 0; i < keys.Length; i++)
            keys[i] = new AskedKey(reader.Int64(), reader.Bytes());
        return new Ask(keys);
    }

    protected override void EncodeBody(ref ByteWriter writer)
    {
        writer.Int32(Keys.Count);
        for (int i = 0; i < Keys.Count; i++)
        {
            writer.Int64(Keys[i].Token);
            writer.Bytes(Keys[i].Key.Span);
        }
    }
}

/// <summary>These are the writes that are durable here.</summary>
internal sealed class Told(IReadOnlyList<ToldClock> clocks) : QuorumMessage
{
    public override bool IsAnswer => true;

    public IReadOnlyList<ToldClock> Clocks { get; } = clocks;

    protected override byte Tag => 19;

    protected override int BodySize
    {
        get
        {
            int size = sizeof(int);
            for (int i = 0; i < Clocks.Count; i++)
                size += Clocks[i].EncodedSize;
            return size;
        }
    }

    public static Told Decode(ref ByteReader reader)
    {
        var clocks = new ToldClock[reader.Count(sizeof(long) + sizeof(int))];
        for (int i = 0; i < clocks.Length; i++)
            clocks[i] = new ToldClock(reader.Int64(), VersionVector.Decode(ref reader));
        return new Told(clocks);
    }

    protected override void EncodeBody(ref ByteWriter writer)
    {
        writer.Int32(Clocks.Count);
        for (int i = 0; i < Clocks.Count; i++)
        {
            writer.Int64(Clocks[i].Token);
            Clocks[i].Clock.Encode(ref writer);
        }
    }
}
