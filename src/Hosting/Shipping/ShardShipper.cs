using System.Globalization;
using System.Text;
using ActorRepl.Actors.Client;
using ActorRepl.Protocols.Machines;

namespace ActorRepl.Hosting.Shipping;

/// <summary>
/// Ships what changes in one shard of a key-value group to the same shard of another group, in order. How far it has got stands in the target,
/// written with each batch in one atomic step that fails if anybody else has shipped meanwhile: so a batch is applied once, and whoever ships next, on
/// this node or another, goes on from there. Where the changes are not kept so far back, it copies the shard.
/// </summary>
internal sealed class ShardShipper
{
    private const int MostChanges = 1_000;
    private const int PageEntries = 500;

    /// <summary>No position: the target has nothing yet, or a copy of the shard was not finished.</summary>
    private const long Nowhere = -1;

    /// <summary>Keys that are no client's, and are shipped to nobody.</summary>
    private static readonly byte[] Reserved = "~actorrepl/"u8.ToArray();

    private readonly IReplicationClient _source;
    private readonly string _group;
    private readonly int _shard;
    private readonly ShipTarget _target;
    private readonly byte[] _positionKey;
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
            (long position, long version) = _at ??= await PositionAsync().ConfigureAwait(false);
            KeyValueReply reply = position == Nowhere ? default : await AskSourceAsync(new KeyValuePayload().Changes([], position, MostChanges), stop).ConfigureAwait(false);
            if (reply.Kind != KeyValueReplyKind.Changes)
            {
                await CopyAsync(version, stop).ConfigureAwait(false);
                return true;
            }

