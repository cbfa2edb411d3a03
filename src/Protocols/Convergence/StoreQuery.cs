using ActorRepl.Protocols.Crdt;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Convergence;

/// <summary>What a protocol asks its store, beside what clients do. Layout: kind (1, from 64, to be told from a client's), then the fields in order.</summary>
internal abstract record StoreQuery
{
    private const byte First = 64;

    /// <summary>Where the store stands, and what became of the local updates from one index of the log to another: a <see cref="StoreStanding"/>.</summary>
    public sealed record Standing(long From, long To) : StoreQuery;

    /// <summary>Units of a source from a number on, up to about so many bytes: a <see cref="UnitList"/>.</summary>
    public sealed record Units(VersionSource Source, long From, int MaxBytes) : StoreQuery;

    /// <summary>A client's read, answered by <see cref="StoreAnswer"/>.</summary>
    public sealed record Read(ReadOnlyMemory<byte> Payload) : StoreQuery;

    /// <summary>
    /// Freezes the store as it stands, to be compared under this name; the one frozen for the same peer before is let go of. Answered by two vectors: of what is in it, and of what it has let go of as stable; and by whether it can be compared already (1).
    /// It changes nothing that a client or another replica sees, and nothing that is kept.
    /// </summary>
    public sealed record Freeze(ReplicaId Peer, long Token) : StoreQuery;

    /// <summary>Makes what is frozen under this name ready to be compared, some keys more; answered as <see cref="Freeze"/>, or by nothing: it is not there any more.</summary>
    public sealed record Hash(ReplicaId Peer, long Token) : StoreQuery;

    /// <summary>It is not needed any more.</summary>
    public sealed record Thaw(ReplicaId Peer) : StoreQuery;

    /// <summary>A question of a peer's comparison; answered by its answer's bytes; nothing: the store is not frozen under that name.</summary>
    public sealed record Compare(ReplicaId Peer, long Token, ReadOnlyMemory<byte> Question) : StoreQuery;

    /// <summary>Which children differ from a peer's answer; answered by pairs of level and number, 4 bytes each.</summary>
    public sealed record Judge(ReplicaId Peer, ReadOnlyMemory<byte> Answer) : StoreQuery;

    /// <summary>The question about a leaf; answered by its bytes.</summary>
    public sealed record Leaf(ReplicaId Peer, long Token, int Number, UInt128 After) : StoreQuery;

    /// <summary>Frozen values of these fingerprints, up to about so many bytes: of how many fingerprints this is all that is left (4), then a <see cref="PartList"/>; nothing: as above. Of the first the bytes from an offset on.</summary>
    public sealed record States(ReplicaId Peer, long Token, IReadOnlyList<UInt128> Prints, int Offset, int MaxBytes) : StoreQuery;

    /// <summary>These fingerprints were brought over, the last part of them as a <see cref="PartList"/>: in what is frozen here they are as the peer has them from now on.</summary>
    public sealed record Settle(ReplicaId Peer, IReadOnlyList<UInt128> Prints, ReadOnlyMemory<byte> Brought) : StoreQuery;

    public byte[] ToBytes()
    {
        var writer = new CrdtWriter();
        switch (this)
        {
            case Standing standing:
                writer.Byte(First);
                writer.Unsigned((ulong)standing.From);
                writer.Unsigned((ulong)standing.To);
                break;
            case Units units:
                writer.Byte(First + 1);
                writer.Source(units.Source);
                writer.Unsigned((ulong)units.From);
                writer.Count(units.MaxBytes);
                break;
            case Read read:
                writer.Byte(First + 2);
                writer.Raw(read.Payload.Span);
                break;
            case Freeze freeze:
                writer.Byte(First + 3);
                writer.Count(freeze.Peer.Value);
                writer.Unsigned((ulong)freeze.Token);
                break;
            case Thaw thaw:
                writer.Byte(First + 4);
                writer.Count(thaw.Peer.Value);
                break;
            case Compare compare:
                writer.Byte(First + 5);
                writer.Count(compare.Peer.Value);
                writer.Unsigned((ulong)compare.Token);
                writer.Raw(compare.Question.Span);
                break;
            case Judge judge:
                writer.Byte(First + 6);
                writer.Count(judge.Peer.Value);
                writer.Raw(judge.Answer.Span);
                break;
            case Leaf leaf:
                writer.Byte(First + 7);
                writer.Count(leaf.Peer.Value);
                writer.Unsigned((ulong)leaf.Token);
                writer.Count(leaf.Number);
                Prints.Write(writer, leaf.After);
                break;
            case States states:
                writer.Byte(First + 8);
                writer.Count(states.Peer.Value);
                writer.Unsigned((ulong)states.Token);
                writer.Count(states.Offset);
                writer.Count(states.MaxBytes);
                Prints.Write(writer, states.Prints);
                break;
            case Hash hash:
                writer.Byte(First + 10);
                writer.Count(hash.Peer.Value);
                writer.Unsigned((ulong)hash.Token);
                break;
            case Settle settle:
                writer.Byte(First + 9);
                writer.Count(settle.Peer.Value);
                Prints.Write(writer, settle.Prints);
                writer.Raw(settle.Brought.Span);
                break;
        }

        return writer.ToArray();
    }

