using System.Buffers;
using System.Buffers.Text;

namespace ActorRepl.Hosting.Redis;

internal enum ParseStatus
{
    /// <summary>More bytes are needed.</summary>
    Incomplete,

    /// <summary>A command is whole.</summary>
    Command,

    /// <summary>Bytes that ask for nothing (an empty line, an empty array) are to be passed over.</summary>
    Nothing,

    /// <summary>The bytes are not RESP2 or go beyond a limit: answer <see cref="RespParser.Error"/> and close.</summary>
    Broken,
}

/// <summary>
/// Reads RESP2 requests (arrays of bulk strings, and inline commands) from a buffer that grows: what was read of a command
/// that is not whole yet is remembered and never scanned again. Arguments are slices of the buffer, without a copy, unless
/// the command is inline or lies in several segments.
/// </summary>
internal sealed class RespParser(RespLimits limits) : IDisposable
{
    private const int HeaderBytes = 32;
    private readonly byte[] _header = new byte[HeaderBytes];
    private (int Offset, int Length)[] _arguments = new (int, int)[8];
    private byte[] _scratch = [];
    private ReadOnlyMemory<byte> _source;
    private int _position;
    private int _expected;
    private int _bulkLength = -1;
    private bool _started;

    /// <summary>Arguments of the command that was read, its name first.</summary>
    public int Count { get; private set; }

    /// <summary>Bytes that the command, or the nothing, takes.</summary>
    public int Consumed { get; private set; }

    /// <summary>After <see cref="ParseStatus.Broken"/>: what Redis says of such bytes.</summary>
    public string Error { get; private set; } = "";

    /// <summary>Valid until the next call of <see cref="Parse"/>, and as long as the buffer is.</summary>
    public ReadOnlySpan<byte> this[int index] => _source.Span.Slice(_arguments[index].Offset, _arguments[index].Length);

    /// <summary>
    /// Reads one command. The buffer begins with the command's first byte, also when called again after
    /// <see cref="ParseStatus.Incomplete"/> with the same bytes and more.
    /// </summary>
    public ParseStatus Parse(in ReadOnlySequence<byte> buffer)
    {
        if (!_started)
        {
            if (buffer.IsEmpty)
                return ParseStatus.Incomplete;
            if (At(buffer, 0) != '*')
                return ParseInline(buffer);
            ParseStatus status = ParseArrayHeader(buffer);
            if (!_started)
                return status;
        }

        while (Count < _expected)
        {
            if (_bulkLength < 0 && ParseBulkHeader(buffer) is var header and not ParseStatus.Command)
                return header;
            int end = _position + _bulkLength + 2;
            if (buffer.Length < end)
                return ParseStatus.Incomplete;
            AddArgument(_position, _bulkLength);
            _position = end;
            _bulkLength = -1;
        }

        _source = Contiguous(buffer, _position);
        return Done(ParseStatus.Command, _position);
    }

    public void Dispose() => ReturnScratch();

    private ParseStatus ParseArrayHeader(in ReadOnlySequence<byte> buffer)
    {
        ParseStatus status = ParseNumber(buffer, 0, "invalid multibulk length", out long count, out int end);
        if (status != ParseStatus.Command)
            return status;
        if (count <= 0)
            return Done(ParseStatus.Nothing, end);
        if (count > limits.MaxArguments)
            return Broken("invalid multibulk length");
        _started = true;
        _expected = (int)count;
        _position = end;
        Count = 0;
        return ParseStatus.Command;
    }

    private ParseStatus ParseBulkHeader(in ReadOnlySequence<byte> buffer)
    {
        if (buffer.Length <= _position)
            return ParseStatus.Incomplete;
        byte marker = At(buffer, _position);
        if (marker != '$')
            return Broken($"expected '$', got '{(marker is >= 0x20 and < 0x7f ? (char)marker : '?')}'");
        ParseStatus status = ParseNumber(buffer, _position, "invalid bulk length", out long length, out int end);
        if (status != ParseStatus.Command)
            return status;
        if (length < 0 || length > limits.MaxBulkBytes)
            return Broken("invalid bulk length");
        if (end + length + 2 > limits.MaxCommandBytes)
            return Broken($"a command is longer than {limits.MaxCommandBytes} bytes");
        _bulkLength = (int)length;
        _position = end;
        return ParseStatus.Command;
    }

