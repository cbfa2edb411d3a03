using System.Text;
using System.Text.Json;
using ActorRepl.Hosting.Http.Kv;
using ActorRepl.Protocols.Convergence;
using ActorRepl.Protocols.Crdt;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Hosting.Http.Crdt;

/// <summary>
/// Reads operations of JSON: <c>{"add": 1}</c>, <c>{"insert": "milk"}</c>, <c>{"at": 3, "insert": "abc"}</c>, <c>{"field": "visits", "kind": "counter", "add": 1}</c>. Bytes that are
/// no UTF-8 are written <c>{"base64": "…"}</c>.
/// </summary>
internal static class CrdtOperationJson
{
    // A field comes first: the words of the operation on it may lie beside it.
    private static readonly string[] Words = ["field", "removeField", "at", "add", "take", "transfer", "insert", "remove", "set", "clear", "reset"];

    private static readonly Dictionary<CrdtType, string[]> Taken = new()
    {
        [CrdtType.GrowCounter] = ["add"], [CrdtType.Counter] = ["add", "reset"], [CrdtType.BoundedCounter] = ["add", "take", "transfer"],
        [CrdtType.GrowSet] = ["insert"], [CrdtType.TwoPhaseSet] = ["insert", "remove"], [CrdtType.Set] = ["insert", "remove", "clear"],
        [CrdtType.Flag] = ["set"], [CrdtType.DisableWinsFlag] = ["set"], [CrdtType.Register] = ["set", "clear"], [CrdtType.MultiRegister] = ["set", "clear"],
        [CrdtType.Map] = ["field", "removeField", "clear"], [CrdtType.RemoveWinsMap] = ["field", "removeField"], [CrdtType.Text] = ["at", "clear"], [CrdtType.List] = ["at", "clear"],
    };

    private static readonly Dictionary<string, StoreKind> Kinds = new(StringComparer.Ordinal)
    {
        ["flag"] = StoreKind.EnableWinsFlag, ["disable-wins-flag"] = StoreKind.DisableWinsFlag, ["set"] = StoreKind.OrSet, ["multi-register"] = StoreKind.MvRegister,
        ["register"] = StoreKind.LwwRegister, ["counter"] = StoreKind.Counter, ["map"] = StoreKind.AddWinsMap, ["remove-wins-map"] = StoreKind.RemoveWinsMap,
    };

    public static string NameOf(StoreKind kind) => Kinds.First(known => known.Value == kind).Key;

    /// <param name="named">The value's type and key stand beside the operation.</param>
    /// <exception cref="ProblemException">It is no operation of such a value, or says more than one does.</exception>
    public static CrdtOperation Read(JsonElement json, CrdtType type, bool named = false, int depth = 0)
    {
        if (json.ValueKind != JsonValueKind.Object)
            throw ProblemException.BadRequest($"an operation is an object; this is of kind {json.ValueKind}");
        if (depth > CrdtLimits.MapDepth)
            throw ProblemException.BadRequest($"maps lie deeper than the {CrdtLimits.MapDepth} that are allowed");
        string word = Words.FirstOrDefault(one => json.TryGetProperty(one, out _)) ?? "none of them";
        if (!Taken[type].Contains(word))
            throw ProblemException.BadRequest($"of a value of type {CrdtTypeNames.Of(type)} an operation is {string.Join(" or ", Taken[type])}; this is {word}");
        bool beside = word == "field" && !json.TryGetProperty("then", out _);
        if (!beside)
            KvJson.Only(json, "an operation", [word, .. With(word), .. named ? (string[])["type", "key"] : []]);
        JsonElement said = json.GetProperty(word);
        return word switch
        {
            "field" => new CrdtOperation.Field(Bytes(said, word), KindOf(json, out CrdtType inner), Read(beside ? WithoutField(json, named) : json.GetProperty("then"), inner, depth: depth + 1)),
            "removeField" => new CrdtOperation.RemoveField(Bytes(said, word), KindOf(json, out _)),
            "at" => AtIndex(json, (int)Number(said, word, 0, int.MaxValue), type),
            "add" => new CrdtOperation.Add(Number(said, word, type == CrdtType.GrowCounter ? 1 : long.MinValue, long.MaxValue)),
            "take" => new CrdtOperation.Add(-Number(said, word, 1, long.MaxValue)),
            "transfer" => new CrdtOperation.Transfer(new ReplicaId((int)Number(Required(json, "to"), "to", 1, int.MaxValue)), Number(said, word, 1, long.MaxValue)),
            "insert" => new CrdtOperation.Insert(Bytes(said, word)),
            "remove" => new CrdtOperation.Remove(Bytes(said, word)),
            "set" when type is CrdtType.Flag or CrdtType.DisableWinsFlag => new CrdtOperation.Switch(said.ValueKind is JsonValueKind.True or JsonValueKind.False ? said.GetBoolean()
                : throw ProblemException.BadRequest("set of a flag must be true or false")),
            "set" => new CrdtOperation.Write(Bytes(said, word)),
            _ when said.ValueKind != JsonValueKind.True => throw ProblemException.BadRequest($"{word} must be true"),
            "clear" => new CrdtOperation.Clear(),
            _ => new CrdtOperation.Reset(),
        };
    }

