using System.Globalization;
using System.Text.Json;
using ActorRepl.Protocols.Machines;
using Microsoft.AspNetCore.Http;

namespace ActorRepl.Hosting.Http.Kv;

/// <summary>
/// POST /kv/{group}: operations on keys of one shard, in one step, if the versions of keys are as the request says:
/// <c>{"if":[{"key":"a","version":"12"},{"key":"b","version":null}],"do":[{"op":"put","key":"a","value":"x","ttlMs":5000},{"op":"delete","key":"b"},{"op":"get","key":"c"}]}</c>.
/// </summary>
internal static class KvBatch
{
    private const int MostOperations = 256;

    public static async Task CarryOutAsync(HttpContext context, KvClient client, byte[] body, KvHttpOptions limits)
    {
        var keys = new List<byte[]>();
        var operations = new KeyValuePayload();
        var required = new List<(ReadOnlyMemory<byte>, long)>();
        if (context.Request.Headers.IfMatch.Count + context.Request.Headers.IfNoneMatch.Count > 0)
            throw ProblemException.BadRequest("If-Match and If-None-Match are for one key; the conditions of a batch are its 'if'");
        using JsonDocument document = KvJson.Parse(body);
        if (document.RootElement.ValueKind != JsonValueKind.Object)
            throw ProblemException.BadRequest("a batch is an object with 'do' and, where there are conditions, 'if'");
        KvJson.Only(document.RootElement, "a batch", "if", "do");
        foreach (JsonElement item in Items(document.RootElement, "if"))
        {
            KvJson.Only(item, "a condition", "key", "keyBase64", "version");
            required.Add((Key(item, keys, limits), Version(item)));
        }

        List<string> kinds = [];
        foreach (JsonElement item in Items(document.RootElement, "do"))
            kinds.Add(Add(item, Key(item, keys, limits), operations, limits));
        if (kinds.Count == 0)
            throw ProblemException.BadRequest($"'do' must name 1 to {MostOperations} operations");
        if (keys.Select(key => client.Group.ShardOf(key)).Distinct().Count() > 1)
        {
            throw new ProblemException(StatusCodes.Status409Conflict, "cross-shard",
                "the keys are of several shards, and a batch is one step of one shard; keys with the same part in braces, as {user:7}:name, are together");
        }

        KeyValuePayload batch = new KeyValuePayload().Atomic(required, operations);
        List<KeyValueReply> replies = await client.WriteAsync(keys[0], batch, context.RequestAborted).ConfigureAwait(false);
        KvItem.Noted(context, client);
        if (KvItem.Checked(replies[0]).Kind == KeyValueReplyKind.Nil)
            throw KvItem.Conflict();
        byte[] answer = KvJson.Build(json => Write(json, kinds, replies));
        context.Response.ContentType = "application/json";
        context.Response.ContentLength = answer.Length;
        await context.Response.Body.WriteAsync(answer, context.RequestAborted).ConfigureAwait(false);
    }

    private static void Write(Utf8JsonWriter json, List<string> kinds, List<KeyValueReply> replies)
    {
        json.WriteStartObject();
        json.WriteStartArray("results");
        for (int i = 0; i < kinds.Count; i++)
        {
            KeyValueReply reply = replies[i + 1];
            json.WriteStartObject();
            json.WriteString("op", kinds[i]);
            if (reply.Kind == KeyValueReplyKind.Error)
                json.WriteString("error", reply.Error);
            else if (reply.Kind == KeyValueReplyKind.Full)
                json.WriteString("error", "the value is longer than the reply has room for");
            else if (kinds[i] == "put")
                json.WriteVersion("version", reply.Integer);
            else if (kinds[i] == "delete")
                json.WriteBoolean("deleted", reply.Integer == 1);
            else
            {
                json.WriteBoolean("found", reply.Kind == KeyValueReplyKind.Entry);
                if (reply.Kind == KeyValueReplyKind.Entry)
                {
                    json.WriteBytes("value", reply.Bytes.Span);
                    json.WriteVersion("version", reply.Version);
                }
            }

            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static string Add(JsonElement item, byte[] key, KeyValuePayload target, KvHttpOptions limits)
    {
        string kind = item.TryGetProperty("op", out JsonElement op) && op.ValueKind == JsonValueKind.String ? op.GetString()! : "";
        if (kind is not ("put" or "delete" or "get"))
            throw ProblemException.BadRequest("'op' must be put, delete or get");
        KvJson.Only(item, $"a {kind}", ["op", "key", "keyBase64", .. kind == "put" ? (string[])["value", "valueBase64", "ttlMs"] : []]);
        switch (kind)
        {
            case "put":
                byte[] value = KvJson.ReadBytes(item, "value") ?? throw ProblemException.BadRequest("a put has a 'value' or a 'valueBase64'");
                if (value.Length > limits.MaxValueBytes)
                    throw ProblemException.BadRequest($"a value has at most {limits.MaxValueBytes} bytes, this one has {value.Length}");
                target.Put(key, value, new KeyValueTerms(Return: KeyReturn.Version) with { Expiry = Ttl(item) > 0 ? KeyExpiry.In : KeyExpiry.Never, Millis = Ttl(item) });
                return kind;
            case "delete":
                target.Delete(key);
                return kind;
            default:
                target.GetEntry(key);
                return kind;
        }
    }

    private static long Ttl(JsonElement item) => !item.TryGetProperty("ttlMs", out JsonElement ttl) ? 0
        : ttl.ValueKind == JsonValueKind.Number && ttl.TryGetInt64(out long millis) && millis is > 0 and < KvItem.MostMillis ? millis
        : throw ProblemException.BadRequest($"'ttlMs' is {ttl.GetRawText()}; it must be a whole number of ms, 1 to {KvItem.MostMillis - 1}");

    private static byte[] Key(JsonElement item, List<byte[]> keys, KvHttpOptions limits)
    {
        byte[] key = KvJson.ReadBytes(item, "key") ?? throw ProblemException.BadRequest("each has a 'key' or a 'keyBase64'");
        if (key.Length == 0 || key.Length > limits.MaxKeyBytes)
            throw ProblemException.BadRequest($"a key has 1 to {limits.MaxKeyBytes} bytes, this one has {key.Length}");
        keys.Add(key);
        return key;
    }

    private static long Version(JsonElement item)
    {
        if (!item.TryGetProperty("version", out JsonElement version) || version.ValueKind is not (JsonValueKind.String or JsonValueKind.Null))
            throw ProblemException.BadRequest("of a condition, 'version' is the text that was given as one, or null for a key that must not be there");
        return version.ValueKind == JsonValueKind.Null ? KeyValueVersion.Missing
            : long.TryParse(version.GetString(), NumberStyles.None, CultureInfo.InvariantCulture, out long number) ? number
            : throw ProblemException.BadRequest($"'{version.GetString()}' is no version");
    }

    private static JsonElement[] Items(JsonElement root, string name)
    {
        if (!root.TryGetProperty(name, out JsonElement list))
            return [];
        if (list.ValueKind != JsonValueKind.Array || list.GetArrayLength() > MostOperations || list.EnumerateArray().Any(item => item.ValueKind != JsonValueKind.Object))
            throw ProblemException.BadRequest($"'{name}' must be a list of at most {MostOperations} objects");
        return [.. list.EnumerateArray()];
    }
}