            // Where it stands is worth a write only if something has changed.
            KeyChange[] changes = [.. KeyValueChanges.Read(reply).Where(change => !IsReserved(change.Key))];
            if (changes.Length > 0)
                await WriteAsync(await OperationsAsync(changes, stop).ConfigureAwait(false), reply.Integer, version).ConfigureAwait(false);
            else
                _at = (reply.Integer, version);
            long now = (await AskSourceAsync(new KeyValuePayload().Changes([], after: -1, limit: 1), stop).ConfigureAwait(false)).Integer;
            Lag = Math.Max(0, KeyValueVersion.IndexOf(now) - KeyValueVersion.IndexOf(reply.Integer));
            return changes.Length > 0;
        }
        catch
        {
            // The batch may have been written.
            _at = null;
            throw;
        }
    }

    private static bool IsReserved(ReadOnlyMemory<byte> key) => key.Span.StartsWith(Reserved);

    private async Task<(long Position, long Version)> PositionAsync()
    {
        KeyValueReply entry = First(await _target.QueryAsync(_positionKey, new KeyValuePayload().GetEntry(_positionKey).ToArray()).ConfigureAwait(false));
        return entry.Kind == KeyValueReplyKind.Entry
            ? (long.Parse(entry.Bytes.Span, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture), entry.Version)
            : (Nowhere, KeyValueVersion.Missing);
    }

    private async Task<KeyValuePayload> OperationsAsync(KeyChange[] changes, CancellationToken stop)
    {
        var operations = new KeyValuePayload();
        foreach (KeyChange change in changes)
        {
            ReadOnlyMemory<byte>? value = change.Kind == KeyChangeKind.Set ? change.Value ?? await ReadAsync(change.Key, stop).ConfigureAwait(false) : null;
            if (value is { } set)
                operations.Set(change.Key.Span, set.Span);
            else
                operations.Delete(change.Key.Span);
        }

        return operations;
    }

    /// <summary>A value that is too long to be kept with its change.</summary>
    private async Task<ReadOnlyMemory<byte>?> ReadAsync(ReadOnlyMemory<byte> key, CancellationToken stop) =>
        await AskSourceAsync(new KeyValuePayload().Get(key.Span), stop).ConfigureAwait(false) is { Kind: KeyValueReplyKind.Bytes } found ? found.Bytes : null;

    /// <summary>Makes the target's shard what the source's is, page by page; what changes meanwhile comes after it.</summary>
    private async Task CopyAsync(long version, CancellationToken stop)
    {
        Lag = null;
        long began = (await AskSourceAsync(new KeyValuePayload().Changes([], after: -1, limit: 1), stop).ConfigureAwait(false)).Integer;
        byte[] from = [];
        for (byte[]? until = from; until is not null; from = until ?? from)
        {
            KeyValueReply page = await AskSourceAsync(new KeyValuePayload().Scan(from, until: null, PageEntries, entries: true), stop).ConfigureAwait(false);
            KeyValueListed[] entries = [.. KeyValuePage.Read(page, entries: true)];
            until = page.Integer == 1 ? KeyValuePage.After(entries[^1].Key.Span) : null;
            var operations = new KeyValuePayload();
            foreach (byte[] gone in await SurplusAsync(from, until, entries).ConfigureAwait(false))
                operations.Delete(gone);
            foreach (KeyValueListed entry in entries.Where(entry => !IsReserved(entry.Key)))
                operations.Set(entry.Key.Span, entry.Value.Span);
            await WriteAsync(operations, until is null ? began : Nowhere, version).ConfigureAwait(false);
            version = _at!.Value.Version;
        }
    }

    /// <summary>Keys that the target has in a range and the source has not.</summary>
    private async Task<List<byte[]>> SurplusAsync(byte[] from, byte[]? until, KeyValueListed[] entries)
    {
        HashSet<string> kept = [.. entries.Select(entry => Convert.ToBase64String(entry.Key.Span))];
        var surplus = new List<byte[]>();
        for (byte[]? next = from; next is not null;)
        {
            KeyValueReply page = First(await _target.QueryAsync(_positionKey, new KeyValuePayload().Scan(next, until, PageEntries).ToArray()).ConfigureAwait(false));
            KeyValueListed[] there = [.. KeyValuePage.Read(page, entries: false)];
            surplus.AddRange(there.Where(key => !IsReserved(key.Key) && !kept.Contains(Convert.ToBase64String(key.Key.Span))).Select(key => key.Key.ToArray()));
            next = page.Integer == 1 ? KeyValuePage.After(there[^1].Key.Span) : null;
        }

        return surplus;
    }

    /// <exception cref="InvalidOperationException">Another has shipped meanwhile: nothing was written.</exception>
    private async Task WriteAsync(KeyValuePayload operations, long position, long version)
    {
        operations.Put(_positionKey, Encoding.ASCII.GetBytes(position.ToString(CultureInfo.InvariantCulture)), new KeyValueTerms(Return: KeyReturn.Version));
        byte[] command = new KeyValuePayload().Atomic([(_positionKey, version)], operations).ToArray();
        KeyValueReplyReader replies = KeyValueCodec.Replies(await _target.ExecuteAsync(_positionKey, command).ConfigureAwait(false));
        if (!replies.Next(out KeyValueReply reply) || reply.Kind != KeyValueReplyKind.Ok)
            throw new InvalidOperationException(reply.Kind == KeyValueReplyKind.Error ? reply.Error : $"another has shipped shard {_shard} of group '{_group}' meanwhile");
        while (replies.Next(out KeyValueReply next))
        {
            reply = next;
            if (reply.Kind == KeyValueReplyKind.Error)
                throw new InvalidOperationException($"the target refuses a change of shard {_shard} of group '{_group}': {reply.Error}");
        }

        _at = (position, reply.Integer);
    }

    private async Task<KeyValueReply> AskSourceAsync(KeyValuePayload query, CancellationToken stop) =>
        First(await _source.QueryShardAsync(_group, _shard, query.ToArray(), cancellation: stop).ConfigureAwait(false));

    private static KeyValueReply First(ReadOnlyMemory<byte> result)
    {
        KeyValueReplyReader replies = KeyValueCodec.Replies(result);
        return replies.Next(out KeyValueReply reply) ? reply : throw new InvalidDataException("a reply is missing");
    }
}
