using System.Buffers.Text;
using System.Text;
using ActorRepl.Protocols.Machines;

namespace ActorRepl.Hosting.Redis;

/// <summary>Options of SET and GETEX, and times of EXPIRE and its kin, read as Redis reads them.</summary>
internal static class ExpiryArguments
{
    /// <summary>NX, XX, GET, KEEPTTL, EX, PX, EXAT and PXAT, in any order; an error's text: they are wrong.</summary>
    public static string? ReadSet(RespParser command, out KeyValueTerms terms)
    {
        terms = default;
        bool timed = false;
        for (int i = 3; i < command.Count; i++)
        {
            ReadOnlySpan<byte> word = command[i];
            if (Is(word, "nx") && terms.Condition != KeyCondition.Present)
                terms = terms with { Condition = KeyCondition.Missing };
            else if (Is(word, "xx") && terms.Condition != KeyCondition.Missing)
                terms = terms with { Condition = KeyCondition.Present };
            else if (Is(word, "get"))
                terms = terms with { Return = KeyReturn.Old };
            else if (Is(word, "keepttl") && !timed)
                (terms, timed) = (terms with { Expiry = KeyExpiry.Keep }, true);
            else if (!timed && i + 1 < command.Count && TryUnit(word, out int unit, out KeyExpiry expiry))
            {
                if (ReadTime(command[++i], unit, expiry, "set", ref terms) is { } wrong && !HasMoreWrong(command, i + 1))
                    return wrong;
                timed = true;
            }
            else
                return RedisErrors.Syntax;
        }

        return null;
    }

    /// <summary>EX, PX, EXAT, PXAT or PERSIST; without, the end stays.</summary>
    public static string? ReadGetEx(RespParser command, out KeyValueTerms terms)
    {
        terms = new KeyValueTerms(Expiry: KeyExpiry.Keep);
        if (command.Count == 2)
            return null;
        if (command.Count == 3 && Is(command[2], "persist"))
            terms = new KeyValueTerms(Expiry: KeyExpiry.Never);
        else if (command.Count == 4 && TryUnit(command[2], out int unit, out KeyExpiry expiry))
            return ReadTime(command[3], unit, expiry, "getex", ref terms);
        else
            return RedisErrors.Syntax;
        return null;
    }

    /// <summary>A time of SET or its kin: it must be above 0.</summary>
    public static string? ReadTime(ReadOnlySpan<byte> text, int unit, KeyExpiry expiry, string command, ref KeyValueTerms terms)
    {
        if (!TryNumber(text, out long number))
            return RedisErrors.NotAnInteger;
        if (number <= 0 || number > long.MaxValue / unit || (expiry == KeyExpiry.In && number * unit > long.MaxValue - Now))
            return Invalid(command);
        terms = terms with { Expiry = expiry, Millis = number * unit };
        return null;
    }

    /// <summary>EXPIRE, PEXPIRE, EXPIREAT, PEXPIREAT: a time that may be past, and a condition.</summary>
    public static string? ReadExpire(RespParser command, string name, int unit, KeyExpiry expiry, out KeyValueTerms terms)
    {
        terms = default;
        bool nx = false, xx = false, gt = false, lt = false;
        for (int i = 3; i < command.Count; i++)
        {
            ReadOnlySpan<byte> word = command[i];
            if (!(Note(word, "nx", ref nx) || Note(word, "xx", ref xx) || Note(word, "gt", ref gt) || Note(word, "lt", ref lt)))
                return $"ERR Unsupported option {Encoding.Latin1.GetString(word)}";
        }

        if (nx && (xx || gt || lt))
            return "ERR NX and XX, GT or LT options at the same time are not compatible";
        if (gt && lt)
            return "ERR GT and LT options at the same time are not compatible";
        if (xx && lt)
            return "ERR XX and LT at the same time are not served here";
        if (!TryNumber(command[2], out long number))
            return RedisErrors.NotAnInteger;
        if (number > long.MaxValue / unit || number < long.MinValue / unit || (expiry == KeyExpiry.In && number * unit > long.MaxValue - Now))
            return Invalid(name);
        terms = new KeyValueTerms(gt ? KeyCondition.Later : lt ? KeyCondition.Sooner : nx ? KeyCondition.NeverExpires : xx ? KeyCondition.Expires : KeyCondition.None,
            Expiry: expiry, Millis: number * unit);
        return null;
    }

    public static bool TryNumber(ReadOnlySpan<byte> text, out long number) =>
        Utf8Parser.TryParse(text, out number, out int used) && used == text.Length && text[0] != '+';

    /// <summary>This node's time, ms since 1970: for what is shown, never for what is decided.</summary>
    public static long Now => DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();

    private static string Invalid(string command) => $"ERR invalid expire time in '{command}' command";

    private static bool Is(ReadOnlySpan<byte> word, string option) => Ascii.EqualsIgnoreCase(word, option);

    private static bool Note(ReadOnlySpan<byte> word, string option, ref bool given)
    {
        bool same = Is(word, option);
        given |= same;
        return same;
    }

    // Redis reads all words before it reads the number: what is no option comes first.
    private static bool HasMoreWrong(RespParser command, int from)
    {
        for (int i = from; i < command.Count; i++)
        {
            if (!Is(command[i], "nx") && !Is(command[i], "xx") && !Is(command[i], "get"))
                return true;
        }

        return false;
    }

    private static bool TryUnit(ReadOnlySpan<byte> word, out int unit, out KeyExpiry expiry)
    {
        (unit, expiry) = Is(word, "ex") ? (1000, KeyExpiry.In) : Is(word, "px") ? (1, KeyExpiry.In)
            : Is(word, "exat") ? (1000, KeyExpiry.At) : Is(word, "pxat") ? (1, KeyExpiry.At) : (0, default);
        return unit > 0;
    }
}
