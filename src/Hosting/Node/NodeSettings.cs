using System.Net;
using ActorRepl.Hosting.Cluster;
using ActorRepl.Hosting.Http.Kv;
using ActorRepl.Hosting.Redis;
using ActorRepl.Hosting.Settings;
using ActorRepl.Hosting.Tls;
using Akka.Configuration;
using Microsoft.Extensions.Logging;

namespace ActorRepl.Hosting.Node;

/// <summary>A group as the settings declare it.</summary>
public sealed record GroupSettings(string Name, string Protocol, int Shards, int Replicas)
{
    /// <summary>In a stamp: the rule by which the keys are placed; null: it was made before rules had names.</summary>
    public string? KeyPlacement { get; init; }

    /// <summary>In a stamp: the version of what the protocol's replicas have on disk (<see cref="Actors.Settings.GroupDefinition.Protocol"/>); null: 1, it was made before versions were said.</summary>
    public int? Format { get; init; }
}

/// <summary>The settings of a node run by <c>actorrepl node</c>, read and checked.</summary>
public sealed record NodeSettings
{
    public required NodeLaunch Launch { get; init; }

    public required IReadOnlyList<GroupSettings> Groups { get; init; }
    public required string RedisGroup { get; init; }
    public required RespLimits Redis { get; init; }
    public required KvHttpOptions Http { get; init; }
    internal NodeTls? Tls { get; private init; }
    public required IPAddress RedisBind { get; init; }
    public required IPAddress HttpBind { get; init; }
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
        ["quorum"] = (group, settings) => group.Quorum(settings.Replicas, shards: settings.Shards),
        ["crdt"] = (group, settings) => group.Crdt(settings.Replicas, settings.Shards),
        ["primary-backup"] = (group, settings) => group.PrimaryBackup(settings.Replicas, settings.Shards),
    };

    /// <summary>The settings of a node, not checked but for their names.</summary>
    internal static Config Read(NodeLaunch launch)
    {
        Config config = launch.Config is { } file ? Hocon.Load(file).WithFallback(Hocon.Reference) : Hocon.Reference;
        if (launch.Tls)
            config = ConfigurationFactory.ParseString(LocalCertificates.Settings(launch.Data)).WithFallback(config);
        if (launch.Protocol is { } all)
            config = ConfigurationFactory.ParseString($"actorrepl.group-defaults.protocol = \"{all}\"").WithFallback(config);
        return config;
    }

    /// <exception cref="UserErrorException">A setting is unknown or out of its bounds.</exception>
    public static NodeSettings Load(NodeLaunch launch)
    {
        Config config = Read(launch);
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
            Tls = NodeTls.Read(config),
            RedisBind = Bind(config, "actorrepl.redis.bind"),
            HttpBind = Bind(config, "actorrepl.http.bind"),
            MaxConnections = config.Int("actorrepl.redis.max-connections", 1, 100_000),
            LogLevel = config.Choice("actorrepl.log.level", LogLevels),
            LogFileBytes = config.Bytes("actorrepl.log.max-file-bytes", 64 * 1024, 1L << 40),
            LogFiles = config.Int("actorrepl.log.files", 0, 100),
        };

        if (ReadText.Refusal(redisGroup, groups.First(group => group.Name == redisGroup).Protocol, settings.Redis.Reads) is { } cannot)
            throw new UserErrorException($"actorrepl.redis.reads is '{ReadText.Describe(settings.Redis.Reads)}': {cannot}");
        settings.CheckExposure(config);
        OpenFiles.Check(settings.MaxConnections, OpenFiles.Limit());

        // The rest of the settings is checked by working the node out.
        var options = new ActorReplOptions();
        settings.Configure(options);
        NodePlan.Make(options);
        return settings;
    }

    private void CheckExposure(Config config)
    {
        const string redis = "actorrepl.redis", http = "actorrepl.http";
        Exposure.Check("Redis clients", $"{RedisBind}", Redis.Password.Length > 0 || Tls?.Redis == TlsMode.Mutual, $"{redis}.password, or actorrepl.tls.redis = mutual",
            $"{redis}.allow-unauthenticated", config.Flag($"{redis}.allow-unauthenticated"), Launch.AllowUnauthenticated);
        Exposure.Check("HTTP", $"{HttpBind}", Http.Token.Length > 0 || Tls?.Http == TlsMode.Mutual, $"{http}.token, or actorrepl.tls.http = mutual",
            $"{http}.allow-unauthenticated", config.Flag($"{http}.allow-unauthenticated"), Launch.AllowUnauthenticated);
    }

    private static IPAddress Bind(Config config, string path) => IPAddress.TryParse(config.GetString(path), out IPAddress? address) ? address
        : throw new UserErrorException($"{path} is '{config.GetString(path)}'; it must be an IP address of this machine, or 0.0.0.0 for all of them");

    /// <summary>Says the same to the node itself.</summary>
    public void Configure(ActorReplOptions options)
    {
        options.Node = Launch.Id;
        options.Nodes = Launch.Nodes;
        options.Cluster = Launch.Cluster;
        options.Data = Launch.Data;
        options.BasePort = Launch.BasePort;
        options.Join = Launch.Join;
        options.AllowUnauthenticated = Launch.AllowUnauthenticated;
        options.Config = (Launch.Config is { } file ? File.ReadAllText(file) : "") + (Launch.Faults ? "\nactorrepl.faults.enabled = on" : "") + (Launch.Tls ? LocalCertificates.Settings(Launch.Data) : "");
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
            Reads = config.Parsed("actorrepl.redis.reads", ReadText.Parse),
            MaxKeyBytes = config.Int("actorrepl.max-key-bytes", 1, 1024),
            MaxValueBytes = valueBytes,
            MaxCommandBytes = config.Int("actorrepl.redis.max-command-bytes", valueBytes + (128 << 10), 64 << 20),
            MaxArguments = config.Int("actorrepl.redis.max-arguments", 16, 1 << 20),
            MaxChunkCommands = config.Int("actorrepl.redis.max-pipeline-commands", 1, 10_000),
            MaxChunkBytes = config.Int("actorrepl.redis.max-pipeline-bytes", 1024, 1 << 20),
            GatherFor = config.Time("actorrepl.redis.gather-for", TimeSpan.Zero, TimeSpan.FromSeconds(1)),
            MaxHeldBytes = config.Bytes("actorrepl.redis.max-held-bytes", 4 << 20, 1L << 40),
            MaxReplyBytes = config.Bytes("actorrepl.redis.max-reply-bytes", valueBytes, 1L << 30),
            IdleTimeout = config.Time("actorrepl.redis.idle-timeout", TimeSpan.Zero, TimeSpan.FromDays(7)),
            CommandTimeout = config.Time("actorrepl.redis.command-timeout", TimeSpan.Zero, TimeSpan.FromHours(1)),
            WriteTimeout = config.Time("actorrepl.redis.write-timeout", TimeSpan.FromMilliseconds(10), TimeSpan.FromHours(1)),
        };
    }
}
