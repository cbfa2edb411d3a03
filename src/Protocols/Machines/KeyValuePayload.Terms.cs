using System.Buffers;

namespace ActorRepl.Protocols.Machines;

/// <summary>Operations with conditions, expiry, ranges and lists.</summary>
public sealed partial class KeyValuePayload
{
    public KeyValuePayload Put(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, in KeyValueTerms terms)
    {
        Valued(KeyValueOperationKind.Put, key, value);
        terms.Write(_bytes);
        return this;
    }

    public KeyValuePayload GetEntry(ReadOnlySpan<byte> key) => Keyed(KeyValueOperationKind.GetEntry, key);

    public KeyValuePayload GetDelete(ReadOnlySpan<byte> key) => Keyed(KeyValueOperationKind.GetDelete, key);

    public KeyValuePayload GetExpire(ReadOnlySpan<byte> key, in KeyValueTerms terms) => WithTerms(KeyValueOperationKind.GetExpire, key, terms);

    public KeyValuePayload Expire(ReadOnlySpan<byte> key, in KeyValueTerms terms) => WithTerms(KeyValueOperationKind.Expire, key, terms);

    public KeyValuePayload ExpiresAt(ReadOnlySpan<byte> key) => Keyed(KeyValueOperationKind.ExpiresAt, key);

    public KeyValuePayload DeleteIf(ReadOnlySpan<byte> key, in KeyValueTerms terms) => WithTerms(KeyValueOperationKind.DeleteIf, key, terms);

    public KeyValuePayload VersionOf(ReadOnlySpan<byte> key) => Keyed(KeyValueOperationKind.VersionOf, key);

    public KeyValuePayload GetRange(ReadOnlySpan<byte> key, long first, long last) => Numbered(KeyValueOperationKind.GetRange, key, first, last);

    public KeyValuePayload SetRange(ReadOnlySpan<byte> key, long offset, ReadOnlySpan<byte> value)
    {
        Valued(KeyValueOperationKind.SetRange, key, value);
        KeyValueCodec.WriteInt64(_bytes, offset);
        return this;
    }

    /// <summary>Both keys must be of this shard.</summary>
    public KeyValuePayload Rename(ReadOnlySpan<byte> key, ReadOnlySpan<byte> to, bool onlyIfMissing = false) =>
        Valued(onlyIfMissing ? KeyValueOperationKind.RenameIfMissing : KeyValueOperationKind.Rename, key, to);

    /// <param name="key">Whose value is added to.</param>
    /// <param name="amount">A decimal number in ASCII.</param>
    public KeyValuePayload IncrementByDecimal(ReadOnlySpan<byte> key, ReadOnlySpan<byte> amount) =>
        Valued(KeyValueOperationKind.IncrementByDecimal, key, amount);

    /// <summary>Keys in order, or entries.</summary>
    /// <param name="from">The first key, which need not be there.</param>
    /// <param name="until">The key before which it ends; null: at the last.</param>
    /// <param name="limit">Keys at most. The page has fewer where they would be too many bytes.</param>
    /// <param name="entries">With values, versions and expiries.</param>
    /// <param name="mayWait">Rather than that a large shard stands still, the page may be to come: see <see cref="KeyValuePage.IsToCome"/>.</param>
    public KeyValuePayload Scan(ReadOnlySpan<byte> from, byte[]? until, int limit, bool entries = false, bool mayWait = false)
    {
        Keyed(entries ? KeyValueOperationKind.ScanEntries : KeyValueOperationKind.Scan, from);
        KeyValueCodec.WriteByte(_bytes, (byte)(until is null ? 0 : 1));
        if (until is not null)
            KeyValueCodec.WriteBytes(_bytes, until);
        KeyValueCodec.WriteInt64(_bytes, mayWait ? -limit : limit);
        return this;
    }

    /// <summary>Changes after a version; −1: none, but where the shard stands.</summary>
    public KeyValuePayload Changes(ReadOnlySpan<byte> prefix, long after, int limit) => Numbered(KeyValueOperationKind.Changes, prefix, limit, after);

    /// <summary>
    /// All operations of another payload, if the keys have the versions that are required (<see cref="KeyValueVersion.Missing"/>: the key is
    /// not there). One reply says whether they have; then comes one for each operation.
    /// </summary>
    public KeyValuePayload Atomic(IEnumerable<(ReadOnlyMemory<byte> Key, long Version)> required, KeyValuePayload operations)
    {
        var conditions = new ArrayBufferWriter<byte>();
        foreach ((ReadOnlyMemory<byte> key, long version) in required)
        {
            KeyValueCodec.WriteBytes(conditions, key.Span);
            KeyValueCodec.WriteInt64(conditions, version);
        }

        Keyed(KeyValueOperationKind.Atomic, conditions.WrittenSpan);
        KeyValueCodec.WriteInt64(_bytes, operations.Count);
        return Add(operations);
    }

    /// <summary>In front of a query that is to see no key whose time is over; with the reader's time, ms since 1970: see <see cref="KeyValueOperationKind.AsOf"/>.</summary>
    public KeyValuePayload AsOf(long millis)
    {
        KeyValueCodec.WriteByte(_bytes, (byte)KeyValueOperationKind.AsOf);
        KeyValueCodec.WriteInt64(_bytes, millis);
        return this;
    }

    private KeyValuePayload WithTerms(KeyValueOperationKind kind, ReadOnlySpan<byte> key, in KeyValueTerms terms)
    {
        Keyed(kind, key);
        terms.Write(_bytes);
        return this;
    }

    private KeyValuePayload Numbered(KeyValueOperationKind kind, ReadOnlySpan<byte> key, long first, long second)
    {
        Keyed(kind, key);
        KeyValueCodec.WriteInt64(_bytes, first);
        KeyValueCodec.WriteInt64(_bytes, second);
        return this;
    }
}
