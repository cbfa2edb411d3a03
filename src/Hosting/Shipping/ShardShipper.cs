using System.Globalization;
using System.Text;
using ActorRepl.Actors.Client;
using ActorRepl.Protocols.Machines;

namespace ActorRepl.Hosting.Shipping;

/// <summary>
/// Ships what changes in one shard of a key-value group to the same shard of another group, in order. How far it has got stands in the target.
/// Whoever ships writes it anew first; from then on whatever another writes is refused, as each command asks for the version of it that its sender wrote. It moves
/// on only when the target has taken all before it. Where the changes are not kept so far back, the shard is copied.
/// </summary>
internal sealed class ShardShipper
{
    private const int MostChanges = 1_000;
    private const int PageEntries = 500;

    // Until it is asked again for a page of keys that are being put in order.
    private static readonly TimeSpan OrderPause = TimeSpan.FromMilliseconds(100);

    /// <summary>A command is sent when the next operation would make it larger; one that is larger by itself goes alone.</summary>
    private const int CommandBytes = 256 * 1024;

    private const int OperationOverhead = 32;

    /// <summary>No position: the target has nothing yet, or a copy of the shard was not finished.</summary>
    private const long Nowhere = -1;

    /// <summary>Keys that are no client's, and are shipped to nobody.</summary>
    private static readonly byte[] Reserved = "~actorrepl/"u8.ToArray();

    private readonly IReplicationClient _source;
    private readonly string _group;
    private readonly int _shard;
    private readonly ShipTarget _target;
    private readonly byte[] _positionKey;
    private KeyValuePayload _operations = new();
    private int _gathered;
    private int _gatheredBytes;
    private (long Position, long Version)? _at;

    public ShardShipper(IReplicationClient source, string cluster, GroupInfo group, int shard, ShipTarget target)
    {
        _source = source;
        _group = group.Name;
        _shard = shard;
        _target = target;
        // The target routes by key, to the shard of the same number where it has as many.
        _positionKey = Enumerable.Range(0, int.MaxValue).Select(salt => Encoding.UTF8.GetBytes($"~actorrepl/shipped/{cluster}/{group.Name}/{shard}/{salt}"))
            .First(key => group.ShardOf(key) == shard);
    }

    /// <summary>Entries of the source's log that are not shipped, as of the last step; null: that is not known.</summary>
    public long? Lag { get; private set; }

    /// <summary>Ships a batch; false: there was nothing to ship.</summary>
    /// <exception cref="Exception">Source or target did not answer, or refused: it may be tried again.</exception>
    public async Task<bool> StepAsync(CancellationToken stop)
    {
        try
        {
            (long position, _) = _at ??= await ClaimAsync().ConfigureAwait(false);
            KeyValueReply reply = position == Nowhere ? default : await AskSourceAsync(new KeyValuePayload().Changes([], position, MostChanges), stop).ConfigureAwait(false);
            if (reply.Kind != KeyValueReplyKind.Changes)
            {
                await CopyAsync(stop).ConfigureAwait(false);
                return true;
            }

            // Where it stands is worth a write only if something has changed.
            KeyChange[] changes = [.. KeyValueChanges.Read(reply).Where(change => !IsReserved(change.Key))];
            if (changes.Length > 0)
                await ShipAsync(changes, position, reply.Integer, stop).ConfigureAwait(false);
            else
                _at = _at.Value with { Position = reply.Integer };
            long now = (await AskSourceAsync(new KeyValuePayload().Changes([], after: -1, limit: 1), stop).ConfigureAwait(false)).Integer;
            Lag = Math.Max(0, KeyValueVersion.IndexOf(now) - KeyValueVersion.IndexOf(reply.Integer));
            return changes.Length > 0;
        }
        catch
        {
            // What was sent may have been written.
            _at = null;
            Forget();
            throw;
        }
    }

    private static bool IsReserved(ReadOnlyMemory<byte> key) => key.Span.StartsWith(Reserved);

    /// <summary>Reads how far the target is, and writes that anew: nobody who read it before can write any more.</summary>
    private async Task<(long Position, long Version)> ClaimAsync()
    {
        KeyValueReply entry = First(await _target.QueryAsync(_positionKey, new KeyValuePayload().GetEntry(_positionKey).ToArray()).ConfigureAwait(false));
        (long position, long version) = entry.Kind == KeyValueReplyKind.Entry
            ? (long.Parse(entry.Bytes.Span, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture), entry.Version)
            : (Nowhere, KeyValueVersion.Missing);
        return (position, await MoveAsync(position, version).ConfigureAwait(false));
    }

    private async Task ShipAsync(KeyChange[] changes, long position, long end, CancellationToken stop)
    {
        foreach (KeyChange change in changes)
        {
            ReadOnlyMemory<byte>? value = change.Kind == KeyChangeKind.Set ? change.Value ?? await ReadAsync(change.Key, stop).ConfigureAwait(false) : null;
            await GatherAsync(change.Key, value, position).ConfigureAwait(false);
            position = change.Version;
        }

        await FlushAsync(end).ConfigureAwait(false);
    }

    /// <summary>A value that is too long to be kept with its change.</summary>
    private async Task<ReadOnlyMemory<byte>?> ReadAsync(ReadOnlyMemory<byte> key, CancellationToken stop) =>
        await AskSourceAsync(new KeyValuePayload().Get(key.Span), stop).ConfigureAwait(false) is { Kind: KeyValueReplyKind.Bytes } found ? found.Bytes : null;

