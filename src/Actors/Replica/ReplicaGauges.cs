using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Actors.Replica;

/// <summary>One number of each replica in this process that has it, for whoever reads the gauge.</summary>
internal sealed class ReplicaGauges
{
    private readonly ConcurrentDictionary<(string Group, int Shard, ReplicaId Node), long> _values = [];

    /// <summary>Null: there is nothing to say any more.</summary>
    public void Set((string Group, int Shard, ReplicaId Node) replica, long? value)
    {
        if (value is { } number)
            _values[replica] = number;
        else
            _values.TryRemove(replica, out _);
    }

    public IEnumerable<Measurement<long>> Measure() => _values.Select(each => new Measurement<long>(
        each.Value, new("group", each.Key.Group), new("shard", each.Key.Shard), new("node", each.Key.Node.Value)));
}
