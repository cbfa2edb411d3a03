using System.Globalization;
using System.Text.Json;
using ActorRepl.Actors.Client;
using ActorRepl.Hosting.Crdt;
using ActorRepl.Hosting.Http.Kv;
using ActorRepl.Protocols.Convergence;
using ActorRepl.Protocols.Kernel;
using Microsoft.AspNetCore.Http;

namespace ActorRepl.Hosting.Http.Crdt;

/// <summary>/crdt: the values of CRDT groups. GET reads or watches, POST carries out operations.</summary>
internal sealed class CrdtEndpoints(IReplicationClient client, KvHttpOptions options, HttpAdmission admission)
{
    // As of keys: who waits holds a place that others need.
    private const int MostMillis = KvTerms.MostMillis;

    private static readonly byte[] Page = ReadPage();

    public static bool Handles(PathString path) => CrdtTarget.Handles(path);

    public Task HandleAsync(HttpContext context) => HttpAdmission.GuardAsync(context, () =>
    {
        bool reads = HttpMethods.IsGet(context.Request.Method) || HttpMethods.IsHead(context.Request.Method);
        admission.Check(context, writes: !reads);
        CrdtTarget target = CrdtTarget.Of(context);
        HttpAdmission.Allow(context, reads || HttpMethods.IsPost(context.Request.Method), "GET, HEAD, POST");
        bool watches = reads && context.Request.Headers.Accept.ToString().Contains("text/event-stream", StringComparison.OrdinalIgnoreCase);
        CrdtGroup group = GroupOf(target.Group);
        return admission.CountedAsync(context, () => ServeAsync(context, group, target.Key, reads, watches), watches);
    });

    private CrdtGroup GroupOf(string name)
    {
        try
        {
            return client.Crdt(name);
        }
        catch (ArgumentException unknown)
        {
            throw new ProblemException(StatusCodes.Status404NotFound, "no-group", unknown.Message.Split(" (Parameter")[0]);
        }
    }

    private Task ServeAsync(HttpContext context, CrdtGroup group, CrdtKey? key, bool reads, bool watches)
    {
        if (reads && key?.Type == CrdtType.Text && context.Request.Headers.Accept.ToString().Contains("text/html", StringComparison.OrdinalIgnoreCase))
            return PageAsync(context);
        if (watches)
            return new CrdtWatch(group, key, options.WatchEvery).RunAsync(context);
        if (!reads)
            return admission.WithBodyAsync(context.Request, 2 * options.MaxValueBytes, body => ChangeAsync(context, group, key, body));
        return key is { } one ? ReadAsync(context, group, one)
            : throw ProblemException.BadRequest("a group as a whole can be watched (Accept: text/event-stream) and changed (POST), and not read");
    }

    /// <summary>For a browser that is led to a text: a page in which it can be edited.</summary>
    private static async Task PageAsync(HttpContext context)
    {
        context.Response.ContentType = "text/html; charset=utf-8";
        context.Response.ContentLength = Page.Length;
        context.Response.Headers.ContentSecurityPolicy = "default-src 'none'; connect-src 'self'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; frame-ancestors 'none'";
        context.Response.Headers.CacheControl = "no-cache";
        if (!HttpMethods.IsHead(context.Request.Method))
            await context.Response.Body.WriteAsync(Page, context.RequestAborted).ConfigureAwait(false);
    }

    private static byte[] ReadPage()
    {
        using Stream file = typeof(CrdtEndpoints).Assembly.GetManifestResourceStream("text.html")!;
        byte[] bytes = new byte[file.Length];
        file.ReadExactly(bytes);
        return bytes;
    }

    private static async Task ReadAsync(HttpContext context, CrdtGroup group, CrdtKey key)
    {
        context.Request.Query.Only("level");
        CrdtAnswer answer = await group.AskAsync([new CrdtQuery.Whole(key)], group.ShardOf(key), Options(context.Request), context.RequestAborted).ConfigureAwait(false);
        string version = VersionOf(answer.Feed, answer.Views[0].Version);
        context.Response.Headers.ETag = $"\"{version}\"";
        if (KvItem.IsKnown(context.Request, $"\"{version}\""))
        {
            context.Response.StatusCode = StatusCodes.Status304NotModified;
            return;
        }

        await AnswerAsync(context, json => json.WriteValue(key, version, answer.Views[0].Data)).ConfigureAwait(false);
    }

