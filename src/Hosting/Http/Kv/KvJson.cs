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

    /// <exception cref="ProblemException">It is no JSON, or has text that is none.</exception>
    public static JsonDocument Parse(byte[] body)
    {
        try
        {
            if (!Utf8.IsValid(body))
                throw ProblemException.BadRequest("the body is no JSON: it is not in UTF-8");
            var reader = new Utf8JsonReader(body);
            while (reader.Read())
            {
                // Half of a surrogate pair is found by nothing but reading it.
                if (reader.ValueIsEscaped)
                    _ = reader.GetString();
            }

            return JsonDocument.Parse(body);
        }
        catch (JsonException wrong)
        {
            throw ProblemException.BadRequest($"the body is no JSON: {wrong.Message}");
        }
        catch (InvalidOperationException)
        {
            throw ProblemException.BadRequest("the body has \\u of half of a surrogate pair, which is no text");
        }
    }

    /// <summary>A name that is not known would be a condition, or an end, that is not heeded.</summary>
    /// <exception cref="ProblemException">It has other names.</exception>
    public static void Only(JsonElement json, string what, params string[] names)
    {
        foreach (JsonProperty property in json.EnumerateObject())
        {
            if (!names.Contains(property.Name))
                throw ProblemException.BadRequest($"{what} has no '{property.Name}'; here it may have {string.Join(", ", names)}");
        }
    }

    /// <summary>Null: neither form is there.</summary>
    /// <exception cref="ProblemException">It is no text, or no base64.</exception>
    public static byte[]? ReadBytes(JsonElement item, string name)
    {
        if (item.TryGetProperty(name, out JsonElement text) && item.TryGetProperty(name + "Base64", out _))
            throw ProblemException.BadRequest($"{name} and {name}Base64 do not go together");
        if (text.ValueKind != JsonValueKind.Undefined)
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
