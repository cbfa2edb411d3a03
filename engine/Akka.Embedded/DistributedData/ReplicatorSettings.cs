using Akka.Actor;
using Akka.Configuration;
using Akka.Dispatch;

namespace Akka.DistributedData;

/// <summary>The settings under <c>akka.cluster.distributed-data</c> that the engine reads.</summary>
public sealed class ReplicatorSettings
{
    private ReplicatorSettings(Config config)
    {
        Role = config.GetString("role", "");
        GossipInterval = config.GetTimeSpan("gossip-interval");
        NotifySubscribersInterval = config.GetTimeSpan("notify-subscribers-interval");
        MaxDeltaElements = config.GetInt("max-delta-elements");
        string dispatcher = config.GetString("use-dispatcher", "");
        Dispatcher = dispatcher.Length > 0 ? dispatcher : Dispatchers.InternalDispatcherId;
        PruningInterval = config.GetTimeSpan("pruning-interval");
        MaxPruningDissemination = config.GetTimeSpan("max-pruning-dissemination");
        PruningMarkerTimeToLive = config.GetTimeSpan("pruning-marker-time-to-live");
        IsDeltaEnabled = config.GetBoolean("delta-crdt.enabled");
        MaxDeltaSize = config.GetInt("delta-crdt.max-delta-size");
        if (MaxDeltaElements < 1)
            throw new ConfigurationException($"akka.cluster.distributed-data.max-delta-elements is {MaxDeltaElements}; it must be at least 1");
        if (config.GetStringList("durable.keys").Count > 0)
            throw new ConfigurationException("akka.cluster.distributed-data.durable.keys must be empty: the embedded engine keeps no value on disk");
    }

    /// <summary>Replicas are on the members with this role; on all if it is empty.</summary>
    public string Role { get; }

    /// <summary>How often the digests of all values are compared with some other replica's.</summary>
    public TimeSpan GossipInterval { get; }
    public TimeSpan NotifySubscribersInterval { get; }

    /// <summary>Values in one gossip message.</summary>
    public int MaxDeltaElements { get; }
    public string Dispatcher { get; }
    public TimeSpan PruningInterval { get; }

    /// <summary>How long a node must have been removed before its part of values goes to another; time with a member unreachable does not count.</summary>
    public TimeSpan MaxPruningDissemination { get; }

    /// <summary>How long is remembered that a value has been pruned.</summary>
    public TimeSpan PruningMarkerTimeToLive { get; }

    /// <summary>Steps of a delta; from here on the whole value is sent.</summary>
    public int MaxDeltaSize { get; }

    internal bool IsDeltaEnabled { get; }

    /// <summary>How often deltas are sent: a fifth of the gossip interval, at least 200 ms.</summary>
    internal TimeSpan DeltaInterval => TimeSpan.FromTicks(Math.Max(GossipInterval.Ticks / 5, TimeSpan.FromMilliseconds(200).Ticks));

    public static ReplicatorSettings Create(ActorSystem system) => Create(system.Settings.Config.GetConfig("akka.cluster.distributed-data"));
    public static ReplicatorSettings Create(Config config) => new(config);
}