    private static async Task ChangeAsync(HttpContext context, CrdtGroup group, CrdtKey? key, byte[] body)
    {
        context.Request.Query.Only("level");
        if (context.Request.Headers.IfNoneMatch.Count > 0)
            throw ProblemException.BadRequest("If-None-Match is for reads; of a change, If-Match says what the value must be still");
        using JsonDocument document = KvJson.Parse(body);
        CrdtStep[] steps = [.. Steps(document.RootElement, key)];
        if (steps.Where(step => group.ShardOf(step.Key) != group.ShardOf(steps[0].Key)).ToArray() is [var elsewhere, ..])
        {
            throw new ProblemException(StatusCodes.Status409Conflict, "cross-shard",
                $"{steps[0].Key} is in shard {group.ShardOf(steps[0].Key)} and {elsewhere.Key} in {group.ShardOf(elsewhere.Key)}; what is carried out as one must be of one shard: names with the same part in braces are");
        }

        CrdtCondition[] unchanged = context.Request.Headers.IfMatch.ToString() is { Length: > 0 } match
            ? [Condition(key ?? throw ProblemException.BadRequest("If-Match is for the change of one value"), match)] : [];
        CrdtResult result = await group.ApplyAsync(steps, unchanged, IdOf(context.Request), Options(context.Request), context.RequestAborted).ConfigureAwait(false);
        if (!result.Applied)
            throw new ProblemException(StatusCodes.Status412PreconditionFailed, "changed", "the value has changed since, or is asked of another replica: read it, and make the change for what it is now");
        await AnswerAsync(context, json =>
        {
            json.WriteStartObject();
            json.WriteString("version", VersionOf(result.Feed, result.Position));
            json.WriteStartArray("results");
            foreach (long value in result.Values)
                json.WriteNumberValue(value);
            json.WriteEndArray();
            json.WriteEndObject();
        }).ConfigureAwait(false);
    }

    /// <summary>The update's name: one that is sent again under it is carried out once.</summary>
    private static Guid IdOf(HttpRequest request) => request.Headers["Idempotency-Key"].ToString() is not { Length: > 0 } text ? Guid.Empty
        : Guid.TryParseExact(text.Trim('"'), "D", out Guid id) && id != Guid.Empty ? id
        : throw ProblemException.BadRequest($"Idempotency-Key is '{text}'; it must be a UUID, 8-4-4-4-12 hexadecimal digits");

    /// <summary>One operation, or several that are carried out as one.</summary>
    private static IEnumerable<CrdtStep> Steps(JsonElement json, CrdtKey? key)
    {
        JsonElement[] operations = [json];
        if (json.ValueKind == JsonValueKind.Object && json.TryGetProperty("operations", out JsonElement list))
        {
            KvJson.Only(json, "a change of several operations", "operations");
            if (list.ValueKind != JsonValueKind.Array || list.GetArrayLength() is 0 or > CrdtUpdate.MaxOperations)
                throw ProblemException.BadRequest($"operations must be a list of 1 to {CrdtUpdate.MaxOperations}");
            operations = [.. list.EnumerateArray()];
        }

        foreach (JsonElement operation in operations)
        {
            CrdtKey of = key ?? KeyIn(operation);
            yield return new CrdtStep(of, CrdtOperationJson.Read(operation, of.Type, named: key is null));
        }
    }

    private static CrdtKey KeyIn(JsonElement operation) => operation.ValueKind == JsonValueKind.Object
        && CrdtOperationJson.Required(operation, "type") is { ValueKind: JsonValueKind.String } type
        ? CrdtTarget.KeyOf(type.GetString()!, CrdtOperationJson.Bytes(CrdtOperationJson.Required(operation, "key"), "key"))
        : throw ProblemException.BadRequest("each operation of a group is an object with type and key");

    /// <exception cref="ProblemException">There is no such level, or the time is out of bounds.</exception>
    private static RequestOptions Options(HttpRequest request)
    {
        string? millis = request.Headers[KvTerms.TimeoutHeader].ToString() is { Length: > 0 } text ? text : null;
        if (millis is not null && (!int.TryParse(millis, NumberStyles.None, CultureInfo.InvariantCulture, out int given) || given is < 1 or > MostMillis))
            throw ProblemException.BadRequest($"{KvTerms.TimeoutHeader} is '{millis}'; it must be 1 to {MostMillis} ms");
        return new RequestOptions
        {
            Level = request.Query.Text("level") is { } level ? LevelOf(level) : default,
            Timeout = millis is null ? null : TimeSpan.FromMilliseconds(int.Parse(millis, CultureInfo.InvariantCulture)),
        };
    }

    private static ConsistencyLevel LevelOf(string text) => text switch
    {
        "local" or "one" => ConsistencyLevel.One,
        "majority" or "quorum" => ConsistencyLevel.Quorum,
        "all" => ConsistencyLevel.All,
        _ when byte.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out byte replicas) && replicas > 0 => new ConsistencyLevel(ConsistencyKind.Count, replicas),
        _ => throw ProblemException.BadRequest($"level is '{text}'; it must be local, majority, all or a number of replicas"),
    };

    internal static string VersionOf(long feed, long version) => string.Create(CultureInfo.InvariantCulture, $"{feed:x}.{version:x}");

    private static CrdtCondition Condition(CrdtKey key, string match)
    {
        string[] parts = match.Trim('"').Split('.');
        return parts.Length == 2 && long.TryParse(parts[0], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out long feed) && feed >= 0
            && long.TryParse(parts[1], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out long version) && version >= 0
            ? new CrdtCondition(key, feed, version)
            : throw ProblemException.BadRequest($"If-Match is {match}; it must be the version of an earlier answer");
    }

    private static async Task AnswerAsync(HttpContext context, Action<Utf8JsonWriter> write)
    {
        byte[] body = KvJson.Build(write);
        context.Response.ContentType = "application/json";
        context.Response.ContentLength = body.Length;
        if (!HttpMethods.IsHead(context.Request.Method))
            await context.Response.Body.WriteAsync(body, context.RequestAborted).ConfigureAwait(false);
    }
}
