using System.Buffers;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Machines;

/// <summary>Operations about more than one key: lists in order, changes, and batches with conditions.</summary>
public sealed partial class KeyValueMachine
{
    private const int MostListed = 10_000;
    private const int MostListBytes = 256 << 10;

    // About 10 ms of work.
    private const int MostPicked = 200_000;

    /// <summary>Returns how many of the operations that follow are to be passed over.</summary>
    private long Atomic(in KeyValueOperation operation, in Step step, KeyValueOperationReader following, KeyValueReplyWriter replies)
    {
        bool holds = true;
        var required = new ByteReader(operation.Value);
        while (holds && required.Remaining > 0)
        {
            ReadOnlySpan<byte> key = KeyValueCodec.ReadBytes(ref required).Span;
            long wanted = required.Int64();
            using KeyTable.Held held = _table.Hold(key);
            long version = TryGet(key, out _, out KeyStamp stamp) ? stamp.Version : KeyValueVersion.Missing;
            holds = version == wanted;
        }

        if (holds && step.Rules >= KeyValueCodec.SteadyVersion && !HasRoomFor(following, operation.Amount))
        {
            replies.Error(NoRoom);
            return operation.Amount;
        }

        if (holds)
            replies.Ok();
        else
            replies.Nil();
        return holds ? 0 : operation.Amount;
    }

    /// <summary>
    /// For the most that the operations may add. Near the limit it is looked at closely: a value takes the place of what its key has now, if
    /// no operation before it is about that key.
    /// </summary>
    private bool HasRoomFor(KeyValueOperationReader operations, long count)
    {
        long room = _options.MaxContentBytes - _table.ContentBytes;
        if (MostGrowth(operations, count, changed: null) <= room)
            return true;
        Invariant.That(!_sharing, "commands that are applied together have room for all that they may add");
        return MostGrowth(operations, count, new HashSet<ReadOnlyMemory<byte>>(BytesComparer.Instance)) <= room;
    }

    private long MostGrowth(KeyValueOperationReader operations, long count, HashSet<ReadOnlyMemory<byte>>? changed)
    {
        long growth = 0;
        for (; count > 0 && operations.Next(out KeyValueOperation operation); count--)
        {
            bool isFirst = changed is not null && !operation.IsReadOnly && changed.Add(operation.Key);
            if (operation.IsRename)
                changed?.Add(operation.Value);
            int? old = isFirst && TryGet(operation.Key.Span, out ReadOnlySpan<byte> value, out _) ? value.Length : null;
            growth += operation.MostGrowth(_options.MaxValueBytes, old);
        }

        return growth;
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

    private void Scan(KeyValueReplyWriter replies, in KeyValueOperation operation, in Step step)
    {
        // To a command every replica replies the same.
        if (operation.Amount < 0 && !step.MayWrite && _table.BeingOrdered > MostPicked)
        {
            replies.List(KeyValueReplyKind.Page, 1, default);
            return;
        }

        bool entries = operation.Kind == KeyValueOperationKind.ScanEntries;
        long limit = Math.Clamp(operation.Amount < 0 && step.Rules >= KeyValueCodec.SteadyVersion ? -Math.Max(operation.Amount, -MostListed) : operation.Amount, 1, MostListed);
        var list = new ArrayBufferWriter<byte>(1024);
        long listed = 0;
        bool more = false;
        int ended = _expiries.CountUntil(_clock);
        foreach (byte[] key in _table.KeysFrom(operation.Key.ToArray(), (int)Math.Min(int.MaxValue, limit + 1 + ended)))
        {
            if (operation.Expected is { } until && key.AsSpan().SequenceCompareTo(until.Span) >= 0)
                break;
            if (!TryGet(key, out ReadOnlySpan<byte> value, out KeyStamp stamp))
                continue;
            more = listed == limit || list.WrittenCount >= MostListBytes;
            if (more)
                break;
            listed++;
            KeyValueCodec.WriteBytes(list, key);
            if (!entries)
                continue;
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
