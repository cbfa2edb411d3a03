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
public sealed class KeyValueMachine(KeyValueOptions? options = null, ulong? hashSeed = null) : IStateMachine
{
    private const byte SegmentVersion = 1;
    // Of a key: its slot in the index and the header of its record.
    private const int EntryOverhead = 24;

    // The most common result; results are only read.
    private static readonly byte[] Ok = [(byte)KeyValueReplyKind.Ok];

    private readonly KeyValueOptions _options = options ?? new KeyValueOptions();
    private readonly KeyTable _table = new(hashSeed);
    private readonly ArrayBufferWriter<byte> _result = new(256);

    public long ApproximateBytes => _table.ContentBytes + (long)_table.Count * EntryOverhead;

    /// <summary>Keys that are there.</summary>
    public int Count => _table.Count;

    public ReadOnlyMemory<byte> Apply(in AppliedCommand command) => Execute(command.Payload, mayWrite: true);

    public ReadOnlyMemory<byte> Query(ReadOnlyMemory<byte> query) => Execute(query, mayWrite: false);

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
        _result.ResetWrittenCount();
        try
        {
            KeyValueOperationReader operations = KeyValueCodec.Operations(payload);
            while (operations.Next(out KeyValueOperation operation))
                Execute(operation, mayWrite);
        }
        catch (InvalidDataException damage)
        {
            Error($"ERR malformed payload: {damage.Message}");
        }

