using System.Collections.Immutable;
using ActorRepl.Actors.Replica;
using ActorRepl.Protocols.Control;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Actors.Control;

/// <summary>Adds to what an observer has seen.</summary>
internal static class Seen
{
    public static Observations With(this Observations seen, ShardKey key, ReplicaId node, ReplicaStatus status)
    {
        var reports = seen.Reports.GetValueOrDefault(key) ?? ImmutableSortedDictionary<ReplicaId, ReplicaReport>.Empty;
        return seen with { Reports = seen.Reports.SetItem(key, reports.SetItem(node, new ReplicaReport(status, ReplicaClock.Monotonic))) };
    }

    public static Observations With(this Observations seen, ReplicaId node, bool up) =>
        seen.Nodes.TryGetValue(node, out NodeObservation known) && known.Up == up
            ? seen
            : seen with { Nodes = seen.Nodes.SetItem(node, new NodeObservation(up, ReplicaClock.Monotonic)) };
}
