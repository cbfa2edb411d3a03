using System.Buffers.Binary;

namespace ActorRepl.Protocols.Kernel;

/// <summary>What the entries of a batch are for.</summary>
public enum EntryKind : byte
{
    /// <summary>Commands for the state machine.</summary>
    Command = 1,

    /// <summary>Nothing to apply: a new leader's first entry.</summary>
    NoOp = 2,

    /// <summary>A configuration of the replica set; read by the protocol.</summary>
    Configuration = 3,

    /// <summary>Commands without their bytes, as a witness keeps them: how many, of which term. Nothing to apply.</summary>
    Placeholder = 4,
}

/// <summary>
/// Consecutive log entries of one term, packed by the leader into one buffer that is sent, persisted and applied as it
/// is. The leader's wall clock is settled here once for all replicas.
/// <para>Layout, little-endian: crc32c of the rest (4), version (1), kind (1), zero (2), count (4), body bytes (4),
/// first index (8), term (8), wall µs (8); then, but for placeholders, per entry its length (4) and its bytes.</para>
/// </summary>
public sealed class EntryBatch
{
    public const int HeaderSize = 40;
    public const int EntryOverhead = sizeof(int);
    private const byte Version = 1;

    private EntryBatch(ReadOnlyMemory<byte> bytes, EntryKind kind, int count, long firstIndex, long term, long wall)
    {
        Bytes = bytes;
        Kind = kind;
        Count = count;
        FirstIndex = firstIndex;
        Term = term;
        Wall = wall;
    }

    /// <summary>The packed form, header included.</summary>
    public ReadOnlyMemory<byte> Bytes { get; }

    public EntryKind Kind { get; }
    public int Count { get; }
    public long FirstIndex { get; }
    public long LastIndex => FirstIndex + Count - 1;
    public long Term { get; }

    /// <summary>The leader's wall clock when it made the entries, in microseconds since 1970.</summary>
    public long Wall { get; }

    /// <summary>Packs payloads that follow each other in the log.</summary>
    public static EntryBatch Pack(EntryKind kind, long firstIndex, long term, long wall, ReadOnlySpan<ReadOnlyMemory<byte>> payloads)
    {
        Invariant.That(payloads.Length > 0 && firstIndex > 0, "a batch holds at least one entry, and the first index is 1");
        int size = HeaderSize;
        foreach (ReadOnlyMemory<byte> payload in payloads)
            size = checked(size + EntryOverhead + payload.Length);

        byte[] buffer = GC.AllocateUninitializedArray<byte>(size);
        var writer = new ByteWriter(buffer.AsSpan(HeaderSize));
        foreach (ReadOnlyMemory<byte> payload in payloads)
            writer.Bytes(payload.Span);
        return Seal(buffer, kind, payloads.Length, firstIndex, term, wall);
    }

    /// <summary>The same entries without their bytes.</summary>
    public EntryBatch ToPlaceholder() => Hollow(Count, FirstIndex, Term, Wall);

    /// <summary>Reads a packed batch and checks it whole; shares the source's memory.</summary>
    /// <exception cref="InvalidDataException">The bytes are not a batch, or are damaged.</exception>
    public static EntryBatch Read(ReadOnlyMemory<byte> bytes)
    {
        var reader = new ByteReader(bytes);
        uint crc = reader.UInt32();
        if (Crc32C.Compute(bytes.Span[sizeof(uint)..]) != crc)
            throw new InvalidDataException("the checksum of an entry batch does not match");
        byte version = reader.Byte();
        if (version != Version)
            throw new InvalidDataException($"an entry batch has version {version}; this build reads {Version}");
        var kind = (EntryKind)reader.Byte();
        if (kind is < EntryKind.Command or > EntryKind.Placeholder)
            throw new InvalidDataException($"an entry batch has unknown kind {(byte)kind}");
        reader.Raw(2);
        int count = reader.Int32();
        int bodySize = reader.Int32();
        var batch = new EntryBatch(bytes, kind, count, reader.Int64(), reader.Int64(), reader.Int64());
        if (bodySize != reader.Remaining || count < 1 || batch.FirstIndex < 1)
            throw new InvalidDataException($"an entry batch of {count} entries from {batch.FirstIndex} has an impossible header");
        for (int i = 0; i < count && kind != EntryKind.Placeholder; i++)
            reader.Bytes();
        reader.End();
        return batch;
    }

    /// <summary>The entries from <paramref name="first"/> to <paramref name="last"/>, both included, packed anew.</summary>
    public EntryBatch Slice(long first, long last)
    {
        Invariant.That(first >= FirstIndex && last <= LastIndex && first <= last, "a slice lies within its batch");
        if (first == FirstIndex && last == LastIndex)
            return this;
        if (Kind == EntryKind.Placeholder)
            return Hollow((int)(last - first + 1), first, Term, Wall);
        int start = HeaderSize, end = HeaderSize;
        for (long index = FirstIndex; index <= last; index++)
        {
            if (index == first)
                start = end;
            end += EntryOverhead + BinaryPrimitives.ReadInt32LittleEndian(Bytes.Span[end..]);
        }

        byte[] buffer = GC.AllocateUninitializedArray<byte>(HeaderSize + end - start);
        Bytes.Span[start..end].CopyTo(buffer.AsSpan(HeaderSize));
        return Seal(buffer, Kind, (int)(last - first + 1), first, Term, Wall);
    }

    public Enumerator GetEnumerator() => new(Bytes);

    private static EntryBatch Hollow(int count, long firstIndex, long term, long wall) =>
        Seal(GC.AllocateUninitializedArray<byte>(HeaderSize), EntryKind.Placeholder, count, firstIndex, term, wall);

    private static EntryBatch Seal(byte[] buffer, EntryKind kind, int count, long firstIndex, long term, long wall)
    {
        var header = new ByteWriter(buffer);
        header.UInt32(0);
        header.Byte(Version);
        header.Byte((byte)kind);
        header.Byte(0);
        header.Byte(0);
        header.Int32(count);
        header.Int32(buffer.Length - HeaderSize);
        header.Int64(firstIndex);
        header.Int64(term);
        header.Int64(wall);
        BinaryPrimitives.WriteUInt32LittleEndian(buffer, Crc32C.Compute(buffer.AsSpan(sizeof(uint))));
        return new EntryBatch(buffer, kind, count, firstIndex, term, wall);
    }

    /// <summary>Walks the payloads in index order without allocating.</summary>
    public struct Enumerator(ReadOnlyMemory<byte> bytes)
    {
        private int _next = HeaderSize;

        public ReadOnlyMemory<byte> Current { get; private set; }

        public bool MoveNext()
        {
            if (_next >= bytes.Length)
                return false;
            int length = BinaryPrimitives.ReadInt32LittleEndian(bytes.Span[_next..]);
            Current = bytes.Slice(_next + EntryOverhead, length);
            _next += EntryOverhead + length;
            return true;
        }
    }
}
