using System.Globalization;

namespace ActorRepl.Protocols.Control;

/// <summary>
/// The options that a host declares with a group: lines of <c>name = value</c>, and among them <c>settings-version</c>, by which an operator
/// says that others are meant from now on. Of a group whose host declared none, nothing is compared.
/// </summary>
public static class GroupOptions
{
    public const string Version = "settings-version";

    /// <summary>What a host says of its group: what the protocol declares, in this version of it.</summary>
    public static string Declare(string declaration, int version) =>
        declaration.Length == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"{Version} = {version}\n{declaration}");

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
