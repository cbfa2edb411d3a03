using System.Diagnostics;
using System.Globalization;
using System.Text;
using ActorRepl.Actors.Client;
using ActorRepl.Protocols.Machines;
using Microsoft.AspNetCore.Http;

namespace ActorRepl.Hosting.Http.Kv;

/// <summary>
/// GET /watch/{group}?prefix=&amp;after=: changes as server-sent events, from now on or after an event that was seen. An event's id is a
/// version of each shard: whoever comes with it again, to any node, misses nothing, or is told that it would (410, event <c>compacted</c>).
/// </summary>
internal sealed class KvWatch(IReplicationClient client, GroupInfo group, byte[] prefix, TimeSpan every)
{
    private const int MostAtOnce = 1000;
    private const long Now = -1;
    private static readonly TimeSpan SignOfLife = TimeSpan.FromSeconds(10);

    // Between two commands that only bring a shard's log the time.
    private static readonly TimeSpan BringingPause = TimeSpan.FromSeconds(1);

    private readonly long[] _after = new long[group.Shards];
    private readonly Bringing?[] _bringing = new Bringing?[group.Shards];

    public static byte[] PrefixOf(HttpRequest request) => Encoding.UTF8.GetBytes(request.Query.Text("prefix") ?? "");

    public async Task RunAsync(HttpContext context)
    {
        string? id = context.Request.Headers["Last-Event-ID"].ToString() is { Length: > 0 } last ? last : context.Request.Query.Text("after");
        CancellationToken gone = context.RequestAborted;
        Array.Fill(_after, Now);
        if (id is not null)
            ReadId(id);
        string begins = WriteId();
        var events = new StringBuilder();
        int? compacted = await LookAsync(events, first: id is null, gone).ConfigureAwait(false);
        if (compacted is { } shard)
            throw new ProblemException(StatusCodes.Status410Gone, "compacted", Compacted(shard));
        context.Response.ContentType = "text/event-stream";
        context.Response.Headers.CacheControl = "no-store";
        // Of who goes on it is what that one had seen: whoever breaks off behind it has not seen the changes that follow.
        events.Insert(0, $"id: {(id is null ? WriteId() : begins)}\nevent: from\ndata: {{}}\n\n");
        var quiet = Stopwatch.StartNew();
        while (true)
        {
            if (events.Length > 0 || quiet.Elapsed > SignOfLife)
            {
                await context.Response.WriteAsync(events.Length > 0 ? events.ToString() : ":\n\n", gone).ConfigureAwait(false);
                await context.Response.Body.FlushAsync(gone).ConfigureAwait(false);
                quiet.Restart();
            }
            else
            {
                await Task.Delay(every, gone).ConfigureAwait(false);
            }

            if (compacted is not null)
                return;
            events.Clear();
            compacted = await LookAsync(events, first: false, gone).ConfigureAwait(false);
            if (compacted is { } lost)
                events.Append(CultureInfo.InvariantCulture, $"event: compacted\ndata: {{\"detail\":\"{Compacted(lost)}\"}}\n\n");
        }
    }

    private static string Compacted(int shard) => $"the changes after what was seen are not kept any more, of shard {shard}; read the keys anew and watch from then on";

    /// <summary>Appends what has changed; returns a shard whose changes are not kept any more. One that does not answer holds up no other, and is asked again with the next look.</summary>
    private async Task<int?> LookAsync(StringBuilder events, bool first, CancellationToken gone)
    {
        // Where it begins is now, for everybody; from there on any replica's word is as good, if perhaps late.
        var options = new KvTerms(new RequestOptions { ReadKind = first ? Protocols.Kernel.RequestKind.Read : Protocols.Kernel.RequestKind.StaleRead }, null);
        var reader = new KvClient(client, group.Name, options);
        Task<KeyValueReply>[] asked = [.. Enumerable.Range(0, _after.Length).Select(shard => ChangesAsync(reader, shard, gone))];
        for (int shard = 0; shard < asked.Length; shard++)
        {
            KeyValueReply reply;
            try
            {
                reply = await asked[shard].ConfigureAwait(false);
            }
            catch (ReplicationException) when (!first)
            {
                continue;
            }

            if (reply.Kind == KeyValueReplyKind.Compacted)
                return shard;
            if (KvItem.Checked(reply).Kind == KeyValueReplyKind.Changes)
                Append(events, shard, reply);
        }

        return null;
    }

