using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace ActorRepl.Hosting.Http.Kv;

/// <summary>Bytes in JSON: as text under their name where they are UTF-8, else in base64 under <c>…Base64</c>.</summary>
internal static class KvJson
{
    public static void WriteBytes(this Utf8JsonWriter json, string name, ReadOnlySpan<byte> bytes)
    {
        if (Utf8.IsValid(bytes))
            json.WriteString(name, bytes);
        else
            json.WriteBase64String(name + "Base64", bytes);
    }

    /// <summary>Versions as text: they are longer than what JavaScript keeps exactly.</summary>
    public static void WriteVersion(this Utf8JsonWriter json, string name, long version) => json.WriteString(name, $"{version}");

    /// <summary>Null: neither form is there.</summary>
    /// <exception cref="ProblemException">It is no text, or no base64.</exception>
    public static byte[]? ReadBytes(JsonElement item, string name)
    {
        if (item.TryGetProperty(name, out JsonElement text))
            return text.ValueKind == JsonValueKind.String ? Encoding.UTF8.GetBytes(text.GetString()!) : throw ProblemException.BadRequest($"{name} must be text");
        if (!item.TryGetProperty(name + "Base64", out JsonElement coded))
            return null;
        return coded.ValueKind == JsonValueKind.String && coded.TryGetBytesFromBase64(out byte[]? bytes) ? bytes : throw ProblemException.BadRequest($"{name}Base64 must be base64");
    }

    public static byte[] Build(Action<Utf8JsonWriter> write)
    {
        using var body = new MemoryStream();
        using (var json = new Utf8JsonWriter(body))
            write(json);
        return body.ToArray();
    }
}
