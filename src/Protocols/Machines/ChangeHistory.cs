using System.Buffers;
using System.Buffers.Binary;

namespace ActorRepl.Protocols.Machines;

/// <summary>
/// The last changes of a shard, up to a number of bytes, for those who follow it. It is no part of the state: each replica has its own,
/// from its start or its last checkpoint on. Records lie in chunks that are dropped whole, the oldest first.
/// </summary>
internal sealed class ChangeHistory(long maxBytes)
{
    private const int LeastChunk = 1024, MostChunk = 64 * 1024;
    private const int HeaderSize = sizeof(long) + 1 + 2 * sizeof(int);
    private const int Omitted = -1;

    private readonly Queue<Chunk> _chunks = new();
    private readonly Stack<byte[]> _kept = new();
    private Chunk? _last;
    private long _capacity;

    /// <summary>Changes up to this version are not kept any more.</summary>
    public long CompactedTo { get; private set; }

    public void Add(long version, KeyChangeKind kind, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        bool omitted = value.Length > maxBytes / 8;
        int size = HeaderSize + key.Length + (omitted ? 0 : value.Length);
        Chunk chunk = ChunkFor(size);
        Span<byte> record = chunk.Bytes.AsSpan(chunk.Used, size);
        BinaryPrimitives.WriteInt64LittleEndian(record, version);
        record[sizeof(long)] = (byte)kind;
        BinaryPrimitives.WriteInt32LittleEndian(record[(sizeof(long) + 1)..], key.Length);
        BinaryPrimitives.WriteInt32LittleEndian(record[(sizeof(long) + 1 + sizeof(int))..], omitted ? Omitted : value.Length);
        key.CopyTo(record[HeaderSize..]);
        if (!omitted)
            value.CopyTo(record[(HeaderSize + key.Length)..]);
        chunk.Used += size;
        chunk.LastVersion = Math.Max(chunk.LastVersion, version);
    }

    /// <summary>Everything up to a version is forgotten.</summary>
    public void Restart(long version)
    {
        _chunks.Clear();
        _last = null;
        (_capacity, CompactedTo) = (0, version);
    }

    /// <summary>
    /// Writes changes after a version, in order, of keys with a prefix; returns the version to go on from, at most <paramref name="now"/>.
    /// Those of one version stay together.
    /// </summary>
    public long Read(long after, ReadOnlySpan<byte> prefix, long limit, int bytes, long now, ArrayBufferWriter<byte> target)
    {
        var found = new List<(long Version, byte[] Chunk, int Offset)>();
        foreach (Chunk chunk in _chunks)
        {
            if (chunk.LastVersion > after)
                Find(chunk, after, prefix, found);
        }

        // Threads that apply commands together note what they change as they come to it.
        found = [.. found.OrderBy(change => change.Version)];
        long last = after;
        for (int i = 0; i < found.Count; i++)
        {
            (long version, byte[] chunk, int offset) = found[i];
            if (version != last && (i >= limit || target.WrittenCount >= bytes))
                return last;
            Write(chunk.AsSpan(offset), target);
            last = version;
        }

        return now;
    }

    private static void Find(Chunk chunk, long after, ReadOnlySpan<byte> prefix, List<(long Version, byte[] Chunk, int Offset)> found)
    {
        for (int offset = 0; offset < chunk.Used;)
        {
            ReadOnlySpan<byte> record = chunk.Bytes.AsSpan(offset);
            long version = BinaryPrimitives.ReadInt64LittleEndian(record);
            int key = BinaryPrimitives.ReadInt32LittleEndian(record[(sizeof(long) + 1)..]);
            int value = BinaryPrimitives.ReadInt32LittleEndian(record[(sizeof(long) + 1 + sizeof(int))..]);
            if (version > after && record.Slice(HeaderSize, key).StartsWith(prefix))
                found.Add((version, chunk.Bytes, offset));
            offset += HeaderSize + key + Math.Max(0, value);
        }
    }

    private static void Write(ReadOnlySpan<byte> record, ArrayBufferWriter<byte> target)
    {
        var kind = (KeyChangeKind)record[sizeof(long)];
        int key = BinaryPrimitives.ReadInt32LittleEndian(record[(sizeof(long) + 1)..]);
        int value = BinaryPrimitives.ReadInt32LittleEndian(record[(sizeof(long) + 1 + sizeof(int))..]);
        bool valued = kind == KeyChangeKind.Set && value != Omitted;
        KeyValueCodec.WriteInt64(target, BinaryPrimitives.ReadInt64LittleEndian(record));
        KeyValueCodec.WriteByte(target, (byte)kind);
        KeyValueCodec.WriteBytes(target, record.Slice(HeaderSize, key));
        KeyValueCodec.WriteByte(target, (byte)(valued ? 1 : 0));
        if (valued)
            KeyValueCodec.WriteBytes(target, record.Slice(HeaderSize + key, value));
    }

    // A shard of few changes has small chunks; a large record has one of its own.
    private Chunk ChunkFor(int size)
    {
        if (_last is { } current && current.Bytes.Length - current.Used >= size)
            return current;
        int wanted = (int)Math.Max(size, Math.Clamp(_capacity, LeastChunk, MostChunk));
        while (_capacity + wanted > maxBytes && _chunks.TryDequeue(out Chunk? oldest))
        {
            _capacity -= oldest.Bytes.Length;
            CompactedTo = Math.Max(CompactedTo, oldest.LastVersion);
            if (oldest.Bytes.Length == MostChunk && _kept.Count == 0)
                _kept.Push(oldest.Bytes);
        }

        _last = new Chunk(wanted == MostChunk && _kept.TryPop(out byte[]? kept) ? kept : GC.AllocateUninitializedArray<byte>(wanted));
        _capacity += wanted;
        _chunks.Enqueue(_last);
        return _last;
    }

    private sealed class Chunk(byte[] bytes)
    {
        public byte[] Bytes { get; } = bytes;
        public int Used { get; set; }
        public long LastVersion { get; set; }
    }
}
