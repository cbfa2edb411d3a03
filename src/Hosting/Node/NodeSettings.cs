using ActorRepl.Hosting.Cluster;
using ActorRepl.Hosting.Http.Kv;
using ActorRepl.Hosting.Redis;
using ActorRepl.Hosting.Settings;
using Akka.Configuration;
using Microsoft.Extensions.Logging;

namespace ActorRepl.Hosting.Node;

/// <summary>A group as the settings declare it.</summary>
public sealed record GroupSettings(string Name, string Protocol, int Shards, int Replicas);

/// <summary>The settings of a node run by <c>actorrepl node</c>, read and checked.</summary>
public sealed record NodeSettings
{
    public required NodeLaunch Launch { get; init; }

    public required IReadOnlyList<GroupSettings> Groups { get; init; }
    public required string RedisGroup { get; init; }
    public required RespLimits Redis { get; init; }
    public required KvHttpOptions Http { get; init; }
    public required int MaxConnections { get; init; }
    public required LogLevel LogLevel { get; init; }
    public required long LogFileBytes { get; init; }
    public required int LogFiles { get; init; }

    private static readonly Dictionary<string, LogLevel> LogLevels = new()
    {
        ["debug"] = LogLevel.Debug, ["info"] = LogLevel.Information, ["warning"] = LogLevel.Warning, ["error"] = LogLevel.Error,
    };

    /// <summary>The protocols a setting can name.</summary>
    internal static readonly IReadOnlyDictionary<string, Action<GroupBuilder, GroupSettings>> Protocols = new Dictionary<string, Action<GroupBuilder, GroupSettings>>
    {
        ["raft"] = (group, settings) => group.Raft(settings.Replicas, settings.Shards),
        ["chain"] = (group, settings) => group.Chain(settings.Replicas, settings.Shards),
        ["primary-backup"] = (group, settings) => group.PrimaryBackup(settings.Replicas, settings.Shards),
    };

    /// <exception cref="UserErrorException">A setting is unknown or out of its bounds.</exception>
    public static NodeSettings Load(NodeLaunch launch)
    {
        Config config = launch.Config is { } file ? Hocon.Load(file).WithFallback(Hocon.Reference) : Hocon.Reference;
        if (launch.Protocol is { } all)
            config = ConfigurationFactory.ParseString($"actorrepl.group-defaults.protocol = \"{all}\"").WithFallback(config);
        if (launch.Id > launch.Nodes && launch.Join is null)
            throw new UserErrorException($"--id is {launch.Id}; it must be 1 to {launch.Nodes}, the number of nodes, unless the node joins a running cluster (--join)");
        GroupSettings[] groups = [.. config.GetConfig("actorrepl.groups").AsEnumerable().Select(group => Group(config, group.Key, launch.Nodes))];
        string redisGroup = config.GetString("actorrepl.redis.group");
        if (groups.All(group => group.Name != redisGroup))
            throw new UserErrorException($"actorrepl.redis.group is '{redisGroup}'; the groups are: {string.Join(", ", groups.Select(group => group.Name))}");
        var settings = new NodeSettings
        {
            Launch = launch,
            Groups = groups,
            RedisGroup = redisGroup,
            Redis = Limits(config),
            Http = HttpLimits(config),
            MaxConnections = config.Int("actorrepl.redis.max-connections", 1, 100_000),
            LogLevel = config.Choice("actorrepl.log.level", LogLevels),
            LogFileBytes = config.Bytes("actorrepl.log.max-file-bytes", 64 * 1024, 1L << 40),
            LogFiles = config.Int("actorrepl.log.files", 0, 100),
        };

        // The rest of the settings is checked by working the node out.
        var options = new ActorReplOptions();
        settings.Configure(options);
        NodePlan.Make(options);
        return settings;
    }

    /// <summary>Says the same to the node itself.</summary>
    public void Configure(ActorReplOptions options)
    {
        options.Node = Launch.Id;
        options.Nodes = Launch.Nodes;
        options.Cluster = Launch.Cluster;
        options.Data = Launch.Data;
        options.BasePort = Launch.BasePort;
        options.Join = Launch.Join;
        options.Config = (Launch.Config is { } file ? File.ReadAllText(file) : "") + (Launch.Faults ? "\nactorrepl.faults.enabled = on" : "");
        foreach (GroupSettings group in Groups)
            options.AddGroup(group.Name, declared => Protocols[group.Protocol](declared, group));
    }

    private static GroupSettings Group(Config all, string name, int nodes)
    {
        string Of(string setting) => NodePlan.OfGroup(all, name, setting);
        string protocol = all.Choice(Of("protocol"), Protocols.Keys.ToDictionary(known => known));
        int replicas = all.Int(Of("replicas"), 0, nodes);
        return new GroupSettings(name, protocol, all.Int(Of("shards"), 1, 1024), replicas == 0 ? Math.Min(3, nodes) : replicas);
    }

    private static KvHttpOptions HttpLimits(Config config) => new()
    {
        Token = config.GetString("actorrepl.http.token"),
        MaxInFlight = config.Int("actorrepl.http.max-in-flight", 1, 100_000),
        MaxInFlightBytes = config.Bytes("actorrepl.http.max-in-flight-bytes", 4 << 20, 1L << 40),
        MaxWatches = config.Int("actorrepl.http.max-watches", 0, 10_000),
        WatchEvery = config.Time("actorrepl.http.watch-every", TimeSpan.FromMilliseconds(1), TimeSpan.FromMinutes(1)),
        MaxKeyBytes = config.Int("actorrepl.max-key-bytes", 1, 1024),
        MaxValueBytes = config.Int("actorrepl.max-value-bytes", 1, 1 << 20),
    };

    private static RespLimits Limits(Config config)
    {
        int valueBytes = config.Int("actorrepl.max-value-bytes", 1, 1 << 20);
        return new RespLimits
        {
            Password = config.GetString("actorrepl.redis.password"),
            MaxKeyBytes = config.Int("actorrepl.max-key-bytes", 1, 1024),
            MaxValueBytes = valueBytes,
            MaxCommandBytes = config.Int("actorrepl.redis.max-command-bytes", valueBytes + (128 << 10), 64 << 20),
            MaxArguments = config.Int("actorrepl.redis.max-arguments", 16, 1 << 20),
            MaxChunkCommands = config.Int("actorrepl.redis.max-pipeline-commands", 1, 10_000),
            MaxChunkBytes = config.Int("actorrepl.redis.max-pipeline-bytes", 1024, 1 << 20),
            GatherFor = config.Time("actorrepl.redis.gather-for", TimeSpan.Zero, TimeSpan.FromSeconds(1)),
            WriteTimeout = config.Time("actorrepl.redis.write-timeout", TimeSpan.FromMilliseconds(10), TimeSpan.FromHours(1)),
        };
    }
}
