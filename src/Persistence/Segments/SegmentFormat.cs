using System.Buffers.Binary;
using System.Text;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Persistence.Segments;

/// <summary>Sizes of the format of segment files (docs/wal.md). All integers are little-endian, checksums CRC-32C.</summary>
internal static class SegmentFormat
{
    /// <summary>The format this build reads and writes.</summary>
    public const int Version = 1;

    /// <summary>Groups begin and end on it: a page is written whole, so none is ever read to be written.</summary>
    public const int Page = 4096;

    /// <summary>Where the first group of a segment begins.</summary>
    public const int FirstGroup = Page;

    /// <summary>A segment is not larger: an offset in it is 31 bits.</summary>
    public const int MaxSegment = 1 << 30;

    public static int RoundUp(int bytes) => checked(bytes + Page - 1) & ~(Page - 1);
}

/// <summary>
/// The first page of a segment. The number is never used a second time: a recycled file gets a new one, and nothing that
/// was written under the old one is valid under it.
/// </summary>
/// <param name="Store">The store it belongs to.</param>
/// <param name="Number">Its place in the log, from 1 without gaps.</param>
/// <param name="Size">Bytes of the file.</param>
/// <param name="Lost">Why an earlier log of this store was put aside; null: there was none.</param>
internal sealed record SegmentHeader(Guid Store, int Number, int Size, string? Lost)
{
    private const ulong Magic = 0x314745534C574152; // "RAWLSEG1"
    private const int Fixed = 44;
    private const int MaxLost = 2000;

    /// <summary>What the checksums of everything in this segment start from.</summary>
    public uint Salt => SaltOf(Store, Number);

    public void Write(Span<byte> page)
    {
        page.Clear();
        byte[] lost = Encoding.UTF8.GetBytes(Lost is { Length: > MaxLost / 4 } ? Lost[..(MaxLost / 4)] : Lost ?? "");
        BinaryPrimitives.WriteUInt64LittleEndian(page[4..], Magic);
        BinaryPrimitives.WriteInt32LittleEndian(page[12..], SegmentFormat.Version);
        Store.TryWriteBytes(page[16..]);
        BinaryPrimitives.WriteInt32LittleEndian(page[32..], Number);
        BinaryPrimitives.WriteInt32LittleEndian(page[36..], Size);
        BinaryPrimitives.WriteInt32LittleEndian(page[40..], lost.Length);
        lost.CopyTo(page[Fixed..]);
        BinaryPrimitives.WriteUInt32LittleEndian(page, Crc32C.Compute(page[4..(Fixed + lost.Length)]));
    }

    /// <summary>Null: the page is no header of a segment, or a damaged one.</summary>
    /// <exception cref="StorageFailedException">It is one, of a format that this build does not read.</exception>
    public static SegmentHeader? Read(ReadOnlySpan<byte> page)
    {
        if (BinaryPrimitives.ReadUInt64LittleEndian(page[4..]) != Magic)
            return null;
        int lost = BinaryPrimitives.ReadInt32LittleEndian(page[40..]);
        if (lost is < 0 or > MaxLost || BinaryPrimitives.ReadUInt32LittleEndian(page) != Crc32C.Compute(page[4..(Fixed + lost)]))
            return null;
        int version = BinaryPrimitives.ReadInt32LittleEndian(page[12..]);
        if (version != SegmentFormat.Version)
            throw new StorageFailedException($"a segment has format {version}; this build reads format {SegmentFormat.Version}");
        return new SegmentHeader(
            new Guid(page[16..32]), BinaryPrimitives.ReadInt32LittleEndian(page[32..]), BinaryPrimitives.ReadInt32LittleEndian(page[36..]),
            lost == 0 ? null : Encoding.UTF8.GetString(page.Slice(Fixed, lost)));
    }

    private static uint SaltOf(Guid store, int number)
    {
        Span<byte> bytes = stackalloc byte[20];
        store.TryWriteBytes(bytes);
        BinaryPrimitives.WriteInt32LittleEndian(bytes[16..], number);
        return Crc32C.Compute(bytes);
    }
}

/// <summary>What begins at a page of a segment.</summary>
internal enum GroupKind : byte
{
    /// <summary>Records that were synced together.</summary>
    Group = 1,

    /// <summary>Says that the group before it is durable; the next group is written over it.</summary>
    Seal = 2,
}

