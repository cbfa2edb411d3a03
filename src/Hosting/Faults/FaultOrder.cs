using System.Globalization;

namespace ActorRepl.Hosting.Faults;

/// <summary>A fault as a person orders it, on the command line or over HTTP.</summary>
/// <param name="Kind">One of <see cref="Kinds"/>.</param>
/// <param name="To">Of links: the node at the other end; null: every other node.</param>
/// <param name="Amount">A delay (<c>100ms</c>) or a probability (<c>0.2</c>, <c>20%</c>), by the kind.</param>
/// <param name="Jitter">Of a delay.</param>
/// <param name="Shard">Of a bit flip, <c>GROUP/SHARD</c>.</param>
/// <param name="Record">Of a bit flip: which record from the newest, which is 1.</param>
/// <param name="For">How long it lasts; null: until it is cleared.</param>
internal sealed record FaultOrder(string Kind, int? To, string? Amount, string? Jitter, string? Shard, int Record, string? For)
{
    public const string Delay = "delay", Drop = "drop", Cut = "cut", SlowSync = "slow-fsync", SyncError = "fsync-error", Full = "full-disk", BitFlip = "bit-flip";

    public static readonly string[] Kinds = [Delay, Drop, Cut, SlowSync, SyncError, Full, BitFlip];

    /// <summary>The longest delay and the slowest sync.</summary>
    public static readonly TimeSpan MaxDelay = TimeSpan.FromMinutes(1);

    public static readonly TimeSpan MaxFor = TimeSpan.FromHours(24);

    /// <summary>A number with its unit: ms, s, m or h. Null: it is none, or out of bounds.</summary>
    public static TimeSpan? ParseTime(string? text, TimeSpan most)
    {
        if (text is null)
            return null;
        int unit = text.TakeWhile(c => char.IsAsciiDigit(c) || c == '.').Count();
        if (!double.TryParse(text.AsSpan(0, unit), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double number))
            return null;
        double? ms = text[unit..] switch { "ms" => 1, "s" => 1_000, "m" => 60_000, "h" => 3_600_000, _ => null };
        return number * ms is { } all && all > 0 && all <= most.TotalMilliseconds ? TimeSpan.FromMilliseconds(all) : null;
    }

    /// <summary>A share above 0 to 1, or in percent. Null: it is none.</summary>
    public static double? ParseShare(string? text)
    {
        bool percent = text?.EndsWith('%') == true;
        if (!double.TryParse(percent ? text![..^1] : text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double number))
            return null;
        double share = percent ? number / 100 : number;
        return share is > 0 and <= 1 ? share : null;
    }

    /// <summary>A group and the number of one of its shards. Null: it is none.</summary>
    public static (string Group, int Shard)? ParseShard(string? text) =>
        text?.LastIndexOf('/') is { } slash and > 0 && int.TryParse(text.AsSpan(slash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int shard)
            ? (text[..slash], shard) : null;

    /// <summary>What is wrong with it, in the words of the command line; null: nothing.</summary>
    public string? Mistake() => Kind switch
    {
        _ when For is not null && ParseTime(For, MaxFor) is null => $"--for is '{For}'; it must be a time such as 10s or 500ms, at most {MaxFor.TotalHours}h",
        _ when To is < 1 => $"--to is {To}; it must be a node's number, from 1",
        Delay or SlowSync when ParseTime(Amount, MaxDelay) is null => $"the time is '{Amount}'; it must be such as 100ms or 2s, above 0 and at most {MaxDelay.TotalSeconds}s",
        Delay when Jitter is not null && !(ParseTime(Jitter, MaxDelay) <= ParseTime(Amount, MaxDelay)) => $"--jitter is '{Jitter}'; it must be a time such as 20ms, at most the delay",
        Drop when ParseShare(Amount) is null => $"the probability is '{Amount}'; it must be above 0 and at most 1, or 100%",
        BitFlip when ParseShard(Shard) is null => $"the shard is '{Shard}'; it must be GROUP/SHARD, such as kv/0",
        BitFlip when Record < 1 => $"--record is {Record}; it must be from 1, the newest",
        _ => Kinds.Contains(Kind) ? null : $"the fault is '{Kind}'; it must be {string.Join(", ", Kinds)}",
    };
}
