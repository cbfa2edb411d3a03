using ActorRepl.Protocols.Crdt;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Convergence;

/// <summary>A message between replicas of a CRDT group. Layout: tag (1), then the fields in order, packed.</summary>
internal abstract class ConvergentMessage : PeerMessage
{
    private byte[]? _encoded;

    public override int EncodedSize => Encoded.Length;

    private byte[] Encoded => _encoded ??= Pack();

    public override void Encode(ref ByteWriter writer) => writer.Raw(Encoded);

    /// <exception cref="InvalidDataException">The bytes are no message of a CRDT group.</exception>
    public static ConvergentMessage Decode(ReadOnlyMemory<byte> bytes)
    {
        var reader = new CrdtReader(bytes.Span);
        byte tag = reader.Byte();
        switch (tag)
        {
            case Beat.Tag:
                return Beat.Read(ref reader);
            case Units.Tag:
                VersionSource source = reader.Source();
                return new Units(source, bytes[reader.Position..]);
            case Want.Tag:
                return new Want(reader.Source(), Number(ref reader));
            case AskVector.Tag:
                return new AskVector(Number(ref reader));
            case VectorAnswer.Tag:
                return new VectorAnswer(Number(ref reader), Vectors.Read(ref reader));
            case Open.Tag:
                return new Open(Number(ref reader));
            case Opened.Tag:
                return new Opened(Number(ref reader), Vectors.Read(ref reader), Vectors.Read(ref reader));
            case Compare.Tag:
                long asked = Number(ref reader);
                return new Compare(asked, bytes[reader.Position..]);
            case Compared.Tag:
                long answered = Number(ref reader);
                return new Compared(answered, bytes[reader.Position..]);
            case Fetch.Tag:
                return new Fetch(Number(ref reader), Number(ref reader), (int)reader.Within(0, int.MaxValue, "an offset"), Prints.Read(ref reader));
            case Fetched.Tag:
                (long token, long exchange, int covered) = (Number(ref reader), Number(ref reader), (int)reader.Within(0, int.MaxValue, "a count"));
                return new Fetched(token, exchange, covered, bytes[reader.Position..]);
            case Close.Tag:
                return new Close(Number(ref reader));
            case Gone.Tag:
                return new Gone(Number(ref reader));
            default:
                throw new InvalidDataException($"unknown message {tag} of a CRDT group");
        }
    }

    protected abstract void Write(CrdtWriter writer);

    private byte[] Pack()
    {
        var writer = new CrdtWriter();
        Write(writer);
        return writer.ToArray();
    }

    private static long Number(ref CrdtReader reader) => reader.Within(0, long.MaxValue, "a number");
}

/// <summary>How far the sender is: again and again, and whenever it has applied what another sent.</summary>
/// <param name="epoch">Of the view that it knows.</param>
/// <param name="source">Under which it changes.</param>
/// <param name="you">Under which source it knows the receiver; generation only.</param>
/// <param name="isRebuilding">It lacks what it had, and its vector says nothing of what was lost.</param>
/// <param name="vector">What it has, durably.</param>
/// <param name="floors">Per source: units up to here it cannot send.</param>
/// <param name="stable">What it has settled, durably.</param>
internal sealed class Beat(long epoch, VersionSource source, uint you, bool isRebuilding, VersionVector vector, VersionVector floors, VersionVector stable) : ConvergentMessage
{
    public const byte Tag = 14;

    public long Epoch { get; } = epoch;
    public VersionSource Source { get; } = source;
    public uint You { get; } = you;
    public bool IsRebuilding { get; } = isRebuilding;
    public VersionVector Vector { get; } = vector;
    public VersionVector Floors { get; } = floors;
    public VersionVector Stable { get; } = stable;

    public override bool IsBeat => true;

    public static Beat Read(ref CrdtReader reader)
    {
        var beat = new Beat(reader.Within(0, long.MaxValue, "an epoch"), reader.Source(), (uint)reader.Within(0, uint.MaxValue, "a generation"), reader.Within(0, 1, "a flag") == 1, Vectors.Read(ref reader), Vectors.Read(ref reader), Vectors.Read(ref reader));
        reader.End();
        return beat;
    }

    protected override void Write(CrdtWriter writer)
    {
        writer.Byte(Tag);
        writer.Unsigned((ulong)Epoch);
        writer.Source(Source);
        writer.Unsigned(You);
        writer.Byte(IsRebuilding ? (byte)1 : (byte)0);
        Vectors.Write(writer, Vector);
        Vectors.Write(writer, Floors);
        Vectors.Write(writer, Stable);
    }
}

/// <summary>Units of one source that follow each other: a <see cref="UnitList"/>.</summary>
internal sealed class Units(VersionSource source, ReadOnlyMemory<byte> list) : ConvergentMessage
{
    public const byte Tag = 2;

    public VersionSource Source { get; } = source;
    public ReadOnlyMemory<byte> List { get; } = list;

    protected override void Write(CrdtWriter writer)
    {
        writer.Byte(Tag);
        writer.Source(Source);
        writer.Raw(List.Span);
    }
}

/// <summary>Send me what you have of this source from this number on.</summary>
internal sealed class Want(VersionSource source, long from) : ConvergentMessage
{
    public const byte Tag = 3;

