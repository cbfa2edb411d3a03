using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Quorum;

/// <summary>A key and versions of it on their way, under the sender's token. <paramref name="Owner"/>: a hint for that one; else none.</summary>
internal readonly record struct Parcel(long Token, ReplicaId Owner, ReadOnlyMemory<byte> Key, KeyVersions Versions)
{
    public int EncodedSize => sizeof(long) + 2 * sizeof(int) + Key.Length + Versions.EncodedSize;
}

/// <summary>A message between replicas of a quorum group. Layout: tag (1), then the fields in order.</summary>
internal abstract class QuorumMessage : PeerMessage
{
    public override int EncodedSize => 1 + BodySize;

    protected abstract byte Tag { get; }
    protected abstract int BodySize { get; }

    public override void Encode(ref ByteWriter writer)
    {
        writer.Byte(Tag);
        EncodeBody(ref writer);
    }

    /// <exception cref="InvalidDataException">The bytes are no message of a quorum group.</exception>
    public static QuorumMessage Decode(ReadOnlyMemory<byte> bytes)
    {
        var reader = new ByteReader(bytes);
        byte tag = reader.Byte();
        QuorumMessage message = tag switch
        {
            1 => new Put(Parcels(ref reader)),
            2 => new PutAck(Tokens(ref reader)),
            3 => new Get(Parcels(ref reader)),
            4 => new GetAnswer(Parcels(ref reader)),
            5 => new Compare(reader.Bytes()),
            6 => new Compared(reader.Bytes()),
            7 => new Exchange(reader.Int64(), Prints(ref reader), reader.Bytes()),
            8 => new Exchanged(reader.Int64(), reader.Int32(), reader.Bool(), reader.Bytes()),
            _ => throw new InvalidDataException($"unknown quorum message {tag}"),
        };
        reader.End();
        return message;
    }

    protected abstract void EncodeBody(ref ByteWriter writer);

    private protected static int SizeOf(IReadOnlyList<Parcel> parcels) => sizeof(int) + parcels.Sum(parcel => parcel.EncodedSize);

    private protected static void Write(ref ByteWriter writer, IReadOnlyList<Parcel> parcels)
    {
        writer.Int32(parcels.Count);
        foreach (Parcel parcel in parcels)
        {
            writer.Int64(parcel.Token);
            writer.Int32(parcel.Owner.Value);
            writer.Bytes(parcel.Key.Span);
            parcel.Versions.Encode(ref writer);
        }
    }

    private static Parcel[] Parcels(ref ByteReader reader)
    {
        var parcels = new Parcel[reader.Count(sizeof(long) + 5 * sizeof(int))];
        for (int i = 0; i < parcels.Length; i++)
            parcels[i] = new Parcel(reader.Int64(), new ReplicaId(reader.Int32()), reader.Bytes(), KeyVersions.Decode(ref reader));
        return parcels;
    }

    private static long[] Tokens(ref ByteReader reader)
    {
        var tokens = new long[reader.Count(sizeof(long))];
        for (int i = 0; i < tokens.Length; i++)
            tokens[i] = reader.Int64();
        return tokens;
    }

    private static UInt128[] Prints(ref ByteReader reader)
    {
        var prints = new UInt128[reader.Count(16)];
        for (int i = 0; i < prints.Length; i++)
        {
            ulong low = (ulong)reader.Int64();
            prints[i] = new UInt128((ulong)reader.Int64(), low);
        }

        return prints;
    }
}

/// <summary>Make these durable: versions of keys that the receiver owns, or hints for others. Answered by <see cref="PutAck"/>.</summary>
internal sealed class Put(IReadOnlyList<Parcel> parcels) : QuorumMessage
{
    public IReadOnlyList<Parcel> Parcels { get; } = parcels;

    protected override byte Tag => 1;
    protected override int BodySize => SizeOf(Parcels);
    protected override void EncodeBody(ref ByteWriter writer) => Write(ref writer, Parcels);
}

/// <summary>These are durable here.</summary>
internal sealed class PutAck(IReadOnlyList<long> tokens) : QuorumMessage
{
    public IReadOnlyList<long> Tokens { get; } = tokens;

