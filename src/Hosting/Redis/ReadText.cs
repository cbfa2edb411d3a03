using ActorRepl.Actors.Client;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Hosting.Redis;

/// <summary>Who may answer a read, and what the answer may have missed. The default: the primary, nothing.</summary>
/// <param name="From">Who.</param>
/// <param name="Kind">None: linearizable.</param>
/// <param name="MaxStalenessMillis">Of a <see cref="RequestKind.BoundedRead"/>.</param>
/// <param name="Level">Of groups without a leader.</param>
internal readonly record struct ReadTerms(ReadFrom From = ReadFrom.Default, RequestKind Kind = default, int MaxStalenessMillis = 0, ConsistencyLevel Level = default)
{
    public bool IsDefault => this == default;

    /// <summary>Nothing is missed, whoever answers.</summary>
    public bool IsLinearizable => (this with { From = ReadFrom.Default }).IsDefault;

    /// <summary>All that the connection has seen, and what it has written.</summary>
    public bool IsSession => Kind == RequestKind.SessionRead;

    public RequestOptions? Options => IsDefault ? null : new RequestOptions
    {
        ReadFrom = From,
        Level = Level,
        MaxStaleness = Kind == RequestKind.BoundedRead ? TimeSpan.FromMilliseconds(MaxStalenessMillis) : null,
    };

    /// <summary>What to ask of the client.</summary>
    public RequestKind AskedKind => Kind == default ? RequestKind.Read : Kind;
}

/// <summary>
/// The same in words, in any order, apart by spaces or commas: a read preference of MongoDB's in lower case (<c>secondary-preferred</c>), and
/// <c>linearizable</c>, <c>session</c> (all that the connection has seen), <c>stale</c>, or how old the answer may be (<c>500ms</c>, <c>2s</c>). <c>default</c> alone: the primary, linearizable.
/// </summary>
internal static class ReadText
{
    public const string Allowed = "primary, primary-preferred, secondary, secondary-preferred or nearest; linearizable, session, stale, or a time such as 500ms or 2s; level:one, level:quorum and so on for groups without a leader; or default";

    private const string Quorum = "quorum";

    // Of groups without a leader: whose answers a read waits for.
    private const string LevelWord = "level:";

    private static readonly Dictionary<string, ReadFrom> Preferences = new()
    {
        ["primary"] = ReadFrom.Primary, ["primary-preferred"] = ReadFrom.PrimaryPreferred, ["secondary"] = ReadFrom.Secondary,
        ["secondary-preferred"] = ReadFrom.SecondaryPreferred, ["nearest"] = ReadFrom.Nearest,
    };

    /// <exception cref="FormatException">It is none; the message says why.</exception>
    public static ReadTerms Parse(string text)
    {
        var terms = new ReadTerms();
        string[] words = text.Split([' ', ','], StringSplitOptions.RemoveEmptyEntries);
        if (words.Length == 0)
            throw new FormatException($"it is empty; it must be {Allowed}");
        if (words is [var only] && only.Equals("default", StringComparison.OrdinalIgnoreCase))
            return default;
        foreach (string word in words)
            terms = With(terms, word.ToLowerInvariant()) ?? throw new FormatException($"'{word}' is not known, or there is one like it already; it must be {Allowed}");
        return terms with { Kind = terms.Kind == RequestKind.Read ? default : terms.Kind };
    }

    /// <summary>The same, of what the group can do.</summary>
    /// <exception cref="FormatException">It is none, or the group cannot; the message says why.</exception>
    public static ReadTerms ParseFor(GroupInfo group, string text)
    {
        ReadTerms terms = Parse(text);
        return (Refusal(group.Name, group.Protocol, terms) ?? group.Refusal(default, terms.Level)) is { } why ? throw new FormatException(why) : terms;
    }

    /// <summary>Why the group cannot answer such reads; null: it can.</summary>
    public static string? Refusal(string group, string protocol, in ReadTerms terms) => protocol == Quorum && terms.Kind is (RequestKind.SessionRead or RequestKind.BoundedRead)
        ? $"group '{group}' has no leader, and so no sessions and no bounds of age: how fresh an answer is follows from its level, such as level:one or level:quorum"
        : null;

    /// <summary>The word of who may answer; empty: as suits the read.</summary>
    public static string NameOf(ReadFrom from) => Preferences.FirstOrDefault(known => known.Value == from).Key ?? "";

    public static string Describe(in ReadTerms terms)
    {
        if (terms.IsDefault)
            return "default";
        string who = NameOf(terms.From);
        string what = terms.Kind switch
        {
            RequestKind.StaleRead => "stale",
            RequestKind.SessionRead => "session",
            RequestKind.BoundedRead => $"{terms.MaxStalenessMillis}ms",
            _ => "linearizable",
        };
        string level = terms.Level.IsDefault ? "" : $" {LevelWord}{terms.Level.Text}";
        return (who.Length > 0 ? $"{who} {what}" : what) + level;
    }

    private static ReadTerms? With(in ReadTerms terms, string word)
    {
        if (terms.From == ReadFrom.Default && Preferences.TryGetValue(word, out ReadFrom from))
            return terms with { From = from };
        if (terms.Level.IsDefault && word.StartsWith(LevelWord, StringComparison.Ordinal) && ConsistencyLevel.TryParse(word[LevelWord.Length..], out ConsistencyLevel level))
            return terms with { Level = level };
        if (terms.Kind != default)
            return null;
        return word switch
        {
            "linearizable" => terms with { Kind = RequestKind.Read },
            "stale" => terms with { Kind = RequestKind.StaleRead },
            "session" => terms with { Kind = RequestKind.SessionRead },
            _ => ConcernText.Millis(word) is { } millis ? terms with { Kind = RequestKind.BoundedRead, MaxStalenessMillis = millis } : null,
        };
    }
}
