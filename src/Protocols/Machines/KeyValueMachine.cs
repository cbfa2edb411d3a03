using System.Buffers;
using System.Buffers.Text;
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
}

/// <summary>
/// A map from bytes to bytes in memory. See <see cref="KeyValueCodec"/> for payloads and results. What is wrong with an
/// operation is its reply, and the others go on; a payload that cannot be read ends in one error reply.
/// </summary>
public sealed class KeyValueMachine(KeyValueOptions? options = null, ulong? hashSeed = null) : IKeyedStateMachine
{
    private const byte SegmentVersion = 1;
    // Of a key: its slot in the index and the header of its record.
    private const int EntryOverhead = 24;

    private readonly KeyValueOptions _options = options ?? new KeyValueOptions();
    private readonly KeyTable _table = new(hashSeed);

    public long ApproximateBytes => _table.ContentBytes + (long)_table.Count * EntryOverhead;

    /// <summary>Keys that are there.</summary>
    public int Count => _table.Count;

    public ReadOnlyMemory<byte> Apply(in AppliedCommand command) => Execute(command.Payload, mayWrite: true);

    public ReadOnlyMemory<byte> Query(ReadOnlyMemory<byte> query) => Execute(query, mayWrite: false);

    public bool TryFindKeys(ReadOnlyMemory<byte> command, CommandKeys keys)
    {
        long most = 0;
        try
        {
            KeyValueOperationReader operations = KeyValueCodec.Operations(command);
            while (operations.Next(out KeyValueOperation operation))
            {
                if (operation.Kind == KeyValueOperationKind.Count)
                    return false;
                keys.Add(operation.Key.Span);
                most += KeyValueReplyWriter.MostBytesWithoutValue + (operation.Kind == KeyValueOperationKind.Get ? _options.MaxValueBytes : 0);
            }
        }
        catch (InvalidDataException)
        {
            return false;
        }

        keys.MostResultBytes = most;
        return true;
    }

    /// <summary>Far enough from the limit of the content, no command meets it, in whichever order they come. A number takes up to twice the bytes it was given in.</summary>
    public bool BeginTogether(int commands, long bytes)
    {
        if (_table.ContentBytes + 2 * bytes > _options.MaxContentBytes)
            return false;
        _table.BeginSharing();
        return true;
    }

    public void EndTogether() => _table.EndSharing();

    public ICheckpointView BeginCheckpoint() => new CheckpointView(_table.Freeze());

    public void Restore(IEnumerable<ReadOnlyMemory<byte>> segments)
    {
        _table.Clear();
        foreach (ReadOnlyMemory<byte> segment in segments)
        {
            var reader = new ByteReader(segment);
            byte version = reader.Byte();
            if (version != SegmentVersion)
                throw new InvalidDataException($"a key-value segment has version {version}; this build reads {SegmentVersion}");
            while (reader.Remaining > 0)
            {
                ReadOnlySpan<byte> key = KeyValueCodec.ReadBytes(ref reader).Span;
                _table.Set(key, KeyValueCodec.ReadBytes(ref reader).Span);
            }
        }
    }

    private byte[] Execute(ReadOnlyMemory<byte> payload, bool mayWrite)
    {
        KeyValueReplyWriter replies = KeyValueReplyWriter.Begin(_options.MaxResultBytes);
        try
        {
            KeyValueOperationReader operations = KeyValueCodec.Operations(payload);
            while (operations.Next(out KeyValueOperation operation))
                Execute(operation, mayWrite, replies);
        }
        catch (InvalidDataException damage)
        {
            replies.Error($"ERR malformed payload: {damage.Message}");
        }

        return replies.End();
    }

    private void Execute(in KeyValueOperation operation, bool mayWrite, KeyValueReplyWriter replies)
    {
        ReadOnlySpan<byte> key = operation.Key.Span;
        if (!mayWrite && !operation.IsReadOnly)
            replies.Error("ERR a query cannot write");
        else if (operation.Kind != KeyValueOperationKind.Count && (key.IsEmpty || key.Length > _options.MaxKeyBytes))
            replies.Error($"ERR a key takes 1 to {_options.MaxKeyBytes} bytes; this one has {key.Length}");
        else
            Execute(operation, key, replies);
    }

    private void Execute(in KeyValueOperation operation, ReadOnlySpan<byte> key, KeyValueReplyWriter replies)
    {
        using KeyTable.Held held = _table.Hold(key);
        switch (operation.Kind)
        {
            case KeyValueOperationKind.Get:
                Get(replies, key);
                break;
            case KeyValueOperationKind.Set:
                if (TryStore(replies, key, operation.Value.Span))
                    replies.Ok();
                break;
            case KeyValueOperationKind.Delete:
                replies.Integer(_table.Remove(key) ? 1 : 0);
                break;
            case KeyValueOperationKind.Exists:
                replies.ReadInteger(_table.TryGet(key, out _) ? 1 : 0);
                break;
            case KeyValueOperationKind.IncrementBy:
                IncrementBy(replies, key, operation.Amount);
                break;
            case KeyValueOperationKind.Append:
                Append(replies, key, operation.Value.Span);
                break;
            case KeyValueOperationKind.StringLength:
                replies.ReadInteger(_table.TryGet(key, out ReadOnlySpan<byte> measured) ? measured.Length : 0);
                break;
            case KeyValueOperationKind.CompareAndSet:
                CompareAndSet(replies, operation, key);
                break;
            case KeyValueOperationKind.Count:
                replies.ReadInteger(_table.Count);
                break;
            default:
                throw new InvariantViolationException($"the reader lets no unknown operation pass: {operation.Kind}");
        }
    }

