using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Actors.Replica;

/// <summary>The modes of the shards that are led in this process, for whoever reads the gauge.</summary>
internal sealed class ShardModeTable
{
    private readonly ConcurrentDictionary<(string Group, int Shard, ReplicaId Node), ReplicaMode> _modes = [];

    /// <summary><see cref="ReplicaMode.None"/>: there is nothing to say any more.</summary>
    public void Set((string Group, int Shard, ReplicaId Node) replica, ReplicaMode mode)
    {
        if (mode == ReplicaMode.None)
            _modes.TryRemove(replica, out _);
        else
            _modes[replica] = mode;
    }

    public IEnumerable<Measurement<int>> Measure() => _modes.Select(each => new Measurement<int>(
        (int)each.Value, new("group", each.Key.Group), new("shard", each.Key.Shard), new("node", each.Key.Node.Value)));
}
