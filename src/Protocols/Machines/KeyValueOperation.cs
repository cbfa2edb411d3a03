namespace ActorRepl.Protocols.Machines;

/// <summary>What one operation on a <see cref="KeyValueMachine"/> does, and the reply it gets.</summary>
public enum KeyValueOperationKind : byte
{
    /// <summary>The key's value: <see cref="KeyValueReplyKind.Bytes"/>, or Nil when it is missing.</summary>
    Get = 1,

    /// <summary>Gives the key a value, without expiry: Ok.</summary>
    Set = 2,

    /// <summary>Removes the key: Integer, 1 if it was there.</summary>
    Delete = 3,

    /// <summary>Integer, 1 if the key is there.</summary>
    Exists = 4,

    /// <summary>Adds to the value read as a 64-bit signed decimal number, 0 when missing: Integer, the sum. The expiry stays.</summary>
    IncrementBy = 5,

    /// <summary>Adds bytes at the end of the value, which is empty when missing: Integer, the new length in bytes. The expiry stays.</summary>
    Append = 6,

    /// <summary>Integer, the value's length in bytes, 0 when missing.</summary>
    StringLength = 7,

    /// <summary>Gives the key a value, without expiry, if it has the expected one, or is missing as expected: Integer, 1 if it did.</summary>
    CompareAndSet = 8,

    /// <summary>The number of keys in the machine: Integer.</summary>
    Count = 9,

    /// <summary>Gives the key a value on <see cref="KeyValueTerms"/>.</summary>
    Put = 10,

    /// <summary>The key's value with its version and expiry: <see cref="KeyValueReplyKind.Entry"/>, or Nil.</summary>
    GetEntry = 11,

    /// <summary>The key's value, and removes it: Bytes or Nil.</summary>
    GetDelete = 12,

    /// <summary>The key's value, and gives it the expiry of the terms: Bytes or Nil.</summary>
    GetExpire = 13,

    /// <summary>Gives the key the expiry of the terms, on their condition: Integer, 1 if it did. A time that is past removes it.</summary>
    Expire = 14,

    /// <summary>When the key ends: Integer, ms since 1970, −1 for never, −2 for a key that is not there.</summary>
    ExpiresAt = 15,

    /// <summary>Removes the key on the terms' condition: Integer, 1 if it did, 0 if it was not there, Nil if the condition did not hold.</summary>
    DeleteIf = 16,

    /// <summary>The bytes from Amount to Last, both included, from the end where negative, as in Redis: Bytes, empty when missing.</summary>
    GetRange = 17,

    /// <summary>Overwrites bytes from Amount on, zeros before them where the value is shorter: Integer, the new length. The expiry stays.</summary>
    SetRange = 18,

    /// <summary>Gives the value and expiry of the key to another key, Value: Ok; an error if it is not there.</summary>
    Rename = 19,

    /// <summary>Likewise, unless the other is there: Integer, 1 if it did.</summary>
    RenameIfMissing = 20,

    /// <summary>Adds a decimal number to the value, in decimal arithmetic: Bytes, the sum. The expiry stays.</summary>
    IncrementByDecimal = 21,

    /// <summary>
    /// Keys in order from Key on, up to and without Expected, at most Amount: <see cref="KeyValueReplyKind.Page"/>. Negative: at most −Amount,
    /// and a query of very many keys whose order is still being made gets a page of none, with more to come.
    /// </summary>
    Scan = 22,

    /// <summary>Likewise, with values, versions and expiries.</summary>
    ScanEntries = 23,

    /// <summary>What has changed after version Last in keys that begin with Key, at most Amount changes: Changes, or Compacted. Queries only.</summary>
    Changes = 24,

    /// <summary>
    /// The Amount operations after it are carried out if every key that it names has the version it names, and there is room for all that
    /// they may add: Ok, and what they reply; else Nil, or the error, and Skipped for each.
    /// </summary>
    Atomic = 25,

    /// <summary>The key's version: Integer, <see cref="KeyValueVersion.Missing"/> when it is not there.</summary>
    VersionOf = 26,