    private void Get(KeyValueReplyWriter replies, ReadOnlySpan<byte> key)
    {
        if (_table.TryGet(key, out ReadOnlySpan<byte> value))
            replies.Bytes(value);
        else
            replies.Nil();
    }

    // As in Redis, a number is what formatting it gives back: no sign of plus, no leading zeros, no spaces.
    private void IncrementBy(KeyValueReplyWriter replies, ReadOnlySpan<byte> key, long amount)
    {
        Span<byte> text = stackalloc byte[20];
        long value = 0;
        if (_table.TryGet(key, out ReadOnlySpan<byte> old))
        {
            bool isNumber = Utf8Parser.TryParse(old, out value, out int used) && used == old.Length
                && Utf8Formatter.TryFormat(value, text, out int length) && text[..length].SequenceEqual(old);
            if (!isNumber)
            {
                replies.Error("ERR value is not an integer or out of range");
                return;
            }
        }

        long sum = unchecked(value + amount);
        if (((value ^ sum) & (amount ^ sum)) < 0)
        {
            replies.Error("ERR increment or decrement would overflow");
            return;
        }

        Utf8Formatter.TryFormat(sum, text, out int written);
        if (TryStore(replies, key, text[..written]))
            replies.Integer(sum);
    }

    private void Append(KeyValueReplyWriter replies, ReadOnlySpan<byte> key, ReadOnlySpan<byte> suffix)
    {
        if (!_table.TryGet(key, out ReadOnlySpan<byte> old))
        {
            if (TryStore(replies, key, suffix))
                replies.Integer(suffix.Length);
            return;
        }

        int length = old.Length + suffix.Length;
        if (!Fits(replies, key, length, old.Length))
            return;
        byte[] longer = ArrayPool<byte>.Shared.Rent(length);
        old.CopyTo(longer);
        suffix.CopyTo(longer.AsSpan(old.Length));
        _table.Set(key, longer.AsSpan(0, length));
        ArrayPool<byte>.Shared.Return(longer);
        replies.Integer(length);
    }

    private void CompareAndSet(KeyValueReplyWriter replies, in KeyValueOperation operation, ReadOnlySpan<byte> key)
    {
        bool present = _table.TryGet(key, out ReadOnlySpan<byte> value);
        bool matches = operation.Expected is { } expected ? present && expected.Span.SequenceEqual(value) : !present;
        if (!matches)
            replies.Integer(0);
        else if (TryStore(replies, key, operation.Value.Span))
            replies.Integer(1);
    }

    private bool TryStore(KeyValueReplyWriter replies, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        if (!Fits(replies, key, value.Length, _table.TryGet(key, out ReadOnlySpan<byte> old) ? old.Length : null))
            return false;
        _table.Set(key, value);
        return true;
    }

    private bool Fits(KeyValueReplyWriter replies, ReadOnlySpan<byte> key, long length, int? oldLength)
    {
        if (length > _options.MaxValueBytes)
        {
            replies.Error($"ERR string exceeds maximum allowed size of {_options.MaxValueBytes} bytes");
            return false;
        }

        long added = length - oldLength ?? key.Length + length;
        if (added <= 0 || _table.ContentBytes + added <= _options.MaxContentBytes)
            return true;
        replies.Error($"OOM command not allowed: the shard holds its {_options.MaxContentBytes} bytes");
        return false;
    }

    private sealed class CheckpointView(KeyTable.View view) : ICheckpointView
    {
        public IEnumerable<ReadOnlyMemory<byte>> Segments(int maxBytes)
        {
            var segment = new ArrayBufferWriter<byte>();
            foreach ((ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value) in view.Pairs())
            {
                if (segment.WrittenCount > 0 && segment.WrittenCount + key.Length + value.Length + 10 > maxBytes)
                {
                    yield return segment.WrittenSpan.ToArray();
                    segment.ResetWrittenCount();
                }

                if (segment.WrittenCount == 0)
                    KeyValueCodec.WriteByte(segment, SegmentVersion);
                KeyValueCodec.WriteBytes(segment, key.Span);
                KeyValueCodec.WriteBytes(segment, value.Span);
            }

            if (segment.WrittenCount > 0)
                yield return segment.WrittenSpan.ToArray();
        }

        // Where a pair lies in the table depends on the table's own seed, and on what was there before.
        public StateChecksum Checksum()
        {
            StateChecksum sum = default;
            foreach ((ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value) in view.Pairs())
                sum = sum.Add(key.Span, value.Span);
            return sum;
        }

        public void Dispose() => view.Release();
    }
}
