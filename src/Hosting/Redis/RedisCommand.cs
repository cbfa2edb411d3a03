using System.Numerics;
using System.Text;

namespace ActorRepl.Hosting.Redis;

internal enum RedisCommandId : byte
{
    Ack, Append, Auth, Client, Cluster, Command, Config, DbSize, Decr, DecrBy, Del, Discard, Echo, Exec, Exists, Expire, ExpireAt, ExpireTime,
    Get, GetDel, GetEx, GetRange, GetSet, Hello, Incr, IncrBy, IncrByFloat, Info, MGet, MSet, MSetNx, Multi, Persist, PExpire, PExpireAt,
    PExpireTime, Ping, PSetEx, PTtl, Quit, Read, ReadOnly, ReadWrite, Rename, RenameNx, Reset, Scan, Select, Set, SetEx, SetNx, SetRange,
    StrLen, Touch, Ttl, Type, Unlink, Unwatch, Wait, Watch,
}

/// <summary>
/// A command that is served. <see cref="Arity"/> counts the name, as Redis does: −2 means two or more. The key
/// positions are Redis's too: first, last (−1: to the end) and step, all 0 without keys.
/// </summary>
internal sealed record RedisCommand(RedisCommandId Id, string Name, int Arity, string[] Flags, int FirstKey = 0, int LastKey = 0, int Step = 0)
{
    private const int LongestName = 16;