    /// <exception cref="InvalidDataException">The bytes are no query.</exception>
    public static StoreQuery Decode(ReadOnlyMemory<byte> bytes)
    {
        var reader = new CrdtReader(bytes.Span);
        int kind = reader.Byte() - First;
        switch (kind)
        {
            case 0:
                return new Standing(ReadNumber(ref reader), ReadNumber(ref reader));
            case 1:
                return new Units(reader.Source(), ReadNumber(ref reader), (int)ReadNumber(ref reader));
            case 2:
                return new Read(bytes[reader.Position..]);
            case 3:
                return new Freeze(ReadPeer(ref reader), ReadNumber(ref reader));
            case 4:
                return new Thaw(ReadPeer(ref reader));
            case 5:
                (ReplicaId peer, long token) = (ReadPeer(ref reader), ReadNumber(ref reader));
                return new Compare(peer, token, bytes[reader.Position..]);
            case 6:
                ReplicaId judged = ReadPeer(ref reader);
                return new Judge(judged, bytes[reader.Position..]);
            case 7:
                return new Leaf(ReadPeer(ref reader), ReadNumber(ref reader), (int)ReadNumber(ref reader), Prints.ReadOne(ref reader));
            case 8:
                (ReplicaId of, long session, int offset, int most) = (ReadPeer(ref reader), ReadNumber(ref reader), (int)ReadNumber(ref reader), (int)ReadNumber(ref reader));
                return new States(of, session, Prints.Read(ref reader), offset, most);
            case 9:
                (ReplicaId settled, UInt128[] prints) = (ReadPeer(ref reader), Prints.Read(ref reader));
                return new Settle(settled, prints, bytes[reader.Position..]);
            case 10:
                return new Hash(ReadPeer(ref reader), ReadNumber(ref reader));
            default:
                throw new InvalidDataException($"unknown store query {kind + First}");
        }
    }

    private static long ReadNumber(ref CrdtReader reader) => reader.Within(0, long.MaxValue, "a number");

    private static ReplicaId ReadPeer(ref CrdtReader reader) => new((int)reader.Within(1, int.MaxValue, "a replica"));
}

/// <summary>Fingerprints of keys: 16 bytes each, lists with a count before them.</summary>
internal static class Prints
{
    public static void Write(CrdtWriter writer, UInt128 print) => System.Buffers.Binary.BinaryPrimitives.WriteUInt128LittleEndian(writer.Raw(16), print);

    public static void Write(CrdtWriter writer, IReadOnlyList<UInt128> prints)
    {
        writer.Count(prints.Count);
        foreach (UInt128 print in prints)
            Write(writer, print);
    }

    public static UInt128 ReadOne(ref CrdtReader reader) => System.Buffers.Binary.BinaryPrimitives.ReadUInt128LittleEndian(reader.Raw(16));

    public static UInt128[] Read(ref CrdtReader reader)
    {
        var prints = new UInt128[reader.Count("fingerprints", minimumSize: 16)];
        for (int i = 0; i < prints.Length; i++)
            prints[i] = ReadOne(ref reader);
        return prints;
    }
}

/// <summary>Units of one source that follow each other: count, then length and bytes each.</summary>
internal static class UnitList
{
    public static byte[] Encode(IReadOnlyList<ReadOnlyMemory<byte>> units)
    {
        var writer = new CrdtWriter();
        writer.Count(units.Count);
        foreach (ReadOnlyMemory<byte> unit in units)
        {
            writer.Count(unit.Length);
            writer.Raw(unit.Span);
        }

        return writer.ToArray();
    }

    /// <exception cref="InvalidDataException">The bytes are no such list.</exception>
    public static ReadOnlyMemory<byte>[] Decode(ReadOnlyMemory<byte> bytes)
    {
        var reader = new CrdtReader(bytes.Span);
        var units = new ReadOnlyMemory<byte>[reader.Count("units", minimumSize: 2)];
        for (int i = 0; i < units.Length; i++)
        {
            int length = reader.Count("bytes of a unit");
            units[i] = bytes.Slice(reader.Position, length);
            reader.Raw(length);
        }

        reader.End();
        return units;
    }
}

/// <summary>What a store answers a client's read: ok (1: 1), then the answer; or why not (1: 0), then the reason as UTF-8. Outcomes of updates are written likewise.</summary>
internal static class StoreAnswer
{
    public static byte[] Ok(byte[] answer) => [1, .. answer];

    public static byte[] Refused(string why) => [0, .. System.Text.Encoding.UTF8.GetBytes(why)];

