using System.Buffers;

namespace ActorRepl.Protocols.Machines;

/// <summary>Builds a payload; can be cleared and used again. Not thread-safe.</summary>
public sealed partial class KeyValuePayload
{
    private readonly ArrayBufferWriter<byte> _bytes = new(64);

    public KeyValuePayload() => KeyValueCodec.WriteByte(_bytes, KeyValueCodec.Version);

    /// <summary>Operations so far.</summary>
    public int Count { get; private set; }

    /// <summary>Bytes so far.</summary>
    public int Length => _bytes.WrittenCount;

    /// <summary>True while nothing in it writes: it may be sent as a query.</summary>
    public bool IsReadOnly { get; private set; } = true;

    public KeyValuePayload Get(ReadOnlySpan<byte> key) => Keyed(KeyValueOperationKind.Get, key);

    public KeyValuePayload Set(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) => Valued(KeyValueOperationKind.Set, key, value);

    public KeyValuePayload Delete(ReadOnlySpan<byte> key) => Keyed(KeyValueOperationKind.Delete, key);

    public KeyValuePayload Exists(ReadOnlySpan<byte> key) => Keyed(KeyValueOperationKind.Exists, key);

    public KeyValuePayload IncrementBy(ReadOnlySpan<byte> key, long amount)
    {
        Keyed(KeyValueOperationKind.IncrementBy, key);
        KeyValueCodec.WriteInt64(_bytes, amount);
        return this;
    }

    public KeyValuePayload Append(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) => Valued(KeyValueOperationKind.Append, key, value);

    public KeyValuePayload StringLength(ReadOnlySpan<byte> key) => Keyed(KeyValueOperationKind.StringLength, key);

    /// <summary>Sets the value if the present one equals <paramref name="expected"/>.</summary>
    public KeyValuePayload CompareAndSet(ReadOnlySpan<byte> key, ReadOnlySpan<byte> expected, ReadOnlySpan<byte> value)
    {
        Keyed(KeyValueOperationKind.CompareAndSet, key);
        KeyValueCodec.WriteByte(_bytes, 1);
        KeyValueCodec.WriteBytes(_bytes, expected);
        KeyValueCodec.WriteBytes(_bytes, value);
        return this;
    }

    /// <summary>Sets the value if the key is missing.</summary>
    public KeyValuePayload SetIfMissing(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        Keyed(KeyValueOperationKind.CompareAndSet, key);
        KeyValueCodec.WriteByte(_bytes, 0);
        KeyValueCodec.WriteBytes(_bytes, value);
        return this;
    }

    /// <summary>The number of keys in the machine: of one shard.</summary>
    public KeyValuePayload CountKeys()
    {
        Begin(KeyValueOperationKind.Count);
        return this;
    }

    public byte[] ToArray() => _bytes.WrittenSpan.ToArray();

    /// <summary>The payload itself, until it is added to or cleared.</summary>
    public ReadOnlyMemory<byte> Written => _bytes.WrittenMemory;

    /// <summary>Adds all operations of another payload behind those that are here.</summary>
    public KeyValuePayload Add(KeyValuePayload other)
    {
        _bytes.Write(other._bytes.WrittenSpan[1..]);
        Count += other.Count;
        IsReadOnly &= other.IsReadOnly;
        return this;
    }

    public void Clear()
    {
        _bytes.ResetWrittenCount();
        KeyValueCodec.WriteByte(_bytes, KeyValueCodec.Version);
        Count = 0;
        IsReadOnly = true;
    }

    private void Begin(KeyValueOperationKind kind)
    {
        Count++;
        IsReadOnly &= KeyValueOperation.IsRead(kind);
        KeyValueCodec.WriteByte(_bytes, (byte)kind);
    }

    private KeyValuePayload Keyed(KeyValueOperationKind kind, ReadOnlySpan<byte> key)
    {
        Begin(kind);
        KeyValueCodec.WriteBytes(_bytes, key);
        return this;
    }

    private KeyValuePayload Valued(KeyValueOperationKind kind, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        Keyed(kind, key);
        KeyValueCodec.WriteBytes(_bytes, value);
        return this;
    }
}
