using System.Buffers.Binary;
using System.Text;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Persistence.Segments;

/// <summary>Reads a segment in large pieces from its beginning to its end.</summary>
internal sealed class SegmentWindow(SegmentFile segment)
{
    private const int Ahead = 1 << 20;
    private byte[] _bytes = [];
    private int _offset;
    private int _length;

    public SegmentFile Segment => segment;

    /// <summary>The bytes there, fewer only at the end of the file; valid until the next call.</summary>
    public ReadOnlySpan<byte> Read(int offset, int length)
    {
        if (offset < _offset || offset + length > _offset + _length)
        {
            int wanted = Math.Min(Math.Max(length, Ahead), segment.Size - offset);
            if (_bytes.Length < wanted)
                _bytes = new byte[wanted];
            (_offset, _length) = (offset, segment.Read(_bytes.AsSpan(0, wanted), offset));
        }

        return _bytes.AsSpan(offset - _offset, Math.Min(length, _length - (offset - _offset)));
    }

    public bool TryHeader(int offset, out GroupHeader header) =>
        GroupHeader.TryRead(Read(offset, GroupHeader.Size), segment.Salt, offset, out header);
}

/// <summary>Reads a record back and checks it.</summary>
internal static class SegmentRecord
{
    /// <summary>Of a record's content, with all that says which record it is: none can pass for another one.</summary>
    public static uint Checksum(RecordHeader header, ReadOnlySpan<byte> content) =>
        Checksum(header, content[..header.MetaLength], content[header.MetaLength..]);

    public static uint Checksum(RecordHeader header, ReadOnlySpan<byte> meta, ReadOnlySpan<byte> payload)
    {
        Span<byte> which = stackalloc byte[16];
        BinaryPrimitives.WriteInt32LittleEndian(which, header.Kind);
        BinaryPrimitives.WriteInt32LittleEndian(which[4..], header.Name);
        BinaryPrimitives.WriteInt64LittleEndian(which[8..], header.Seq);
        return Crc32C.Compute(payload, Crc32C.Compute(meta, Crc32C.Compute(which)));
    }

    /// <summary>What is wrong with a record that was read; null: nothing.</summary>
    /// <param name="bytes">All of it, its header too.</param>
    /// <param name="place">Where it lies.</param>
    /// <param name="name">Whose it is.</param>
    /// <param name="header">As it was read; meaningless if the record is damaged.</param>
    public static string? Check(ReadOnlySpan<byte> bytes, Place place, JournalName name, out RecordHeader header)
    {
        // The salt of the header was checked when the log was opened; what the header says is checked by the content's.
        header = default;
        if (bytes.Length < place.Length || !RecordHeader.TryParse(bytes, out header)
            || header.Seq != place.Seq || header.Name != name.Number || header.Length != place.Length)
            return $"record {place.Seq} of {name.Name} is not where it was written";
        return Checksum(header, bytes.Slice(RecordHeader.Size, place.Length - RecordHeader.Size)) == header.Content
            ? null
            : $"the checksum of record {place.Seq} of {name.Name} does not match";
    }

    /// <summary>The record at a place, whole or damaged.</summary>
    public static StoredRecord ToStored(ReadOnlySpan<byte> bytes, Place place, JournalName name)
    {
        if (Check(bytes, place, name, out RecordHeader header) is { } damage)
            return StoredRecord.Damaged(place.Seq, damage);
        ReadOnlySpan<byte> meta = bytes.Slice(RecordHeader.Size, header.MetaLength);
        ReadOnlySpan<byte> payload = bytes.Slice(RecordHeader.Size + header.MetaLength, header.PayloadLength);
        return header.Kind == (byte)RecordKind.Lost
            ? StoredRecord.Damaged(place.Seq, Encoding.UTF8.GetString(payload))
            : new StoredRecord(place.Seq, (RecordKind)header.Kind, meta.ToArray(), payload.ToArray(), null);
    }
}
