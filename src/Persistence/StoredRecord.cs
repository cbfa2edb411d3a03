using System.Buffers.Binary;
using System.Text;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Persistence;

/// <summary>What the payload of a row is. The numbers are part of the format.</summary>
public enum RecordKind : byte
{
    /// <summary>A WAL record of a replica, packed by <see cref="RecordCodec"/>.</summary>
    WalRecord = 1,

    /// <summary>A checkpoint's manifest, packed by <see cref="RecordCodec"/>.</summary>
    Manifest = 2,

    /// <summary>A segment of a checkpoint: the state machine's own bytes.</summary>
    Segment = 3,

    /// <summary>Anything else, as an Akka serializer wrote it.</summary>
    Serialized = 4,

    /// <summary>Left by the store in the place of records it has lost; the payload is text that says why.</summary>
    Lost = 5,
}

/// <summary>A row as it goes into the store.</summary>
/// <param name="Seq">Its sequence number, from 1.</param>
/// <param name="Kind">What the payload is.</param>
/// <param name="Meta">Timestamp, writer, serializer: see <see cref="RecordMeta"/>.</param>
/// <param name="Payload">The bytes, kept as they are.</param>
public readonly record struct RecordToStore(long Seq, RecordKind Kind, ReadOnlyMemory<byte> Meta, ReadOnlyMemory<byte> Payload)
{
    public int Bytes => Meta.Length + Payload.Length;

    /// <summary>
    /// CRC-32C over everything that says what this row is and whose, so that no row can pass for another one. Snapshots
    /// have their timestamp in the meta bytes.
    /// </summary>
    internal uint Checksum(uint nameChecksum)
    {
        Span<byte> head = stackalloc byte[sizeof(long) + sizeof(byte)];
        BinaryPrimitives.WriteInt64LittleEndian(head, Seq);
        head[sizeof(long)] = (byte)Kind;
        return Crc32C.Compute(Payload.Span, Crc32C.Compute(Meta.Span, Crc32C.Compute(head, nameChecksum)));
    }

    internal static uint ChecksumOf(string name) => Crc32C.Compute(Encoding.UTF8.GetBytes(name));
}

/// <summary>A row as it was read back.</summary>
/// <param name="Seq">Its sequence number; of a damaged row, as far as it can be told.</param>
/// <param name="Kind">What the payload is.</param>
/// <param name="Meta">As it was written.</param>
/// <param name="Payload">As it was written; empty if damaged.</param>
/// <param name="Damage">What was found wrong; null: the row is what was written.</param>
public sealed record StoredRecord(long Seq, RecordKind Kind, byte[] Meta, byte[] Payload, string? Damage)
{
    internal static StoredRecord Damaged(long seq, string what) => new(seq, RecordKind.Lost, [], [], what);

    /// <summary>Checks a row that was read against the checksum that was stored with it.</summary>
    internal static StoredRecord Checked(string name, uint nameChecksum, uint checksum, RecordToStore row, byte[] meta, byte[] payload)
    {
        if (row.Checksum(nameChecksum) != checksum)
            return Damaged(row.Seq, $"the checksum of record {row.Seq} of {name} does not match");
        return row.Kind == RecordKind.Lost
            ? Damaged(row.Seq, Encoding.UTF8.GetString(payload))
            : new StoredRecord(row.Seq, row.Kind, meta, payload, null);
    }
}
