namespace ActorRepl.Hosting.Redis;

/// <summary>Redis's patterns: <c>*</c>, <c>?</c>, <c>[a-z]</c>, <c>[^a]</c>, and <c>\</c> before what is meant as it stands.</summary>
internal static class RedisGlob
{
    /// <summary>What every key that matches begins with.</summary>
    public static byte[] PrefixOf(ReadOnlySpan<byte> pattern)
    {
        int length = pattern.IndexOfAny("*?[\\"u8);
        return (length < 0 ? pattern : pattern[..length]).ToArray();
    }

    public static bool Matches(ReadOnlySpan<byte> pattern, ReadOnlySpan<byte> text)
    {
        // Where the last star was, and what it has swallowed: only the last one is ever made longer.
        ReadOnlySpan<byte> afterStar = default, tried = default;
        bool star = false;
        while (true)
        {
            if (!pattern.IsEmpty && pattern[0] == '*')
            {
                pattern = afterStar = pattern[1..];
                tried = text;
                star = true;
                continue;
            }

            if (text.IsEmpty && pattern.IsEmpty)
                return true;
            if (!text.IsEmpty && !pattern.IsEmpty && TakeOne(pattern, text[0], out int taken))
            {
                pattern = pattern[taken..];
                text = text[1..];
                continue;
            }

            if (!star || tried.IsEmpty)
                return false;
            pattern = afterStar;
            text = tried = tried[1..];
        }
    }

    /// <summary>Whether the first thing of a pattern stands for a byte, and how long it is.</summary>
    private static bool TakeOne(ReadOnlySpan<byte> pattern, byte one, out int taken)
    {
        taken = 1;
        switch (pattern[0])
        {
            case (byte)'?':
                return true;
            case (byte)'[':
                return TakeSet(pattern, one, out taken);
            case (byte)'\\' when pattern.Length > 1:
                taken = 2;
                return pattern[1] == one;
            default:
                return pattern[0] == one;
        }
    }

    private static bool TakeSet(ReadOnlySpan<byte> pattern, byte one, out int taken)
    {
        int at = 1;
        bool not = pattern.Length > 1 && pattern[1] == '^';
        if (not)
            at++;
        bool found = false;
        for (; at < pattern.Length && pattern[at] != ']'; at++)
        {
            if (pattern[at] == '\\' && at + 1 < pattern.Length)
                found |= pattern[++at] == one;
            else if (at + 2 < pattern.Length && pattern[at + 1] == '-')
            {
                (byte low, byte high) = (Math.Min(pattern[at], pattern[at + 2]), Math.Max(pattern[at], pattern[at + 2]));
                found |= one >= low && one <= high;
                at += 2;
            }
            else
                found |= pattern[at] == one;
        }

        taken = Math.Min(at + 1, pattern.Length);
        return found != not;
    }
}
