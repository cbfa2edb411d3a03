using System.Globalization;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Actors.Client;

/// <summary>
/// What a session has seen, as text: the group, a colon, and for each shard it has seen anything of <c>shard=term/index</c>, separated by
/// commas; a shard comes more than once where a failover lies between.
/// </summary>
internal static class SessionToken
{
    // Many times what a session of one group comes to.
    private const int MaxLength = 1 << 20;

    // Each costs a read at the leader: many times the failovers that one session sees between two of its reads.
    private const int MaxPositions = 64;

    public static string Write(string group, IEnumerable<(int Shard, LogPosition Position)> seen) =>
        $"{group}:{string.Join(',', seen.Select(each => string.Create(CultureInfo.InvariantCulture, $"{each.Shard}={each.Position.Term}/{each.Position.Index}")))}";

    /// <exception cref="FormatException">The text is no token of this group; says where.</exception>
    public static IEnumerable<(int Shard, LogPosition Position)> Read(string token, GroupInfo group)
    {
        if (token.Length > MaxLength)
            throw new FormatException($"a session token has at most {MaxLength} characters; this has {token.Length}");
        if (!token.StartsWith(group.Name + ":", StringComparison.Ordinal))
            throw new FormatException($"a session token of group '{group.Name}' begins with '{group.Name}:'");
        string rest = token[(group.Name.Length + 1)..];
        (int Shard, LogPosition Position)[] seen = rest.Length == 0 ? [] : [.. rest.Split(',').Select(part => ReadPart(part, group))];
        if (seen.CountBy(each => each.Shard).FirstOrDefault(each => each.Value > MaxPositions) is { Value: > 0 } many)
            throw new FormatException($"the session token names shard {many.Key} {many.Value} times; it may {MaxPositions} times");
        return seen;
    }

    private static (int Shard, LogPosition Position) ReadPart(string part, GroupInfo group)
    {
        int equals = part.IndexOf('=', StringComparison.Ordinal), slash = part.IndexOf('/', StringComparison.Ordinal);
        if (equals < 0 || slash < equals
            || !int.TryParse(part.AsSpan(0, equals), NumberStyles.None, CultureInfo.InvariantCulture, out int shard)
            || !long.TryParse(part.AsSpan(equals + 1, slash - equals - 1), NumberStyles.None, CultureInfo.InvariantCulture, out long term)
            || !long.TryParse(part.AsSpan(slash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out long index))
            throw new FormatException($"'{(part.Length > 60 ? part[..60] : part)}' in a session token is not shard=term/index");
        return shard < group.Shards
            ? (shard, new LogPosition(term, index))
            : throw new FormatException($"the session token names shard {shard}; group '{group.Name}' has shards 0 to {group.Shards - 1}");
    }
}
