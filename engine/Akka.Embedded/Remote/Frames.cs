using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Akka.Remote;

/// <summary>What a frame carries.</summary>
internal enum FrameKind : byte
{
    /// <summary>First frame of who connects: version, UID, own address, the address it means to reach.</summary>
    Hello = 1,

    /// <summary>The answer: UID of who was reached.</summary>
    Welcome = 2,

    /// <summary>No more frames will follow; carries a <see cref="CloseReason"/> and a text.</summary>
    Close = 3,

    /// <summary>A user message.</summary>
    Message = 4,

    /// <summary>A death watch message.</summary>
    System = 5,

    /// <summary>Gives a recipient's path a number on this connection.</summary>
    DefineRecipient = 6,

    /// <summary>Gives a sender's path a number on this connection.</summary>
    DefineSender = 7,

    /// <summary>Gives a manifest a number on this connection.</summary>
    DefineManifest = 8,
}

/// <summary>Why a peer ends a connection.</summary>
internal enum CloseReason : byte
{
    /// <summary>The peer's actor system stops.</summary>
    Shutdown = 1,

    /// <summary>The peer has quarantined this incarnation.</summary>
    Quarantined = 2,

    /// <summary>The hello was for somebody else, of another version, or malformed.</summary>
    Refused = 3,

    /// <summary>The peer wants another connection in place of this one.</summary>
    Renewed = 4,
}

/// <summary>
/// The frame: int32 length of all that follows, uint16 length of the header, header (its first byte the
/// <see cref="FrameKind"/>), payload; little endian. Strings are a varint byte count and UTF-8.
/// </summary>
internal static class Frames
{
    public const int ProtocolVersion = 1;
    public const int PrefixSize = 6;
    public const int MaxHeaderSize = ushort.MaxValue;

    /// <summary>Headers may exceed the maximum frame size by this much, so that the limit speaks of payloads.</summary>
    public const int HeaderAllowance = PrefixSize + MaxHeaderSize;

    /// <summary>A reference in a header: none, a string in place, or (from <see cref="FirstSlot"/>) a table slot.</summary>
    public const int None = 0;
    public const int Literal = 1;
    public const int FirstSlot = 2;

    public static int WriteVarint(Span<byte> to, int value)
    {
        uint rest = (uint)value;
        int n = 0;
        for (; rest >= 0x80; rest >>= 7)
            to[n++] = (byte)(rest | 0x80);
        to[n++] = (byte)rest;
        return n;
    }

    public static int WriteString(Span<byte> to, string value)
    {
        int bytes = Encoding.UTF8.GetByteCount(value);
        int n = WriteVarint(to, bytes);
        return n + Encoding.UTF8.GetBytes(value, to[n..]);
    }

    /// <summary>Upper bound of the bytes <see cref="WriteString"/> writes.</summary>
    public static int MaxSize(string value) => 5 + Encoding.UTF8.GetMaxByteCount(value.Length);

    /// <summary>Fills in the prefix of a frame whose header is already behind it.</summary>
    public static void WritePrefix(Span<byte> frame, int headerLength, int payloadLength)
    {
        if (headerLength > MaxHeaderSize)
            throw new RemoteTransportException($"frame header of {headerLength} bytes; the limit is {MaxHeaderSize}");
        BinaryPrimitives.WriteInt32LittleEndian(frame, 2 + headerLength + payloadLength);
        BinaryPrimitives.WriteUInt16LittleEndian(frame[4..], (ushort)headerLength);
    }

    /// <summary>A whole frame without payload, its header made of these parts.</summary>
    public static void WriteControl(IBufferWriter<byte> output, FrameKind kind, int number, params ReadOnlySpan<string> texts)
    {
        int size = PrefixSize + 6;
        foreach (string text in texts)
            size += MaxSize(text);
        var span = output.GetSpan(size);
        int n = PrefixSize;
        span[n++] = (byte)kind;
        n += WriteVarint(span[n..], number);
        foreach (string text in texts)
            n += WriteString(span[n..], text);
        WritePrefix(span, n - PrefixSize, 0);
        output.Advance(n);
    }
}

