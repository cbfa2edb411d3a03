using System.Buffers;

namespace ActorRepl.Protocols.Machines;

/// <summary>Writes the replies of one payload, within the limit of a result. One at a time for each thread.</summary>
internal sealed class KeyValueReplyWriter
{
    /// <summary>What a reply takes at most that holds no value: an error, which names two numbers.</summary>
    public const int MostBytesWithoutValue = 160;

    // A buffer that has grown beyond it is let go.
    private const int MostBytesKept = 1 << 20;

    // The most common result; results are only read.
    private static readonly byte[] OkAlone = [(byte)KeyValueReplyKind.Ok];

    [ThreadStatic]
    private static KeyValueReplyWriter? s_ofThread;

    private readonly ArrayBufferWriter<byte> _result = new(256);
    private int _maxBytes;

    public static KeyValueReplyWriter Begin(int maxResultBytes)
    {
        KeyValueReplyWriter writer = s_ofThread ??= new KeyValueReplyWriter();
        writer._result.ResetWrittenCount();
        writer._maxBytes = maxResultBytes;
        return writer;
    }

    /// <summary>The replies that were written.</summary>
    public byte[] End()
    {
        if (_result.Capacity > MostBytesKept)
            s_ofThread = null;
        return _result.WrittenSpan.SequenceEqual(OkAlone) ? OkAlone : _result.WrittenSpan.ToArray();
    }

    public void Nil() => KeyValueCodec.WriteByte(_result, (byte)KeyValueReplyKind.Nil);

    public void Ok() => KeyValueCodec.WriteByte(_result, (byte)KeyValueReplyKind.Ok);

    /// <summary>False: there was no room for it.</summary>
    public bool Bytes(ReadOnlySpan<byte> value)
    {
        if (!HasRoomFor(value.Length))
        {
            Full();
            return false;
        }

        KeyValueCodec.WriteByte(_result, (byte)KeyValueReplyKind.Bytes);
        KeyValueCodec.WriteBytes(_result, value);
        return true;
    }

    public void Skipped() => KeyValueCodec.WriteByte(_result, (byte)KeyValueReplyKind.Skipped);

    /// <summary>The whole answer is that it has to be asked again.</summary>
    public void DueAlone()
    {
        _result.ResetWrittenCount();
        KeyValueCodec.WriteByte(_result, (byte)KeyValueReplyKind.Due);
    }

    public void Entry(ReadOnlySpan<byte> value, in KeyStamp stamp)
    {
        if (!HasRoomFor(value.Length + 2 * sizeof(long)))
        {
            Full();
            return;
        }

        KeyValueCodec.WriteByte(_result, (byte)KeyValueReplyKind.Entry);
        KeyValueCodec.WriteInt64(_result, stamp.Version);
        KeyValueCodec.WriteInt64(_result, stamp.ExpiresAt);
        KeyValueCodec.WriteBytes(_result, value);
    }

    /// <summary>A page or changes.</summary>
    public void List(KeyValueReplyKind kind, long number, ReadOnlySpan<byte> items)
    {
        if (!HasRoomFor(items.Length + sizeof(long)))
        {
            Full();
            return;
        }

        KeyValueCodec.WriteByte(_result, (byte)kind);
        KeyValueCodec.WriteInt64(_result, number);
        KeyValueCodec.WriteBytes(_result, items);
    }

    public void Compacted(long version)
    {
        KeyValueCodec.WriteByte(_result, (byte)KeyValueReplyKind.Compacted);
        KeyValueCodec.WriteInt64(_result, version);
    }

    /// <summary>The reply to what writes: it is given in any case.</summary>
    public void Integer(long value)
    {
        KeyValueCodec.WriteByte(_result, (byte)KeyValueReplyKind.Integer);
        KeyValueCodec.WriteInt64(_result, value);
    }

    public void ReadInteger(long value)
    {
        if (_result.WrittenCount + 1 + sizeof(long) <= _maxBytes)
            Integer(value);
        else
            Full();
    }

    public void Error(string text)
    {
        byte[] bytes = System.Text.Encoding.UTF8.GetBytes(text);
        if (!HasRoomFor(bytes.Length))
        {
            Full();
            return;
        }

        KeyValueCodec.WriteByte(_result, (byte)KeyValueReplyKind.Error);
        KeyValueCodec.WriteBytes(_result, bytes);
    }

    /// <summary>Of a kind, a length and the bytes.</summary>
    private bool HasRoomFor(int length) => _result.WrittenCount + 1 + KeyValueCodec.LengthOf(length) + length <= _maxBytes;

    private void Full() => KeyValueCodec.WriteByte(_result, (byte)KeyValueReplyKind.Full);
}