/// <summary>
/// Stands before the records of a group. A group is only begun when the one before is synced: the header of one says that
/// all before it were durable.
/// </summary>
/// <param name="Kind">A group, or the seal of one.</param>
/// <param name="Number">From 1 without gaps over all segments; a seal has that of the group it seals.</param>
/// <param name="Previous">Checksum in the header of the group before; of a seal, of the group it seals.</param>
/// <param name="Length">Bytes up to the next group, a multiple of the page.</param>
/// <param name="Records">How many follow.</param>
/// <param name="Checksum">Of this header, with the segment's salt and the offset; set when read or written.</param>
internal readonly record struct GroupHeader(GroupKind Kind, long Number, uint Previous, int Length, int Records, uint Checksum)
{
    public const int Size = 32;

    private const ushort Magic = 0x5247; // "GR"

    public GroupHeader Write(Span<byte> target, uint salt, int offset)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(target[4..], Magic);
        target[6] = (byte)Kind;
        target[7] = 0;
        BinaryPrimitives.WriteInt64LittleEndian(target[8..], Number);
        BinaryPrimitives.WriteUInt32LittleEndian(target[16..], Previous);
        BinaryPrimitives.WriteInt32LittleEndian(target[20..], Length);
        BinaryPrimitives.WriteInt32LittleEndian(target[24..], Records);
        BinaryPrimitives.WriteInt32LittleEndian(target[28..], offset);
        uint checksum = Crc32C.Compute(target[4..Size], salt);
        BinaryPrimitives.WriteUInt32LittleEndian(target, checksum);
        return this with { Checksum = checksum };
    }

    /// <summary>False: no group and no seal of this segment begins here.</summary>
    public static bool TryRead(ReadOnlySpan<byte> source, uint salt, int offset, out GroupHeader header)
    {
        header = default;
        if (source.Length < Size || BinaryPrimitives.ReadUInt16LittleEndian(source[4..]) != Magic)
            return false;
        uint checksum = BinaryPrimitives.ReadUInt32LittleEndian(source);
        if (checksum != Crc32C.Compute(source[4..Size], salt) || BinaryPrimitives.ReadInt32LittleEndian(source[28..]) != offset)
            return false;
        header = new GroupHeader((GroupKind)source[6], BinaryPrimitives.ReadInt64LittleEndian(source[8..]),
            BinaryPrimitives.ReadUInt32LittleEndian(source[16..]), BinaryPrimitives.ReadInt32LittleEndian(source[20..]),
            BinaryPrimitives.ReadInt32LittleEndian(source[24..]), checksum);
        return true;
    }
}

/// <summary>Kinds of records beside <see cref="RecordKind"/>. The numbers are part of the format.</summary>
internal static class LogRecordKind
{
    /// <summary>
    /// A persistence id: its number, highest sequence number, up to where it is deleted (in the meta bytes), and its text.
    /// The latest one holds, and is written anew before the segment that has it goes.
    /// </summary>
    public const byte Name = 16;

    /// <summary>
    /// The log begins with the segment whose number is in the place of the sequence number; the first group there or behind
    /// it is in the meta bytes.
    /// </summary>
    public const byte Start = 17;
}

/// <summary>
/// Stands before a record's meta bytes and payload. It has a checksum of its own, with the segment's salt and the group's
/// number: a record whose content is damaged is still known by name, and what an earlier use of the file left is no record.
/// </summary>
/// <param name="Kind">A <see cref="RecordKind"/>, or a <see cref="LogRecordKind"/>.</param>
/// <param name="Name">Number of the persistence id.</param>
/// <param name="Seq">The sequence number.</param>
/// <param name="MetaLength">Bytes of meta data, which follow.</param>
/// <param name="PayloadLength">Bytes of payload, which follow those.</param>
/// <param name="Content">Checksum of the record's content: <see cref="SegmentRecord.Checksum(RecordHeader, ReadOnlySpan{byte})"/>.</param>
internal readonly record struct RecordHeader(byte Kind, int Name, long Seq, int MetaLength, int PayloadLength, uint Content)
{
    public const int Size = 32;

    public int Length => Size + MetaLength + PayloadLength;

    /// <summary>All but the checksum of the header, which depends on where it will lie: see <see cref="Seal"/>.</summary>
    public void Write(Span<byte> target)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(target[4..], Content);
        BinaryPrimitives.WriteInt32LittleEndian(target[8..], MetaLength);
        BinaryPrimitives.WriteInt32LittleEndian(target[12..], PayloadLength);
        BinaryPrimitives.WriteInt32LittleEndian(target[16..], Name);
        BinaryPrimitives.WriteInt32LittleEndian(target[20..], Kind);
        BinaryPrimitives.WriteInt64LittleEndian(target[24..], Seq);
    }

    /// <summary>Adds the checksum to a header, and returns the length of the record.</summary>
    public static int Seal(Span<byte> record, uint groupSalt)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(record, Crc32C.Compute(record[4..Size], groupSalt));
        return Size + BinaryPrimitives.ReadInt32LittleEndian(record[8..]) + BinaryPrimitives.ReadInt32LittleEndian(record[12..]);
    }

    /// <summary>False: no record of this group begins here, or not all of it is in <paramref name="source"/>.</summary>
    public static bool TryRead(ReadOnlySpan<byte> source, uint groupSalt, out RecordHeader header)
    {
        header = default;
        return source.Length >= Size && BinaryPrimitives.ReadUInt32LittleEndian(source) == Crc32C.Compute(source[4..Size], groupSalt)
            && TryParse(source, out header);
    }

    /// <summary>What the header says, without its own checksum.</summary>
    public static bool TryParse(ReadOnlySpan<byte> source, out RecordHeader header)
    {
        header = default;
        if (source.Length < Size)
            return false;
        header = new RecordHeader((byte)BinaryPrimitives.ReadInt32LittleEndian(source[20..]), BinaryPrimitives.ReadInt32LittleEndian(source[16..]),
            BinaryPrimitives.ReadInt64LittleEndian(source[24..]), BinaryPrimitives.ReadInt32LittleEndian(source[8..]),
            BinaryPrimitives.ReadInt32LittleEndian(source[12..]), BinaryPrimitives.ReadUInt32LittleEndian(source[4..]));
        return header.MetaLength >= 0 && header.PayloadLength >= 0 && (long)Size + header.MetaLength + header.PayloadLength <= source.Length;
    }

    /// <summary>What the checksums of a group's record headers start from.</summary>
    public static uint GroupSalt(uint segmentSalt, long group)
    {
        Span<byte> bytes = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, group);
        return Crc32C.Compute(bytes, segmentSalt);
    }
}
