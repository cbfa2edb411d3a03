using System.Buffers;
using System.Buffers.Text;
using System.Text;

namespace ActorRepl.Hosting.Redis;

/// <summary>Writes replies into a buffer, in RESP2 or, where they differ, in RESP3.</summary>
internal static class RespWriter
{
    private const int NumberSpace = 24;

    public static void WriteSimple(this IBufferWriter<byte> output, string text) => WriteLine(output, '+', text);

    /// <summary>An error line; its first word is the error's code.</summary>
    public static void WriteError(this IBufferWriter<byte> output, string text) => WriteLine(output, '-', text);

    public static void WriteInteger(this IBufferWriter<byte> output, long value) => WriteNumber(output, (byte)':', value);

    public static void WriteArrayHeader(this IBufferWriter<byte> output, int count) => WriteNumber(output, (byte)'*', count);

    public static void WriteNil(this IBufferWriter<byte> output, int protocol) => output.Write(protocol == 3 ? "_\r\n"u8 : "$-1\r\n"u8);

    /// <summary>Nothing, where an array could be.</summary>
    public static void WriteNilArray(this IBufferWriter<byte> output, int protocol) => output.Write(protocol == 3 ? "_\r\n"u8 : "*-1\r\n"u8);

    /// <summary>Pairs of a name and a value; in RESP2, an array of both.</summary>
    public static void WriteMapHeader(this IBufferWriter<byte> output, int pairs, int protocol) =>
        WriteNumber(output, protocol == 3 ? (byte)'%' : (byte)'*', protocol == 3 ? pairs : 2 * pairs);

    /// <summary>Things of which each is there once; in RESP2, an array.</summary>
    public static void WriteSetHeader(this IBufferWriter<byte> output, int count, int protocol) =>
        WriteNumber(output, protocol == 3 ? (byte)'~' : (byte)'*', count);

    /// <summary>Text for people; in RESP2, a bulk string.</summary>
    public static void WriteText(this IBufferWriter<byte> output, string text, int protocol)
    {
        if (protocol != 3)
        {
            output.WriteBulk(text);
            return;
        }

        byte[] bytes = Encoding.UTF8.GetBytes("txt:" + text);
        WriteNumber(output, (byte)'=', bytes.Length);
        output.Write(bytes);
        output.Write("\r\n"u8);
    }

    public static void WriteBulk(this IBufferWriter<byte> output, ReadOnlySpan<byte> value)
    {
        WriteNumber(output, (byte)'$', value.Length);
        output.Write(value);
        output.Write("\r\n"u8);
    }

    public static void WriteBulk(this IBufferWriter<byte> output, string value) => WriteBulk(output, Encoding.UTF8.GetBytes(value));

    private static void WriteNumber(IBufferWriter<byte> output, byte marker, long value)
    {
        Span<byte> span = output.GetSpan(NumberSpace);
        span[0] = marker;
        Utf8Formatter.TryFormat(value, span[1..], out int length);
        "\r\n"u8.CopyTo(span[(1 + length)..]);
        output.Advance(1 + length + 2);
    }

    /// <summary>A line break in the text would end the reply early, so it becomes a space.</summary>
    private static void WriteLine(IBufferWriter<byte> output, char marker, string text) =>
        output.Write(Encoding.UTF8.GetBytes($"{marker}{text.ReplaceLineEndings(" ")}\r\n"));
}
