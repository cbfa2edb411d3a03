using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Machines;

/// <summary>
/// Memory of a <see cref="KeyPartition"/>: records of a key, its stamp and a value, one after another in chunks that are written from
/// front to end. A record is named by its place, chunk and offset; a slot of the index is a place and a part of the key's
/// hash. What is freed stays where it is until its chunk is compacted.
/// </summary>
internal sealed class RecordHeap
{
    private const int LeastChunk = 1024;
    private const int MostChunk = 256 * 1024;
    private const int StampOffset = 2 * sizeof(int);
    private const int HeaderSize = StampOffset + 2 * sizeof(long);
    private const int OffsetBits = 22;
    private const int ChunkBits = 22;
    private const int TagBits = 64 - OffsetBits - ChunkBits;
    private const int KeptChunks = 4;

    private readonly List<Chunk?> _chunks = [];
    private readonly Stack<int> _freeNumbers = new();
    private readonly Stack<byte[]> _kept = new();
    private int _current = -1;
    private long _capacity;
    private long _live;

    /// <summary>More than a third is garbage.</summary>
    public bool IsCompactionDue => _capacity > _live / 2 * 3 + 2 * MostChunk;

    /// <summary>The part of a hash that a slot has: it says where in a part of the index a key belongs.</summary>
    public static uint TagOf(ulong hash) => (uint)(hash >> 32) & ((1 << TagBits) - 1);

    public static uint TagIn(ulong slot) => (uint)(slot >> (OffsetBits + ChunkBits));

    public static ulong Slot(ulong hash, ulong place) => ((ulong)TagOf(hash) << (OffsetBits + ChunkBits)) | place;

    public static ulong PlaceOf(ulong slot) => slot & ((1UL << (OffsetBits + ChunkBits)) - 1);

    /// <summary>Stores a record and returns its place, which is never 0.</summary>
    public ulong Add(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, in KeyStamp stamp)
    {
        int size = HeaderSize + key.Length + value.Length;
        int number = ChunkFor(size);
        Chunk chunk = _chunks[number]!;
        int offset = chunk.Used;
        Span<byte> record = chunk.Bytes.AsSpan(offset, size);
        BinaryPrimitives.WriteInt32LittleEndian(record, key.Length);
        BinaryPrimitives.WriteInt32LittleEndian(record[sizeof(int)..], value.Length);
        WriteStamp(record, stamp);
        key.CopyTo(record[HeaderSize..]);
        value.CopyTo(record[(HeaderSize + key.Length)..]);
        chunk.Used += size;
        chunk.Live += size;
        _live += size;
        return ((ulong)(number + 1) << OffsetBits) | (uint)offset;
    }

    public ReadOnlySpan<byte> KeyAt(ulong slot)
    {
        ReadOnlySpan<byte> record = RecordAt(slot);
        return record.Slice(HeaderSize, BinaryPrimitives.ReadInt32LittleEndian(record));
    }

    public ReadOnlySpan<byte> ValueAt(ulong slot) => ValueOf(RecordAt(slot));

    public KeyStamp StampAt(ulong slot) => ReadStamp(RecordAt(slot));

    /// <summary>Replaces a value by one of the same length. Not while a view shows it.</summary>
    public void Overwrite(ulong slot, ReadOnlySpan<byte> value, in KeyStamp stamp)
    {
        (int chunk, int offset) = Locate(slot);
        Span<byte> record = _chunks[chunk]!.Bytes.AsSpan(offset);
        int keyLength = BinaryPrimitives.ReadInt32LittleEndian(record);
        Invariant.That(BinaryPrimitives.ReadInt32LittleEndian(record[sizeof(int)..]) == value.Length, "a value is overwritten by one of its length");
        WriteStamp(record, stamp);
        value.CopyTo(record[(HeaderSize + keyLength)..]);
    }

    /// <summary>The record is garbage. <paramref name="mayReuse"/>: no view shows its chunk.</summary>
    public void Free(ulong slot, bool mayReuse)
    {
        (int number, int offset) = Locate(slot);
        Chunk chunk = _chunks[number]!;
        int size = SizeOf(chunk.Bytes.AsSpan(offset));
        chunk.Live -= size;
        _live -= size;
        Invariant.That(chunk.Live >= 0, "a record is freed once");
        if (chunk.Live == 0 && number != _current)
            Drop(number, mayReuse);
    }

    /// <summary>The chunk in which the largest part is garbage, the one that is being written aside.</summary>
    public int MostWasteful()
    {
        int most = -1;
        double part = double.MaxValue;
        for (int i = 0; i < _chunks.Count; i++)
        {
            if (i == _current || _chunks[i] is not { } chunk)
                continue;
            double living = (double)chunk.Live / chunk.Bytes.Length;
            if (living < part)
                (most, part) = (i, living);
        }

        Invariant.That(most >= 0, "where there is garbage there is a chunk that was written full");
        return most;
    }