    /// <summary>Reads the decimal number between the marker at <paramref name="start"/> and CR LF.</summary>
    private ParseStatus ParseNumber(in ReadOnlySequence<byte> buffer, int start, string error, out long number, out int end)
    {
        ReadOnlySpan<byte> window = Window(buffer, start + 1);
        int length = window.IndexOf("\r\n"u8);
        end = start + 1 + length + 2;
        number = 0;
        if (length < 0)
            return window.Length < HeaderBytes ? ParseStatus.Incomplete : Broken(error);
        return Utf8Parser.TryParse(window[..length], out number, out int used) && used == length ? ParseStatus.Command : Broken(error);
    }

    private ParseStatus ParseInline(in ReadOnlySequence<byte> buffer)
    {
        var reader = new SequenceReader<byte>(buffer);
        if (!reader.TryReadTo(out ReadOnlySequence<byte> line, (byte)'\n'))
            return buffer.Length > limits.MaxInlineBytes ? Broken("too big inline request") : ParseStatus.Incomplete;
        if (line.Length > limits.MaxInlineBytes)
            return Broken("too big inline request");

        int length = (int)line.Length;
        EnsureScratch(2 * length);
        Span<byte> text = _scratch.AsSpan(length, length);
        line.CopyTo(text);
        if (text.EndsWith("\r"u8))
            text = text[..^1];

        // Unquoted text is never longer than what it was quoted as, so the arguments fit below the line itself.
        Count = 0;
        var splitter = new InlineSplitter(text, _scratch.AsSpan(0, length));
        while (splitter.Next(out int offset, out int size))
            AddArgument(offset, size);
        _source = _scratch;
        if (splitter.Unbalanced)
            return Broken("unbalanced quotes in request");
        if (Count > limits.MaxArguments)
            return Broken("invalid multibulk length");
        return Done(Count == 0 ? ParseStatus.Nothing : ParseStatus.Command, length + 1);
    }

    private void AddArgument(int offset, int length)
    {
        if (Count == _arguments.Length)
            Array.Resize(ref _arguments, 2 * _arguments.Length);
        _arguments[Count++] = (offset, length);
    }

    private ReadOnlySpan<byte> Window(in ReadOnlySequence<byte> buffer, int start)
    {
        int length = (int)Math.Min(HeaderBytes, buffer.Length - start);
        if (length <= 0)
            return [];
        if (buffer.FirstSpan.Length >= start + length)
            return buffer.FirstSpan.Slice(start, length);
        buffer.Slice(start, length).CopyTo(_header);
        return _header.AsSpan(0, length);
    }

    private static byte At(in ReadOnlySequence<byte> buffer, int position)
    {
        if (position < buffer.FirstSpan.Length)
            return buffer.FirstSpan[position];
        new SequenceReader<byte>(buffer.Slice(position)).TryPeek(out byte value);
        return value;
    }

    private ReadOnlyMemory<byte> Contiguous(in ReadOnlySequence<byte> buffer, int length)
    {
        if (buffer.First.Length >= length)
            return buffer.First;
        EnsureScratch(length);
        buffer.Slice(0, length).CopyTo(_scratch);
        return _scratch;
    }

    private void EnsureScratch(int length)
    {
        const int Keep = 64 * 1024;
        if (_scratch.Length >= length && (_scratch.Length <= Keep || length > Keep))
            return;
        ReturnScratch();
        _scratch = ArrayPool<byte>.Shared.Rent(length);
    }

    private void ReturnScratch()
    {
        if (_scratch.Length > 0)
            ArrayPool<byte>.Shared.Return(_scratch);
        _scratch = [];
    }

    private ParseStatus Done(ParseStatus status, int consumed)
    {
        _started = false;
        _bulkLength = -1;
        Consumed = consumed;
        return status;
    }

    private ParseStatus Broken(string error)
    {
        Error = error;
        return ParseStatus.Broken;
    }
}
