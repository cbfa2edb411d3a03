using ActorRepl.Hosting.Cluster;
using ActorRepl.Hosting.Node;
using ActorRepl.Protocols.Chain;
using ActorRepl.Protocols.Convergence;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Machines;
using ActorRepl.Protocols.PrimaryBackup;
using ActorRepl.Protocols.Quorum;
using ActorRepl.Protocols.Raft;
using Akka.Configuration;

namespace ActorRepl.Hosting;

/// <summary>
/// What a node is told by its host. Every setting beside these is in HOCON: the defaults in hocon/reference.conf and its
/// neighbours, replaced by <see cref="Config"/>.
/// </summary>
public sealed class ActorReplOptions
{
    private readonly List<GroupBuilder> _groups = [];

    /// <summary>This node's number, from 1.</summary>
    public int Node { get; set; } = 1;

    /// <summary>How many nodes found the cluster; null: as many as the group with the most replicas needs.</summary>
    public int? Nodes { get; set; }

    /// <summary>Names the cluster, and its actor systems: letters, digits, '-' and '_'. A data directory belongs to one.</summary>
    public string Cluster { get; set; } = "actorrepl";

    /// <summary>The directory of the data; each node has a directory of its own in it, <c>node-1</c> and so on.</summary>
    public string Data { get; set; } = "./data";

    /// <summary>Node i listens for other nodes on this + 200 + i of 127.0.0.1, unless there are <see cref="Addresses"/>.</summary>
    public int BasePort { get; set; } = NodePorts.DefaultBasePort;

    /// <summary>Where nodes listen for each other, <c>host:port</c>, by number: for nodes on several machines.</summary>
    public IList<string> Addresses { get; } = [];

    /// <summary>
    /// Where any node of a running cluster listens for other nodes, <c>host:port</c>: this node joins that cluster, and its
    /// number may be above <see cref="Nodes"/>. Null: it is one of the founders.
    /// </summary>
    public string? Join { get; set; }

    /// <summary>Where this node stands: replicas of a shard are spread over regions, then over racks. Empty: <c>actorrepl.node</c> says.</summary>
    public string Region { get; set; } = "";

    /// <inheritdoc cref="Region"/>
    public string Rack { get; set; } = "";

    /// <summary>HOCON that replaces defaults, also of Akka.NET; an unknown setting under <c>actorrepl</c> is an error.</summary>
    public string Config { get; set; } = "";

    /// <summary>
    /// Ports may listen beyond this machine without knowing who asks, where the port's own setting, <c>allow-unauthenticated</c>, says so, too.
    /// </summary>
    public bool AllowUnauthenticated { get; set; }

    internal IReadOnlyList<GroupBuilder> Groups => _groups;

    /// <summary>Declares a replication group; all nodes must declare the same.</summary>
    /// <param name="name">1 to 64 letters, digits, '-' and '_'.</param>
    /// <param name="configure">Says the protocol, how many replicas and shards, and the state machine.</param>
    public ActorReplOptions AddGroup(string name, Action<GroupBuilder> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        if (_groups.Any(group => group.Name == name))
            throw new UserErrorException($"group '{name}' is declared twice");
        var group = new GroupBuilder(name);
        configure(group);
        _groups.Add(group);
        return this;
    }
}

/// <summary>Declares one replication group.</summary>
public sealed class GroupBuilder
{
    internal GroupBuilder(string name) => Name = name;

    internal string Name { get; }

    internal int Replicas { get; private set; } = 3;

    internal int Shards { get; private set; } = 4;

    internal Func<IStateMachine>? Machine { get; private set; }

    /// <summary>Its protocol has no leader and no common log.</summary>
    internal bool IsLeaderless { get; private set; }

    /// <summary>Changes what the node's settings say.</summary>
    internal Func<ApplyOptions, ApplyOptions> Apply { get; private set; } = options => options;

    /// <summary>Makes the protocol of a node's settings, for a machine.</summary>
    internal Func<Config, Func<IStateMachine>, IProtocolFactory> Protocol { get; private set; } = OfRaft;

    /// <summary>Replicates by Raft: a majority of the replicas has every acknowledged command on disk.</summary>
    /// <param name="replicas">Of each shard: 1 to the number of nodes.</param>
    /// <param name="shards">1 to 1024; fixed once the group has data.</param>
    public GroupBuilder Raft(int replicas = 3, int shards = 4)
    {
        Replicas = replicas;
        Shards = shards;
        Protocol = OfRaft;
        return this;
    }

    /// <summary>
    /// One primary a shard takes all commands, backups follow its log, and the most advanced of them takes its place when it is gone.
    /// </summary>
    /// <param name="replicas">Of each shard: 1 to the number of nodes.</param>
    /// <param name="shards">1 to 1024; fixed once the group has data.</param>
    /// <param name="ack">When a command counts as done that does not say so itself, such as <c>Ack.SemiSync(1)</c>; what it leaves open the settings say.</param>
    /// <param name="options">Changes what the settings say: those of <c>actorrepl.groups.NAME.primary-backup</c>, and for the rest <c>actorrepl.primary-backup</c>.</param>
    public GroupBuilder PrimaryBackup(int replicas = 3, int shards = 4, WriteConcern ack = default, Func<PrimaryBackupOptions, PrimaryBackupOptions>? options = null)
    {
        Replicas = replicas;
        Shards = shards;
        Protocol = (settings, _) => new PrimaryBackupFactory(PrimaryBackupSettings.Read(settings, Name, ack, options));
        return this;
    }