    /// <summary>What an operation's word stands with.</summary>
    private static string[] With(string word) => word switch
    {
        "field" => ["kind", "then"],
        "removeField" => ["kind"],
        "at" => ["insert", "delete"],
        "transfer" => ["to"],
        _ => [],
    };

    /// <exception cref="ProblemException">It is no text, and no base64.</exception>
    public static byte[] Bytes(JsonElement json, string name) => json.ValueKind switch
    {
        JsonValueKind.String => Encoding.UTF8.GetBytes(json.GetString()!),
        JsonValueKind.Number => Encoding.UTF8.GetBytes(json.GetRawText()),
        JsonValueKind.Object when json.TryGetProperty("base64", out JsonElement coded) && coded.ValueKind == JsonValueKind.String && coded.TryGetBytesFromBase64(out byte[]? bytes) => bytes,
        _ => throw ProblemException.BadRequest($"{name} must be text, a number or {{\"base64\": …}}"),
    };

    public static JsonElement Required(JsonElement json, string name) =>
        json.TryGetProperty(name, out JsonElement value) ? value : throw ProblemException.BadRequest($"{name} is missing");

    private static CrdtOperation AtIndex(JsonElement json, int index, CrdtType type)
    {
        if (json.TryGetProperty("delete", out JsonElement count) == json.TryGetProperty("insert", out JsonElement inserted))
            throw ProblemException.BadRequest("at stands with one of insert and delete");
        if (count.ValueKind != JsonValueKind.Undefined)
            return new CrdtOperation.DeleteRange(index, (int)Number(count, "delete", 0, int.MaxValue));
        if (type == CrdtType.List)
            return new CrdtOperation.InsertItems(index, inserted.ValueKind == JsonValueKind.Array
                ? [.. inserted.EnumerateArray().Select(item => (ReadOnlyMemory<byte>)Bytes(item, "insert"))] : [Bytes(inserted, "insert")]);
        return inserted.ValueKind == JsonValueKind.String ? new CrdtOperation.InsertText(index, inserted.GetString()!) : throw ProblemException.BadRequest("what is inserted into a text must be text");
    }

    private static StoreKind KindOf(JsonElement json, out CrdtType type)
    {
        string? name = Required(json, "kind") is { ValueKind: JsonValueKind.String } text ? text.GetString() : null;
        if (name is null || !Kinds.TryGetValue(name, out StoreKind kind) || !CrdtTypeNames.TryParse(name, out type))
            throw ProblemException.BadRequest($"the kind of a field is one of {string.Join(", ", Kinds.Keys)}");
        return kind;
    }

    /// <summary>The inner operation, which lies beside the field; that of a field of a field is under <c>then</c>.</summary>
    private static JsonElement WithoutField(JsonElement json, bool named)
    {
        using var document = JsonDocument.Parse(KvJson.Build(writer =>
        {
            writer.WriteStartObject();
            foreach (JsonProperty property in json.EnumerateObject())
            {
                if (property.Name is not ("field" or "kind") && !(named && property.Name is "type" or "key"))
                    property.WriteTo(writer);
            }

            writer.WriteEndObject();
        }));
        return document.RootElement.Clone();
    }

    private static long Number(JsonElement json, string name, long least, long most) =>
        json.ValueKind == JsonValueKind.Number && json.TryGetInt64(out long number) && number >= least && number <= most ? number
            : throw ProblemException.BadRequest($"{name} must be a whole number{(least == long.MinValue ? "" : $" from {least}")}");
}
