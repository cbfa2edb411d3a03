using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Machines;

/// <summary>Limits of a <see cref="KeyValueMachine"/>. They decide replies, so all replicas of a group must have the same.</summary>
public sealed record KeyValueOptions
{
    /// <summary>Bytes of a key; the least is 1.</summary>
    public int MaxKeyBytes { get; init; } = 1024;

    /// <summary>Bytes of a value, also after an append.</summary>
    public int MaxValueBytes { get; init; } = 1 << 20;

    /// <summary>Bytes of all keys and values of a shard; operations that would add to more are refused.</summary>
    public long MaxContentBytes { get; init; } = 1L << 30;

    /// <summary>
    /// Bytes of one result. A value, number or error for which there is no room left is replaced by
    /// <see cref="KeyValueReplyKind.Full"/>, one byte: what reads makes a result no longer than this and a byte an operation.
    /// What writes is carried out in any case, and adds 9 bytes an operation at most.
    /// </summary>
    public int MaxResultBytes { get; init; } = 64 << 20;

    /// <summary>Bytes of the last changes that a replica keeps for those who follow them. Replicas may differ.</summary>
    public int MaxHistoryBytes { get; init; } = 1 << 20;
}

/// <summary>
/// A map from bytes to bytes in memory. See <see cref="KeyValueCodec"/> for payloads and results. What is wrong with an
/// operation is its reply, and the others go on; a payload that cannot be read ends in one error reply.
/// </summary>
public sealed partial class KeyValueMachine(KeyValueOptions? options = null, ulong? hashSeed = null) : IKeyedStateMachine
{
    // Of a key: its slot in the index and the header of its record.
    private const int EntryOverhead = 40;

    private readonly KeyValueOptions _options = options ?? new KeyValueOptions();
    private readonly KeyTable _table = new(hashSeed);
    private readonly ExpiryIndex _expiries = new();
    private readonly ChangeHistory _history = new((options ?? new KeyValueOptions()).MaxHistoryBytes);
    private readonly Lock _noting = new();
    private bool _sharing;

    // Of the values that are there: more than may be set, where the limit was higher once.
    private int _longestValue = (options ?? new KeyValueOptions()).MaxValueBytes;

    /// <summary>Keys have an end.</summary>
    public bool EndsWithTime => !_expiries.IsEmpty;

    public long ApproximateBytes => _table.ContentBytes + (long)_table.Count * EntryOverhead + _table.OrderBytes + _expiries.ApproximateBytes;

    /// <summary>Keys that are there.</summary>
    public int Count => _table.Count - _expiries.CountUntil(_clock);

    public ReadOnlyMemory<byte> Apply(in AppliedCommand command) => Execute(command.Payload, command, null);

    public ReadOnlyMemory<byte> Query(ReadOnlyMemory<byte> query) => Execute(query, null, null);

    public ReadOnlyMemory<byte> Query(ReadOnlyMemory<byte> query, long wall) => Execute(query, null, wall / 1000);

    public bool TryFindKeys(ReadOnlyMemory<byte> command, CommandKeys keys)
    {
        long result = 0, growth = 0;
        try
        {
            KeyValueOperationReader operations = KeyValueCodec.Operations(command);
            while (operations.Next(out KeyValueOperation operation))
            {
                if (operation.IsAlone || (operation.Kind == KeyValueOperationKind.Atomic && !TryAddRequired(operation, keys)))
                    return false;
                if (operation.HasKey)
                    keys.Add(operation.Key.Span);
                result += KeyValueReplyWriter.MostBytesWithoutValue + (operation.RepliesValue ? _longestValue : 0);
                growth += operation.MostGrowth(_options.MaxValueBytes);
            }
        }
        catch (InvalidDataException)
        {
            return false;
        }

        (keys.MostResultBytes, keys.MostGrowthBytes) = (result, growth);
        return true;
    }

    /// <summary>
    /// Where there is room for all that they may add, no command meets the limit of the content, in whichever order they come. Where keys
    /// have an end, which of them are there follows from the order.
    /// </summary>
    public bool BeginTogether(int commands, long growthBytes)
    {
        if (!_expiries.IsEmpty || _table.ContentBytes + growthBytes > _options.MaxContentBytes)
            return false;
        _sharing = true;
        _table.BeginSharing();
        return true;
    }

    public void EndTogether()
    {
        _sharing = false;
        _table.EndSharing();
    }