    /// <summary>
    /// The replicas of a shard form a chain: commands enter at its head, pass down, and are done once its tail has them, too; so every link
    /// has all that was acknowledged, and one that is left is enough. Linearizable reads are answered by the tail.
    /// </summary>
    /// <param name="length">Links of each shard's chain: 1 to the number of nodes.</param>
    /// <param name="shards">1 to 1024; fixed once the group has data.</param>
    /// <param name="apportionedReads">Every link answers linearizable reads (CRAQ): a read goes to the nearest. False: what the settings say.</param>
    /// <param name="options">Changes what the settings say: those of <c>actorrepl.groups.NAME.chain</c>, and for the rest <c>actorrepl.chain</c>.</param>
    public GroupBuilder Chain(int length = 3, int shards = 4, bool apportionedReads = false, Func<ChainOptions, ChainOptions>? options = null)
    {
        Replicas = length;
        Shards = shards;
        Protocol = (settings, machine) => new ChainFactory(ChainSettings.Read(settings, Name, Change), MachineKeys.Of(machine));
        return this;

        ChainOptions Change(ChainOptions read)
        {
            read = apportionedReads ? read with { ApportionedReads = true } : read;
            return options is null ? read : options(read);
        }
    }

    /// <summary>
    /// No leader: any replica coordinates, a write is done when enough of the key's owners have it on disk, and what has missed it is repaired
    /// afterwards. Every node of the cluster takes part in every shard; <paramref name="n"/> of them own each key. With r + w above n a read sees
    /// every acknowledged write; otherwise it sees them eventually.
    /// </summary>
    /// <param name="n">Copies of each key: 1 to the number of nodes.</param>
    /// <param name="r">How many of them a read waits for, unless it says otherwise; null: what the settings say, a majority.</param>
    /// <param name="w">Likewise a write.</param>
    /// <param name="shards">Actors of each node that share the work; fixed once the group has data.</param>
    /// <param name="options">Changes what the settings say: those of <c>actorrepl.groups.NAME.quorum</c>, and for the rest <c>actorrepl.quorum</c>.</param>
    public GroupBuilder Quorum(int n = 3, int? r = null, int? w = null, int shards = 4, Func<QuorumOptions, QuorumOptions>? options = null)
    {
        Replicas = n;
        Shards = shards;
        IsLeaderless = true;
        Protocol = (settings, _) => new QuorumFactory(QuorumSettings.Read(settings, Name, Change));
        return this;

        QuorumOptions Change(QuorumOptions read)
        {
            read = read with { Replicas = n, Read = Level(r) ?? read.Read, Write = Level(w) ?? read.Write };
            return options is null ? read : options(read);
        }

        static ConsistencyLevel? Level(int? owners) => owners is { } count ? ConsistencyLevel.Of(count) : null;
    }

    /// <summary>
    /// Counters, sets, registers, maps, texts and lists that any replica changes at once, cut off from the others or not, and that all come to the same:
    /// see <c>client.Crdt(name)</c>. Values are sharded over the nodes, and durable. For a few small ones that every node is to hold there are <c>ClusterValues</c>.
    /// </summary>
    /// <param name="replicas">Of each shard: 1 to the number of nodes.</param>
    /// <param name="shards">1 to 1024; fixed once the group has data.</param>
    /// <param name="options">Changes what the settings say: those of <c>actorrepl.groups.NAME.crdt</c>, and for the rest <c>actorrepl.crdt</c>.</param>
    public GroupBuilder Crdt(int replicas = 3, int shards = 4, Func<ConvergentOptions, ConvergentOptions>? options = null)
    {
        Replicas = replicas;
        Shards = shards;
        IsLeaderless = true;
        Protocol = (settings, _) => new ConvergentFactory(CrdtSettings.Read(settings, Name, options));
        return this;
    }

    /// <summary>Where the group's changes are shipped to, beside <c>ship-to</c> of the settings.</summary>
    internal IReadOnlyList<string> Targets { get; private set; } = [];

    /// <summary>
    /// Ships what changes in this group, of the built-in key-value machine, to another group of it with as many shards: in order, each change once, a
    /// while later. For a group in another region; that one is to be written by nobody else.
    /// </summary>
    /// <param name="targets">
    /// A group of this cluster, by its name, or the routers of one of another cluster, <c>akka.tcp://CLUSTER@HOST:PORT/user/actorrepl/GROUP/router</c>:
    /// one that does not answer is followed by the next.
    /// </param>
    public GroupBuilder ShipTo(params string[] targets)
    {
        Targets = targets;
        return this;
    }

    private static RaftFactory OfRaft(Config settings, Func<IStateMachine> machine) => new(RaftSettings.Read(settings));

    /// <summary>Makes the empty state machine of a shard; without it, the built-in key-value machine.</summary>
    /// <param name="create">Called for each replica, whenever it starts.</param>
    /// <param name="apply">Changes what <c>actorrepl.apply</c> says, for an <see cref="IKeyedStateMachine"/>: from how many commands on it pays to apply them on several threads.</param>
    public GroupBuilder StateMachine(Func<IStateMachine> create, Func<ApplyOptions, ApplyOptions>? apply = null)
    {
        Machine = create;
        Apply = apply ?? Apply;
        return this;
    }
}