    /// <summary>Makes the target's shard what the source's is, page by page; what changes meanwhile comes after it.</summary>
    private async Task CopyAsync(CancellationToken stop)
    {
        Lag = null;
        long began = (await AskSourceAsync(new KeyValuePayload().Changes([], after: -1, limit: 1), stop).ConfigureAwait(false)).Integer;
        byte[] from = [];
        for (byte[]? until = from; until is not null; from = until ?? from)
        {
            KeyValueReply page = await AskSourceAsync(new KeyValuePayload().Scan(from, until: null, PageEntries, entries: true, mayWait: true), stop).ConfigureAwait(false);
            if (KeyValuePage.IsToCome(page))
            {
                await Task.Delay(OrderPause, stop).ConfigureAwait(false);
                continue;
            }

            KeyValueListed[] entries = [.. KeyValuePage.Read(page, entries: true)];
            until = page.Integer == 1 ? KeyValuePage.After(entries[^1].Key.Span) : null;
            await DeleteSurplusAsync(from, until, entries, stop).ConfigureAwait(false);
            foreach (KeyValueListed entry in entries.Where(entry => !IsReserved(entry.Key)))
                await GatherAsync(entry.Key, entry.Value, Nowhere).ConfigureAwait(false);
        }

        await FlushAsync(began).ConfigureAwait(false);
    }

    /// <summary>Deletes what the target has in a range and the source has not.</summary>
    private async Task DeleteSurplusAsync(byte[] from, byte[]? until, KeyValueListed[] entries, CancellationToken stop)
    {
        HashSet<string> kept = [.. entries.Select(entry => Convert.ToBase64String(entry.Key.Span))];
        for (byte[]? next = from; next is not null;)
        {
            KeyValueReply page = First(await _target.QueryAsync(_positionKey, new KeyValuePayload().Scan(next, until, PageEntries, mayWait: true).ToArray()).ConfigureAwait(false));
            if (KeyValuePage.IsToCome(page))
            {
                await Task.Delay(OrderPause, stop).ConfigureAwait(false);
                continue;
            }

            KeyValueListed[] there = [.. KeyValuePage.Read(page, entries: false)];
            foreach (KeyValueListed key in there.Where(key => !IsReserved(key.Key) && !kept.Contains(Convert.ToBase64String(key.Key.Span))))
                await GatherAsync(key.Key.ToArray(), null, Nowhere).ConfigureAwait(false);
            next = page.Integer == 1 ? KeyValuePage.After(there[^1].Key.Span) : null;
        }
    }

    /// <summary>Adds a set, or a deletion, to what is sent next; what has been gathered is sent first where both would be too much.</summary>
    /// <param name="reached">How far the target is once it has all that was gathered before.</param>
    private async Task GatherAsync(ReadOnlyMemory<byte> key, ReadOnlyMemory<byte>? value, long reached)
    {
        int bytes = key.Length + (value?.Length ?? 0) + OperationOverhead;
        if (_gathered > 0 && _gatheredBytes + bytes > CommandBytes)
            await FlushAsync(reached).ConfigureAwait(false);
        if (value is { } set)
            _operations.Set(key.Span, set.Span);
        else
            _operations.Delete(key.Span);
        _gathered++;
        _gatheredBytes += bytes;
    }

    /// <summary>Sends what was gathered; only when the target has taken all of it, it stands further on.</summary>
    private async Task FlushAsync(long reached)
    {
        long version = _at!.Value.Version;
        if (_gathered > 0)
            Taken(await WriteAsync(_operations, version).ConfigureAwait(false), out _);
        Forget();
        if (reached != _at.Value.Position)
            _at = (reached, await MoveAsync(reached, version).ConfigureAwait(false));
    }

    private void Forget() => (_operations, _gathered, _gatheredBytes) = (new KeyValuePayload(), 0, 0);

    private async Task<long> MoveAsync(long position, long version)
    {
        var put = new KeyValuePayload();
        put.Put(_positionKey, Encoding.ASCII.GetBytes(position.ToString(CultureInfo.InvariantCulture)), new KeyValueTerms(Return: KeyReturn.Version));
        Taken(await WriteAsync(put, version).ConfigureAwait(false), out long written);
        return written;
    }

    private Task<ReadOnlyMemory<byte>> WriteAsync(KeyValuePayload operations, long version) =>
        _target.ExecuteAsync(_positionKey, new KeyValuePayload().Atomic([(_positionKey, version)], operations).ToArray());

    /// <exception cref="InvalidOperationException">Another has shipped meanwhile and nothing was written, or the target refuses an operation.</exception>
    private void Taken(ReadOnlyMemory<byte> result, out long last)
    {
        KeyValueReplyReader replies = KeyValueCodec.Replies(result);
        if (!replies.Next(out KeyValueReply reply) || reply.Kind != KeyValueReplyKind.Ok)
            throw new InvalidOperationException(reply.Kind == KeyValueReplyKind.Error ? reply.Error : $"another has shipped shard {_shard} of group '{_group}' meanwhile");
        while (replies.Next(out KeyValueReply next))
        {
            reply = next;
            if (reply.Kind == KeyValueReplyKind.Error)
                throw new InvalidOperationException($"the target refuses a change of shard {_shard} of group '{_group}': {reply.Error}");
        }

        last = reply.Integer;
    }

    private async Task<KeyValueReply> AskSourceAsync(KeyValuePayload query, CancellationToken stop) =>
        First(await _source.QueryShardAsync(_group, _shard, query.ToArray(), cancellation: stop).ConfigureAwait(false));

    private static KeyValueReply First(ReadOnlyMemory<byte> result)
    {
        KeyValueReplyReader replies = KeyValueCodec.Replies(result);
        return replies.Next(out KeyValueReply reply) ? reply : throw new InvalidDataException("a reply is missing");
    }
}
