using System.Buffers;
using System.Globalization;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Machines;

/// <summary>Operations with conditions and expiry.</summary>
public sealed partial class KeyValueMachine
{
    private void ExecuteOnTerms(in KeyValueOperation operation, ReadOnlySpan<byte> key, in Step step, KeyValueReplyWriter replies)
    {
        bool present = TryGet(key, out ReadOnlySpan<byte> value, out KeyStamp stamp);
        switch (operation.Kind)
        {
            case KeyValueOperationKind.Put:
                Put(replies, operation, key, step);
                break;
            case KeyValueOperationKind.GetEntry when present:
                replies.Entry(value, stamp);
                break;
            // What there is no room to say is not done.
            case KeyValueOperationKind.GetDelete when present:
                if (replies.Bytes(value))
                    TryRemove(key, step.Version);
                break;
            case KeyValueOperationKind.GetExpire when present:
                if (replies.Bytes(value))
                    GiveEnd(key, value, stamp, EndOf(operation.Terms, stamp), step);
                break;
            case KeyValueOperationKind.GetEntry or KeyValueOperationKind.GetDelete or KeyValueOperationKind.GetExpire:
                replies.Nil();
                break;
            case KeyValueOperationKind.Expire:
                replies.Integer(present && Expire(operation.Terms, key, value, stamp, step) ? 1 : 0);
                break;
            case KeyValueOperationKind.ExpiresAt:
                replies.ReadInteger(!present ? -2 : stamp.ExpiresAt == 0 ? -1 : stamp.ExpiresAt);
                break;
            case KeyValueOperationKind.DeleteIf when present && !Holds(operation.Terms, present, stamp):
                replies.Nil();
                break;
            case KeyValueOperationKind.DeleteIf:
                replies.Integer(TryRemove(key, step.Version) ? 1 : 0);
                break;
            case KeyValueOperationKind.VersionOf:
                replies.ReadInteger(present ? stamp.Version : KeyValueVersion.Missing);
                break;
            case KeyValueOperationKind.GetRange:
                replies.Bytes(Range(value, operation.Amount, operation.Last));
                break;
            case KeyValueOperationKind.SetRange:
                SetRange(replies, operation, key, step);
                break;
            case KeyValueOperationKind.Rename or KeyValueOperationKind.RenameIfMissing:
                Rename(replies, operation, key, step);
                break;
            case KeyValueOperationKind.IncrementByDecimal:
                IncrementByDecimal(replies, operation, key, step);
                break;
            default:
                throw new InvariantViolationException($"the reader lets no unknown operation pass: {operation.Kind}");
        }
    }

    private void Put(KeyValueReplyWriter replies, in KeyValueOperation operation, ReadOnlySpan<byte> key, in Step step)
    {
        bool present = TryGet(key, out ReadOnlySpan<byte> old, out KeyStamp stamp);
        bool holds = Holds(operation.Terms, present, stamp);
        if (!holds && operation.Terms.Return != KeyReturn.Old)
        {
            replies.Nil();
            return;
        }

        // An error takes the place of the old value; what there is no room to say is not done.
        if (holds && !Fits(replies, key, operation.Value.Length, present ? old.Length : null))
            return;
        switch (operation.Terms.Return)
        {
            case KeyReturn.Old when present:
                holds &= replies.Bytes(old);
                break;
            case KeyReturn.Old:
                replies.Nil();
                break;
            case KeyReturn.Version:
                replies.Integer(step.Version);
                break;
            default:
                replies.Ok();
                break;
        }

        if (!holds)
            return;
        long end = EndOf(operation.Terms, stamp);
        if (end != 0 && end <= _clock)
            TryRemove(key, step.Version);
        else
            Store(key, operation.Value.Span, new KeyStamp(step.Version, end), stamp.ExpiresAt);
    }

    private static bool Holds(in KeyValueTerms terms, bool present, in KeyStamp stamp) => terms.Condition switch
    {
        KeyCondition.None => true,
        KeyCondition.Missing => !present,
        KeyCondition.Present => present,
        KeyCondition.Version => (present ? stamp.Version : KeyValueVersion.Missing) == terms.Version,
        KeyCondition.NeverExpires => present && stamp.ExpiresAt == 0,
        KeyCondition.Expires => present && stamp.ExpiresAt != 0,
        _ => false,
    };

    /// <summary>When a key ends that an operation leaves behind; 0: never.</summary>
    private long EndOf(in KeyValueTerms terms, in KeyStamp stamp) => terms.Expiry switch
    {
        KeyExpiry.Keep => stamp.ExpiresAt,
        KeyExpiry.At => Math.Max(1, terms.Millis),
        KeyExpiry.In => Math.Max(1, terms.Millis > long.MaxValue - _clock ? long.MaxValue : _clock + terms.Millis),
        _ => 0,
    };