/// <summary>Reads a header; anything that does not fit is a <see cref="RemoteTransportException"/>.</summary>
internal ref struct HeaderReader(ReadOnlySpan<byte> header)
{
    private ReadOnlySpan<byte> _rest = header;

    public byte ReadByte()
    {
        if (_rest.IsEmpty)
            throw Malformed();
        byte value = _rest[0];
        _rest = _rest[1..];
        return value;
    }

    public int ReadVarint()
    {
        uint value = 0;
        for (int shift = 0; shift < 35; shift += 7)
        {
            byte part = ReadByte();
            value |= (uint)(part & 0x7f) << shift;
            if (part < 0x80)
                return (int)value;
        }
        throw Malformed();
    }

    public string ReadString()
    {
        int length = ReadVarint();
        if ((uint)length > (uint)_rest.Length)
            throw Malformed();
        string value = Encoding.UTF8.GetString(_rest[..length]);
        _rest = _rest[length..];
        return value;
    }

    private static RemoteTransportException Malformed() => new("malformed frame header");
}

/// <summary>One frame as it lies in the receive buffer; valid until the buffer moves on.</summary>
internal readonly ref struct Frame(FrameKind kind, ReadOnlySpan<byte> header, ReadOnlySequence<byte> payload)
{
    public FrameKind Kind { get; } = kind;

    /// <summary>The header behind the kind.</summary>
    public ReadOnlySpan<byte> Header { get; } = header;
    public ReadOnlySequence<byte> Payload { get; } = payload;
}

/// <summary>Cuts a byte stream into frames and skips those over the limit.</summary>
internal sealed class FrameReader(int maxPayload, Action<long> oversize)
{
    private readonly byte[] _straddling = new byte[Frames.MaxHeaderSize];
    private long _skip;

    /// <summary>Takes the next whole frame off <paramref name="buffer"/>; false if more bytes are needed.</summary>
    public bool TryRead(ref ReadOnlySequence<byte> buffer, out Frame frame)
    {
        frame = default;
        while (true)
        {
            if (_skip > 0)
            {
                long skipped = Math.Min(_skip, buffer.Length);
                buffer = buffer.Slice(skipped);
                _skip -= skipped;
            }
            if (buffer.Length < Frames.PrefixSize)
                return false;
            Span<byte> prefix = stackalloc byte[Frames.PrefixSize];
            buffer.Slice(0, Frames.PrefixSize).CopyTo(prefix);
            long length = BinaryPrimitives.ReadUInt32LittleEndian(prefix);
            int headerLength = BinaryPrimitives.ReadUInt16LittleEndian(prefix[4..]);
            if (length < 2 + headerLength || headerLength == 0)
                throw new RemoteTransportException($"malformed frame: {length} bytes with a header of {headerLength}");
            long payloadLength = length - 2 - headerLength;
            if (payloadLength > maxPayload)
            {
                oversize(payloadLength);
                _skip = 4 + length;
                continue;
            }
            if (buffer.Length < 4 + length)
                return false;
            var header = buffer.Slice(Frames.PrefixSize, headerLength);
            var payload = buffer.Slice(Frames.PrefixSize + headerLength, payloadLength);
            buffer = buffer.Slice(4 + length);
            var bytes = Contiguous(header);
            frame = new Frame((FrameKind)bytes[0], bytes[1..], payload);
            return true;
        }
    }

    private ReadOnlySpan<byte> Contiguous(scoped in ReadOnlySequence<byte> sequence)
    {
        if (sequence.IsSingleSegment)
            return sequence.FirstSpan;
        sequence.CopyTo(_straddling);
        return _straddling.AsSpan(0, (int)sequence.Length);
    }
}
