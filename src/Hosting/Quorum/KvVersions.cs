using System.Buffers.Text;
using System.Globalization;
using ActorRepl.Actors.Client;
using ActorRepl.Hosting.Http.Kv;
using ActorRepl.Protocols.Machines;
using Microsoft.AspNetCore.Http;

namespace ActorRepl.Hosting.Quorum;

/// <summary>
/// GET, PUT and DELETE of one key of a quorum group with its context (Riak's way): a read answers it in <c>X-Context</c>, the write that follows sends it back and replaces
/// what was read. Concurrent values are answered together, with status 300.
/// </summary>
internal static class KvVersions
{
    public const string ContextHeader = "X-Context";

    /// <summary>Every read of such a group; of its writes, those that bring a context.</summary>
    public static bool Handles(HttpRequest request) =>
        HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method) || request.Headers.ContainsKey(ContextHeader);

    public static async Task GetAsync(HttpContext context, QuorumClient client, KvTerms terms, byte[] key)
    {
        if (terms.Session is not null)
            throw ProblemException.BadRequest("a group without a leader has no sessions; what a client has seen travels in contexts");
        QuorumValues found = await client.GetAsync(key, GatewayClient.LevelOf(terms.Options.ReadKind, terms.Options), terms.Options.Timeout, context.RequestAborted).ConfigureAwait(false);
        KeyValueEntry[] entries = [.. found.Values.Select(KeyValueEntry.Of).Where(entry => !entry.HasEnded(KeyTerms.Now)).OrderByDescending(entry => entry.Version)];
        // Also of a key that is not there: a write that follows must come after its deletion.
        context.Response.Headers[ContextHeader] = Base64Url.EncodeToString(found.Context.Span);
        switch (entries)
        {
            case []:
                throw new ProblemException(StatusCodes.Status404NotFound, "no-key", "there is no such key");
            case [var entry]:
                await OneAsync(context, entry).ConfigureAwait(false);
                break;
            default:
                await SeveralAsync(context, entries).ConfigureAwait(false);
                break;
        }
    }

    public static async Task PutAsync(HttpContext context, QuorumClient client, KvTerms terms, byte[] key, byte[] value)
    {
        KeyValueTerms asked = KvItem.WithExpiry(Unconditional(context.Request), context.Request);
        if (asked.Expiry == KeyExpiry.Keep)
            throw ProblemException.BadRequest("ttl-ms=keep depends on what there is, and does not go with a context");
        long now = KeyTerms.Now;
        long ends = asked.Expiry switch { KeyExpiry.At => asked.Millis, KeyExpiry.In => now + asked.Millis, _ => 0 };
        var entry = new KeyValueEntry(value, SingleKey.NewVersion(now), ends);
        ReadOnlyMemory<byte> after = await client.PutAsync(key, entry.ToBytes(), ContextOf(context.Request), GatewayClient.LevelOf(Protocols.Kernel.RequestKind.Command, terms.Options),
            timeout: terms.Options.Timeout, cancellation: context.RequestAborted).ConfigureAwait(false);
        context.Response.Headers.ETag = KvItem.Tag(entry.Version);
        Done(context, after);
    }

    public static async Task DeleteAsync(HttpContext context, QuorumClient client, KvTerms terms, byte[] key)
    {
        _ = Unconditional(context.Request);
        Done(context, await client.DeleteAsync(key, ContextOf(context.Request), GatewayClient.LevelOf(Protocols.Kernel.RequestKind.Command, terms.Options),
            timeout: terms.Options.Timeout, cancellation: context.RequestAborted).ConfigureAwait(false));
    }

    private static void Done(HttpContext context, ReadOnlyMemory<byte> after)
    {
        context.Response.Headers[ContextHeader] = Base64Url.EncodeToString(after.Span);
        context.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    private static async Task OneAsync(HttpContext context, KeyValueEntry entry)
    {
        string tag = KvItem.Tag(entry.Version);
        context.Response.Headers.ETag = tag;
        if (entry.ExpiresAt != 0)
            context.Response.Headers[KvItem.ExpiresHeader] = entry.ExpiresAt.ToString(CultureInfo.InvariantCulture);
        if (KvItem.IsKnown(context.Request, tag))
        {
            context.Response.StatusCode = StatusCodes.Status304NotModified;
            return;
        }

        await AnswerAsync(context, "application/octet-stream", entry.Value).ConfigureAwait(false);
    }

    private static Task SeveralAsync(HttpContext context, KeyValueEntry[] entries)
    {
        context.Response.StatusCode = StatusCodes.Status300MultipleChoices;
        return AnswerAsync(context, "application/json", KvJson.Build(json =>
        {
            json.WriteStartObject();
            json.WriteStartArray("siblings");
            foreach (KeyValueEntry entry in entries)
            {
                json.WriteStartObject();
                json.WriteVersion("version", entry.Version);
                json.WriteBase64String("valueBase64", entry.Value.Span);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }));
    }

    private static async Task AnswerAsync(HttpContext context, string type, ReadOnlyMemory<byte> body)
    {
        context.Response.ContentType = type;
        context.Response.ContentLength = body.Length;
        if (!HttpMethods.IsHead(context.Request.Method))
            await context.Response.Body.WriteAsync(body, context.RequestAborted).ConfigureAwait(false);
    }

    private static KeyValueTerms Unconditional(HttpRequest request) => request.Headers.IfMatch.Count == 0 && request.Headers.IfNoneMatch.Count == 0
        ? default
        : throw ProblemException.BadRequest($"{ContextHeader} goes with neither If-Match nor If-None-Match: a write with a context is done in any case, and a conditional one has none");

    private static byte[] ContextOf(HttpRequest request)
    {
        string text = request.Headers[ContextHeader].ToString();
        byte[] bytes = new byte[Base64Url.GetMaxDecodedLength(text.Length)];
        return Base64Url.DecodeFromChars(text, bytes, out _, out int length) == System.Buffers.OperationStatus.Done
            ? bytes[..length]
            : throw ProblemException.BadRequest($"{ContextHeader} is not as a read gave it");
    }
}
