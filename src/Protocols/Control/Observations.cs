using System.Collections.Immutable;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Control;

/// <summary>What a replica said of itself, and when, on the observer's monotonic clock, µs.</summary>
public readonly record struct ReplicaReport(ReplicaStatus Status, long At);

/// <summary>Whether a node answers, and since when, on the observer's monotonic clock, µs.</summary>
public readonly record struct NodeObservation(bool Up, long Since);

/// <summary>What one observer knows of the cluster at a moment. Immutable.</summary>
public sealed record Observations
{
    /// <summary>By shard: the newest report of each replica that ever sent one.</summary>
    public ImmutableSortedDictionary<ShardKey, ImmutableSortedDictionary<ReplicaId, ReplicaReport>> Reports { get; init; } =
        ImmutableSortedDictionary<ShardKey, ImmutableSortedDictionary<ReplicaId, ReplicaReport>>.Empty;

    public ImmutableSortedDictionary<ReplicaId, NodeObservation> Nodes { get; init; } =
        ImmutableSortedDictionary<ReplicaId, NodeObservation>.Empty;
}
