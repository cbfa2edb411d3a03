using System.Globalization;
using ActorRepl.Protocols.Machines;
using Microsoft.AspNetCore.Http;

namespace ActorRepl.Hosting.Http.Kv;

/// <summary>GET, PUT and DELETE of one key: the body is the value, the entity tag its version.</summary>
internal static class KvItem
{
    public const string ExpiresHeader = "X-Expires-At-Ms";

    // What is added to it is still a number.
    internal const long MostMillis = long.MaxValue / 4;

    public static async Task GetAsync(HttpContext context, KvClient client, byte[] key)
    {
        KeyValueReply found = Checked((await client.ReadAsync(key, new KeyValuePayload().GetEntry(key), context.RequestAborted).ConfigureAwait(false))[0]);
        Noted(context, client);
        if (found.Kind == KeyValueReplyKind.Nil)
            throw new ProblemException(StatusCodes.Status404NotFound, "no-key", "there is no such key");
        string tag = Tag(found.Version);
        context.Response.Headers.ETag = tag;
        if (found.ExpiresAt != 0)
            context.Response.Headers[ExpiresHeader] = found.ExpiresAt.ToString(CultureInfo.InvariantCulture);
        if (IsKnown(context.Request, tag))
        {
            context.Response.StatusCode = StatusCodes.Status304NotModified;
            return;
        }

        context.Response.ContentType = "application/octet-stream";
        context.Response.ContentLength = found.Bytes.Length;
        if (!HttpMethods.IsHead(context.Request.Method))
            await context.Response.Body.WriteAsync(found.Bytes, context.RequestAborted).ConfigureAwait(false);
    }

    public static async Task PutAsync(HttpContext context, KvClient client, byte[] key, byte[] value)
    {
        KeyValueTerms terms = WithExpiry(Condition(context.Request) with { Return = KeyReturn.Version }, context.Request);
        KeyValueReply done = Checked((await client.WriteAsync(key, new KeyValuePayload().Put(key, value, terms), context.RequestAborted).ConfigureAwait(false))[0]);
        Noted(context, client);
        if (done.Kind == KeyValueReplyKind.Nil)
            throw Conflict();
        context.Response.Headers.ETag = Tag(done.Integer);
        context.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    public static async Task DeleteAsync(HttpContext context, KvClient client, byte[] key)
    {
        KeyValueTerms terms = Condition(context.Request);
        KeyValueReply done = Checked((await client.WriteAsync(key, new KeyValuePayload().DeleteIf(key, terms), context.RequestAborted).ConfigureAwait(false))[0]);
        Noted(context, client);
        if (done.Kind == KeyValueReplyKind.Nil || (done.Integer == 0 && terms.Condition != KeyCondition.None))
            throw Conflict();
        if (done.Integer == 0)
            throw new ProblemException(StatusCodes.Status404NotFound, "no-key", "there is no such key");
        context.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    public static void Noted(HttpContext context, KvClient client)
    {
        if (client.Token is { } token)
            context.Response.Headers[KvTerms.SessionHeader] = token;
    }

    /// <exception cref="ProblemException">The reply is an error, or there was no room for it.</exception>
    public static KeyValueReply Checked(KeyValueReply reply) => reply.Kind switch
    {
        KeyValueReplyKind.Error => throw ProblemException.OfMachine(reply.Error),
        KeyValueReplyKind.Full => throw ProblemException.BadRequest("the reply is longer than a result may be"),
        _ => reply,
    };

    public static ProblemException Conflict() =>
        new(StatusCodes.Status412PreconditionFailed, "conflict", "the key is not as the request says it must be; nothing was done");

    /// <summary>Whoever reads has what there is.</summary>
    internal static bool IsKnown(HttpRequest request, string tag) =>
        request.Headers.IfNoneMatch.ToString() is { Length: > 0 } known && (known == "*" || known.Split(',').Any(one => IsSame(one.Trim(), tag)));

    /// <summary>By the weak comparison (RFC 9110, 8.8.3.2): a proxy that compresses what passes makes tags weak.</summary>
    private static bool IsSame(string known, string tag) => (known.StartsWith("W/", StringComparison.Ordinal) ? known[2..] : known) == tag;

    internal static string Tag(long version) => string.Create(CultureInfo.InvariantCulture, $"\"{version}\"");

    private static KeyValueTerms Condition(HttpRequest request)
    {
        string match = request.Headers.IfMatch.ToString(), none = request.Headers.IfNoneMatch.ToString();
        if (match.Length > 0 && none.Length > 0)
            throw ProblemException.BadRequest("If-Match and If-None-Match do not go together");
        if (none.Length > 0)
            return none == "*" ? new KeyValueTerms(KeyCondition.Missing) : throw ProblemException.BadRequest("of a write, If-None-Match is *");
        if (match.Length == 0)
            return default;
        if (match == "*")
            return new KeyValueTerms(KeyCondition.Present);
        return match is ['"', .., '"'] && long.TryParse(match.AsSpan(1, match.Length - 2), NumberStyles.None, CultureInfo.InvariantCulture, out long version)
            ? new KeyValueTerms(KeyCondition.Version, version)
            : throw ProblemException.BadRequest($"If-Match is {match}; it must be one entity tag as GET gives it, or *");
    }

    internal static KeyValueTerms WithExpiry(in KeyValueTerms terms, HttpRequest request)
    {
        string? ttl = request.Query.Text("ttl-ms"), at = request.Query.Text("expires-at-ms");
        if (ttl is not null && at is not null)
            throw ProblemException.BadRequest("ttl-ms and expires-at-ms do not go together");
        if (ttl == "keep")
            return terms with { Expiry = KeyExpiry.Keep };
        return (ttl ?? at) is not { } text ? terms
            : terms with { Expiry = ttl is not null ? KeyExpiry.In : KeyExpiry.At, Millis = Millis(ttl is not null ? "ttl-ms" : "expires-at-ms", text) };
    }

    /// <exception cref="ProblemException">It is none.</exception>
    private static long Millis(string name, string text) => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long millis) && millis is > 0 and < MostMillis
        ? millis
        : throw ProblemException.BadRequest($"{name} is '{text}'; it must be a whole number of ms, 1 to {MostMillis - 1}{(name == "ttl-ms" ? ", or keep" : "")}");
}