        return _result.WrittenSpan.SequenceEqual(Ok) ? Ok : _result.WrittenSpan.ToArray();
    }

    private void Execute(in KeyValueOperation operation, bool mayWrite)
    {
        ReadOnlySpan<byte> key = operation.Key.Span;
        if (!mayWrite && !operation.IsReadOnly)
            Error("ERR a query cannot write");
        else if (operation.Kind != KeyValueOperationKind.Count && (key.IsEmpty || key.Length > _options.MaxKeyBytes))
            Error($"ERR a key takes 1 to {_options.MaxKeyBytes} bytes; this one has {key.Length}");
        else
            Execute(operation, key);
    }

    private void Execute(in KeyValueOperation operation, ReadOnlySpan<byte> key)
    {
        switch (operation.Kind)
        {
            case KeyValueOperationKind.Get:
                Get(key);
                break;
            case KeyValueOperationKind.Set:
                if (TryStore(key, operation.Value.Span))
                    KeyValueCodec.WriteByte(_result, (byte)KeyValueReplyKind.Ok);
                break;
            case KeyValueOperationKind.Delete:
                Integer(_table.Remove(key) ? 1 : 0);
                break;
            case KeyValueOperationKind.Exists:
                ReadInteger(_table.TryGet(key, out _) ? 1 : 0);
                break;
            case KeyValueOperationKind.IncrementBy:
                IncrementBy(key, operation.Amount);
                break;
            case KeyValueOperationKind.Append:
                Append(key, operation.Value.Span);
                break;
            case KeyValueOperationKind.StringLength:
                ReadInteger(_table.TryGet(key, out ReadOnlySpan<byte> measured) ? measured.Length : 0);
                break;
            case KeyValueOperationKind.CompareAndSet:
                CompareAndSet(operation, key);
                break;
            case KeyValueOperationKind.Count:
                ReadInteger(_table.Count);
                break;
            default:
                throw new InvariantViolationException($"the reader lets no unknown operation pass: {operation.Kind}");
        }
    }

    private void Get(ReadOnlySpan<byte> key)
    {
        if (!_table.TryGet(key, out ReadOnlySpan<byte> value))
        {
            KeyValueCodec.WriteByte(_result, (byte)KeyValueReplyKind.Nil);
        }
        else if (HasRoomFor(value.Length))
        {
            KeyValueCodec.WriteByte(_result, (byte)KeyValueReplyKind.Bytes);
            KeyValueCodec.WriteBytes(_result, value);
        }
        else
        {
            Full();
        }
    }

    /// <summary>Of a kind, a length and the bytes.</summary>
    private bool HasRoomFor(int length) => _result.WrittenCount + 1 + KeyValueCodec.LengthOf(length) + length <= _options.MaxResultBytes;

    private void Full() => KeyValueCodec.WriteByte(_result, (byte)KeyValueReplyKind.Full);

    // As in Redis, a number is what formatting it gives back: no sign of plus, no leading zeros, no spaces.
    private void IncrementBy(ReadOnlySpan<byte> key, long amount)
    {
        Span<byte> text = stackalloc byte[20];
        long value = 0;
        if (_table.TryGet(key, out ReadOnlySpan<byte> old))
        {
            bool isNumber = Utf8Parser.TryParse(old, out value, out int used) && used == old.Length
                && Utf8Formatter.TryFormat(value, text, out int length) && text[..length].SequenceEqual(old);
            if (!isNumber)
            {
                Error("ERR value is not an integer or out of range");
                return;
            }
        }

        long sum = unchecked(value + amount);
        if (((value ^ sum) & (amount ^ sum)) < 0)
        {
            Error("ERR increment or decrement would overflow");
            return;
        }

        Utf8Formatter.TryFormat(sum, text, out int written);
        if (TryStore(key, text[..written]))
            Integer(sum);
    }

    private void Append(ReadOnlySpan<byte> key, ReadOnlySpan<byte> suffix)
    {
        if (!_table.TryGet(key, out ReadOnlySpan<byte> old))
        {
            if (TryStore(key, suffix))
                Integer(suffix.Length);
            return;
        }

        int length = old.Length + suffix.Length;
        if (!Fits(key, length, old.Length))
            return;
        byte[] longer = ArrayPool<byte>.Shared.Rent(length);
        old.CopyTo(longer);
        suffix.CopyTo(longer.AsSpan(old.Length));
        _table.Set(key, longer.AsSpan(0, length));
        ArrayPool<byte>.Shared.Return(longer);
        Integer(length);
    }

    private void CompareAndSet(in KeyValueOperation operation, ReadOnlySpan<byte> key)
    {
        bool present = _table.TryGet(key, out ReadOnlySpan<byte> value);
        bool matches = operation.Expected is { } expected ? present && expected.Span.SequenceEqual(value) : !present;
        if (!matches)
            Integer(0);
        else if (TryStore(key, operation.Value.Span))
            Integer(1);
    }

    private bool TryStore(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        if (!Fits(key, value.Length, _table.TryGet(key, out ReadOnlySpan<byte> old) ? old.Length : null))
            return false;
        _table.Set(key, value);
        return true;
    }

    private bool Fits(ReadOnlySpan<byte> key, long length, int? oldLength)
    {
        if (length > _options.MaxValueBytes)
        {
            Error($"ERR string exceeds maximum allowed size of {_options.MaxValueBytes} bytes");
            return false;
        }

        long added = length - oldLength ?? key.Length + length;
        if (added <= 0 || _table.ContentBytes + added <= _options.MaxContentBytes)
            return true;
        Error($"OOM command not allowed: the shard holds its {_options.MaxContentBytes} bytes");
        return false;
    }

    private void ReadInteger(long value)
    {
        if (_result.WrittenCount + 1 + sizeof(long) <= _options.MaxResultBytes)
            Integer(value);
        else
            Full();
    }

    private void Integer(long value)
    {
        KeyValueCodec.WriteByte(_result, (byte)KeyValueReplyKind.Integer);
        KeyValueCodec.WriteInt64(_result, value);
    }

    private void Error(string text)
    {
        byte[] bytes = System.Text.Encoding.UTF8.GetBytes(text);
        if (!HasRoomFor(bytes.Length))
        {
            Full();
            return;
        }

        KeyValueCodec.WriteByte(_result, (byte)KeyValueReplyKind.Error);
        KeyValueCodec.WriteBytes(_result, bytes);
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
