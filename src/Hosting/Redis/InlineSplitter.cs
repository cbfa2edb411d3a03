namespace ActorRepl.Hosting.Redis;

/// <summary>
/// Splits an inline command as Redis does: at white space, with "double quotes" (\n \r \t \b \a \xHH and \c escapes) and
/// 'single quotes' (\' alone). The unquoted arguments are written one after the other into the target.
/// </summary>
internal ref struct InlineSplitter(ReadOnlySpan<byte> line, Span<byte> target)
{
    private readonly ReadOnlySpan<byte> _line = line;
    private readonly Span<byte> _target = target;
    private int _position;
    private int _written;

    /// <summary>A quote was opened and not closed, or text follows a closing quote at once.</summary>
    public bool Unbalanced { get; private set; }

    /// <summary>The next argument, as a slice of the target.</summary>
    public bool Next(out int offset, out int length)
    {
        while (_position < _line.Length && IsSpace(_line[_position]))
            _position++;
        offset = _written;
        length = 0;
        if (_position == _line.Length || Unbalanced)
            return false;

        while (_position < _line.Length && !IsSpace(_line[_position]))
        {
            byte b = _line[_position++];
            bool fine = b switch
            {
                (byte)'"' => DoubleQuoted(),
                (byte)'\'' => SingleQuoted(),
                _ => Put(b),
            };
            if (fine)
                continue;
            Unbalanced = true;
            return false;
        }

        length = _written - offset;
        return true;
    }

    private bool DoubleQuoted()
    {
        while (_position < _line.Length)
        {
            byte b = _line[_position++];
            if (b == '"')
                return AtBreak();
            Put(b == '\\' && _position < _line.Length ? Escaped() : b);
        }

        return false;
    }

    private bool SingleQuoted()
    {
        while (_position < _line.Length)
        {
            byte b = _line[_position++];
            if (b == '\'')
                return AtBreak();
            if (b == '\\' && _position < _line.Length && _line[_position] == '\'')
                b = _line[_position++];
            Put(b);
        }

        return false;
    }

    private byte Escaped()
    {
        byte b = _line[_position++];
        if (b == 'x' && _position + 2 <= _line.Length
            && Hex(_line[_position]) is >= 0 and var high && Hex(_line[_position + 1]) is >= 0 and var low)
        {
            _position += 2;
            return (byte)(high * 16 + low);
        }

        return b switch
        {
            (byte)'n' => (byte)'\n',
            (byte)'r' => (byte)'\r',
            (byte)'t' => (byte)'\t',
            (byte)'b' => (byte)'\b',
            (byte)'a' => (byte)'\a',
            _ => b,
        };
    }

    private readonly bool AtBreak() => _position == _line.Length || IsSpace(_line[_position]);

    private bool Put(byte b)
    {
        _target[_written++] = b;
        return true;
    }

    private static bool IsSpace(byte b) => b is (byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n' or 0x0b or 0x0c or 0;

    private static int Hex(byte b) => b switch
    {
        >= (byte)'0' and <= (byte)'9' => b - '0',
        >= (byte)'a' and <= (byte)'f' => b - 'a' + 10,
        >= (byte)'A' and <= (byte)'F' => b - 'A' + 10,
        _ => -1,
    };
}
