using System.Buffers;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Machines;

/// <summary>What must hold of a key for an operation to change it.</summary>
public enum KeyCondition : byte
{
    None = 0,

    /// <summary>The key is not there.</summary>
    Missing = 1,
    Present = 2,

    /// <summary>The key is there with this very version.</summary>
    Version = 3,

    /// <summary>For expiry: the key has none.</summary>
    NeverExpires = 4,

    /// <summary>For expiry: the key has one.</summary>
    Expires = 5,

    /// <summary>For expiry: the new one is later; never is later than any.</summary>
    Later = 6,

    /// <summary>For expiry: the new one is sooner.</summary>
    Sooner = 7,
}

/// <summary>When a key ends, of what an operation leaves behind.</summary>
public enum KeyExpiry : byte
{
    Never = 0,

    /// <summary>As it was.</summary>
    Keep = 1,

    /// <summary>At a time, ms since 1970.</summary>
    At = 2,

    /// <summary>So many ms after the time that the leader gave the command.</summary>
    In = 3,
}

/// <summary>What an operation that sets a value replies.</summary>
public enum KeyReturn : byte
{
    /// <summary>Ok; Nil if the condition did not hold.</summary>
    Status = 0,

    /// <summary>The value as it was before, whether it was replaced or not: Bytes or Nil.</summary>
    Old = 1,

    /// <summary>Integer, the new version; Nil if the condition did not hold.</summary>
    Version = 2,
}

/// <summary>
/// On what condition an operation changes a key, when the key ends, and what is replied. In bytes: one of flags (condition 3 bits, expiry
/// 2, return 2), then the version if the condition has one, and the expiry's ms if it has any, 8 bytes each.
/// </summary>
public readonly record struct KeyValueTerms(
    KeyCondition Condition = KeyCondition.None,
    long Version = 0,
    KeyExpiry Expiry = KeyExpiry.Never,
    long Millis = 0,
    KeyReturn Return = KeyReturn.Status)
{
    private const int ExpiryShift = 3, ReturnShift = 5;

    private bool HasMillis => Expiry is KeyExpiry.At or KeyExpiry.In;

    internal void Write(ArrayBufferWriter<byte> target)
    {
        KeyValueCodec.WriteByte(target, (byte)((int)Condition | ((int)Expiry << ExpiryShift) | ((int)Return << ReturnShift)));
        if (Condition == KeyCondition.Version)
            KeyValueCodec.WriteInt64(target, Version);
        if (HasMillis)
            KeyValueCodec.WriteInt64(target, Millis);
    }

    internal static KeyValueTerms Read(ref ByteReader reader)
    {
        byte flags = reader.Byte();
        var terms = new KeyValueTerms((KeyCondition)(flags & 7), Expiry: (KeyExpiry)((flags >> ExpiryShift) & 3), Return: (KeyReturn)(flags >> ReturnShift));
        if (terms.Return > KeyReturn.Version)
            throw new InvalidDataException($"unknown terms {flags} at byte {reader.Position - 1}");
        if (terms.Condition == KeyCondition.Version)
            terms = terms with { Version = reader.Int64() };
        return terms.HasMillis ? terms with { Millis = reader.Int64() } : terms;
    }
}
