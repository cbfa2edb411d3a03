using System.Text;
using ActorRepl.Hosting.Http.Kv;
using ActorRepl.Protocols.Convergence;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace ActorRepl.Hosting.Http.Crdt;

/// <summary>What a request's path names: <c>/crdt/{group}</c>, or <c>/crdt/{group}/{type}/{key}</c>, whose key is all that follows.</summary>
internal readonly record struct CrdtTarget(string Group, CrdtKey? Key)
{
    public static bool Handles(PathString path) => path.StartsWithSegments("/crdt", StringComparison.Ordinal);

    /// <exception cref="ProblemException">It names nothing.</exception>
    public static CrdtTarget Of(HttpContext context)
    {
        string raw = context.Features.Get<IHttpRequestFeature>()?.RawTarget is { Length: > 0 } target ? target : context.Request.Path.Value ?? "";
        int query = raw.IndexOf('?', StringComparison.Ordinal);
        string[] parts = (query < 0 ? raw : raw[..query]).TrimStart('/').Split('/', 4);
        if (parts.Length is not (2 or 4) || parts[1].Length == 0)
            throw new ProblemException(StatusCodes.Status404NotFound, "not-found", "there are /crdt/{group} and /crdt/{group}/{type}/{key}");
        return new CrdtTarget(Encoding.UTF8.GetString(KvTarget.Decode(parts[1])), parts.Length == 2 ? null : KeyOf(parts[2], KvTarget.Decode(parts[3])));
    }

    /// <exception cref="ProblemException">There is no such type, or the name is too short or too long.</exception>
    public static CrdtKey KeyOf(string type, byte[] name)
    {
        if (!CrdtTypeNames.TryParse(type, out CrdtType known))
            throw new ProblemException(StatusCodes.Status404NotFound, "type", $"there is no type '{type}'; there are {string.Join(", ", CrdtTypeNames.All)}");
        return name.Length is > 0 and <= CrdtKey.MaxNameBytes ? new CrdtKey(known, name)
            : throw ProblemException.BadRequest($"a key has 1 to {CrdtKey.MaxNameBytes} bytes, this one has {name.Length}");
    }
}

/// <summary>The types as people write them: <c>two-phase-set</c>.</summary>
internal static class CrdtTypeNames
{
    private static readonly Dictionary<CrdtType, string> Names = Enum.GetValues<CrdtType>().ToDictionary(type => type, type => Kebab($"{type}"));
    private static readonly Dictionary<string, CrdtType> Types = Names.ToDictionary(name => name.Value, name => name.Key, StringComparer.Ordinal);

    public static IEnumerable<string> All => Types.Keys;

    public static string Of(CrdtType type) => Names[type];

    public static bool TryParse(string text, out CrdtType type) => Types.TryGetValue(text, out type);

    public static string Kebab(string name) =>
        string.Concat(name.Select((letter, i) => char.IsUpper(letter) ? (i > 0 ? "-" : "") + char.ToLowerInvariant(letter) : $"{letter}"));
}