    public static bool IsOk(ReadOnlyMemory<byte> bytes, out ReadOnlyMemory<byte> answer, out string? why)
    {
        bool isOk = bytes.Span[0] == 1;
        answer = bytes[1..];
        why = isOk ? null : System.Text.Encoding.UTF8.GetString(answer.Span);
        return isOk;
    }
}

/// <summary>What became of a local update.</summary>
/// <param name="Index">Of the log.</param>
/// <param name="Unit">Whoever has this unit, has it; number 0: there is nothing to have.</param>
/// <param name="Answer">A <see cref="StoreAnswer"/>.</param>
internal readonly record struct Outcome(long Index, Dot Unit, ReadOnlyMemory<byte> Answer);

/// <summary>What a store has, in numbers.</summary>
/// <param name="Updates">Kept for members that may lack them, of <paramref name="Bytes"/> bytes.</param>
/// <param name="Tags">Parts of values that wait to become stable.</param>
/// <param name="Keys">Ever changed.</param>
internal readonly record struct StoreKeeps(long Updates, long Bytes, long Tags, long Keys);

/// <summary>How a store stands. Layout: source, vector, floors, stable vector, flags, unreadable parts, what it keeps, outcomes.</summary>
/// <param name="Source">Under which it changes.</param>
/// <param name="Vector">All units that are applied, its own among them.</param>
/// <param name="Floors">Per source: units up to here are not kept.</param>
/// <param name="Stable">What was last said to be stable.</param>
/// <param name="Known">What every member was last known to have settled.</param>
/// <param name="IsRebuilding">It may lack what it had.</param>
/// <param name="HasTags">Something waits to become stable: units, or parts of values.</param>
/// <param name="Unreadable">Parts of units that could not be merged, since it began.</param>
/// <param name="Keeps">For operators.</param>
/// <param name="Outcomes">Of the local updates that were asked for: a <see cref="StoreAnswer"/>, and the last unit that whoever has it all must have.</param>
internal sealed record StoreStanding(
    VersionSource Source, VersionVector Vector, VersionVector Floors, VersionVector Stable, VersionVector Known, bool IsRebuilding, bool HasTags, long Unreadable,
    StoreKeeps Keeps, IReadOnlyList<Outcome> Outcomes)
{
    public byte[] ToBytes()
    {
        var writer = new CrdtWriter();
        writer.Byte(Source.Replica.IsNone ? (byte)0 : (byte)1);
        if (!Source.Replica.IsNone)
            writer.Source(Source);
        Vectors.Write(writer, Vector);
        Vectors.Write(writer, Floors);
        Vectors.Write(writer, Stable);
        Vectors.Write(writer, Known);
        writer.Byte((byte)((IsRebuilding ? 1 : 0) | (HasTags ? 2 : 0)));
        writer.Unsigned((ulong)Unreadable);
        foreach (long number in (ReadOnlySpan<long>)[Keeps.Updates, Keeps.Bytes, Keeps.Tags, Keeps.Keys])
            writer.Unsigned((ulong)number);
        writer.Count(Outcomes.Count);
        foreach (Outcome outcome in Outcomes)
        {
            writer.Unsigned((ulong)outcome.Index);
            writer.Dot(outcome.Unit);
            writer.Count(outcome.Answer.Length);
            writer.Raw(outcome.Answer.Span);
        }

        return writer.ToArray();
    }

    /// <exception cref="InvalidDataException">The bytes are no standing.</exception>
    public static StoreStanding Decode(ReadOnlyMemory<byte> bytes)
    {
        var reader = new CrdtReader(bytes.Span);
        VersionSource source = reader.Within(0, 1, "a flag") == 1 ? reader.Source() : default;
        VersionVector vector = Vectors.Read(ref reader), floors = Vectors.Read(ref reader), stable = Vectors.Read(ref reader), known = Vectors.Read(ref reader);
        long flags = reader.Within(0, 3, "flags");
        long unreadable = reader.Within(0, long.MaxValue, "a count");
        var keeps = new StoreKeeps(
            reader.Within(0, long.MaxValue, "updates"), reader.Within(0, long.MaxValue, "bytes"), reader.Within(0, long.MaxValue, "tags"), reader.Within(0, long.MaxValue, "keys"));
        var outcomes = new Outcome[reader.Count("outcomes", minimumSize: 3)];
        for (int i = 0; i < outcomes.Length; i++)
        {
            long index = reader.Within(0, long.MaxValue, "an index");
            var unit = new Dot(reader.Source(), reader.Within(0, long.MaxValue, "a number"));
            int length = reader.Count("bytes of an outcome");
            outcomes[i] = new Outcome(index, unit, bytes.Slice(reader.Position, length));
            reader.Raw(length);
        }

        reader.End();
        return new StoreStanding(source, vector, floors, stable, known, (flags & 1) != 0, (flags & 2) != 0, unreadable, keeps, outcomes);
    }
}