    public VersionSource Source { get; } = source;
    public long From { get; } = from;

    protected override void Write(CrdtWriter writer)
    {
        writer.Byte(Tag);
        writer.Source(Source);
        writer.Unsigned((ulong)From);
    }
}

/// <summary>What do you have? For a read; answered by <see cref="VectorAnswer"/>, or not at all by one that is being rebuilt.</summary>
internal sealed class AskVector(long token) : ConvergentMessage
{
    public const byte Tag = 4;

    public long Token { get; } = token;

    protected override void Write(CrdtWriter writer)
    {
        writer.Byte(Tag);
        writer.Unsigned((ulong)Token);
    }
}

/// <summary>This is durable here.</summary>
internal sealed class VectorAnswer(long token, VersionVector vector) : ConvergentMessage
{
    public const byte Tag = 5;

    public long Token { get; } = token;
    public VersionVector Vector { get; } = vector;

    protected override void Write(CrdtWriter writer)
    {
        writer.Byte(Tag);
        writer.Unsigned((ulong)Token);
        Vectors.Write(writer, Vector);
    }
}

/// <summary>Freeze what you have under this name, to be compared with. Answered by <see cref="Opened"/>.</summary>
internal sealed class Open(long token) : ConvergentMessage
{
    public const byte Tag = 6;

    public long Token { get; } = token;

    protected override void Write(CrdtWriter writer)
    {
        writer.Byte(Tag);
        writer.Unsigned((ulong)Token);
    }
}

/// <summary>It is frozen: what is in it, and what of that it has let go of as stable.</summary>
internal sealed class Opened(long token, VersionVector vector, VersionVector stable) : ConvergentMessage
{
    public const byte Tag = 7;

    public long Token { get; } = token;
    public VersionVector Vector { get; } = vector;
    public VersionVector Stable { get; } = stable;

    protected override void Write(CrdtWriter writer)
    {
        writer.Byte(Tag);
        writer.Unsigned((ulong)Token);
        Vectors.Write(writer, Vector);
        Vectors.Write(writer, Stable);
    }
}

/// <summary>A question of a comparison of trees.</summary>
internal sealed class Compare(long token, ReadOnlyMemory<byte> question) : ConvergentMessage
{
    public const byte Tag = 8;

    public long Token { get; } = token;
    public ReadOnlyMemory<byte> Question { get; } = question;

    protected override void Write(CrdtWriter writer)
    {
        writer.Byte(Tag);
        writer.Unsigned((ulong)Token);
        writer.Raw(Question.Span);
    }
}

/// <summary>Its answer.</summary>
internal sealed class Compared(long token, ReadOnlyMemory<byte> answer) : ConvergentMessage
{
    public const byte Tag = 9;

    public long Token { get; } = token;
    public ReadOnlyMemory<byte> Answer { get; } = answer;

    protected override void Write(CrdtWriter writer)
    {
        writer.Byte(Tag);
        writer.Unsigned((ulong)Token);
        writer.Raw(Answer.Span);
    }
}

/// <summary>Send the frozen values of these keys.</summary>
internal sealed class Fetch(long token, long exchange, int offset, IReadOnlyList<UInt128> list) : ConvergentMessage
{
    public const byte Tag = 15;

    public long Token { get; } = token;

    /// <summary>Tells its answer from that to another.</summary>
    public long Exchange { get; } = exchange;

    /// <summary>Bytes of the first key's value that were brought already.</summary>
    public int Offset { get; } = offset;
    public IReadOnlyList<UInt128> List { get; } = list;

    protected override void Write(CrdtWriter writer)
    {
        writer.Byte(Tag);
        writer.Unsigned((ulong)Token);
        writer.Unsigned((ulong)Exchange);
        writer.Count(Offset);
        Prints.Write(writer, List);
    }
}

/// <summary>Values: a <see cref="PartList"/>.</summary>
internal sealed class Fetched(long token, long exchange, int covered, ReadOnlyMemory<byte> states) : ConvergentMessage
{
    public const byte Tag = 16;

    public long Token { get; } = token;
    public long Exchange { get; } = exchange;

    /// <summary>Of how many of the keys, from the first, this is all that was left: the rest is to be asked for again, of the next one perhaps what follows the last part.</summary>
    public int Covered { get; } = covered;
    public ReadOnlyMemory<byte> States { get; } = states;

    protected override void Write(CrdtWriter writer)
    {
        writer.Byte(Tag);
        writer.Unsigned((ulong)Token);
        writer.Unsigned((ulong)Exchange);
        writer.Count(Covered);
        writer.Raw(States.Span);
    }
}

/// <summary>The comparison is over.</summary>
internal sealed class Close(long token) : ConvergentMessage
{
    public const byte Tag = 12;

    public long Token { get; } = token;

    protected override void Write(CrdtWriter writer)
    {
        writer.Byte(Tag);
        writer.Unsigned((ulong)Token);
    }
}

/// <summary>Nothing is frozen here under this name, or not any more.</summary>
internal sealed class Gone(long token) : ConvergentMessage
{
    public const byte Tag = 13;

    public long Token { get; } = token;

    protected override void Write(CrdtWriter writer)
    {
        writer.Byte(Tag);
        writer.Unsigned((ulong)Token);
    }
}
