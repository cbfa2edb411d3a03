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
/// the command is inline.
/// </summary>
internal sealed class RespParser(RespLimits limits)
{
    // A number's digits, with some room for what is none.
    private const int NumberBytes = 32;

    // Room for more arguments is let go of after the command that needed it.
    private const int KeptArguments = 1024;
    private const int FewArguments = 4;

    private (int Offset, int Length)[] _arguments = new (int, int)[FewArguments];
    private ReadOnlyMemory<byte> _source;
    private int _position;
    private int _expected;
    private int _bulkLength = -1;
    private bool _started;

    /// <summary>Who speaks has not said the password: commands may be no longer than saying it takes.</summary>
    public bool IsStranger { get; set; }

    /// <summary>Arguments of the command that was read, its name first.</summary>
    public int Count { get; private set; }

    /// <summary>Bytes that the command, or the nothing, takes.</summary>
    public int Consumed { get; private set; }

    /// <summary>After <see cref="ParseStatus.Broken"/>: what Redis says of such bytes.</summary>
    public string Error { get; private set; } = "";

    /// <summary>Of a command that is not whole yet: where its bytes end at the least, as far as is known.</summary>
    public int Needed => _started && _bulkLength >= 0 ? _position + _bulkLength + 2 : 0;

    /// <summary>Valid until the next call of <see cref="Parse"/>, and as long as the buffer is.</summary>
    public ReadOnlySpan<byte> this[int index] => _source.Span.Slice(_arguments[index].Offset, _arguments[index].Length);

    /// <summary>
    /// Reads one command. The buffer begins with the command's first byte, also when called again after
    /// <see cref="ParseStatus.Incomplete"/> with the same bytes and more.
    /// </summary>
    public ParseStatus Parse(ReadOnlyMemory<byte> buffer)
    {
        ReadOnlySpan<byte> bytes = buffer.Span;
        if (!_started)
        {
            if (bytes.IsEmpty)
                return ParseStatus.Incomplete;
            if (_arguments.Length > KeptArguments)
                _arguments = new (int, int)[FewArguments];
            if (bytes[0] != '*')
                return ParseInline(bytes);
            ParseStatus status = ParseArrayHeader(bytes);
            if (!_started)
                return status;
        }

        while (Count < _expected)
        {
            if (_bulkLength < 0 && ParseBulkHeader(bytes) is var header and not ParseStatus.Command)
                return header;
            int end = _position + _bulkLength + 2;
            if (bytes.Length < end)
                return ParseStatus.Incomplete;
            AddArgument(_position, _bulkLength);
            _position = end;
            _bulkLength = -1;
        }

        _source = buffer;
        return Done(ParseStatus.Command, _position);
    }

    /// <summary>Lets go of the buffer that the last command lay in.</summary>
    public void Release() => _source = default;

    private ParseStatus ParseArrayHeader(ReadOnlySpan<byte> bytes)
    {
        ParseStatus status = ParseNumber(bytes, 1, "invalid multibulk length", out long count, out int end);
        if (status != ParseStatus.Command)
            return status;
        if (count <= 0)
            return Done(ParseStatus.Nothing, end);
        if (count > limits.MaxArguments)
            return Broken("invalid multibulk length");
        if (IsStranger && count > RespLimits.StrangersArguments)
            return Broken("unauthenticated multibulk length");
        _started = true;
        _expected = (int)count;
        _position = end;
        Count = 0;
        return ParseStatus.Command;
    }

    private ParseStatus ParseBulkHeader(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length <= _position)
            return ParseStatus.Incomplete;
        byte marker = bytes[_position];
        if (marker != '$')
            return Broken($"expected '$', got '{(marker is >= 0x20 and < 0x7f ? (char)marker : '?')}'");
        ParseStatus status = ParseNumber(bytes, _position + 1, "invalid bulk length", out long length, out int end);
        if (status != ParseStatus.Command)
            return status;
        if (length < 0 || length > limits.MaxBulkBytes)
            return Broken("invalid bulk length");
        if (IsStranger && end + length > RespLimits.StrangersBytes)
            return Broken("unauthenticated bulk length");
        if (end + length + 2 > limits.MaxCommandBytes)
            return Broken($"a command is longer than {limits.MaxCommandBytes} bytes");
        _bulkLength = (int)length;
        _position = end;
        return ParseStatus.Command;
    }

    /// <summary>Reads the decimal number from <paramref name="start"/> to CR LF.</summary>
    private ParseStatus ParseNumber(ReadOnlySpan<byte> bytes, int start, string error, out long number, out int end)
    {
        // Mostly one to three digits: cheaper read than searched for.
        number = 0;
        int position = start;
        while (position < bytes.Length && position - start < 18 && bytes[position] is >= (byte)'0' and <= (byte)'9')
            number = number * 10 + (bytes[position++] - '0');
        end = position + 2;
        if (position > start && position + 1 < bytes.Length && bytes[position] == '\r' && bytes[position + 1] == '\n')
            return ParseStatus.Command;
        return ParseUnusualNumber(bytes[Math.Min(start, bytes.Length)..], start, error, out number, out end);
    }

    // Signs, leading zeros beyond measure, half a number, or none.
    private ParseStatus ParseUnusualNumber(ReadOnlySpan<byte> bytes, int start, string error, out long number, out int end)
    {
        ReadOnlySpan<byte> window = bytes[..Math.Min(bytes.Length, NumberBytes)];
        int length = window.IndexOf("\r\n"u8);
        end = start + length + 2;
        number = 0;
        if (length < 0)
            return window.Length < NumberBytes ? ParseStatus.Incomplete : Broken(error);
        return Utf8Parser.TryParse(window[..length], out number, out int used) && used == length ? ParseStatus.Command : Broken(error);
    }

    private ParseStatus ParseInline(ReadOnlySpan<byte> bytes)
    {
        int length = bytes.IndexOf((byte)'\n'), longest = IsStranger ? Math.Min(RespLimits.StrangersBytes, limits.MaxInlineBytes) : limits.MaxInlineBytes;
        if ((length < 0 ? bytes.Length : length) > longest)
            return Broken("too big inline request");
        if (length < 0)
            return ParseStatus.Incomplete;
        ReadOnlySpan<byte> text = bytes[..length];
        if (text.EndsWith("\r"u8))
            text = text[..^1];

        // Unquoted text is never longer than what it was quoted as.
        byte[] unquoted = new byte[text.Length];
        Count = 0;
        var splitter = new InlineSplitter(text, unquoted);
        while (Count <= limits.MaxArguments && splitter.Next(out int offset, out int size))
            AddArgument(offset, size);
        _source = unquoted;
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
