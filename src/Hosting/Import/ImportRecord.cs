using System.Text.Json;

namespace ActorRepl.Hosting.Import;

/// <summary>One line of an import file.</summary>
/// <param name="Line">From 1.</param>
/// <param name="Key">Its bytes.</param>
/// <param name="Value">Its bytes.</param>
/// <param name="ExpiresAt">When it ends, in ms since 1970; 0: never.</param>
internal sealed record ImportRecord(long Line, byte[] Key, byte[] Value, long ExpiresAt = 0)
{
    /// <summary>
    /// Reads <c>{"key": text, "value": anything}</c>. A string value is stored as its text; any other value as its JSON,
    /// byte for byte as it stands in the line. What is no text stands in base64 as <c>keyBase64</c> and <c>valueBase64</c>; <c>expiresAtMs</c> is when
    /// the key ends.
    /// </summary>
    /// <exception cref="ImportLineException">The line is not that; says what.</exception>
    public static ImportRecord Parse(long line, ReadOnlySpan<byte> text, int maxKeyBytes, int maxValueBytes)
    {
        byte[]? key = null, value = null;
        long expiresAt = 0;
        try
        {
            var reader = new Utf8JsonReader(text);
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
                throw new ImportLineException(line, "it is not a JSON object");
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                if (reader.ValueTextEquals("key"u8))
                    key = ReadKey(line, ref reader, key);
                else if (reader.ValueTextEquals("value"u8))
                    value = ReadValue(line, text, ref reader, value);
                else if (reader.ValueTextEquals("keyBase64"u8))
                    key = ReadBase64(line, ref reader, key, "keys");
                else if (reader.ValueTextEquals("valueBase64"u8))
                    value = ReadBase64(line, ref reader, value, "values");
                else if (reader.ValueTextEquals("expiresAtMs"u8))
                    expiresAt = ReadExpiry(line, ref reader);
                else
                    throw new ImportLineException(line, $"unknown property \"{reader.GetString()}\"; a line has \"key\" and \"value\"");
            }

            reader.Read();
        }
        catch (JsonException damage)
        {
            throw new ImportLineException(line, $"it is no JSON, at byte {damage.BytePositionInLine}");
        }

        if (key is null || value is null)
            throw new ImportLineException(line, $"it has no \"{(key is null ? "key" : "value")}\"");
        if (key.Length is var length && (length == 0 || length > maxKeyBytes))
            throw new ImportLineException(line, $"the key has {length} bytes; it must have 1 to {maxKeyBytes}");
        if (value.Length > maxValueBytes)
            throw new ImportLineException(line, $"the value has {value.Length} bytes; it may have {maxValueBytes}");
        return new ImportRecord(line, key, value, expiresAt);
    }

    private static byte[] ReadBase64(long line, ref Utf8JsonReader reader, byte[]? before, string what)
    {
        if (before is not null)
            throw new ImportLineException(line, $"it has two {what}");
        reader.Read();
        return reader.TokenType == JsonTokenType.String && reader.TryGetBytesFromBase64(out byte[]? bytes) ? bytes : throw new ImportLineException(line, $"of its {what}, one is no base64");
    }

    private static long ReadExpiry(long line, ref Utf8JsonReader reader)
    {
        reader.Read();
        return reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out long at) && at > 0
            ? at : throw new ImportLineException(line, "expiresAtMs is no time in ms since 1970");
    }

    private static byte[] ReadKey(long line, ref Utf8JsonReader reader, byte[]? before)
    {
        if (before is not null)
            throw new ImportLineException(line, "it has two keys");
        reader.Read();
        return reader.TokenType == JsonTokenType.String ? Text(line, ref reader) : throw new ImportLineException(line, "the key is not a string");
    }

    private static byte[] ReadValue(long line, ReadOnlySpan<byte> text, ref Utf8JsonReader reader, byte[]? before)
    {
        if (before is not null)
            throw new ImportLineException(line, "it has two values");
        reader.Read();
        if (reader.TokenType == JsonTokenType.String)
            return Text(line, ref reader);
        int start = (int)reader.TokenStartIndex;
        reader.Skip();
        return text[start..(int)reader.BytesConsumed].ToArray();
    }

    private static byte[] Text(long line, ref Utf8JsonReader reader)
    {
        byte[] buffer = new byte[reader.ValueSpan.Length];
        try
        {
            return buffer[..reader.CopyString(buffer)];
        }
        catch (InvalidOperationException)
        {
            throw new ImportLineException(line, "a string in it is not valid UTF-8 or UTF-16");
        }
    }
}

/// <summary>A line of an import file is wrong.</summary>
internal sealed class ImportLineException(long line, string what) : Exception(what)
{
    public long Line => line;
}
