using System.Globalization;
using System.Net;
using ActorRepl.Actors.Faults;
using ActorRepl.Actors.Settings;
using ActorRepl.Hosting.Cluster;
using ActorRepl.Hosting.Settings;
using ActorRepl.Hosting.Tls;
using ActorRepl.Persistence;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Machines;
using ActorRepl.Protocols.Raft;
using Akka.Actor;
using Akka.Configuration;

namespace ActorRepl.Hosting.Node;

/// <summary>A node, worked out from its options and settings and checked, before anything is started.</summary>
internal sealed record NodePlan
{
    private const string EnableTls = "akka.remote.dot-netty.tcp.enable-ssl";

    public required ReplicationSettings Replication { get; init; }

    /// <summary>For the actor system: the user's settings, over the node's own, over all defaults.</summary>
    public required Config Config { get; init; }

    /// <summary>The node's own directory, absolute.</summary>
    public required string Directory { get; init; }

    /// <summary>Where the cluster is asked for by a node that joins it; null: it is a founder.</summary>
    public Address? Join { get; init; }

    /// <summary>Null: connections between nodes are not encrypted.</summary>
    public NodeTls? Tls { get; init; }

    public required TimeSpan HandOverTimeout { get; init; }

    /// <summary>Where the changes of groups are shipped to.</summary>
    public required IReadOnlyDictionary<string, IReadOnlyList<string>> Shipping { get; init; }

