using System.Globalization;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Hosting.Redis;

/// <summary>
/// A write concern in words, in any order, apart by spaces or commas: who (<c>async</c>, <c>semi-sync</c> or <c>semi-sync:2</c>, <c>sync</c>,
/// <c>quorum</c>), how far (<c>received</c>, <c>durable</c>, <c>applied</c>), how long (<c>500ms</c>, <c>2s</c>), and what then (<c>degrade</c>,
/// <c>refuse</c>). <c>default</c> alone: all as the group says.
/// </summary>
internal static class ConcernText
{
    public const string Allowed = "async, semi-sync[:N], sync or quorum; received, durable or applied; a time such as 500ms or 2s; degrade or refuse; or default";

    private const int MaxMillis = 3_600_000;

    /// <exception cref="FormatException">It is none; the message says why.</exception>
    public static WriteConcern Parse(string text)
    {
        var concern = new WriteConcern();
        string[] words = text.Split([' ', ','], StringSplitOptions.RemoveEmptyEntries);
        if (words.Length == 0)
            throw new FormatException($"it is empty; it must be {Allowed}");
        foreach (string word in words)
        {
            string lower = word.ToLowerInvariant();
            if (lower == "default" && words.Length == 1)
                return default;
            WriteConcern with = With(concern, lower) ?? throw new FormatException($"'{word}' is not known; it must be {Allowed}");
            concern = with;
        }

        return concern.Contradiction is { } wrong ? throw new FormatException(wrong) : concern;
    }

    public static string Describe(in WriteConcern concern)
    {
        if (concern.IsDefault)
            return "default";
        string level = concern.Level switch
        {
            AckLevel.Async => "async",
            AckLevel.SemiSync => concern.Backups == 0 ? "semi-sync" : $"semi-sync:{concern.Backups}",
            AckLevel.Sync => "sync",
            AckLevel.Quorum => "quorum",
            _ => "",
        };
        return string.Join(' ', ((string[])
        [
            level,
            concern.Reach == AckReach.Default ? "" : concern.Reach.ToString().ToLowerInvariant(),
            concern.TimeoutMillis == 0 ? "" : $"{concern.TimeoutMillis}ms",
            concern.OnTimeout == OnAckTimeout.Default ? "" : concern.OnTimeout.ToString().ToLowerInvariant(),
        ]).Where(word => word.Length > 0));
    }

    private static WriteConcern? With(in WriteConcern concern, string word) => word switch
    {
        "async" => concern with { Level = AckLevel.Async },
        "semi-sync" => concern with { Level = AckLevel.SemiSync },
        "sync" => concern with { Level = AckLevel.Sync },
        "quorum" => concern with { Level = AckLevel.Quorum },
        "received" => concern with { Reach = AckReach.Received },
        "durable" => concern with { Reach = AckReach.Durable },
        "applied" => concern with { Reach = AckReach.Applied },
        "degrade" => concern with { OnTimeout = OnAckTimeout.Degrade },
        "refuse" => concern with { OnTimeout = OnAckTimeout.Refuse },
        _ when word.StartsWith("semi-sync:", StringComparison.Ordinal) && byte.TryParse(word["semi-sync:".Length..], NumberStyles.None, CultureInfo.InvariantCulture, out byte backups) && backups > 0
            => concern with { Level = AckLevel.SemiSync, Backups = backups },
        _ when Millis(word) is { } millis => concern with { TimeoutMillis = millis },
        _ => null,
    };

    /// <summary>A time such as <c>500ms</c> or <c>2s</c>, up to an hour; null: it is none.</summary>
    internal static int? Millis(string word)
    {
        int unit = word.EndsWith("ms", StringComparison.Ordinal) ? 1 : word.EndsWith('s') ? 1000 : 0;
        return unit > 0 && int.TryParse(word[..^(unit == 1 ? 2 : 1)], NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number > 0 && number <= MaxMillis / unit
            ? number * unit
            : null;
    }
}
