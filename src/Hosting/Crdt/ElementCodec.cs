using System.Globalization;
using System.Text;

namespace ActorRepl.Hosting.Crdt;

/// <summary>How elements, values and items are bytes. Equal ones must have equal bytes.</summary>
public sealed record ElementCodec<T>(Func<T, ReadOnlyMemory<byte>> Encode, Func<ReadOnlyMemory<byte>, T> Decode);

/// <summary>The codecs that need not be named.</summary>
public static class ElementCodec
{
    /// <summary>Text as its UTF-8; numbers and <see cref="Guid"/> as their text, so that HTTP and Redis show the same; bytes as they are.</summary>
    /// <exception cref="NotSupportedException">A type that needs a codec of its own.</exception>
    public static ElementCodec<T> Of<T>()
    {
        object codec = typeof(T) == typeof(string) ? new ElementCodec<string>(text => Encoding.UTF8.GetBytes(text), bytes => Encoding.UTF8.GetString(bytes.Span))
            : typeof(T) == typeof(byte[]) ? new ElementCodec<byte[]>(bytes => bytes, bytes => bytes.ToArray())
            : typeof(T) == typeof(ReadOnlyMemory<byte>) ? new ElementCodec<ReadOnlyMemory<byte>>(bytes => bytes, bytes => bytes)
            : typeof(T) == typeof(int) ? AsText<int>()
            : typeof(T) == typeof(long) ? AsText<long>()
            : typeof(T) == typeof(Guid) ? AsText<Guid>()
            : throw new NotSupportedException($"elements of type {typeof(T)} need a codec of their own");
        return (ElementCodec<T>)codec;
    }

    private static ElementCodec<T> AsText<T>() where T : IUtf8SpanFormattable, IUtf8SpanParsable<T> => new(
        value =>
        {
            byte[] bytes = new byte[64];
            value.TryFormat(bytes, out int length, default, CultureInfo.InvariantCulture);
            return bytes.AsMemory(0, length);
        },
        bytes => T.Parse(bytes.Span, CultureInfo.InvariantCulture));
}
