using System.Buffers;
using System.Buffers.Text;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Machines;

/// <summary>Reading and changing one value, and what every change goes through.</summary>
public sealed partial class KeyValueMachine
{
    private void Get(KeyValueReplyWriter replies, ReadOnlySpan<byte> key)
    {
        if (TryGet(key, out ReadOnlySpan<byte> value, out _))
            replies.Bytes(value);
        else
            replies.Nil();
    }

    // As in Redis, a number is what formatting it gives back: no sign of plus, no leading zeros, no spaces.
    private void IncrementBy(KeyValueReplyWriter replies, ReadOnlySpan<byte> key, long amount, long version)
    {
        Span<byte> text = stackalloc byte[20];
        long value = 0;
        if (TryGet(key, out ReadOnlySpan<byte> old, out KeyStamp stamp))
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
        if (TryStore(replies, key, text[..written], version, stamp.ExpiresAt))
            replies.Integer(sum);
    }

    private void Append(KeyValueReplyWriter replies, ReadOnlySpan<byte> key, ReadOnlySpan<byte> suffix, long version)
    {
        if (!TryGet(key, out ReadOnlySpan<byte> old, out KeyStamp stamp))
        {
            if (TryStore(replies, key, suffix, version))
                replies.Integer(suffix.Length);
            return;
        }

        int length = old.Length + suffix.Length;
        if (!Fits(replies, key, length, old.Length))
            return;
        byte[] longer = ArrayPool<byte>.Shared.Rent(length);
        old.CopyTo(longer);
        suffix.CopyTo(longer.AsSpan(old.Length));
        Store(key, longer.AsSpan(0, length), stamp with { Version = version }, stamp.ExpiresAt);
        ArrayPool<byte>.Shared.Return(longer);
        replies.Integer(length);
    }

    private void CompareAndSet(KeyValueReplyWriter replies, in KeyValueOperation operation, ReadOnlySpan<byte> key, long version)
    {
        bool present = TryGet(key, out ReadOnlySpan<byte> value, out _);
        bool matches = operation.Expected is { } expected ? present && expected.Span.SequenceEqual(value) : !present;
        if (!matches)
            replies.Integer(0);
        else if (TryStore(replies, key, operation.Value.Span, version))
            replies.Integer(1);
    }

    private bool TryStore(KeyValueReplyWriter replies, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, long version, long expiresAt = 0)
    {
        bool present = TryGet(key, out ReadOnlySpan<byte> old, out KeyStamp stamp);
        if (!Fits(replies, key, value.Length, present ? old.Length : null))
            return false;
        Store(key, value, new KeyStamp(version, expiresAt), stamp.ExpiresAt);
        return true;
    }

    /// <param name="key">Which.</param>
    /// <param name="value">No memory of the table.</param>
    /// <param name="stamp">Its version and end.</param>
    /// <param name="oldEnd">The end that it had; 0: none.</param>
    private void Store(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, in KeyStamp stamp, long oldEnd)
    {
        _table.Set(key, value, stamp);
        _expiries.Move(key, oldEnd, stamp.ExpiresAt);
        Note(stamp.Version, KeyChangeKind.Set, key, value);
    }

    private bool TryRemove(ReadOnlySpan<byte> key, long version, KeyChangeKind why = KeyChangeKind.Deleted)
    {
        if (!_expiries.IsEmpty && _table.TryGet(key, out _, out KeyStamp stamp))
            _expiries.Move(key, stamp.ExpiresAt, to: 0);
        if (!_table.Remove(key))
            return false;
        Note(version, why, key, default);
        return true;
    }

    /// <summary>For those who follow; what has no version, nobody can follow.</summary>
    private void Note(long version, KeyChangeKind kind, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        if (version == 0)
            return;
        if (!_sharing)
        {
            _history.Add(version, kind, key, value);
            return;
        }

        lock (_noting)
            _history.Add(version, kind, key, value);
    }

    private string NoRoom => $"OOM command not allowed: the shard holds its {_options.MaxContentBytes} bytes";

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
        replies.Error(NoRoom);
        return false;
    }
}
