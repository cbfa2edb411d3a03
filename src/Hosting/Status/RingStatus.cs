using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Hosting.Status;

/// <summary>One replica's part of a ring, and of a change of it.</summary>
/// <param name="Epoch">Rises with each change of members.</param>
/// <param name="Phase">What is under way.</param>
/// <param name="SharePercent">Of the keys, that this replica is the first owner of.</param>
/// <param name="Ranges">That it gets by the change; of those, <paramref name="RangesDone"/> are here.</param>
/// <param name="RangesDone">Likewise.</param>
/// <param name="KeysDone">Keys that were copied here.</param>
/// <param name="KeysTotal">As far as the sources have said.</param>
/// <param name="BytesDone">Likewise in bytes.</param>
/// <param name="BytesTotal">Likewise.</param>
public sealed record RingStatus(long Epoch, string Phase, double SharePercent, int Ranges, int RangesDone, long KeysDone, long KeysTotal, long BytesDone, long BytesTotal)
{
    internal static RingStatus? Of(RingProgress? ring) => ring is null ? null
        : new RingStatus(ring.Epoch, ring.Phase, ring.Share / 10.0, ring.Ranges, ring.RangesDone, ring.KeysDone, ring.KeysTotal, ring.BytesDone, ring.BytesTotal);
}

/// <summary>What repair has done on one replica since it started.</summary>
/// <param name="With">The node that it is being compared with; 0: none.</param>
/// <param name="PeersLeft">Of a repair that was ordered.</param>
/// <param name="Comparisons">That came to their end.</param>
/// <param name="KeysCompared">Under the trees of those.</param>
/// <param name="KeysExchanged">That differed.</param>
/// <param name="HintsBytes">Bytes of hints that are kept here for others.</param>
/// <param name="OldestHintSeconds">How long the oldest of them has been kept; null: there are none, or it is not known.</param>
/// <param name="Damaged">Keys at which a tree and the data under it differed.</param>
/// <param name="Hints">How many are kept.</param>
/// <param name="RefusedAsAhead">What others sent and was not taken, because its time was too far ahead of this node's clock.</param>
public sealed record RepairStatus(
    int With, int PeersLeft, long Comparisons, long KeysCompared, long KeysExchanged, long HintsBytes, double? OldestHintSeconds, long Damaged, int Hints, long RefusedAsAhead)
{
    internal static RepairStatus? Of(RepairProgress? repair) => repair is null ? null
        : new RepairStatus(repair.Running.Value, repair.PeersLeft, repair.Comparisons, repair.KeysCompared, repair.KeysExchanged, repair.HintsBytes,
            repair.OldestHintMicros is { } micros ? Math.Round(micros / 1e6, 1) : null, repair.Damaged, repair.Hints, repair.RefusedAsAhead);
}

/// <summary>What <c>/repair</c> of a node says of its replica of one shard.</summary>
public sealed record ReplicaRepairStatus(int Shard, int Node, long Comparisons, long KeysCompared, long KeysExchanged, string? Problem);

/// <summary>What <c>actorrepl repair --json</c> prints.</summary>
/// <param name="Done">Every replica has been compared with all others.</param>
public sealed record RepairReport(string Group, bool Done, IReadOnlyList<ReplicaRepairStatus> Replicas)
{
    /// <summary>Nodes that did not answer: what they have was not compared.</summary>
    public IReadOnlyList<int> Silent { get; init; } = [];
}
