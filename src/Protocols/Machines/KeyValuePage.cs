using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Machines;

/// <summary>A key in a list, with what else was asked for.</summary>
public readonly record struct KeyValueListed(ReadOnlyMemory<byte> Key, ReadOnlyMemory<byte> Value, long Version, long ExpiresAt);

/// <summary>Reads a list of keys: each its bytes, and in a list of entries version and expiry (8 bytes each) and value.</summary>
public static class KeyValuePage
{
    /// <exception cref="InvalidDataException">The reply is no list.</exception>
    public static IEnumerable<KeyValueListed> Read(KeyValueReply reply, bool entries)
    {
        if (reply.Kind != KeyValueReplyKind.Page)
            throw new InvalidDataException($"a list of keys was expected, not {reply.Kind}");
        var reader = new ByteReader(reply.Bytes);
        while (reader.Remaining > 0)
        {
            ReadOnlyMemory<byte> key = KeyValueCodec.ReadBytes(ref reader);
            yield return entries
                ? new KeyValueListed(key, Version: reader.Int64(), ExpiresAt: reader.Int64(), Value: KeyValueCodec.ReadBytes(ref reader))
                : new KeyValueListed(key, default, 0, 0);
        }
    }

    /// <summary>The shard's keys are still being put in order: the same is to be asked again, a little later.</summary>
    public static bool IsToCome(KeyValueReply page) => page is { Kind: KeyValueReplyKind.Page, Integer: 1, Bytes.IsEmpty: true };

    /// <summary>The least key that is above every key with a prefix; null: there is none.</summary>
    public static byte[]? EndOf(ReadOnlySpan<byte> prefix)
    {
        int length = prefix.Length;
        while (length > 0 && prefix[length - 1] == byte.MaxValue)
            length--;
        if (length == 0)
            return null;
        byte[] end = prefix[..length].ToArray();
        end[^1]++;
        return end;
    }

    /// <summary>The least key above one.</summary>
    public static byte[] After(ReadOnlySpan<byte> key) => [.. key, 0];
}

public enum KeyChangeKind : byte
{
    Set = 1,
    Deleted = 2,

    /// <summary>Its time was over.</summary>
    Expired = 3,
}

/// <summary>A change of a key.</summary>
/// <param name="Version">When, in the order of the shard.</param>
/// <param name="Kind">What.</param>
/// <param name="Key">Of which key.</param>
/// <param name="Value">What it was set to; null: it was not, or the value is too long to be kept here and has to be read.</param>
public readonly record struct KeyChange(long Version, KeyChangeKind Kind, ReadOnlyMemory<byte> Key, ReadOnlyMemory<byte>? Value);

/// <summary>Reads a list of changes: each its version (8 bytes), kind (1), key, whether the value follows (1), and the value.</summary>
public static class KeyValueChanges
{
    /// <exception cref="InvalidDataException">The reply is no list of changes.</exception>
    public static IEnumerable<KeyChange> Read(KeyValueReply reply)
    {
        if (reply.Kind != KeyValueReplyKind.Changes)
            throw new InvalidDataException($"a list of changes was expected, not {reply.Kind}");
        var reader = new ByteReader(reply.Bytes);
        while (reader.Remaining > 0)
        {
            long version = reader.Int64();
            var kind = (KeyChangeKind)reader.Byte();
            ReadOnlyMemory<byte> key = KeyValueCodec.ReadBytes(ref reader);
            ReadOnlyMemory<byte>? value = null;
            if (reader.Bool())
                value = KeyValueCodec.ReadBytes(ref reader);
            yield return new KeyChange(version, kind, key, value);
        }
    }
}
