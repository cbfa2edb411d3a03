using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;

namespace ActorRepl.Protocols.Machines;

/// <summary>
/// Keys and values by bytes, with views that are copies in effect and cost nothing to begin: while a view is out, the
/// table it shows stays as it is and writes go to an overlay, which is merged when the view is done. One writer; views
/// may be read and released by other threads. Values are never changed in place.
/// </summary>
internal sealed class KeyTable
{
    private Dictionary<byte[], byte[]> _base = New<byte[]>();
    private Dictionary<byte[], byte[]?>? _overlay;
    private View? _view;

    public int Count { get; private set; }

    /// <summary>Bytes of all keys and values.</summary>
    public long ContentBytes { get; private set; }

    public bool TryGet(ReadOnlySpan<byte> key, [NotNullWhen(true)] out byte[]? value)
    {
        if (_overlay is not null && _overlay.GetAlternateLookup<ReadOnlySpan<byte>>().TryGetValue(key, out value))
            return value is not null;
        return _base.GetAlternateLookup<ReadOnlySpan<byte>>().TryGetValue(key, out value);
    }

    public void Set(ReadOnlySpan<byte> key, byte[] value)
    {
        MergeWhenFree();
        if (TryGet(key, out byte[]? old))
        {
            ContentBytes += value.Length - old.Length;
        }
        else
        {
            Count++;
            ContentBytes += key.Length + value.Length;
        }

        if (_overlay is not null)
            _overlay.GetAlternateLookup<ReadOnlySpan<byte>>()[key] = value;
        else
            _base.GetAlternateLookup<ReadOnlySpan<byte>>()[key] = value;
    }

    public bool Remove(ReadOnlySpan<byte> key)
    {
        MergeWhenFree();
        if (!TryGet(key, out byte[]? old))
            return false;
        Count--;
        ContentBytes -= key.Length + old.Length;
        if (_overlay is not null)
            _overlay.GetAlternateLookup<ReadOnlySpan<byte>>()[key] = null;
        else
            _base.GetAlternateLookup<ReadOnlySpan<byte>>().Remove(key);
        return true;
    }

    public void Clear()
    {
        _base = New<byte[]>();
        _overlay = null;
        _view = null;
        Count = 0;
        ContentBytes = 0;
    }

    /// <summary>Freezes what is there now. A second view while one is out costs a copy of the table.</summary>
    public View Freeze()
    {
        MergeWhenFree();
        if (_overlay is not null)
        {
            _base = new Dictionary<byte[], byte[]>(_base, ByteComparer.Instance);
            Merge(_overlay);
        }

        _overlay = New<byte[]?>();
        return _view = new View(_base);
    }

    private void MergeWhenFree()
    {
        if (_view is not { IsReleased: true })
            return;
        _view = null;
        Merge(_overlay!);
        _overlay = null;
    }

    private void Merge(Dictionary<byte[], byte[]?> overlay)
    {
        foreach ((byte[] key, byte[]? value) in overlay)
        {
            if (value is not null)
                _base[key] = value;
            else
                _base.Remove(key);
        }
    }

    private static Dictionary<byte[], TValue> New<TValue>() => new(ByteComparer.Instance);

    internal sealed class View(Dictionary<byte[], byte[]> frozen)
    {
        private volatile bool _released;

        public bool IsReleased => _released;

        public IEnumerable<KeyValuePair<byte[], byte[]>> Pairs => frozen;

        /// <summary>The view is done. May be called by any thread.</summary>
        public void Release() => _released = true;
    }

    /// <summary>Compares by content. The hash is seeded in each process, so that nobody can choose keys that collide.</summary>
    private sealed class ByteComparer : IEqualityComparer<byte[]>, IAlternateEqualityComparer<ReadOnlySpan<byte>, byte[]>
    {
        public static readonly ByteComparer Instance = new();

        private readonly ulong _seed = (ulong)Random.Shared.NextInt64() | 1;

        public bool Equals(byte[]? x, byte[]? y) => x.AsSpan().SequenceEqual(y);

        public bool Equals(ReadOnlySpan<byte> alternate, byte[] other) => alternate.SequenceEqual(other);

        public int GetHashCode(byte[] obj) => GetHashCode(obj.AsSpan());

        public byte[] Create(ReadOnlySpan<byte> alternate) => alternate.ToArray();

        public int GetHashCode(ReadOnlySpan<byte> alternate)
        {
            ulong hash = _seed ^ (ulong)alternate.Length;
            for (; alternate.Length >= sizeof(ulong); alternate = alternate[sizeof(ulong)..])
                hash = Mix(hash ^ BinaryPrimitives.ReadUInt64LittleEndian(alternate));
            ulong rest = 0;
            foreach (byte b in alternate)
                rest = (rest << 8) | b;
            return (int)(Mix(hash ^ rest) >> 32);
        }

        // The halves of a 128-bit product: each bit of the input reaches every bit of the result.
        private ulong Mix(ulong value)
        {
            ulong high = Math.BigMul(value ^ 0x9E3779B97F4A7C15, _seed ^ 0xD6E8FEB86659FD93, out ulong low);
            return high ^ low;
        }
    }
}
