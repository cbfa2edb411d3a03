using System.Text.Json.Serialization;
using ActorRepl.Hosting.Cli;

namespace ActorRepl.Hosting.Status;

/// <summary>What <c>/status</c> of a node says. Indexes are log indexes; lag counts entries.</summary>
public sealed record NodeStatus(
    NodeIdentity Node,
    EngineStatus Engine,
    bool Ready,
    IReadOnlyList<string> NotReady,
    IReadOnlyList<MemberStatus> Members,
    IReadOnlyList<GroupStatus> Groups)
{
    /// <summary>What the process costs.</summary>
    public ProcessStatus? Process { get; init; }
}

/// <param name="CpuSeconds">Since the process started, over all cores.</param>
/// <param name="MemoryBytes">Resident.</param>
public sealed record ProcessStatus(double CpuSeconds, long MemoryBytes);

/// <param name="Data">The node's own directory.</param>
public sealed record NodeIdentity(
    int Id, string Name, string Cluster, int Pid, string Data, string Version, long UptimeSeconds, int RedisPort, int HttpPort, int PeerPort);

/// <summary>Which Akka.NET runs: <c>embedded</c>, our own, or <c>Akka.NET</c>, the packages.</summary>
public sealed record EngineStatus(string Name, string Version);

/// <summary>A member of the cluster as this node sees it.</summary>
public sealed record MemberStatus(string Address, string Status, bool Reachable);

public sealed record GroupStatus(string Name, string Protocol, int Shards, int Replicas, IReadOnlyList<ShardReplicaStatus> Local)
{
    /// <summary>Which part of a key decides its shard: <c>braces</c> or <c>whole-key</c>.</summary>
    public string KeyPlacement { get; init; } = "";
}

/// <summary>A replica on this node.</summary>
/// <param name="Leader">The node this replica takes for the leader; 0: it knows none, or the group has no leaders.</param>
/// <param name="Lag">Committed entries, as far as it knows, that are not applied here.</param>
/// <param name="Health"><c>running</c>, <c>storage-full</c>, <c>storage-failed</c> or <c>down</c>.</param>
/// <param name="Followers">On a leader: the last index each follower has made durable.</param>
public sealed record ShardReplicaStatus(
    int Shard,
    string Role,
    long Term,
    int Leader,
    long Last,
    long Commit,
    long Applied,
    long Checkpoint,
    long Lag,
    bool Voter,
    string Health,
    string? Detail,
    long StateBytes,
    int Starts,
    IReadOnlyDictionary<string, long>? Followers)
{
    /// <summary>Any replica takes writes, and each has a log of its own: nobody leads.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public bool IsLeaderless => Repair is not null || Spread is not null;

    /// <summary>Who holds the shard as this replica knows it.</summary>
    public MemberSet? Members { get; init; }

    /// <summary><c>target</c>, <c>degraded</c>, <c>floor</c> or <c>recovery</c>; null: the protocol has no modes.</summary>
    public string? Mode { get; init; }

    /// <summary>Why it is in that mode.</summary>
    public string? ModeReason { get; init; }

    /// <summary>While the mode is <c>recovery</c>.</summary>
    public RecoveryStatus? Recovery { get; init; }

    /// <summary>The nodes whose acknowledgements count and of whom one may take over; null: the protocol has no such set.</summary>
    public IReadOnlyList<int>? SyncSet { get; init; }

    /// <summary>The links of the shard's chain as this replica knows them, from the head to the tail; null: the protocol has no chain.</summary>
    public IReadOnlyList<int>? Chain { get; init; }

    /// <summary>Of a group on a ring.</summary>
    public RingStatus? Ring { get; init; }

    /// <summary>Where replicas repair each other.</summary>
    public RepairStatus? Repair { get; init; }

    /// <summary>Where every member takes changes of its own.</summary>
    public SpreadStatus? Spread { get; init; }

    /// <summary>On a leader: how far each follower has got.</summary>
    public IReadOnlyList<FollowerStatus>? Progress { get; init; }

    /// <summary>On a leader: how far each follower has lagged lately, by node.</summary>
    public IReadOnlyDictionary<string, LagStatus>? Lags { get; init; }

    /// <summary>On a leader: commands acknowledged with less than was asked for.</summary>
    public long DegradedAcks { get; init; }
}