    /// <summary>
    /// In front of a query that is to see no key whose time is over. If one has ended by the clock of the replica and not yet by the log, the whole
    /// query is answered by one <see cref="KeyValueReplyKind.Due"/>. Amount is the reader's time, ms since 1970: it counts only where the replica's is
    /// not known. Gets no reply itself.
    /// </summary>
    AsOf = 27,
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
    long Amount = 0,
    long Last = 0,
    KeyValueTerms Terms = default)
{
    // A decimal has up to 29 digits, a sign, and a zero with a point before them.
    private const int MostNumberBytes = 32;

    public bool IsReadOnly => IsRead(Kind);

    internal static bool IsRead(KeyValueOperationKind kind) => kind is KeyValueOperationKind.Get or KeyValueOperationKind.Exists
        or KeyValueOperationKind.StringLength or KeyValueOperationKind.Count or KeyValueOperationKind.GetEntry or KeyValueOperationKind.ExpiresAt
        or KeyValueOperationKind.GetRange or KeyValueOperationKind.Scan or KeyValueOperationKind.ScanEntries or KeyValueOperationKind.Changes
        or KeyValueOperationKind.VersionOf or KeyValueOperationKind.AsOf;

    /// <summary>It is about one key, which must be one.</summary>
    internal bool HasKey => Kind is not (KeyValueOperationKind.Count or KeyValueOperationKind.Scan or KeyValueOperationKind.ScanEntries
        or KeyValueOperationKind.Changes or KeyValueOperationKind.Atomic or KeyValueOperationKind.AsOf);

    /// <summary>Its reply may be a value.</summary>
    internal bool RepliesValue => Kind is KeyValueOperationKind.Get or KeyValueOperationKind.GetEntry or KeyValueOperationKind.GetDelete
        or KeyValueOperationKind.GetExpire or KeyValueOperationKind.GetRange || (Kind == KeyValueOperationKind.Put && Terms.Return == KeyReturn.Old);

    /// <summary>A value goes over to another key, Value.</summary>
    internal bool IsRename => Kind is KeyValueOperationKind.Rename or KeyValueOperationKind.RenameIfMissing;

    /// <summary>It may give its key a value.</summary>
    internal bool Stores => Kind is KeyValueOperationKind.Set or KeyValueOperationKind.Put or KeyValueOperationKind.CompareAndSet or KeyValueOperationKind.Append
        or KeyValueOperationKind.IncrementBy or KeyValueOperationKind.IncrementByDecimal or KeyValueOperationKind.SetRange;

    /// <summary>Bytes of keys and values that the machine has more of after it, at most.</summary>
    /// <param name="maxValueBytes">A value's limit.</param>
    /// <param name="oldLength">Of its key's value, bytes; null: the key is not there, or nobody knows.</param>
    internal long MostGrowth(int maxValueBytes, int? oldLength = null)
    {
        if (!Stores)
            return IsRename ? Value.Length : 0;
        long length = Kind switch
        {
            KeyValueOperationKind.IncrementBy or KeyValueOperationKind.IncrementByDecimal => MostNumberBytes,
            KeyValueOperationKind.SetRange => Math.Min(maxValueBytes, Math.Clamp(Amount, 0, maxValueBytes) + Value.Length),
            _ => Value.Length,
        };
        if (oldLength is not { } old)
            return Key.Length + length;
        return Kind == KeyValueOperationKind.Append ? length : Math.Max(0, length - old);
    }

    /// <summary>It is about more than the keys it names, or gives a key an end: it is applied by itself.</summary>
    internal bool IsAlone => (!HasKey && Kind != KeyValueOperationKind.Atomic) || IsRename || Terms.Expiry is KeyExpiry.At or KeyExpiry.In;
}

public enum KeyValueReplyKind : byte
{
    /// <summary>There is no such key, or a condition did not hold.</summary>
    Nil = 0,
    Bytes = 1,
    Integer = 2,
    Ok = 3,

    /// <summary>The operation changed nothing; the text says why, in the form of Redis ("ERR …").</summary>
    Error = 4,

    /// <summary>The result had no room for the reply: to a read, which is to be asked for by itself, or the error of what changed nothing.</summary>
    Full = 5,

    /// <summary>A value with its version and expiry.</summary>
    Entry = 6,

    /// <summary>A piece of a list of keys: see <see cref="KeyValuePage"/>. Integer is 1 where there are more.</summary>
    Page = 7,

    /// <summary>Changes in the order of their versions: see <see cref="KeyValueChanges"/>. Integer is the version to go on from.</summary>
    Changes = 8,

    /// <summary>Changes so old are not kept any more. Integer is the version from which on they are.</summary>
    Compacted = 9,

    /// <summary>The answer to a whole query: a key has ended by the replica's time; asked again as a command, the log has that time too.</summary>
    Due = 10,

    /// <summary>Not carried out: a condition of the batch did not hold.</summary>
    Skipped = 11,
}

/// <summary>The reply to one operation; <see cref="Bytes"/> shares the result's memory and holds an error's UTF-8 text too.</summary>
/// <param name="Kind">What of the others is meant.</param>
/// <param name="Bytes">A value, an error's text, or a list.</param>
/// <param name="Integer">A number.</param>
/// <param name="Version">Of an entry.</param>
/// <param name="ExpiresAt">Of an entry, ms since 1970; 0: never.</param>
public readonly record struct KeyValueReply(
    KeyValueReplyKind Kind, ReadOnlyMemory<byte> Bytes = default, long Integer = 0, long Version = 0, long ExpiresAt = 0)
{
    /// <summary>The text of an error.</summary>
    public string Error => System.Text.Encoding.UTF8.GetString(Bytes.Span);
}
