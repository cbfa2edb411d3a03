namespace ActorRepl.Protocols.Machines;

/// <summary>What one operation on a <see cref="KeyValueMachine"/> does, and the reply it gets.</summary>
public enum KeyValueOperationKind : byte
{
    /// <summary>The key's value: <see cref="KeyValueReplyKind.Bytes"/>, or Nil when it is missing.</summary>
    Get = 1,

    /// <summary>Gives the key a value: Ok.</summary>
    Set = 2,

    /// <summary>Removes the key: Integer, 1 if it was there.</summary>
    Delete = 3,

    /// <summary>Integer, 1 if the key is there.</summary>
    Exists = 4,

    /// <summary>Adds to the value read as a 64-bit signed decimal number, 0 when missing: Integer, the sum.</summary>
    IncrementBy = 5,

    /// <summary>Adds bytes at the end of the value, which is empty when missing: Integer, the new length in bytes.</summary>
    Append = 6,

    /// <summary>Integer, the value's length in bytes, 0 when missing.</summary>
    StringLength = 7,

    /// <summary>Gives the key a value if it has the expected one, or is missing as expected: Integer, 1 if it did.</summary>
    CompareAndSet = 8,

    /// <summary>The number of keys in the machine: Integer.</summary>
    Count = 9,
}

/// <summary>
/// One operation as it stands in a payload; its memory is the payload's. <see cref="Expected"/> is null where
/// <see cref="KeyValueOperationKind.CompareAndSet"/> expects the key to be missing.
/// </summary>
public readonly record struct KeyValueOperation(
    KeyValueOperationKind Kind,
    ReadOnlyMemory<byte> Key,
    ReadOnlyMemory<byte> Value = default,
    ReadOnlyMemory<byte>? Expected = null,
    long Amount = 0)
{
    public bool IsReadOnly => IsRead(Kind);

    internal static bool IsRead(KeyValueOperationKind kind) => kind is KeyValueOperationKind.Get or KeyValueOperationKind.Exists
        or KeyValueOperationKind.StringLength or KeyValueOperationKind.Count;
}

public enum KeyValueReplyKind : byte
{
    /// <summary>There is no such key.</summary>
    Nil = 0,
    Bytes = 1,
    Integer = 2,
    Ok = 3,

    /// <summary>The operation changed nothing; the text says why, in the form of Redis ("ERR …").</summary>
    Error = 4,

    /// <summary>The result had no room for the reply: to a read, which is to be asked for by itself, or the error of what changed nothing.</summary>
    Full = 5,
}

/// <summary>The reply to one operation; <see cref="Bytes"/> shares the result's memory and holds an error's UTF-8 text too.</summary>
public readonly record struct KeyValueReply(KeyValueReplyKind Kind, ReadOnlyMemory<byte> Bytes = default, long Integer = 0)
{
    /// <summary>The text of an error.</summary>
    public string Error => System.Text.Encoding.UTF8.GetString(Bytes.Span);
}
