using Akka.Configuration;
using Akka.Configuration.Hocon;

namespace ActorRepl.Hosting.Settings;

/// <summary>Finds settings under <c>actorrepl</c> that do not exist: a misspelt limit must not be ignored silently.</summary>
public static class UnknownSettings
{
    private const string Root = "actorrepl";
    private const string Groups = "actorrepl.groups";
    private const string GroupDefaults = "actorrepl.group-defaults";

    // What a group may have of its own under the protocol's name.
    private static readonly string[] Protocols = [".primary-backup", ".chain", ".quorum", ".crdt"];

    /// <exception cref="UserErrorException">Names the first such setting, and the one that was probably meant.</exception>
    public static void Check(Config given, Config reference, string source)
    {
        string[] known = [.. Paths(reference).SelectMany(Prefixes).Distinct()];
        foreach (string path in Paths(given))
        {
            string canonical = Canonical(path);
            if (canonical != Root && !known.Contains(canonical))
                throw new UserErrorException($"unknown setting {path} in {source}; the nearest is {Named(Nearest(canonical, known), path)}");
        }
    }

    /// <summary>The known name with the fewest changed letters.</summary>
    public static string Nearest(string name, IEnumerable<string> known) =>
        known.MinBy(candidate => Distance(name, candidate)) ?? "";

    /// <summary>Every leaf under the root, as a path.</summary>
    private static IEnumerable<string> Paths(Config config) => config.HasPath(Root) ? Leaves(Root, config.GetValue(Root)) : [];

    private static IEnumerable<string> Leaves(string path, HoconValue value) =>
        value.IsObject() && value.GetObject().Items is { Count: > 0 } items
            ? items.SelectMany(item => Leaves($"{path}.{item.Key}", item.Value)) : [path];

    private static IEnumerable<string> Prefixes(string path)
    {
        for (int end = path.Length; end > 0; end = path.LastIndexOf('.', end - 1))
            yield return path[..end];
    }

    /// <summary>A setting of any group is a setting of the defaults of groups; what it says of its protocol, one of the protocol's.</summary>
    private static string Canonical(string path)
    {
        if (!path.StartsWith(Groups + ".", StringComparison.Ordinal))
            return path;
        int end = path.IndexOf('.', Groups.Length + 1);
        if (end < 0)
            return GroupDefaults;
        bool isOfProtocol = Protocols.Any(protocol => $"{path[end..]}.".StartsWith(protocol + ".", StringComparison.Ordinal));
        return (isOfProtocol ? Root : GroupDefaults) + path[end..];
    }

    private static string Named(string nearest, string path)
    {
        if (!path.StartsWith(Groups + ".", StringComparison.Ordinal) || path.IndexOf('.', Groups.Length + 1) is not (>= 0 and var end))
            return nearest;
        if (nearest.StartsWith(GroupDefaults + ".", StringComparison.Ordinal))
            return path[..end] + nearest[GroupDefaults.Length..];
        return Protocols.Any(protocol => nearest.StartsWith(Root + protocol + ".", StringComparison.Ordinal)) ? path[..end] + nearest[Root.Length..] : nearest;
    }

    /// <summary>Letters to insert, remove or replace (Levenshtein 1966).</summary>
    private static int Distance(string a, string b)
    {
        int[] row = [.. Enumerable.Range(0, b.Length + 1)];
        for (int i = 1; i <= a.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                int replace = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(replace, Math.Min(row[j], row[j - 1]) + 1);
            }
        }

        return row[^1];
    }
}