    /// <exception cref="UserErrorException">An option or a setting is wrong.</exception>
    public static NodePlan Make(ActorReplOptions options)
    {
        Config user = Hocon.Parse(options.Config, "ActorReplOptions.Config");
        Config settings = user.WithFallback(Hocon.Reference);
        int nodes = options.Nodes ?? options.Groups.Select(group => group.Replicas).DefaultIfEmpty(1).Max();
        if (options.Groups.Count == 0)
            throw new UserErrorException("no group is declared; declare one with AddGroup");
        if (options.Node < 1 || (options.Node > nodes && options.Join is null))
            throw new UserErrorException($"the node's number is {options.Node}; it must be 1 to {nodes}, the number of nodes, unless it joins a running cluster");
        if (options.Cluster.Length is 0 or > 64 || !options.Cluster.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_') || !char.IsAsciiLetterOrDigit(options.Cluster[0]))
            throw new UserErrorException($"the cluster's name is '{options.Cluster}'; it must be 1 to 64 letters, digits, '-' or '_', a letter or digit first");

        NodeTls? tls = NodeTls.Read(settings) is { Nodes: true } set ? set : null;
        tls?.CheckAsNode();
        string scheme = tls is not null || (user.HasPath(EnableTls) && user.Flag(EnableTls)) ? "akka.ssl.tcp" : "akka.tcp";

        // One that joins is told of the others.
        NodeInfo[] infos = options.Join is null ? [.. Enumerable.Range(1, nodes).Select(id => Describe(options, id, settings, scheme))] : [Describe(options, options.Node, settings, scheme)];
        Address[] seeds = options.Join is { } join
            ? [.. Enumerable.Range(1, nodes).Where(id => id != options.Node).Select(id => AddressOf(options, id, scheme)).Prepend(Parse(join, scheme, options.Cluster, "the node to join")).Distinct()]
            : [.. infos.Select(node => node.Address)];
        string directory = Path.Combine(Path.GetFullPath(options.Data), $"node-{options.Node}");
        try
        {
            ReplicationSettings replication = new ReplicationSettings
            {
                Cluster = options.Cluster,
                Self = new ReplicaId(options.Node),
                Nodes = infos,
                Founders = [.. Enumerable.Range(1, nodes).Select(id => new ReplicaId(id))],
                Groups = [.. options.Groups.Select(group => Define(group, settings))],
                Control = ControlSettingsReader.Read(settings, new RaftFactory(RaftSettings.Read(settings))),
                JournalPlugin = Journal(user, settings, directory),
                SnapshotPlugin = Plugin(settings, "actorrepl.snapshot-store.plugin"),
                Links = settings.GetBoolean("actorrepl.faults.enabled") ? new LinkFaults() : null,
            }.WithConfig(settings);
            replication.Validate();
            Config own = user.WithFallback(Addressing(infos.Single(node => node.Id.Value == options.Node).Address, seeds)).WithFallback(Encryption(tls));
            Exposure.Check("other nodes", own.GetString("akka.remote.dot-netty.tcp.hostname") ?? "", tls is not null && Engine.DemandsCertificates,
                "actorrepl.tls.nodes = on" + (Engine.DemandsCertificates ? "" : $" ({Engine.Description} asks nobody for a certificate; later ones of 1.5 do)"),
                "actorrepl.node.allow-unauthenticated", settings.Flag("actorrepl.node.allow-unauthenticated"), options.AllowUnauthenticated);
            return new NodePlan
            {
                Replication = replication,
                Tls = tls,
                Config = own.WithFallback(PersistenceConfig.For(directory, replication.Dispatcher))
                    .WithFallback(Threads(replication.Dispatcher)).WithFallback(Hocon.Profile(cluster: true)).WithFallback(Hocon.Reference),
                Directory = directory,
                Join = options.Join is null ? null : seeds[0],
                Shipping = options.Groups.Select(group => (group.Name, Targets: Targets(options, group, settings))).Where(group => group.Targets.Count > 0)
                    .ToDictionary(group => group.Name, group => group.Targets),
                HandOverTimeout = settings.Time("actorrepl.hand-over-timeout", TimeSpan.Zero, TimeSpan.FromMinutes(1)),
            };
        }
        catch (ArgumentException wrong)
        {
            throw new UserErrorException(wrong.Message.ReplaceLineEndings(" "));
        }
    }

    /// <summary>The id of a journal or snapshot store whose settings are there: those of ActorRepl, or a user's own.</summary>
    private static string Plugin(Config settings, string path)
    {
        string id = settings.GetString(path) ?? "";
        return id.Length > 0 && settings.HasPath(id + ".class") ? id
            : throw new UserErrorException($"{path} is '{id}'; it must be the id of a plugin, and {(id.Length > 0 ? id : "its id")}.class must name its class");
    }

    /// <summary>The journal that is set; if none is, ActorRepl's own that has the directory's data, or the one for new data.</summary>
    private static string Journal(Config user, Config settings, string directory) =>
        !user.HasPath("actorrepl.journal.plugin") && GroupStamp.JournalOf(directory) is PersistenceConfig.SqliteJournalId
            ? PersistenceConfig.SqliteJournalId
            : Plugin(settings, "actorrepl.journal.plugin");

    private static GroupDefinition Define(GroupBuilder group, Config settings)
    {
        int frame = settings.Int("actorrepl.max-frame-bytes", 64 << 10, 1 << 30);
        var keyValue = new KeyValueOptions
        {
            MaxKeyBytes = settings.Int("actorrepl.max-key-bytes", 1, 1024),
            MaxValueBytes = settings.Int("actorrepl.max-value-bytes", 1, 1 << 20),
            MaxContentBytes = settings.Bytes("actorrepl.max-shard-bytes", 1 << 20, 1L << 40),
            // A result travels as one message, with a byte for each operation of a request, that has half a frame at most, and
            // room for what is around it.
            MaxResultBytes = frame / 2 - (8 << 10),
        };
        Func<IStateMachine> machine = group.Machine ?? (() => new KeyValueMachine(keyValue));
        IProtocolFactory protocol = group.Protocol(settings, machine);
        if (protocol.OwnMachine is not null && group.Machine is not null)
            throw new UserErrorException($"group '{group.Name}' has a state machine of its own; with {protocol.Name} there is none, the protocol keeps the values itself");
        return new GroupDefinition
        {
            Name = group.Name,
            Protocol = protocol,
            Machine = protocol.OwnMachine ?? machine,
            Shards = group.Shards,
            Replicas = group.Replicas,
            Apply = group.Apply(new ApplyOptions
            {
                Lanes = settings.Int("actorrepl.apply.lanes", 0, 64),
                ParallelFrom = settings.Int("actorrepl.apply.parallel-from", 2, 4096),
            }),
            SettingsVersion = settings.Int(OfGroup(settings, group.Name, "settings-version"), 1, int.MaxValue),
        };
    }

    private static IReadOnlyList<string> Targets(ActorReplOptions options, GroupBuilder group, Config settings)
    {
        string path = OfGroup(settings, group.Name, "ship-to");
        IReadOnlyList<string> targets = group.Targets.Count > 0 ? group.Targets : [.. settings.GetStringList(path)];
        foreach (string target in targets.Where(target => !target.StartsWith("akka.", StringComparison.Ordinal)))
        {
            GroupBuilder? other = options.Groups.FirstOrDefault(other => other.Name == target);
            if (other is null || other == group)
                throw new UserErrorException($"{path} holds '{target}'; it must be another group of this cluster, or the path of a router (akka.tcp://CLUSTER@HOST:PORT/user/actorrepl/GROUP/router)");
            if (other.Shards != group.Shards)
                throw new UserErrorException($"{path}: group '{group.Name}' has {group.Shards} shards and '{target}' {other.Shards}; a shard is shipped to the one of the same number");
            if (other.Targets.Concat(settings.GetStringList(OfGroup(settings, target, "ship-to"))).Contains(group.Name))
                throw new UserErrorException($"{path}: '{group.Name}' and '{target}' would send each other's changes back for ever");
        }

        if (targets.Concat([group.Name]).Select(name => options.Groups.FirstOrDefault(each => each.Name == name)).FirstOrDefault(each => each?.IsLeaderless == true) is { } leaderless && targets.Count > 0)
            throw new UserErrorException($"{path}: group '{leaderless.Name}' has no leader and no common log; nothing can be shipped from it or to it");
        if (targets.Count > 0 && group.Machine is not null)
            throw new UserErrorException($"{path}: group '{group.Name}' has a state machine of its own; changes of the built-in one can be shipped");
        return targets;
    }

    /// <summary>The path of a group's own setting, or of the default of all groups.</summary>
    internal static string OfGroup(Config settings, string group, string setting) =>
        settings.HasPath($"actorrepl.groups.{group}.{setting}") ? $"actorrepl.groups.{group}.{setting}" : $"actorrepl.group-defaults.{setting}";

    // What others are labelled they say themselves.
    private static NodeInfo Describe(ActorReplOptions options, int id, Config settings, string scheme)
    {
        var node = new NodeInfo(new ReplicaId(id), $"node-{id}", AddressOf(options, id, scheme));
        return id != options.Node ? node : node with
        {
            Region = options.Region.Length > 0 ? options.Region : settings.GetString("actorrepl.node.region") ?? "",
            Rack = options.Rack.Length > 0 ? options.Rack : settings.GetString("actorrepl.node.rack") ?? "",
        };
    }

    private static Address AddressOf(ActorReplOptions options, int id, string scheme)
    {
        if (options.Addresses.Count == 0)
            return new Address(scheme, options.Cluster, IPAddress.Loopback.ToString(), new NodePorts(options.BasePort, id).Peers);
        if (options.Addresses.Count < id)
            throw new UserErrorException($"there are {options.Addresses.Count} addresses; node {id} needs one");
        return Parse(options.Addresses[id - 1], scheme, options.Cluster, $"node {id}");
    }

    private static Address Parse(string address, string scheme, string cluster, string whose)
    {
        int colon = address.LastIndexOf(':');
        if (colon < 1 || !ushort.TryParse(address.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out ushort port))
            throw new UserErrorException($"the address of {whose} is '{address}'; it must be host:port");
        return new Address(scheme, cluster, address[..colon], port);
    }

    // The certificate itself is given to the actor system, whatever form its file has.
    private static Config Encryption(NodeTls? tls) => tls is null ? Config.Empty : ConfigurationFactory.ParseString($$"""
        {{EnableTls}} = on
        akka.remote.dot-netty.tcp.ssl.require-mutual-authentication = on
        akka.remote.embedded.tls-trusted-certificates = {{Hocon.Quoted(tls.TrustedFile)}}
        """);

    private static Config Threads(string dispatcher) =>
        ConfigurationFactory.ParseString($"{dispatcher}.dedicated-thread-pool.thread-count = {NodeProcess.HalfTheCores}");

    private static Config Addressing(Address own, Address[] seedNodes)
    {
        // The first of the seed nodes is the only one to found a cluster: all founders list the same one first, and one that joins another.
        string seeds = string.Join(", ", seedNodes.Select(address => $"\"{address}\""));
        return ConfigurationFactory.ParseString($$"""
            akka.remote.dot-netty.tcp { hostname = "{{own.Host}}", port = {{own.Port}} }
            akka.cluster.seed-nodes = [{{seeds}}]
            """);
    }
}
