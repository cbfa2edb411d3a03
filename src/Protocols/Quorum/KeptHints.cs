using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Quorum;

/// <summary>Versions of a key that lie in memory for long, with a checksum.</summary>
internal sealed class KeptVersions
{
    private readonly byte[] _versions;
    private readonly uint _crc;

    public KeptVersions(ReadOnlyMemory<byte> key, KeyVersions versions)
    {
        Key = key;
        _versions = versions.ToBytes();
        _crc = Crc32C.Compute(_versions);
    }

    public ReadOnlyMemory<byte> Key { get; }
    public int Bytes => Key.Length + _versions.Length;

    /// <exception cref="DamagedMemoryException">They are not what was put here.</exception>
    public KeyVersions Versions
    {
        get
        {
            if (Crc32C.Compute(_versions) != _crc)
                throw new DamagedMemoryException(Key, Bytes);
            var reader = new ByteReader(_versions);
            return KeyVersions.Decode(ref reader);
        }
    }
}

/// <summary>What an owner that is away is to get of one key. <paramref name="Wall"/>: since when it is kept, µs.</summary>
internal sealed record Hint(UInt128 Print, KeptVersions Kept, long Wall)
{
    public ReadOnlyMemory<byte> Key => Kept.Key;

    /// <inheritdoc cref="KeptVersions.Versions"/>
    public KeyVersions Versions => Kept.Versions;

    public int Bytes => Kept.Bytes;
}

/// <summary>The hints that are kept for one owner, by key and by age: what is next to be delivered is found without looking at the others.</summary>
internal sealed class KeptHints
{
    private readonly Dictionary<UInt128, Hint> _hints = [];
    private readonly SortedSet<(long Wall, UInt128 Print)> _byAge = [];

    public int Count => _hints.Count;

    /// <summary>Since when the oldest is kept, µs.</summary>
    public long OldestWall => _byAge.Min.Wall;

    /// <summary>Oldest first.</summary>
    public IEnumerable<Hint> InOrder => _byAge.Select(each => _hints[each.Print]);

    public Hint? Find(UInt128 print) => _hints.GetValueOrDefault(print);

    /// <summary>In place of what was kept of the key.</summary>
    public void Set(Hint hint)
    {
        Remove(hint.Print);
        _hints[hint.Print] = hint;
        _byAge.Add((hint.Wall, hint.Print));
    }

    public void Remove(UInt128 print)
    {
        if (_hints.Remove(print, out Hint? hint))
            _byAge.Remove((hint.Wall, print));
    }
}