    protected override byte Tag => 2;
    protected override int BodySize => sizeof(int) + Tokens.Count * sizeof(long);

    protected override void EncodeBody(ref ByteWriter writer)
    {
        writer.Int32(Tokens.Count);
        foreach (long token in Tokens)
            writer.Int64(token);
    }
}

/// <summary>What do you have of these keys? The versions are empty. Answered by <see cref="GetAnswer"/>, or not at all by one that is being rebuilt.</summary>
internal sealed class Get(IReadOnlyList<Parcel> keys) : QuorumMessage
{
    public IReadOnlyList<Parcel> Keys { get; } = keys;

    protected override byte Tag => 3;
    protected override int BodySize => SizeOf(Keys);
    protected override void EncodeBody(ref ByteWriter writer) => Write(ref writer, Keys);
}

/// <summary>What is durable here of these keys.</summary>
internal sealed class GetAnswer(IReadOnlyList<Parcel> parcels) : QuorumMessage
{
    public IReadOnlyList<Parcel> Parcels { get; } = parcels;

    protected override byte Tag => 4;
    protected override int BodySize => SizeOf(Parcels);
    protected override void EncodeBody(ref ByteWriter writer) => Write(ref writer, Parcels);
}

/// <summary>A question of a comparison of trees.</summary>
internal sealed class Compare(ReadOnlyMemory<byte> question) : QuorumMessage
{
    public ReadOnlyMemory<byte> Question { get; } = question;

    protected override byte Tag => 5;
    protected override int BodySize => sizeof(int) + Question.Length;
    protected override void EncodeBody(ref ByteWriter writer) => writer.Bytes(Question.Span);
}

/// <summary>Its answer.</summary>
internal sealed class Compared(ReadOnlyMemory<byte> answer) : QuorumMessage
{
    public ReadOnlyMemory<byte> Answer { get; } = answer;

    protected override byte Tag => 6;
    protected override int BodySize => sizeof(int) + Answer.Length;
    protected override void EncodeBody(ref ByteWriter writer) => writer.Bytes(Answer.Span);
}

/// <summary>Keys that differ: what the sender has of them. Answered, once that is durable, by what the receiver has.</summary>
internal sealed class Exchange(long token, IReadOnlyList<UInt128> prints, ReadOnlyMemory<byte> keys) : QuorumMessage
{
    public long Token { get; } = token;
    public IReadOnlyList<UInt128> Prints { get; } = prints;

    /// <summary>A <see cref="KeyList"/>.</summary>
    public ReadOnlyMemory<byte> Keys { get; } = keys;

    protected override byte Tag => 7;
    protected override int BodySize => sizeof(long) + sizeof(int) + Prints.Count * 16 + sizeof(int) + Keys.Length;

    protected override void EncodeBody(ref ByteWriter writer)
    {
        writer.Int64(Token);
        writer.Int32(Prints.Count);
        foreach (UInt128 print in Prints)
        {
            writer.Int64((long)(ulong)print);
            writer.Int64((long)(ulong)(print >> 64));
        }

        writer.Bytes(Keys.Span);
    }
}

/// <summary>What the receiver of an exchange had of its keys.</summary>
internal sealed class Exchanged(long token, int covered, bool tookAll, ReadOnlyMemory<byte> keys) : QuorumMessage
{
    public long Token { get; } = token;

    /// <summary>Of how many of the fingerprints, from the first: the rest is to be asked for again.</summary>
    public int Covered { get; } = covered;

    /// <summary>Nothing that was sent was refused, as what is ahead of the receiver's clock is.</summary>
    public bool TookAll { get; } = tookAll;

    /// <summary>A <see cref="KeyList"/>.</summary>
    public ReadOnlyMemory<byte> Keys { get; } = keys;

    protected override byte Tag => 8;
    protected override int BodySize => sizeof(long) + 2 * sizeof(int) + 1 + Keys.Length;

    protected override void EncodeBody(ref ByteWriter writer)
    {
        writer.Int64(Token);
        writer.Int32(Covered);
        writer.Byte(TookAll ? (byte)1 : (byte)0);
        writer.Bytes(Keys.Span);
    }
}
