namespace ActorRepl.Actors.Nodes;

/// <summary>To the top actor: the cluster has this group by another protocol or with other options; replicas that go by this node's do nothing but harm.</summary>
internal sealed record GroupRefused(string Group, string Why);

/// <summary>To the hosting actor: hold a replica of the shard, from now on; it begins as one that joins.</summary>
internal sealed record HostShard(string Group, int Shard);

/// <summary>To the hosting actor: the shard's replica here is none of its members any more; it stops, and its data goes.</summary>
internal sealed record ReleaseShard(string Group, int Shard);

/// <summary>To the supervisor of a shard, by way of its group's: run this replica.</summary>
internal sealed record StartHosting(HostedShard Replica);

/// <summary>To the supervisor of a shard likewise: stop the replica for good; answered by <see cref="HostingStopped"/>. <paramref name="Why"/>: what to say to those who ask.</summary>
internal sealed record StopHosting(HostedShard Replica, string? Why = null);

internal sealed record HostingStopped(HostedShard Replica);

/// <summary>From an eraser: nothing is left of that replica, or why something is.</summary>
internal sealed record ReplicaErased(HostedShard Replica, string? Problem);

/// <summary>Published on the event stream of the node: a node became known or is to be found elsewhere.</summary>
internal sealed record NodeChanged(Settings.NodeInfo Node);
