using System.Diagnostics;
using System.Text;
using ActorRepl.Actors.Client;
using ActorRepl.Hosting.Crdt;
using ActorRepl.Hosting.Http.Kv;
using ActorRepl.Protocols.Convergence;
using Microsoft.AspNetCore.Http;

namespace ActorRepl.Hosting.Http.Crdt;

/// <summary>
/// Server-sent events. Of one value: what it is, now and after changes (<c>value</c>). Of a group: which values change (<c>changed</c>), or that any may have (<c>all</c>); an event's id
/// is where to go on, with <c>Last-Event-ID</c> or <c>?after=</c>.
/// </summary>
internal sealed class CrdtWatch(CrdtGroup group, CrdtKey? key, TimeSpan every)
{
    private static readonly TimeSpan SignOfLife = TimeSpan.FromSeconds(10);

    public async Task RunAsync(HttpContext context)
    {
        CancellationToken gone = context.RequestAborted;
        context.Request.Query.Only(key is null ? ["after"] : []);
        if (key is { } one)
        {
            await ValueAsync(context, one, gone).ConfigureAwait(false);
            return;
        }

        string? after = context.Request.Headers["Last-Event-ID"].ToString() is { Length: > 0 } last ? last : context.Request.Query.Text("after");
        try
        {
            if (after is not null)
                group.CheckCursor(after);
        }
        catch (FormatException wrong)
        {
            throw ProblemException.BadRequest(wrong.Message);
        }

        string cursor = after ?? await group.CursorAsync(gone).ConfigureAwait(false);
        await BeginAsync(context, $"id: {cursor}\nevent: from\ndata: {{}}\n\n", gone).ConfigureAwait(false);
        await foreach (CrdtChange change in group.WatchAsync(cursor, gone).ConfigureAwait(false))
        {
            string data = change.Key is { } changed ? Encoding.UTF8.GetString(KvJson.Build(json =>
            {
                json.WriteStartObject();
                json.WriteKey(changed);
                json.WriteEndObject();
            })) : "{}";
            await SendAsync(context, $"id: {change.Cursor}\nevent: {(change.Key is null ? "all" : "changed")}\ndata: {data}\n\n", gone).ConfigureAwait(false);
        }
    }

    private async Task ValueAsync(HttpContext context, CrdtKey one, CancellationToken gone)
    {
        int shard = group.ShardOf(one);
        CrdtQuery glance = one.Type is CrdtType.Text or CrdtType.List or CrdtType.Set or CrdtType.GrowSet or CrdtType.TwoPhaseSet or CrdtType.Map or CrdtType.RemoveWinsMap
            ? new CrdtQuery.Count(one) : new CrdtQuery.Whole(one);
        string? seen = null;
        CrdtAnswer first = await group.AskAsync([new CrdtQuery.Whole(one)], shard, null, gone).ConfigureAwait(false);
        await BeginAsync(context, Event(one, first, ref seen), gone).ConfigureAwait(false);
        var quiet = Stopwatch.StartNew();
        while (true)
        {
            await Task.Delay(every, gone).ConfigureAwait(false);
            try
            {
                CrdtAnswer look = await group.AskAsync([glance], shard, null, gone).ConfigureAwait(false);
                if (CrdtEndpoints.VersionOf(look.Feed, look.Views[0].Version) != seen)
                {
                    CrdtAnswer whole = await group.AskAsync([new CrdtQuery.Whole(one)], shard, null, gone).ConfigureAwait(false);
                    await SendAsync(context, Event(one, whole, ref seen), gone).ConfigureAwait(false);
                    quiet.Restart();
                }
            }
            catch (ReplicationException refused) when (refused.IsTransient)
            {
                // Looked at again with the next round: nothing is missed by that.
            }

            if (quiet.Elapsed <= SignOfLife)
                continue;
            await SendAsync(context, ":\n\n", gone).ConfigureAwait(false);
            quiet.Restart();
        }
    }

    private static string Event(CrdtKey key, CrdtAnswer answer, ref string? seen)
    {
        string version = seen = CrdtEndpoints.VersionOf(answer.Feed, answer.Views[0].Version);
        return $"id: {version}\nevent: value\ndata: {Encoding.UTF8.GetString(KvJson.Build(json => json.WriteValue(key, version, answer.Views[0].Data)))}\n\n";
    }

    private static Task BeginAsync(HttpContext context, string text, CancellationToken gone)
    {
        context.Response.ContentType = "text/event-stream";
        context.Response.Headers.CacheControl = "no-store";
        return SendAsync(context, text, gone);
    }

    private static async Task SendAsync(HttpContext context, string text, CancellationToken gone)
    {
        await context.Response.WriteAsync(text, gone).ConfigureAwait(false);
        await context.Response.Body.FlushAsync(gone).ConfigureAwait(false);
    }
}