    /// <summary>Where a key has ended and nobody has written since, the log is brought the time, so that the end is a change that a later look finds; this one does not wait for it.</summary>
    private async Task<KeyValueReply> ChangesAsync(KvClient reader, int shard, CancellationToken gone)
    {
        KeyValuePayload changes = new KeyValuePayload().Changes(prefix, _after[shard], MostAtOnce);
        KeyValuePayload now = new KeyValuePayload().AsOf(DateTimeOffset.UtcNow.ToUnixTimeMilliseconds()).Add(changes);
        KeyValueReply reply = (await reader.QueryShardAsync(shard, now, gone).ConfigureAwait(false))[0];
        if (reply.Kind != KeyValueReplyKind.Due)
            return reply;
        if (_bringing[shard] is not { } bringing || (bringing.Done.IsCompleted && bringing.Since.Elapsed > BringingPause))
            _bringing[shard] = new Bringing(BringTimeAsync(shard, gone), Stopwatch.StartNew());
        return (await reader.QueryShardAsync(shard, changes, gone).ConfigureAwait(false))[0];
    }

    private async Task BringTimeAsync(int shard, CancellationToken gone)
    {
        try
        {
            // Due by the clock of the replica that was asked: the leader's decides.
            var leader = new KvClient(client, group.Name, new KvTerms(new RequestOptions().AtPrimary, null));
            await leader.ReadShardAsync(shard, new KeyValuePayload().CountKeys(), gone).ConfigureAwait(false);
        }
        catch (Exception failure) when (failure is ReplicationException or OperationCanceledException)
        {
            // It is still due, and seen to be by a later look.
        }
    }

    private void Append(StringBuilder events, int shard, KeyValueReply reply)
    {
        KeyChange[] changes = [.. KeyValueChanges.Read(reply)];
        for (int i = 0; i < changes.Length; i++)
        {
            KeyChange change = changes[i];

            // Of one version there may be several: who has seen but some of them comes again for all.
            if (i + 1 == changes.Length || changes[i + 1].Version != change.Version)
                _after[shard] = change.Version;
            byte[] data = KvJson.Build(json =>
            {
                json.WriteStartObject();
                json.WriteBytes("key", change.Key.Span);
                json.WriteVersion("version", change.Version);
                if (change.Value is { } value)
                    json.WriteBytes("value", value.Span);
                else if (change.Kind == KeyChangeKind.Set)
                    json.WriteBoolean("valueOmitted", true);
                json.WriteEndObject();
            });
            string name = change.Kind switch { KeyChangeKind.Set => "set", KeyChangeKind.Deleted => "deleted", _ => "expired" };
            events.Append(CultureInfo.InvariantCulture, $"id: {WriteId()}\nevent: {name}\ndata: {Encoding.UTF8.GetString(data)}\n\n");
        }

        _after[shard] = Math.Max(_after[shard], reply.Integer);
    }

    /// <summary>A command that brings a shard's log the time, and when it was sent.</summary>
    private sealed record Bringing(Task Done, Stopwatch Since);

    private string WriteId() => string.Join('.', _after.Select(version => version.ToString("x", CultureInfo.InvariantCulture)));

    private void ReadId(string id)
    {
        string[] parts = id.Split('.');
        if (parts.Length != _after.Length)
            throw ProblemException.BadRequest($"after is no id of an event of this group, which has {_after.Length} shards");
        for (int i = 0; i < parts.Length; i++)
        {
            if (!long.TryParse(parts[i], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out _after[i]) || _after[i] < 0)
                throw ProblemException.BadRequest("after is no id of an event");
        }
    }
}
