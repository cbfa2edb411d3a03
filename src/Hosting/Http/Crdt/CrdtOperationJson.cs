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
    private const string Known = "add, take, reset, transfer, insert, remove, clear, set, at with insert or delete, field with kind, and removeField with kind";

    private static readonly Dictionary<string, StoreKind> Kinds = new(StringComparer.Ordinal)
    {
        ["flag"] = StoreKind.EnableWinsFlag, ["disable-wins-flag"] = StoreKind.DisableWinsFlag, ["set"] = StoreKind.OrSet, ["multi-register"] = StoreKind.MvRegister,
        ["register"] = StoreKind.LwwRegister, ["counter"] = StoreKind.Counter, ["map"] = StoreKind.AddWinsMap, ["remove-wins-map"] = StoreKind.RemoveWinsMap,
    };

    public static string NameOf(StoreKind kind) => Kinds.First(known => known.Value == kind).Key;

    /// <exception cref="ProblemException">It is no operation of such a value.</exception>
    public static CrdtOperation Read(JsonElement json, CrdtType type, int depth = 0)
    {
        if (json.ValueKind != JsonValueKind.Object)
            throw ProblemException.BadRequest($"an operation is an object of {Known}; this is of kind {json.ValueKind}");
        if (depth > CrdtLimits.MapDepth)
            throw ProblemException.BadRequest($"maps lie deeper than the {CrdtLimits.MapDepth} that are allowed");
        if (json.TryGetProperty("field", out JsonElement field))
            return new CrdtOperation.Field(Bytes(field, "field"), KindOf(json, out CrdtType inner), Read(WithoutField(json), inner, depth + 1));
        if (json.TryGetProperty("removeField", out JsonElement removed))
            return new CrdtOperation.RemoveField(Bytes(removed, "removeField"), KindOf(json, out _));
        if (json.TryGetProperty("at", out JsonElement at))
            return AtIndex(json, (int)Number(at, "at", 0, int.MaxValue), type);
        if (json.TryGetProperty("add", out JsonElement add))
            return new CrdtOperation.Add(Number(add, "add", type == CrdtType.GrowCounter ? 1 : long.MinValue, long.MaxValue));
        if (json.TryGetProperty("take", out JsonElement take))
            return new CrdtOperation.Add(-Number(take, "take", 1, long.MaxValue));
        if (json.TryGetProperty("transfer", out JsonElement amount))
            return new CrdtOperation.Transfer(new ReplicaId((int)Number(Required(json, "to"), "to", 1, int.MaxValue)), Number(amount, "transfer", 1, long.MaxValue));
        if (json.TryGetProperty("insert", out JsonElement inserted))
            return new CrdtOperation.Insert(Bytes(inserted, "insert"));
        if (json.TryGetProperty("remove", out JsonElement element))
            return new CrdtOperation.Remove(Bytes(element, "remove"));
        if (json.TryGetProperty("set", out JsonElement set))
        {
            bool switches = set.ValueKind is JsonValueKind.True or JsonValueKind.False;
            if (type is (CrdtType.Flag or CrdtType.DisableWinsFlag) && !switches)
                throw ProblemException.BadRequest("set of a flag must be true or false");
            return switches ? new CrdtOperation.Switch(set.GetBoolean()) : new CrdtOperation.Write(Bytes(set, "set"));
        }

        if (json.TryGetProperty("clear", out _))
            return new CrdtOperation.Clear();
        if (json.TryGetProperty("reset", out _))
            return new CrdtOperation.Reset();
        throw ProblemException.BadRequest($"an operation is one of {Known}");
    }

    /// <exception cref="ProblemException">It is no text, and no base64.</exception>
    public static byte[] Bytes(JsonElement json, string name) => json.ValueKind switch
    {
        JsonValueKind.String => Encoding.UTF8.GetBytes(Text(json, name)),
        JsonValueKind.Number => Encoding.UTF8.GetBytes(json.GetRawText()),
        JsonValueKind.Object when json.TryGetProperty("base64", out JsonElement coded) && coded.ValueKind == JsonValueKind.String && coded.TryGetBytesFromBase64(out byte[]? bytes) => bytes,
        _ => throw ProblemException.BadRequest($"{name} must be text, a number or {{\"base64\": …}}"),
    };

    /// <exception cref="ProblemException">It has half of a surrogate pair, which is no character.</exception>
    public static string Text(JsonElement json, string name)
    {
        try
        {
            return json.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw ProblemException.BadRequest($"{name} has half of a surrogate pair, which is no text");
        }
    }

    public static JsonElement Required(JsonElement json, string name) =>
        json.TryGetProperty(name, out JsonElement value) ? value : throw ProblemException.BadRequest($"{name} is missing");

    private static CrdtOperation AtIndex(JsonElement json, int index, CrdtType type)
    {
        if (json.TryGetProperty("delete", out JsonElement count))
            return new CrdtOperation.DeleteRange(index, (int)Number(count, "delete", 0, int.MaxValue));
        JsonElement inserted = Required(json, "insert");
        if (type == CrdtType.List)
            return new CrdtOperation.InsertItems(index, inserted.ValueKind == JsonValueKind.Array
                ? [.. inserted.EnumerateArray().Select(item => (ReadOnlyMemory<byte>)Bytes(item, "insert"))] : [Bytes(inserted, "insert")]);
        return inserted.ValueKind == JsonValueKind.String ? new CrdtOperation.InsertText(index, Text(inserted, "insert")) : throw ProblemException.BadRequest("what is inserted into a text must be text");
    }

    private static StoreKind KindOf(JsonElement json, out CrdtType type)
    {
        string? name = Required(json, "kind") is { ValueKind: JsonValueKind.String } text ? Text(text, "kind") : null;
        if (name is null || !Kinds.TryGetValue(name, out StoreKind kind) || !CrdtTypeNames.TryParse(name, out type))
            throw ProblemException.BadRequest($"the kind of a field is one of {string.Join(", ", Kinds.Keys)}");
        return kind;
    }

    /// <summary>The inner operation lies beside the field, or, for a field of a field, under <c>then</c>.</summary>
    private static JsonElement WithoutField(JsonElement json)
    {
        if (json.TryGetProperty("then", out JsonElement then))
            return then;
        using var document = JsonDocument.Parse(KvJson.Build(writer =>
        {
            writer.WriteStartObject();
            foreach (JsonProperty property in json.EnumerateObject())
            {
                if (property.Name is not ("field" or "kind"))
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