    private bool Expire(in KeyValueTerms terms, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, in KeyStamp stamp, in Step step)
    {
        long end = EndOf(terms, stamp);
        long old = stamp.ExpiresAt == 0 ? long.MaxValue : stamp.ExpiresAt, wanted = end == 0 ? long.MaxValue : end;
        bool holds = terms.Condition switch
        {
            KeyCondition.Later => wanted > old,
            KeyCondition.Sooner => wanted < old,
            _ => Holds(terms, present: true, stamp),
        };
        if (holds)
            GiveEnd(key, value, stamp, end, step);
        return holds;
    }

    private void GiveEnd(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, in KeyStamp stamp, long end, in Step step)
    {
        if (end == stamp.ExpiresAt)
            return;
        if (end != 0 && end <= _clock)
        {
            TryRemove(key, step.Version);
            return;
        }

        // The table may move what it holds while it takes a value in.
        byte[] copy = ArrayPool<byte>.Shared.Rent(value.Length);
        value.CopyTo(copy);
        Store(key, copy.AsSpan(0, value.Length), new KeyStamp(step.Version, end), stamp.ExpiresAt);
        ArrayPool<byte>.Shared.Return(copy);
    }

    private static ReadOnlySpan<byte> Range(ReadOnlySpan<byte> value, long first, long last)
    {
        if (first < 0 && last < 0 && first > last)
            return default;
        first = Math.Max(0, first < 0 ? value.Length + first : first);
        last = Math.Min(value.Length - 1, Math.Max(0, last < 0 ? value.Length + last : last));
        return first > last || value.IsEmpty ? default : value[(int)first..(int)(last + 1)];
    }

    private void SetRange(KeyValueReplyWriter replies, in KeyValueOperation operation, ReadOnlySpan<byte> key, in Step step)
    {
        ReadOnlySpan<byte> part = operation.Value.Span;
        bool present = TryGet(key, out ReadOnlySpan<byte> old, out KeyStamp stamp);
        if (part.IsEmpty)
        {
            replies.Integer(old.Length);
            return;
        }

        if (operation.Amount < 0)
        {
            replies.Error("ERR offset is out of range");
            return;
        }

        long length = Math.Max(old.Length, operation.Amount > int.MaxValue ? long.MaxValue : operation.Amount + part.Length);
        if (!Fits(replies, key, length, present ? old.Length : null))
            return;
        byte[] changed = ArrayPool<byte>.Shared.Rent((int)length);
        Span<byte> value = changed.AsSpan(0, (int)length);
        value.Clear();
        old.CopyTo(value);
        part.CopyTo(value[(int)operation.Amount..]);
        Store(key, value, stamp with { Version = step.Version }, stamp.ExpiresAt);
        ArrayPool<byte>.Shared.Return(changed);
        replies.Integer(length);
    }

    private void Rename(KeyValueReplyWriter replies, in KeyValueOperation operation, ReadOnlySpan<byte> key, in Step step)
    {
        bool guarded = operation.Kind == KeyValueOperationKind.RenameIfMissing;
        ReadOnlySpan<byte> to = operation.Value.Span;
        RemoveIfEnded(to, step.Version);
        if (to.IsEmpty || to.Length > _options.MaxKeyBytes)
            replies.Error($"ERR a key takes 1 to {_options.MaxKeyBytes} bytes; this one has {to.Length}");
        else if (!TryGet(key, out ReadOnlySpan<byte> value, out KeyStamp stamp))
            replies.Error("ERR no such key");
        else if (guarded && TryGet(to, out _, out _))
            replies.Integer(0);
        else
        {
            byte[] moved = value.ToArray();
            TryGet(to, out _, out KeyStamp replaced);
            if (!key.SequenceEqual(to))
            {
                TryRemove(key, step.Version);
                Store(to, moved, stamp with { Version = step.Version }, replaced.ExpiresAt);
            }

            if (guarded)
                replies.Integer(1);
            else
                replies.Ok();
        }
    }

    // Decimal arithmetic gives the same on every machine, which binary floating point need not.
    private void IncrementByDecimal(KeyValueReplyWriter replies, in KeyValueOperation operation, ReadOnlySpan<byte> key, in Step step)
    {
        bool present = TryGet(key, out ReadOnlySpan<byte> old, out KeyStamp stamp);
        decimal value = 0;
        if ((present && !TryDecimal(old, out value)) || !TryDecimal(operation.Value.Span, out decimal amount))
        {
            replies.Error("ERR value is not a valid float");
            return;
        }

        try
        {
            value += amount;
        }
        catch (OverflowException)
        {
            replies.Error("ERR increment would produce NaN or Infinity");
            return;
        }

        byte[] sum = System.Text.Encoding.ASCII.GetBytes(value.ToString("0.#############################", CultureInfo.InvariantCulture));
        if (!Fits(replies, key, sum.Length, present ? old.Length : null))
            return;
        bool told = replies.Bytes(sum);
        if (told || step.Rules < KeyValueCodec.SteadyVersion)
            Store(key, sum, new KeyStamp(step.Version, stamp.ExpiresAt), stamp.ExpiresAt);
    }

    private static bool TryDecimal(ReadOnlySpan<byte> text, out decimal number) =>
        decimal.TryParse(text, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent, CultureInfo.InvariantCulture, out number);
}
