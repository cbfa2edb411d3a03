using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Quorum;

/// <summary>A key and versions of it on their way, under the sender's token. <paramref name="Owner"/>: a hint for that one; else none.</summary>
internal readonly record struct Parcel(long Token, ReplicaId Owner, ReadOnlyMemory<byte> Key, KeyVersions Versions)
{
    public int EncodedSize => sizeof(long) + 2 * sizeof(int) + Key.Length + Versions.EncodedSize;
}

/// <summary>A message between replicas of a quorum group. Layout: tag (1), epoch (8), then the fields in order.</summary>
internal abstract class QuorumMessage : PeerMessage
{
    /// <summary>Of the ring that the sender knew: whoever knows a later one does not do what is asked, and says so.</summary>
    public long Epoch { get; set; }

    /// <summary>It tells what was done, and is true whatever the ring is by now.</summary>
    public virtual bool IsAnswer => false;

    public override int EncodedSize => 1 + sizeof(long) + BodySize;

    protected abstract byte Tag { get; }
    protected abstract int BodySize { get; }

    public override void Encode(ref ByteWriter writer)
    {
        writer.Byte(Tag);
        writer.Int64(Epoch);
        EncodeBody(ref writer);
    }

    /// <exception cref="InvalidDataException">The bytes are no message of a quorum group.</exception>
    public static QuorumMessage Decode(ReadOnlyMemory<byte> bytes)
    {
        var reader = new ByteReader(bytes);
        byte tag = reader.Byte();
        long epoch = reader.Int64();
        QuorumMessage message = tag switch
        {
            1 => new Put(Parcels(ref reader)),
            2 => new PutAck(Tokens(ref reader)),
            3 => new Get(Parcels(ref reader)),
            4 => new GetAnswer(Parcels(ref reader)),
            5 => new Compare(reader.Bytes()),
            6 => new Compared(reader.Bytes(), reader.Bool()),
            7 => new Exchange(reader.Int64(), Prints(ref reader), reader.Bytes()),
            8 => new Exchanged(reader.Int64(), reader.Int32(), reader.Bool(), reader.Bytes(), reader.Bool()),
            9 => new ViewNotice(RingView.Decode(reader.Bytes())),
            10 => new ViewAsk(),
            11 => new Prepare(reader.Int64(), reader.Bytes(), Ballot.DecodeWithFlag(ref reader)),
            12 => new Promise(reader.Int64(), reader.Bool(), reader.Int64(), PaxosState.Decode(ref reader), KeyVersions.Decode(ref reader)),
            13 => new Propose(reader.Int64(), PaxosState.Decode(ref reader)),
            14 => new Accepted(reader.Int64(), reader.Bool(), reader.Int64()),
            15 => new StreamAsk(reader.Int64(), new ReplicaId(reader.Int32()), (StreamPart)reader.Byte(), Print(ref reader), reader.Int64()),
            16 => new Streamed(reader.Int64(), (StreamPart)reader.Byte(), Print(ref reader), reader.Int64(), reader.Int64(), reader.Int64(), reader.Bytes()),
            17 => new RingBeat(reader.Bool()),
            18 => Ask.Decode(ref reader),
            19 => Told.Decode(ref reader),
            20 => new Cover(Parcels(ref reader)),
            21 => new CoverAck(Tokens(ref reader), Tokens(ref reader)),
            _ => throw new InvalidDataException($"unknown quorum message {tag}"),
        };
        reader.End();
        message.Epoch = epoch;
        return message;
    }

    protected abstract void EncodeBody(ref ByteWriter writer);

    private protected static int SizeOf(IReadOnlyList<Parcel> parcels) => sizeof(int) + SumOf(parcels);

    private static int SumOf(IReadOnlyList<Parcel> parcels)
    {
        int size = 0;
        for (int i = 0; i < parcels.Count; i++)
            size += parcels[i].EncodedSize;
        return size;
    }

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

    private protected static void Write(ref ByteWriter writer, IReadOnlyList<long> tokens)
    {
        writer.Int32(tokens.Count);
        for (int i = 0; i < tokens.Count; i++)
            writer.Int64(tokens[i]);
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
            prints[i] = Print(ref reader);
        return prints;
    }

    private static UInt128 Print(ref ByteReader reader)
    {
        ulong low = (ulong)reader.Int64();
        return new UInt128((ulong)reader.Int64(), low);
    }

    private protected static void Write(ref ByteWriter writer, UInt128 print)
    {
        writer.Int64((long)(ulong)print);
        writer.Int64((long)(ulong)(print >> 64));
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
    public override bool IsAnswer => true;

    public IReadOnlyList<long> Tokens { get; } = tokens;

    protected override byte Tag => 2;
    protected override int BodySize => sizeof(int) + Tokens.Count * sizeof(long);

    protected override void EncodeBody(ref ByteWriter writer) => Write(ref writer, Tokens);
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
    public override bool IsAnswer => true;

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
internal sealed class Compared(ReadOnlyMemory<byte> answer, bool lacks) : QuorumMessage
{
    public ReadOnlyMemory<byte> Answer { get; } = answer;

    /// <summary>The sender has lost something itself, and is not whole again.</summary>
    public bool Lacks { get; } = lacks;

    protected override byte Tag => 6;
    protected override int BodySize => sizeof(int) + Answer.Length + 1;

    protected override void EncodeBody(ref ByteWriter writer)
    {
        writer.Bytes(Answer.Span);
        writer.Byte(Lacks ? (byte)1 : (byte)0);
    }
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
            Write(ref writer, print);

        writer.Bytes(Keys.Span);
    }
}

/// <summary>What the receiver of an exchange had of its keys.</summary>
internal sealed class Exchanged(long token, int covered, bool tookAll, ReadOnlyMemory<byte> keys, bool lacks) : QuorumMessage
{
    public long Token { get; } = token;

    /// <summary>Of how many of the fingerprints, from the first: the rest is to be asked for again.</summary>
    public int Covered { get; } = covered;

    /// <summary>Nothing that was sent was refused, as what is ahead of the receiver's clock is.</summary>
    public bool TookAll { get; } = tookAll;

    /// <summary>A <see cref="KeyList"/>.</summary>
    public ReadOnlyMemory<byte> Keys { get; } = keys;

    /// <inheritdoc cref="Compared.Lacks"/>
    public bool Lacks { get; } = lacks;

    protected override byte Tag => 8;
    protected override int BodySize => sizeof(long) + 2 * sizeof(int) + 2 + Keys.Length;

    protected override void EncodeBody(ref ByteWriter writer)
    {
        writer.Int64(Token);
        writer.Int32(Covered);
        writer.Byte(TookAll ? (byte)1 : (byte)0);
        writer.Bytes(Keys.Span);
        writer.Byte(Lacks ? (byte)1 : (byte)0);
    }
}
