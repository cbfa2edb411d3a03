namespace ActorRepl.Hosting.Redis;

/// <summary>
/// One of Redis's patterns: <c>*</c>, <c>?</c>, <c>[a-z]</c>, <c>[^a]</c>, and <c>\</c> before what is meant as it stands. Read once; then a text
/// costs so many steps as it has bytes, for each 64 bytes of the pattern, whatever either of them is (Baeza-Yates and Gonnet, "A New
/// Approach to Text Searching", 1992).
/// </summary>
internal sealed class RedisGlob
{
    /// <summary>The longest pattern, in bytes.</summary>
    public const int MostBytes = 1024;

    private const int WordBits = 64;

    // State i: what stands before the i-th thing of the pattern has been seen. Bit i of a byte's mask: the i-th thing stands for
    // that byte. Bit i of the stars: in state i, any bytes may come.
    private readonly ulong[] _masks;
    private readonly ulong[] _stars;
    private readonly int _words;
    private int _things;

    public RedisGlob(ReadOnlySpan<byte> pattern)
    {
        if (pattern.Length > MostBytes)
            throw new ArgumentException($"a pattern has at most {MostBytes} bytes; this one has {pattern.Length}", nameof(pattern));
        _words = pattern.Length / WordBits + 1;
        _masks = new ulong[256 * _words];
        _stars = new ulong[_words];
        while (!pattern.IsEmpty)
            pattern = pattern[Add(pattern)..];
    }

    /// <summary>What every key that matches begins with.</summary>
    public static byte[] PrefixOf(ReadOnlySpan<byte> pattern)
    {
        int length = pattern.IndexOfAny("*?[\\"u8);
        return (length < 0 ? pattern : pattern[..length]).ToArray();
    }

    public bool Matches(ReadOnlySpan<byte> text)
    {
        if (_words > 1)
            return MatchesLong(text);
        ulong state = 1;
        foreach (byte one in text)
        {
            state = (state & _masks[one]) << 1 | (state & _stars[0]);
            if (state == 0)
                return false;
        }

        return (state >> _things & 1) != 0;
    }

    private bool MatchesLong(ReadOnlySpan<byte> text)
    {
        Span<ulong> state = stackalloc ulong[_words];
        state.Clear();
        state[0] = 1;
        foreach (byte one in text)
        {
            ReadOnlySpan<ulong> mask = _masks.AsSpan(one * _words, _words);
            ulong carried = 0, any = 0;
            for (int i = 0; i < _words; i++)
            {
                ulong seen = state[i] & mask[i];
                state[i] = seen << 1 | carried | (state[i] & _stars[i]);
                carried = seen >> (WordBits - 1);
                any |= state[i];
            }

            if (any == 0)
                return false;
        }

        return (state[_things / WordBits] >> (_things % WordBits) & 1) != 0;
    }

    /// <summary>Adds the first thing of a pattern, and says how many bytes it takes.</summary>
    private int Add(ReadOnlySpan<byte> pattern)
    {
        switch (pattern[0])
        {
            case (byte)'*':
                _stars[_things / WordBits] |= Bit;
                return 1;
            case (byte)'?':
                Accept(0, byte.MaxValue);
                _things++;
                return 1;
            case (byte)'[':
                return AddSet(pattern);
            case (byte)'\\' when pattern.Length > 1:
                Accept(pattern[1], pattern[1]);
                _things++;
                return 2;
            default:
                Accept(pattern[0], pattern[0]);
                _things++;
                return 1;
        }
    }

    private int AddSet(ReadOnlySpan<byte> pattern)
    {
        bool not = pattern.Length > 1 && pattern[1] == '^';
        int at = not ? 2 : 1;
        for (; at < pattern.Length && pattern[at] != ']'; at++)
        {
            if (pattern[at] == '\\' && at + 1 < pattern.Length)
            {
                at++;
                Accept(pattern[at], pattern[at]);
            }
            else if (at + 2 < pattern.Length && pattern[at + 1] == '-')
            {
                Accept(Math.Min(pattern[at], pattern[at + 2]), Math.Max(pattern[at], pattern[at + 2]));
                at += 2;
            }
            else
            {
                Accept(pattern[at], pattern[at]);
            }
        }

        for (int one = 0; not && one <= byte.MaxValue; one++)
            _masks[one * _words + _things / WordBits] ^= Bit;
        _things++;
        return Math.Min(at + 1, pattern.Length);
    }

    private ulong Bit => 1UL << (_things % WordBits);

    private void Accept(byte first, byte last)
    {
        for (int one = first; one <= last; one++)
            _masks[one * _words + _things / WordBits] |= Bit;
    }
}
