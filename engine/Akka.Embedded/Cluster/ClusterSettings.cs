using System.Collections.Immutable;
using Akka.Actor;
using Akka.Configuration;

namespace Akka.Cluster;

/// <summary>A node could not join the cluster.</summary>
public class ClusterJoinFailedException(string message) : AkkaException(message);

/// <summary>The settings under <c>akka.cluster</c> that the engine reads.</summary>
public sealed class ClusterSettings
{
    public ClusterSettings(Config config, string systemName)
    {
        var cluster = config.GetConfig("akka.cluster");
        SeedNodes = cluster.GetStringList("seed-nodes").Select(seed => ParseSeed(seed, systemName)).ToImmutableList();
        SeedNodeTimeout = cluster.GetTimeSpan("seed-node-timeout");
        RetryUnsuccessfulJoinAfter = TimeSpanOrOff(cluster, "retry-unsuccessful-join-after");
        Roles = [.. cluster.GetStringList("roles")];
        MinNrOfMembers = cluster.GetInt("min-nr-of-members");
        MinNrOfMembersOfRole = (cluster.GetConfig("role") ?? Config.Empty).AsEnumerable()
            .ToImmutableDictionary(role => role.Key, role => cluster.GetInt($"role.\"{role.Key}\".min-nr-of-members", 1));
        GossipInterval = cluster.GetTimeSpan("gossip-interval");
        LeaderActionsInterval = cluster.GetTimeSpan("leader-actions-interval");
        UnreachableNodesReaperInterval = cluster.GetTimeSpan("unreachable-nodes-reaper-interval");
        FailureDetectorConfig = cluster.GetConfig("failure-detector");
        FailureDetectorImplementationClass = FailureDetectorConfig.GetString("implementation-class");
        HeartbeatInterval = FailureDetectorConfig.GetTimeSpan("heartbeat-interval");
        HeartbeatExpectedResponseAfter = FailureDetectorConfig.GetTimeSpan("expected-response-after");
        MonitoredByNrOfMembers = FailureDetectorConfig.GetInt("monitored-by-nr-of-members");
        WeaklyUpAfter = TimeSpanOrOff(cluster, "allow-weakly-up-members") ?? TimeSpan.Zero;
        RunCoordinatedShutdownWhenDown = cluster.GetBoolean("run-coordinated-shutdown-when-down");
        LogInfo = cluster.GetBoolean("log-info");
        string downing = cluster.GetString("downing-provider-class", "");
        if (downing.Length > 0)
            throw new ConfigurationException(
                $"akka.cluster.downing-provider-class is '{downing}'; the embedded engine has none: it must be \"\", and nodes are downed by Cluster.Down");
        if (MinNrOfMembers < 1)
            throw new ConfigurationException($"akka.cluster.min-nr-of-members is {MinNrOfMembers}; it must be at least 1");
    }

    public ImmutableList<Address> SeedNodes { get; }
    public TimeSpan SeedNodeTimeout { get; }

    /// <summary>Null if a join is not retried.</summary>
    public TimeSpan? RetryUnsuccessfulJoinAfter { get; }
    public ImmutableHashSet<string> Roles { get; }
    public int MinNrOfMembers { get; }
    public ImmutableDictionary<string, int> MinNrOfMembersOfRole { get; }
    public TimeSpan GossipInterval { get; }
    public TimeSpan LeaderActionsInterval { get; }
    public TimeSpan UnreachableNodesReaperInterval { get; }
    public Config FailureDetectorConfig { get; }
    public string FailureDetectorImplementationClass { get; }
    public TimeSpan HeartbeatInterval { get; }
    public TimeSpan HeartbeatExpectedResponseAfter { get; }
    public int MonitoredByNrOfMembers { get; }

    /// <summary>How long without agreement until joining members become weakly up.</summary>
    public TimeSpan WeaklyUpAfter { get; }
    public bool AllowWeaklyUpMembers => WeaklyUpAfter > TimeSpan.Zero;
    public bool RunCoordinatedShutdownWhenDown { get; }
    public bool LogInfo { get; }

    private static TimeSpan? TimeSpanOrOff(Config config, string path) =>
        config.GetString(path)?.ToLowerInvariant() is null or "off" or "false" ? null : config.GetTimeSpan(path);

    private static Address ParseSeed(string seed, string systemName) =>
        Address.TryParse(seed, out var address) && address.Port is not null && address.System == systemName
            ? address
            : throw new ConfigurationException(
                $"akka.cluster.seed-nodes has '{seed}'; it must be akka.tcp://{systemName}@host:port");
}
