namespace ActorRepl.Protocols.Kernel;

/// <summary>
/// The packed form of WAL records and checkpoint manifests: version, fields, and a CRC-32C in front. The same bytes lie
/// in every journal and go over the wire, on both engines.
/// </summary>
public static class RecordCodec
{
    private const byte RecordVersion = 1;
    private const byte ManifestVersion = 2;
    private const byte ManifestWithoutAtRisk = 1;
    private const int Prefix = sizeof(uint) + sizeof(byte);

    /// <summary>crc32c (4), version (1), lsn (8), truncate from (8), hard state, configuration, batches.</summary>
    public static byte[] Encode(WalEntry entry)
    {
        WalRecord record = entry.Record;
        int size = Prefix + 2 * sizeof(long) + Sized(record.HardState) + Sized(record.Configuration) + Sized(record.Entries);
        return Seal(size, RecordVersion, (ref ByteWriter writer) =>
        {
            writer.Int64(entry.Lsn);
            writer.Int64(record.TruncateFrom);
            writer.Bytes(record.HardState.Span);
            writer.Bytes(record.Configuration.Span);
            Write(ref writer, record.Entries);
        });
    }

    /// <exception cref="InvalidDataException">The bytes are no record, or are damaged.</exception>
    public static WalEntry DecodeRecord(ReadOnlyMemory<byte> bytes)
    {
        ByteReader reader = Open(bytes, RecordVersion, "WAL record", out _);
        long lsn = reader.Int64();
        long truncateFrom = reader.Int64();
        var record = new WalRecord
        {
            TruncateFrom = truncateFrom,
            HardState = reader.Bytes(),
            Configuration = reader.Bytes(),
            Entries = ReadBatches(ref reader),
        };
        reader.End();
        return new WalEntry(lsn, record);
    }

    /// <summary>crc32c (4), version (1), index, term, lsn (8 each), hard state, configuration, tail, segments, entries at risk (none in version 1).</summary>
    public static byte[] Encode(CheckpointManifest manifest)
    {
        int size = Prefix + 3 * sizeof(long) + Sized(manifest.HardState) + Sized(manifest.Configuration) + Sized(manifest.Tail)
            + sizeof(int) + manifest.Segments.Count * (sizeof(int) + sizeof(uint)) + Sized(manifest.AtRisk);
        return Seal(size, ManifestVersion, (ref ByteWriter writer) =>
        {
            writer.Int64(manifest.Index);
            writer.Int64(manifest.Term);
            writer.Int64(manifest.Lsn);
            writer.Bytes(manifest.HardState.Span);
            writer.Bytes(manifest.Configuration.Span);
            Write(ref writer, manifest.Tail);
            writer.Int32(manifest.Segments.Count);
            foreach (SegmentInfo segment in manifest.Segments)
            {
                writer.Int32(segment.Length);
                writer.UInt32(segment.Crc);
            }

            Write(ref writer, manifest.AtRisk);
        });
    }

    /// <exception cref="InvalidDataException">The bytes are no manifest, or are damaged.</exception>
    public static CheckpointManifest DecodeManifest(ReadOnlyMemory<byte> bytes)
    {
        ByteReader reader = Open(bytes, ManifestVersion, "checkpoint manifest", out byte version, ManifestWithoutAtRisk);
        var manifest = new CheckpointManifest
        {
            Index = reader.Int64(),
            Term = reader.Int64(),
            Lsn = reader.Int64(),
            HardState = reader.Bytes(),
            Configuration = reader.Bytes(),
            Tail = ReadBatches(ref reader),
        };
        var segments = new SegmentInfo[reader.Count(sizeof(int) + sizeof(uint))];
        for (int i = 0; i < segments.Length; i++)
            segments[i] = new SegmentInfo(reader.Int32(), reader.UInt32());
        EntryBatch[] atRisk = version == ManifestWithoutAtRisk ? [] : ReadBatches(ref reader);
        reader.End();
        return manifest with { Segments = segments, AtRisk = atRisk };
    }

    private delegate void WriteFields(ref ByteWriter writer);

    private static byte[] Seal(int size, byte version, WriteFields write)
    {
        byte[] bytes = GC.AllocateUninitializedArray<byte>(size);
        var writer = new ByteWriter(bytes);
        writer.UInt32(0);
        writer.Byte(version);
        write(ref writer);
        Invariant.That(writer.Position == size, "a record is as long as it says");
        new ByteWriter(bytes).UInt32(Crc32C.Compute(bytes.AsSpan(sizeof(uint))));
        return bytes;
    }

    private static ByteReader Open(ReadOnlyMemory<byte> bytes, byte version, string what, out byte found, byte? older = null)
    {
        var reader = new ByteReader(bytes);
        uint crc = reader.UInt32();
        if (Crc32C.Compute(bytes.Span[sizeof(uint)..]) != crc)
            throw new InvalidDataException($"the checksum of a {what} does not match");
        found = reader.Byte();
        if (found != version && found != older)
            throw new InvalidDataException($"a {what} has version {found}; this build reads {(older is null ? "" : $"{older} and ")}{version}");
        return reader;
    }

    private static int Sized(ReadOnlyMemory<byte> bytes) => sizeof(int) + bytes.Length;

    private static int Sized(IReadOnlyList<EntryBatch> batches) => sizeof(int) + batches.Sum(batch => Sized(batch.Bytes));

    private static void Write(ref ByteWriter writer, IReadOnlyList<EntryBatch> batches)
    {
        writer.Int32(batches.Count);
        foreach (EntryBatch batch in batches)
            writer.Bytes(batch.Bytes.Span);
    }

    private static EntryBatch[] ReadBatches(ref ByteReader reader)
    {
        var batches = new EntryBatch[reader.Count(sizeof(int))];
        for (int i = 0; i < batches.Length; i++)
            batches[i] = EntryBatch.Read(reader.Bytes());
        return batches;
    }
}