    public static readonly IReadOnlyList<RedisCommand> All =
    [
        new(RedisCommandId.Ack, "ack", -1, ["fast"]),
        new(RedisCommandId.Append, "append", 3, ["write", "denyoom", "fast"], 1, 1, 1),
        new(RedisCommandId.Auth, "auth", -2, ["noscript", "loading", "stale", "fast", "no_auth"]),
        new(RedisCommandId.Client, "client", -2, ["admin"]),
        new(RedisCommandId.Cluster, "cluster", -2, ["stale"]),
        new(RedisCommandId.Command, "command", -1, ["loading", "stale"]),
        new(RedisCommandId.Config, "config", -2, ["admin", "loading", "stale"]),
        new(RedisCommandId.DbSize, "dbsize", 1, ["readonly", "fast"]),
        new(RedisCommandId.Decr, "decr", 2, ["write", "denyoom", "fast"], 1, 1, 1),
        new(RedisCommandId.DecrBy, "decrby", 3, ["write", "denyoom", "fast"], 1, 1, 1),
        new(RedisCommandId.Del, "del", -2, ["write"], 1, -1, 1),
        new(RedisCommandId.Discard, "discard", 1, ["noscript", "loading", "stale", "fast"]),
        new(RedisCommandId.Echo, "echo", 2, ["fast"]),
        new(RedisCommandId.Exec, "exec", 1, ["noscript", "loading", "stale"]),
        new(RedisCommandId.Exists, "exists", -2, ["readonly", "fast"], 1, -1, 1),
        new(RedisCommandId.Expire, "expire", -3, ["write", "fast"], 1, 1, 1),
        new(RedisCommandId.ExpireAt, "expireat", -3, ["write", "fast"], 1, 1, 1),
        new(RedisCommandId.ExpireTime, "expiretime", 2, ["readonly", "fast"], 1, 1, 1),
        new(RedisCommandId.Get, "get", 2, ["readonly", "fast"], 1, 1, 1),
        new(RedisCommandId.GetDel, "getdel", 2, ["write", "fast"], 1, 1, 1),
        new(RedisCommandId.GetEx, "getex", -2, ["write", "fast"], 1, 1, 1),
        new(RedisCommandId.GetRange, "getrange", 4, ["readonly"], 1, 1, 1),
        new(RedisCommandId.GetSet, "getset", 3, ["write", "denyoom", "fast"], 1, 1, 1),
        new(RedisCommandId.Hello, "hello", -1, ["loading", "stale", "fast"]),
        new(RedisCommandId.Incr, "incr", 2, ["write", "denyoom", "fast"], 1, 1, 1),
        new(RedisCommandId.IncrBy, "incrby", 3, ["write", "denyoom", "fast"], 1, 1, 1),
        new(RedisCommandId.IncrByFloat, "incrbyfloat", 3, ["write", "denyoom", "fast"], 1, 1, 1),
        new(RedisCommandId.Info, "info", -1, ["loading", "stale"]),
        new(RedisCommandId.MGet, "mget", -2, ["readonly", "fast"], 1, -1, 1),
        new(RedisCommandId.MSet, "mset", -3, ["write", "denyoom"], 1, -1, 2),
        new(RedisCommandId.MSetNx, "msetnx", -3, ["write", "denyoom"], 1, -1, 2),
        new(RedisCommandId.Multi, "multi", 1, ["noscript", "loading", "stale", "fast"]),
        new(RedisCommandId.Persist, "persist", 2, ["write", "fast"], 1, 1, 1),
        new(RedisCommandId.PExpire, "pexpire", -3, ["write", "fast"], 1, 1, 1),
        new(RedisCommandId.PExpireAt, "pexpireat", -3, ["write", "fast"], 1, 1, 1),
        new(RedisCommandId.PExpireTime, "pexpiretime", 2, ["readonly", "fast"], 1, 1, 1),
        new(RedisCommandId.Ping, "ping", -1, ["fast"]),
        new(RedisCommandId.PSetEx, "psetex", 4, ["write", "denyoom"], 1, 1, 1),
        new(RedisCommandId.PTtl, "pttl", 2, ["readonly", "fast"], 1, 1, 1),
        new(RedisCommandId.Quit, "quit", -1, ["loading", "stale", "fast"]),
        new(RedisCommandId.Read, "read", -1, ["fast"]),
        new(RedisCommandId.ReadOnly, "readonly", 1, ["loading", "stale", "fast"]),
        new(RedisCommandId.ReadWrite, "readwrite", 1, ["loading", "stale", "fast"]),
        new(RedisCommandId.Rename, "rename", 3, ["write"], 1, 2, 1),
        new(RedisCommandId.RenameNx, "renamenx", 3, ["write", "fast"], 1, 2, 1),
        new(RedisCommandId.Reset, "reset", 1, ["noscript", "loading", "stale", "fast", "no_auth"]),
        new(RedisCommandId.Scan, "scan", -2, ["readonly"]),
        new(RedisCommandId.Select, "select", 2, ["loading", "stale", "fast"]),
        new(RedisCommandId.Set, "set", -3, ["write", "denyoom"], 1, 1, 1),
        new(RedisCommandId.SetEx, "setex", 4, ["write", "denyoom"], 1, 1, 1),
        new(RedisCommandId.SetNx, "setnx", 3, ["write", "denyoom", "fast"], 1, 1, 1),
        new(RedisCommandId.SetRange, "setrange", 4, ["write", "denyoom"], 1, 1, 1),
        new(RedisCommandId.StrLen, "strlen", 2, ["readonly", "fast"], 1, 1, 1),
        new(RedisCommandId.Touch, "touch", -2, ["readonly", "fast"], 1, -1, 1),
        new(RedisCommandId.Ttl, "ttl", 2, ["readonly", "fast"], 1, 1, 1),
        new(RedisCommandId.Type, "type", 2, ["readonly", "fast"], 1, 1, 1),
        new(RedisCommandId.Unlink, "unlink", -2, ["write", "fast"], 1, -1, 1),
        new(RedisCommandId.Unwatch, "unwatch", 1, ["noscript", "loading", "stale", "fast"]),
        new(RedisCommandId.Wait, "wait", 3, []),
        new(RedisCommandId.Watch, "watch", -2, ["noscript", "loading", "stale", "fast"], 1, -1, 1),
    ];

    private static readonly Dictionary<ulong, RedisCommand> ByName =
        All.ToDictionary(command => Pack(Encoding.ASCII.GetBytes(command.Name)));

    /// <summary>Finds a command by its name in any case; null: there is none.</summary>
    public static RedisCommand? Find(ReadOnlySpan<byte> name) =>
        name.Length is > 0 and <= LongestName && ByName.TryGetValue(Pack(name), out RedisCommand? found) && Ascii.EqualsIgnoreCase(name, found.Name) ? found : null;

    /// <summary>It writes, or may.</summary>
    public bool IsWrite { get; } = Flags.Contains("write");

    public bool Takes(int arguments) => Arity >= 0 ? arguments == Arity : arguments >= -Arity;

    /// <summary>Where the last key of a command is.</summary>
    public int LastKeyOf(RespParser command) => LastKey < 0 ? command.Count - 1 : LastKey;

    /// <summary>The name in lower case as one number; no two commands have the same.</summary>
    private static ulong Pack(ReadOnlySpan<byte> name)
    {
        ulong packed = 0;
        foreach (byte b in name)
            packed = BitOperations.RotateLeft(packed, 8) ^ (b is >= (byte)'A' and <= (byte)'Z' ? (byte)(b | 0x20) : b);
        return packed;
    }
}