    private byte[] Execute(ReadOnlyMemory<byte> payload, in AppliedCommand? command, long? now)
    {
        KeyValueReplyWriter replies = KeyValueReplyWriter.Begin(_options.MaxResultBytes);
        try
        {
            KeyValueOperationReader operations = KeyValueCodec.Operations(payload);
            Execute(ref operations, command, now, replies);
        }
        catch (InvalidDataException damage)
        {
            replies.Error($"ERR malformed payload: {damage.Message}");
        }

        return replies.End();
    }

    private void Execute(ref KeyValueOperationReader operations, in AppliedCommand? command, long? now, KeyValueReplyWriter replies)
    {
        // What builds without versions have written changes nothing that they did not know: every replica comes to the same.
        bool versioned = command is not null && operations.Version >= KeyValueCodec.VersionedVersion;
        long before = versioned ? KeyValueVersion.Of(command!.Value.Index) : 0;
        if (versioned)
            Advance(command!.Value.Wall / 1000, before, operations.Version);
        long number = 0, skip = 0;
        while (operations.Next(out KeyValueOperation operation))
        {
            if (operation.Kind == KeyValueOperationKind.AsOf)
            {
                if (command is not null || !IsDue(now ?? operation.Amount))
                    continue;
                replies.DueAlone();
                return;
            }

            var step = new Step(versioned ? before + ++number : 0, command is not null, operations.Version);
            if (number > KeyValueVersion.MostOperations)
            {
                replies.Error($"ERR a payload has at most {KeyValueVersion.MostOperations} operations");
                return;
            }

            if (skip > 0)
            {
                skip--;
                replies.Skipped();
            }
            else if (operation.Kind == KeyValueOperationKind.Atomic && step.MayWrite)
            {
                skip = Atomic(operation, step, operations, replies);
            }
            else
            {
                Execute(operation, step, replies);
            }
        }
    }

    private void Execute(in KeyValueOperation operation, in Step step, KeyValueReplyWriter replies)
    {
        ReadOnlySpan<byte> key = operation.Key.Span;
        if (!step.MayWrite && !operation.IsReadOnly)
            replies.Error("ERR a query cannot write");
        else if (operation.HasKey && (key.IsEmpty || key.Length > _options.MaxKeyBytes))
            replies.Error($"ERR a key takes 1 to {_options.MaxKeyBytes} bytes; this one has {key.Length}");
        else if (operation.HasKey)
            ExecuteKeyed(operation, key, step, replies);
        else
            ExecuteOnAll(operation, step, replies);
    }

    private void ExecuteKeyed(in KeyValueOperation operation, ReadOnlySpan<byte> key, in Step step, KeyValueReplyWriter replies)
    {
        using KeyTable.Held held = _table.Hold(key);
        if (step.MayWrite)
            RemoveIfEnded(key, step.Version);
        switch (operation.Kind)
        {
            case KeyValueOperationKind.Get:
                Get(replies, key);
                break;
            case KeyValueOperationKind.Set:
                if (TryStore(replies, key, operation.Value.Span, step.Version))
                    replies.Ok();
                break;
            case KeyValueOperationKind.Delete:
                replies.Integer(TryRemove(key, step.Version) ? 1 : 0);
                break;
            case KeyValueOperationKind.Exists:
                replies.ReadInteger(TryGet(key, out _, out _) ? 1 : 0);
                break;
            case KeyValueOperationKind.IncrementBy:
                IncrementBy(replies, key, operation.Amount, step.Version);
                break;
            case KeyValueOperationKind.Append:
                Append(replies, key, operation.Value.Span, step.Version);
                break;
            case KeyValueOperationKind.StringLength:
                replies.ReadInteger(TryGet(key, out ReadOnlySpan<byte> measured, out _) ? measured.Length : 0);
                break;
            case KeyValueOperationKind.CompareAndSet:
                CompareAndSet(replies, operation, key, step.Version);
                break;
            default:
                ExecuteOnTerms(operation, key, step, replies);
                break;
        }
    }

    private void ExecuteOnAll(in KeyValueOperation operation, in Step step, KeyValueReplyWriter replies)
    {
        switch (operation.Kind)
        {
            case KeyValueOperationKind.Count:
                replies.ReadInteger(Count);
                break;
            case KeyValueOperationKind.Scan or KeyValueOperationKind.ScanEntries:
                Scan(replies, operation, step);
                break;
            case KeyValueOperationKind.Changes:
                Changes(replies, operation, step);
                break;
            default:
                throw new InvariantViolationException($"the reader lets no unknown operation pass: {operation.Kind}");
        }
    }

    /// <summary>One operation's moment: the version that it gives, whether it may, and the version of the payload, by whose rules it is carried out.</summary>
    private readonly record struct Step(long Version, bool MayWrite, byte Rules);
}
