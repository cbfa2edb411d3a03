using System.Buffers;
using System.Buffers.Binary;

namespace ActorRepl.Protocols.Machines;

/// <summary>
/// The keys that have an end, in the order of their ends and then of their bytes. It holds what the table says and nothing else, so
/// replicas that have the same keys have the same order, however they came to it.
/// </summary>
internal sealed class ExpiryIndex
{
    private const int EndBytes = sizeof(long);

    // Ends are positive: as big-endian numbers they sort as bytes do.
    private SortedKeys _entries = new();

    public bool IsEmpty => _entries.Count == 0;

    /// <summary>No key ends before it, ms since 1970; none ends at all: <see cref="long.MaxValue"/>.</summary>
    public long Next => _entries.First is { } first ? EndOf(first) : long.MaxValue;

    /// <summary>No key ends after a time and before this one.</summary>
    public long NextAfter(long time) => _entries.From(Least(time + 1)).FirstOrDefault() is { } first ? EndOf(first) : long.MaxValue;

    /// <summary>Keys that end by a time.</summary>
    public int CountUntil(long time) => Next <= time && !IsEmpty ? _entries.CountBelow(Least(time + 1)) : 0;

    public long ApproximateBytes => _entries.ApproximateBytes;

    /// <summary>Notes that a key ends at another time than before; 0: never.</summary>
    public void Move(ReadOnlySpan<byte> key, long from, long to)
    {
        if (from == to)
            return;
        byte[] entry = ArrayPool<byte>.Shared.Rent(EndBytes + key.Length);
        Span<byte> bytes = entry.AsSpan(0, EndBytes + key.Length);
        key.CopyTo(bytes[EndBytes..]);
        if (from != 0)
        {
            BinaryPrimitives.WriteInt64BigEndian(bytes, from);
            _entries.Remove(bytes);
        }

        if (to != 0)
        {
            BinaryPrimitives.WriteInt64BigEndian(bytes, to);
            _entries.Add(bytes);
        }

        ArrayPool<byte>.Shared.Return(entry);
    }

    /// <summary>The key that ends next, if it ends by a time.</summary>
    public bool TryPeek(long now, out ReadOnlySpan<byte> key)
    {
        bool has = Next <= now && !IsEmpty;
        key = has ? _entries.First.AsSpan(EndBytes) : default;
        return has;
    }

    public void Clear() => _entries = new SortedKeys();

    private static byte[] Least(long end)
    {
        byte[] entry = new byte[EndBytes];
        BinaryPrimitives.WriteInt64BigEndian(entry, end);
        return entry;
    }

    private static long EndOf(byte[] entry) => BinaryPrimitives.ReadInt64BigEndian(entry);
}
