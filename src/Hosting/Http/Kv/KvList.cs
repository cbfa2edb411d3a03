using System.Globalization;
using ActorRepl.Protocols.Machines;
using Microsoft.AspNetCore.Http;

namespace ActorRepl.Hosting.Http.Kv;

/// <summary>
/// GET /kv/{group}?prefix=&amp;limit=&amp;after=: keys in order over all shards, with values and versions. Each shard's part is the state of
/// one moment, those of two shards need not be of the same.
/// </summary>
internal static class KvList
{
    private const int UsualLimit = 100, MostLimit = 1000;

    // For the order of a large shard's keys, which takes a second for each million.
    private const int MostWaits = 100, WaitMillis = 100;

    public static async Task ListAsync(HttpContext context, KvClient client)
    {
        IQueryCollection query = context.Request.Query;
        if (client.Token is not null)
            throw ProblemException.BadRequest("a list is of many shards: it is not read within a session");
        int limit = UsualLimit;
        if (query.Text("limit") is { } text && (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out limit) || limit is < 1 or > MostLimit))
            throw ProblemException.BadRequest($"limit is '{text}'; it must be 1 to {MostLimit}");
        byte[] prefix = System.Text.Encoding.UTF8.GetBytes(query.Text("prefix") ?? "");
        byte[] from = query.Text("after") is { } after ? KeyValuePage.After(ReadMark(after)) : prefix;
        if (from.AsSpan().SequenceCompareTo(prefix) < 0)
            from = prefix;

        byte[]? until = KeyValuePage.EndOf(prefix);
        KeyValueReply[] pages = await Task.WhenAll(Enumerable.Range(0, client.Group.Shards)
            .Select(shard => PageAsync(client, shard, mayWait => new KeyValuePayload().Scan(from, until, limit, entries: true, mayWait), context.RequestAborted))).ConfigureAwait(false);
        (List<KeyValueListed> listed, bool more) = Merge(pages, limit);
        byte[] body = KvJson.Build(json =>
        {
            json.WriteStartObject();
            json.WriteStartArray("items");
            foreach (KeyValueListed item in listed)
            {
                json.WriteStartObject();
                json.WriteBytes("key", item.Key.Span);
                json.WriteBytes("value", item.Value.Span);
                json.WriteVersion("version", item.Version);
                if (item.ExpiresAt != 0)
                    json.WriteNumber("expiresAtMs", item.ExpiresAt);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            if (more)
                json.WriteString("next", Convert.ToHexStringLower(listed[^1].Key.Span));
            json.WriteEndObject();
        });
        context.Response.ContentType = "application/json";
        context.Response.ContentLength = body.Length;
        if (!HttpMethods.IsHead(context.Request.Method))
            await context.Response.Body.WriteAsync(body, context.RequestAborted).ConfigureAwait(false);
    }

    /// <summary>A shard's part. While the keys of a large shard are being put in order, it is asked again; in the end it has to say.</summary>
    private static async Task<KeyValueReply> PageAsync(KvClient client, int shard, Func<bool, KeyValuePayload> scan, CancellationToken cancellation)
    {
        for (int left = MostWaits; ; left--)
        {
            KeyValueReply page = KvItem.Checked((await client.ReadShardAsync(shard, scan(left > 0), cancellation).ConfigureAwait(false))[0]);
            if (!KeyValuePage.IsToCome(page))
                return page;
            await Task.Delay(WaitMillis, cancellation).ConfigureAwait(false);
        }
    }

    /// <summary>The first keys of all pages; none that is above the end of a page that goes on, for there keys are missing.</summary>
    internal static (List<KeyValueListed> Listed, bool More) Merge(IReadOnlyList<KeyValueReply> pages, int limit)
    {
        var all = new List<KeyValueListed>();
        byte[]? end = null;
        foreach (KeyValueReply page in pages)
        {
            KeyValueListed[] items = [.. KeyValuePage.Read(page, entries: true)];
            all.AddRange(items);
            if (page.Integer == 1 && (end is null || items[^1].Key.Span.SequenceCompareTo(end) < 0))
                end = items[^1].Key.ToArray();
        }

        all.Sort((left, right) => left.Key.Span.SequenceCompareTo(right.Key.Span));
        List<KeyValueListed> listed = [.. all.TakeWhile(item => end is null || item.Key.Span.SequenceCompareTo(end) <= 0).Take(limit)];
        return (listed, end is not null || listed.Count < all.Count);
    }

    private static byte[] ReadMark(string text)
    {
        try
        {
            return Convert.FromHexString(text);
        }
        catch (FormatException)
        {
            throw ProblemException.BadRequest("after is no 'next' of an earlier page");
        }
    }
}
