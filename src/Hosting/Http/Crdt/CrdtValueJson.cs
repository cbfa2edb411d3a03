using System.Text.Json;
using System.Text.Unicode;
using ActorRepl.Protocols.Convergence;

namespace ActorRepl.Hosting.Http.Crdt;

/// <summary>Values as JSON.</summary>
internal static class CrdtValueJson
{
    /// <summary>An object of type, key, version and what the value is.</summary>
    public static void WriteValue(this Utf8JsonWriter json, CrdtKey key, string version, CrdtData data)
    {
        json.WriteStartObject();
        json.WriteKey(key);
        json.WriteString("version", version);
        json.WritePropertyName("value");
        json.WriteData(data);
        if (data is CrdtData.Number number && key.Type == CrdtType.BoundedCounter)
            json.WriteNumber("rights", number.Rights);
        json.WriteEndObject();
    }

    public static void WriteKey(this Utf8JsonWriter json, CrdtKey key)
    {
        json.WriteString("type", CrdtTypeNames.Of(key.Type));
        json.WritePropertyName("key");
        json.WriteBytes(key.Name.Span);
    }

    private static void WriteData(this Utf8JsonWriter json, CrdtData data)
    {
        switch (data)
        {
            case CrdtData.Number number:
                json.WriteNumberValue(number.Value);
                break;
            case CrdtData.Switch flag:
                json.WriteBooleanValue(flag.On);
                break;
            case CrdtData.Text text:
                json.WriteStringValue(text.Value);
                break;
            case CrdtData.Elements elements:
                json.WriteStartArray();
                foreach (ReadOnlyMemory<byte> element in elements.List)
                    json.WriteBytes(element.Span);
                json.WriteEndArray();
                break;
            case CrdtData.Fields fields:
                json.WriteStartArray();
                foreach ((Protocols.Crdt.MapField field, CrdtData value) in fields.List)
                {
                    json.WriteStartObject();
                    json.WritePropertyName("field");
                    json.WriteBytes(field.Key.Span);
                    json.WriteString("kind", CrdtOperationJson.NameOf(field.Kind));
                    json.WritePropertyName("value");
                    json.WriteData(value);
                    json.WriteEndObject();
                }

                json.WriteEndArray();
                break;
            default:
                throw new InvalidDataException($"{data.GetType().Name} is no value");
        }
    }

    private static void WriteBytes(this Utf8JsonWriter json, ReadOnlySpan<byte> bytes)
    {
        if (Utf8.IsValid(bytes))
        {
            json.WriteStringValue(bytes);
            return;
        }

        json.WriteStartObject();
        json.WriteBase64String("base64", bytes);
        json.WriteEndObject();
    }
}
