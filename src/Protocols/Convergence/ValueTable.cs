using ActorRepl.Protocols.Machines;

namespace ActorRepl.Protocols.Convergence;

/// <summary>
/// The values of a store: encoded, side by side in chunks, but for those that are large or edited by index, of which a decoded form is at hand. A small one is decoded
/// when it is needed and costs no object in between.
/// </summary>
internal sealed class ValueTable(int mostHot)
{
    /// <summary>Encoded forms above this are worth keeping decoded.</summary>
    private const int HotBytes = 1_024;

    private readonly KeyTable _table = new();
    // Decoded they take some times as much.
    private const long MostHotBytes = 64L * 1024 * 1024;

    private readonly HotValues _hot = new(mostHot, MostHotBytes);

    public int Count => _table.Count;

    public long Bytes => _table.ContentBytes;

    /// <summary>A value to be read or changed; one that is new, if there is none. What is changed is <see cref="Put"/> back.</summary>
    public object Get(in CrdtKey key, out long version)
    {
        if (_hot.TryGet(key, out HotValue hot))
        {
            version = hot.Version;
            return hot.Value;
        }

        ValueType type = ValueType.Of(key.Type);
        if (!_table.TryGet(key.ToBytes(), out ReadOnlySpan<byte> bytes, out KeyStamp stamp))
        {
            version = 0;
            return type.New();
        }

        version = stamp.Version;
        object value = type.Decode(bytes);
        if (bytes.Length > HotBytes)
            Heat(new HotValue(key, value) { Version = version, Bytes = bytes.Length });
        return value;
    }

    /// <summary>When a value last changed; 0: there is none.</summary>
    public long VersionOf(in CrdtKey key) =>
        _hot.TryGet(key, out HotValue hot) ? hot.Version : _table.TryGet(key.ToBytes(), out _, out KeyStamp stamp) ? stamp.Version : 0;

    /// <summary>Bytes of the encoded form, about; 0: there is none.</summary>
    public long BytesOf(in CrdtKey key) => _hot.TryGet(key, out HotValue hot) ? hot.Bytes : _table.TryGet(key.ToBytes(), out ReadOnlySpan<byte> bytes) ? bytes.Length : 0;

    public bool Contains(in CrdtKey key) => _hot.TryGet(key, out _) || _table.TryGet(key.ToBytes(), out _);

    /// <param name="key">Which.</param>
    /// <param name="value">What it is now.</param>
    /// <param name="version">Of its last change.</param>
    /// <param name="grown">By how many bytes, at most.</param>
    public void Put(in CrdtKey key, object value, long version, int grown)
    {
        if (_hot.TryGet(key, out HotValue hot))
        {
            (hot.Version, hot.IsDirty) = (version, true);
            hot.Bytes += 2L * grown + 64;
            return;
        }

        ValueType type = ValueType.Of(key.Type);
        if (type.IsSequence)
        {
            // There from now on for those who list keys, and for those who freeze the table.
            bool isThere = _table.TryGet(key.ToBytes(), out ReadOnlySpan<byte> before);
            long bytes = isThere ? before.Length + grown : grown;
            if (!isThere)
                _table.Set(key.ToBytes(), type.Encode(value), new KeyStamp(version, 0));
            Heat(new HotValue(key, value) { Version = version, IsDirty = true, Bytes = bytes });
            return;
        }

        _table.Set(key.ToBytes(), type.Encode(value), new KeyStamp(version, 0));
    }

    /// <summary>Writes the decoded form down, so that <see cref="Forget"/> takes back what is changed from now on.</summary>
    public void Save(in CrdtKey key)
    {
        if (_hot.TryGet(key, out HotValue hot) && hot.IsDirty)
            Write(hot);
    }

    /// <summary>The decoded form is not what the value is.</summary>
    public void Forget(in CrdtKey key)
    {
        if (_hot.TryGet(key, out HotValue hot))
        {
            Kernel.Invariant.That(!hot.IsDirty, "only what is saved is forgotten");
            _hot.Remove(key);
        }
    }

    public KeyTable.View Freeze()
    {
        foreach (HotValue hot in _hot.All)
        {
            if (hot.IsDirty)
                Write(hot);
        }

        return _table.Freeze();
    }

    /// <summary>As it was encoded by another replica, or by this one before.</summary>
    public void Restore(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, long version) => _table.Set(key, value, new KeyStamp(version, 0));

    public IEnumerable<CrdtKey> KeysAfter(CrdtKey? after, int most) =>
        _table.KeysFrom(after is { } last ? [.. last.ToBytes(), 0] : [], most).Take(most).Select(key => CrdtKey.FromBytes(key));

    public void Clear()
    {
        _table.Clear();
        _hot.Clear();
    }

    private void Heat(HotValue value)
    {
        foreach (HotValue cooled in _hot.Add(value).Where(each => each.IsDirty))
            Write(cooled);
    }

    private void Write(HotValue hot)
    {
        byte[] bytes = ValueType.Of(hot.Key.Type).Encode(hot.Value);
        _table.Set(hot.Key.ToBytes(), bytes, new KeyStamp(hot.Version, 0));
        (hot.IsDirty, hot.Bytes) = (false, bytes.Length);
    }
}
