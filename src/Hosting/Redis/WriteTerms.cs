using ActorRepl.Actors.Client;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Hosting.Redis;

/// <summary>When a connection's writes count as done. The default: as the group says.</summary>
/// <param name="Concern">Who has to have them.</param>
/// <param name="Level">The same of groups without a leader, in their own words.</param>
internal readonly record struct WriteTerms(WriteConcern Concern = default, ConsistencyLevel Level = default)
{
    public const string Allowed = ConcernText.Allowed + "; level:one, level:local-quorum and so on, alone, for groups without a leader";

    private const string LevelWord = "level:";

    public RequestOptions? Options => this == default ? null : new RequestOptions { Concern = Concern, Level = Level };

    /// <summary>Reads what <see cref="ConcernText"/> does, and <c>level:</c> with a <see cref="ConsistencyLevel"/>, alone.</summary>
    /// <exception cref="FormatException">It is none; the message says why.</exception>
    public static WriteTerms Parse(string text)
    {
        if (!text.Contains(LevelWord, StringComparison.OrdinalIgnoreCase))
            return new WriteTerms(ConcernText.Parse(text));
        string word = text.Trim(' ', ',');
        return word.StartsWith(LevelWord, StringComparison.OrdinalIgnoreCase) && ConsistencyLevel.TryParse(word[LevelWord.Length..], out ConsistencyLevel level) && level != ConsistencyLevel.Serial
            ? new WriteTerms(default, level)
            : throw new FormatException($"'{word}' is not known; it must be {Allowed}");
    }

    /// <summary>The same, of what the group can do.</summary>
    /// <exception cref="FormatException">It is none, or the group cannot; the message says why.</exception>
    public static WriteTerms ParseFor(GroupInfo group, string text)
    {
        WriteTerms terms = Parse(text);
        return group.Refusal(terms.Concern, terms.Level) is { } why ? throw new FormatException(why) : terms;
    }

    public string Describe() => Level.IsDefault ? ConcernText.Describe(Concern) : LevelWord + Level.Text;
}
