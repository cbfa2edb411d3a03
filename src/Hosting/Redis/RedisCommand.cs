namespace ActorRepl.Hosting.Redis;

internal enum RedisCommandId : byte
{
    Ack, Append, Client, Command, Config, DbSize, Decr, DecrBy, Del, Echo, Exists, Get, Hello, Incr, IncrBy, Info, MGet, Ping, Quit,
    Read, Select, Set, StrLen,
}

/// <summary>
/// A command that is served. <see cref="Arity"/> counts the name, as Redis does: −2 means two or more. The key
/// positions are Redis's too: first, last (−1: to the end) and step, all 0 without keys.
/// </summary>
internal sealed record RedisCommand(RedisCommandId Id, string Name, int Arity, string[] Flags, int FirstKey = 0, int LastKey = 0, int Step = 0)
{
    private const int LongestName = sizeof(ulong);

    public static readonly IReadOnlyList<RedisCommand> All =
    [
        new(RedisCommandId.Ack, "ack", -1, ["fast"]),
        new(RedisCommandId.Append, "append", 3, ["write", "denyoom", "fast"], 1, 1, 1),
        new(RedisCommandId.Client, "client", -2, ["admin"]),
        new(RedisCommandId.Command, "command", -1, ["loading", "stale"]),
        new(RedisCommandId.Config, "config", -2, ["admin", "loading", "stale"]),
        new(RedisCommandId.DbSize, "dbsize", 1, ["readonly", "fast"]),
        new(RedisCommandId.Decr, "decr", 2, ["write", "denyoom", "fast"], 1, 1, 1),
        new(RedisCommandId.DecrBy, "decrby", 3, ["write", "denyoom", "fast"], 1, 1, 1),
        new(RedisCommandId.Del, "del", -2, ["write"], 1, -1, 1),
        new(RedisCommandId.Echo, "echo", 2, ["fast"]),
        new(RedisCommandId.Exists, "exists", -2, ["readonly", "fast"], 1, -1, 1),
        new(RedisCommandId.Get, "get", 2, ["readonly", "fast"], 1, 1, 1),
        new(RedisCommandId.Hello, "hello", -1, ["loading", "stale", "fast"]),
        new(RedisCommandId.Incr, "incr", 2, ["write", "denyoom", "fast"], 1, 1, 1),
        new(RedisCommandId.IncrBy, "incrby", 3, ["write", "denyoom", "fast"], 1, 1, 1),
        new(RedisCommandId.Info, "info", -1, ["loading", "stale"]),
        new(RedisCommandId.MGet, "mget", -2, ["readonly", "fast"], 1, -1, 1),
        new(RedisCommandId.Ping, "ping", -1, ["fast"]),
        new(RedisCommandId.Quit, "quit", -1, ["loading", "stale", "fast"]),
        new(RedisCommandId.Read, "read", -1, ["fast"]),
        new(RedisCommandId.Select, "select", 2, ["loading", "stale", "fast"]),
        new(RedisCommandId.Set, "set", -3, ["write", "denyoom"], 1, 1, 1),
        new(RedisCommandId.StrLen, "strlen", 2, ["readonly", "fast"], 1, 1, 1),
    ];

    private static readonly Dictionary<ulong, RedisCommand> ByName =
        All.ToDictionary(command => Pack(System.Text.Encoding.ASCII.GetBytes(command.Name)));

    /// <summary>Finds a command by its name in any case; null: there is none.</summary>
    public static RedisCommand? Find(ReadOnlySpan<byte> name) =>
        name.Length is > 0 and <= LongestName ? ByName.GetValueOrDefault(Pack(name)) : null;

    public bool Takes(int arguments) => Arity >= 0 ? arguments == Arity : arguments >= -Arity;

    /// <summary>The name in lower case as one number; every name has eight letters at most.</summary>
    private static ulong Pack(ReadOnlySpan<byte> name)
    {
        ulong packed = 0;
        foreach (byte b in name)
            packed = packed << 8 | (b is >= (byte)'A' and <= (byte)'Z' ? (byte)(b | 0x20) : b);
        return packed;
    }
}