/// <summary>How far a follower has got, as its primary knows it. Positions are log indexes, lags against the primary's log on disk.</summary>
/// <param name="LagMs">For how long the oldest entry that it lacks has been in the primary's log.</param>
/// <param name="MissedBeats">Heartbeats in a row that it has not answered.</param>
/// <param name="CatchUpSeconds">When it will have caught up at its pace; null: it has, or the pace is not known.</param>
public sealed record FollowerStatus(
    int Node, bool InSync, long Sent, long Received, long Durable, long Applied, long LagEntries, long LagBytes, double LagMs, int MissedBeats, double? CatchUpSeconds)
{
    /// <summary>It answers, and what waits for it has grown over a limit for a while.</summary>
    public bool Slow { get; init; }
}

/// <summary>How far a shard has got on its way back to its target.</summary>
/// <param name="Percent">Of what was lacking at most.</param>
/// <param name="LagEntries">What is lacking still.</param>
/// <param name="Seconds">Until it is over at the pace of the last seconds; null: the pace is not known.</param>
public sealed record RecoveryStatus(double Percent, long LagEntries, double? Seconds);

/// <summary>What <c>/health/ready</c> and errors say.</summary>
public sealed record HealthStatus(string Status, IReadOnlyList<string> Reasons);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(NodeStatus))]
[JsonSerializable(typeof(HealthStatus))]
[JsonSerializable(typeof(ClusterReport))]
[JsonSerializable(typeof(KeyReport))]
[JsonSerializable(typeof(TopReport))]
[JsonSerializable(typeof(PutReport))]
[JsonSerializable(typeof(DeleteReport))]
[JsonSerializable(typeof(ProcessesReport))]
[JsonSerializable(typeof(ImportReport))]
[JsonSerializable(typeof(ExportReport))]
[JsonSerializable(typeof(MembersReport))]
[JsonSerializable(typeof(NodesReport))]
[JsonSerializable(typeof(NodeEntry))]
[JsonSerializable(typeof(OrderTaken))]
[JsonSerializable(typeof(TransferReport))]
[JsonSerializable(typeof(TakeOverReport))]
[JsonSerializable(typeof(FaultsReport))]
[JsonSerializable(typeof(RepairReport))]
[JsonSerializable(typeof(ReplicaRepairStatus))]
[JsonSerializable(typeof(VerifyReport))]
[JsonSerializable(typeof(ShardVerifyStatus))]
[JsonSerializable(typeof(LostFiles))]
[JsonSerializable(typeof(LostContent))]
[JsonSerializable(typeof(string))]
internal sealed partial class StatusJson : JsonSerializerContext;

/// <summary>What <c>actorrepl status --json</c> prints.</summary>
public sealed record ClusterReport(string Cluster, int BasePort, string Data, IReadOnlyList<NodeReport> Nodes);

/// <param name="State"><c>ready</c>, <c>starting</c> or <c>down</c>.</param>
public sealed record NodeReport(int Id, string State, int RedisPort, int HttpPort, string? Error, NodeStatus? Status);

/// <summary>What <c>actorrepl get --json</c> prints; a value that is no UTF-8 comes in base64.</summary>
public sealed record KeyReport(string Key, bool Found, string? Value, string? ValueBase64);

/// <summary>What <c>actorrepl put --json</c> prints: the write was acknowledged.</summary>
public sealed record PutReport(string Key, bool Stored);

/// <summary>What <c>actorrepl del --json</c> prints: how many of the keys there were.</summary>
public sealed record DeleteReport(long Removed);

/// <summary>What <c>down</c>, <c>kill</c>, <c>restart</c> and <c>node add</c> print with <c>--json</c>.</summary>
/// <param name="Done"><c>stopped</c>, <c>killed</c>, <c>ready</c> or <c>joined</c>.</param>
public sealed record ProcessesReport(string Done, IReadOnlyList<ProcessEntry> Nodes)
{
    /// <summary>Nodes that were told to stop and had to be killed.</summary>
    public IReadOnlyList<int>? Killed { get; init; }
}

public sealed record ProcessEntry(int Node, int Pid);

/// <summary>What <c>actorrepl export --json</c> prints.</summary>
public sealed record ExportReport(string File, string Group, long Keys, double Seconds, IReadOnlyList<ExportedShard> Shards);

/// <summary>A shard's part of an export.</summary>
/// <param name="Node">Whose replica it is of.</param>
/// <param name="Position">The entry of the log it is as of, term/index.</param>
public sealed record ExportedShard(int Shard, int Node, string Position, long Keys);

/// <summary>What <c>actorrepl import --json</c> prints. Records, and lines that are none.</summary>
/// <param name="Problems">The first few.</param>
public sealed record ImportReport(string File, long Acknowledged, long Failed, long BadLines, double Seconds, IReadOnlyList<string> Problems)
{
    /// <summary>By Ctrl-C: of the others some that were sent may be stored, too.</summary>
    public bool Interrupted { get; init; }
}