    /// <summary>Walks the records of a chunk, garbage too, from offset 0.</summary>
    public bool TryRead(int number, ref int offset, out ulong place, out ReadOnlySpan<byte> key, out ReadOnlySpan<byte> value, out KeyStamp stamp)
    {
        Chunk chunk = _chunks[number]!;
        if (offset >= chunk.Used)
        {
            place = 0;
            key = value = default;
            stamp = default;
            return false;
        }

        ReadOnlySpan<byte> record = chunk.Bytes.AsSpan(offset);
        place = ((ulong)(number + 1) << OffsetBits) | (uint)offset;
        key = record.Slice(HeaderSize, BinaryPrimitives.ReadInt32LittleEndian(record));
        value = ValueOf(record);
        stamp = ReadStamp(record);
        offset += SizeOf(record);
        return true;
    }

    /// <summary>The numbers of the chunks, those in use.</summary>
    public IEnumerable<int> Chunks => Enumerable.Range(0, _chunks.Count).Where(number => _chunks[number] is not null);

    /// <summary>Nothing in the chunk is needed any more.</summary>
    public void Drop(int number, bool mayReuse)
    {
        Chunk chunk = _chunks[number]!;
        _chunks[number] = null;
        _freeNumbers.Push(number);
        _capacity -= chunk.Bytes.Length;
        _live -= chunk.Live;
        if (mayReuse && chunk.Bytes.Length == MostChunk && _kept.Count < KeptChunks)
            _kept.Push(chunk.Bytes);
    }

    public void Clear()
    {
        _chunks.Clear();
        _freeNumbers.Clear();
        _kept.Clear();
        (_current, _capacity, _live) = (-1, 0, 0);
    }

    /// <summary>The chunks by number, for a view.</summary>
    public byte[]?[] Freeze() => [.. _chunks.Select(chunk => chunk?.Bytes)];

    /// <summary>Reads a record of a view.</summary>
    public static (ReadOnlyMemory<byte> Key, ReadOnlyMemory<byte> Value, KeyStamp Stamp) Read(byte[]?[] chunks, ulong slot)
    {
        (int chunk, int offset) = Locate(slot);
        byte[] bytes = chunks[chunk]!;
        int key = BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(offset));
        int value = BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(offset + sizeof(int)));
        return (bytes.AsMemory(offset + HeaderSize, key), bytes.AsMemory(offset + HeaderSize + key, value), ReadStamp(bytes.AsSpan(offset)));
    }

    // A table of few keys has small chunks; a large record has one of its own.
    private int ChunkFor(int size)
    {
        if (_current >= 0 && _chunks[_current] is { } current && current.Bytes.Length - current.Used >= size)
            return _current;
        if (size > MostChunk / 4)
            return Open(size);
        int bytes = (int)Math.Clamp(_capacity, LeastChunk, MostChunk);
        int full = _current;
        _current = Open(Math.Max(bytes, size));
        if (full >= 0 && _chunks[full] is { Live: 0 })
            Drop(full, mayReuse: false);
        return _current;
    }

    private int Open(int bytes)
    {
        byte[] memory = bytes == MostChunk && _kept.TryPop(out byte[]? kept) ? kept : GC.AllocateUninitializedArray<byte>(bytes);
        _capacity += memory.Length;
        var chunk = new Chunk(memory);
        if (_freeNumbers.TryPop(out int number))
        {
            _chunks[number] = chunk;
            return number;
        }

        Invariant.That(_chunks.Count < (1 << ChunkBits) - 1, "chunks have a number that a slot can hold");
        _chunks.Add(chunk);
        return _chunks.Count - 1;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ReadOnlySpan<byte> RecordAt(ulong slot)
    {
        (int chunk, int offset) = Locate(slot);
        return _chunks[chunk]!.Bytes.AsSpan(offset);
    }

    private static ReadOnlySpan<byte> ValueOf(ReadOnlySpan<byte> record) =>
        record.Slice(HeaderSize + BinaryPrimitives.ReadInt32LittleEndian(record), BinaryPrimitives.ReadInt32LittleEndian(record[sizeof(int)..]));

    private static KeyStamp ReadStamp(ReadOnlySpan<byte> record) => new(
        BinaryPrimitives.ReadInt64LittleEndian(record[StampOffset..]), BinaryPrimitives.ReadInt64LittleEndian(record[(StampOffset + sizeof(long))..]));

    private static void WriteStamp(Span<byte> record, in KeyStamp stamp)
    {
        BinaryPrimitives.WriteInt64LittleEndian(record[StampOffset..], stamp.Version);
        BinaryPrimitives.WriteInt64LittleEndian(record[(StampOffset + sizeof(long))..], stamp.ExpiresAt);
    }

    private static int SizeOf(ReadOnlySpan<byte> record) =>
        HeaderSize + BinaryPrimitives.ReadInt32LittleEndian(record) + BinaryPrimitives.ReadInt32LittleEndian(record[sizeof(int)..]);

    private static (int Chunk, int Offset) Locate(ulong slot) =>
        ((int)((slot >> OffsetBits) & ((1 << ChunkBits) - 1)) - 1, (int)(slot & ((1 << OffsetBits) - 1)));

    private sealed class Chunk(byte[] bytes)
    {
        public byte[] Bytes { get; } = bytes;
        public int Used { get; set; }
        public int Live { get; set; }
    }
}
