using System.Globalization;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Placement;

namespace ActorRepl.Protocols.Control;

/// <summary>
/// The options that a host declares with a group: lines of <c>name = value</c>, and among them <c>settings-version</c>, by which an operator
/// says that others are meant from now on. Of a group whose host declared none, nothing is compared.
/// </summary>
public static class GroupOptions
{
    public const string Version = "settings-version";

    /// <summary>The rule by which keys are placed; without this line, by the whole key, as before there was another.</summary>
    public const string Placement = "key-placement";

    /// <summary>What a host says of its group: how its keys are placed, and what the protocol declares, in this version of it.</summary>
    public static string Declare(string declaration, int version, KeyPlacement placement = KeyPlacement.WholeKey)
    {
        string rule = placement == KeyPlacement.WholeKey ? "" : $"{Placement} = {placement.Name()}\n";
        return declaration.Length == 0 ? rule : string.Create(CultureInfo.InvariantCulture, $"{Version} = {version}\n{rule}{declaration}");
    }

    /// <exception cref="InvalidDataException">This build does not know the rule.</exception>
    public static KeyPlacement PlacementOf(string options) => KeyPlacements.Of(PlacementName(options));

    /// <summary>Null: it names none.</summary>
    internal static string? PlacementName(string options) => Parse(options).GetValueOrDefault(Placement);

    private const string NoLeader = "leader = none\n";
    private const string EveryNode = "members = every node\n";

    /// <summary>What a protocol is, and what it declares itself.</summary>
    public static string Of(IProtocolFactory protocol) =>
        (protocol.IsLeaderless ? NoLeader : "") + (protocol.SpansNodes ? EveryNode : "") + protocol.Declaration;

    /// <inheritdoc cref="IProtocolFactory.IsLeaderless"/>
    internal static bool IsLeaderless(string options) => options.Contains(NoLeader, StringComparison.Ordinal);

    /// <inheritdoc cref="IProtocolFactory.SpansNodes"/>
    internal static bool SpansNodes(string options) => options.Contains(EveryNode, StringComparison.Ordinal);

    /// <summary>0: it says none.</summary>
    internal static long VersionOf(string options) =>
        Parse(options).TryGetValue(Version, out string? text) && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long version) ? version : 0;

    /// <summary>Name, value registered and value declared of each line that differs; "nothing" for one that is missing.</summary>
    internal static IEnumerable<(string Name, string Registered, string Declared)> Differences(string registered, string declared)
    {
        SortedDictionary<string, string> known = Parse(registered), here = Parse(declared);
        foreach (string name in known.Keys.Union(here.Keys).Order(StringComparer.Ordinal))
        {
            string one = known.GetValueOrDefault(name, "nothing"), other = here.GetValueOrDefault(name, "nothing");
            if (one != other)
                yield return (name, one, other);
        }
    }

    private static SortedDictionary<string, string> Parse(string options)
    {
        var lines = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (string line in options.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            int equals = line.IndexOf('=', StringComparison.Ordinal);
            lines[equals < 0 ? line.Trim() : line[..equals].Trim()] = equals < 0 ? "" : line[(equals + 1)..].Trim();
        }

        return lines;
    }
}
