using System.Buffers;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Machines;

/// <summary>Operations about more than one key: lists in order, changes, and batches with conditions.</summary>
public sealed partial class KeyValueMachine
{
    private const int MostListed = 10_000;
    private const int MostListBytes = 256 << 10;

    /// <summary>Returns how many of the operations that follow are to be passed over.</summary>
    private long Atomic(in KeyValueOperation operation, KeyValueReplyWriter replies)
    {
        bool holds = true;
        var required = new ByteReader(operation.Value);
        while (holds && required.Remaining > 0)
        {
            ReadOnlySpan<byte> key = KeyValueCodec.ReadBytes(ref required).Span;
            long wanted = required.Int64();
            using KeyTable.Held held = _table.Hold(key);
            long version = _table.TryGet(key, out _, out KeyStamp stamp) ? stamp.Version : KeyValueVersion.Missing;
            holds = version == wanted;
        }

        if (holds)
            replies.Ok();
        else
            replies.Nil();
        return holds ? 0 : operation.Amount;
    }

    private static bool TryAddRequired(in KeyValueOperation operation, CommandKeys keys)
    {
        var required = new ByteReader(operation.Value);
        while (required.Remaining > 0)
        {
            keys.Add(KeyValueCodec.ReadBytes(ref required).Span);
            required.Int64();
        }

        return true;
    }

    private void Scan(KeyValueReplyWriter replies, in KeyValueOperation operation)
    {
        bool entries = operation.Kind == KeyValueOperationKind.ScanEntries;
        long limit = Math.Clamp(operation.Amount, 1, MostListed);
        var list = new ArrayBufferWriter<byte>(1024);
        long listed = 0;
        bool more = false;
        foreach (byte[] key in _table.KeysFrom(operation.Key.ToArray()))
        {
            if (operation.Expected is { } until && key.AsSpan().SequenceCompareTo(until.Span) >= 0)
                break;
            more = listed == limit || list.WrittenCount >= MostListBytes;
            if (more)
                break;
            listed++;
            KeyValueCodec.WriteBytes(list, key);
            if (!entries)
                continue;
            Invariant.That(_table.TryGet(key, out ReadOnlySpan<byte> value, out KeyStamp stamp), "a key that is listed is there");
            KeyValueCodec.WriteInt64(list, stamp.Version);
            KeyValueCodec.WriteInt64(list, stamp.ExpiresAt);
            KeyValueCodec.WriteBytes(list, value);
        }

        replies.List(KeyValueReplyKind.Page, more ? 1 : 0, list.WrittenSpan);
    }

    // Each replica has a history of its own: what it says must not become part of a state.
    private void Changes(KeyValueReplyWriter replies, in KeyValueOperation operation, in Step step)
    {
        if (step.MayWrite)
            replies.Error("ERR changes are asked for by a query");
        else if (operation.Last < 0)
            replies.List(KeyValueReplyKind.Changes, _lastVersion, default);
        else if (operation.Last < _history.CompactedTo)
            replies.Compacted(_history.CompactedTo);
        else
        {
            var list = new ArrayBufferWriter<byte>(1024);
            long next = _history.Read(operation.Last, operation.Key.Span, Math.Clamp(operation.Amount, 1, MostListed), MostListBytes, Math.Max(_lastVersion, operation.Last), list);
            replies.List(KeyValueReplyKind.Changes, next, list.WrittenSpan);
        }
    }
}
