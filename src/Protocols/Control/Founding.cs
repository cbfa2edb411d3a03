using System.Collections.Immutable;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Control;

/// <summary>What one founding node says to another that asks whether it may found.</summary>
/// <param name="Disk">The id of its data directory.</param>
/// <param name="Settled">It has founded, or joined: its replicas may have run.</param>
/// <param name="Known">The disk it has on record for the one that asks; empty: none.</param>
public readonly record struct FounderAnswer(Guid Disk, bool Settled, Guid Known);

/// <summary>What a node that is to found the cluster, and has not yet, does next.</summary>
public abstract record FoundingDecision
{
    /// <summary>Nobody who was heard knows anything, and these have not been heard, or have not put this node's disk on record.</summary>
    public sealed record Wait(IReadOnlyList<ReplicaId> Silent, IReadOnlyList<ReplicaId> Behind) : FoundingDecision;

    /// <summary>Put the disks of all founders on record, durably and for good, and say so.</summary>
    public sealed record Enlist(ImmutableSortedDictionary<ReplicaId, Guid> Disks) : FoundingDecision;

    /// <summary>Start the first replicas, with their votes.</summary>
    public sealed record Found : FoundingDecision;

    /// <summary>This node was here before, on a disk that is gone: it founds nothing and joins.</summary>
    /// <param name="By">Who says so.</param>
    /// <param name="Known">The disk it had there; empty: none is on record, but the cluster has been founded.</param>
    public sealed record Replaced(ReplicaId By, Guid Known) : FoundingDecision;
}

/// <summary>
/// Who may start without data as a voter: a founder whose disk no other founder has ever seen replaced. Each puts the disks
/// of all on record before any founds; so a disk that has founded is on record with all others, and any one of them
/// that is left keeps the next disk of that node from founding. docs/control.md has the argument.
/// </summary>
public static class Founding
{
    /// <param name="self">This node.</param>
    /// <param name="disk">The id of its data directory, which is durable.</param>
    /// <param name="founders">All nodes that found the cluster.</param>
    /// <param name="enlisted">The disks it has on record; empty: none yet.</param>
    /// <param name="answers">The newest of each other founder that was heard.</param>
    public static FoundingDecision Decide(
        ReplicaId self, Guid disk, IReadOnlyCollection<ReplicaId> founders, IReadOnlyDictionary<ReplicaId, Guid> enlisted, IReadOnlyDictionary<ReplicaId, FounderAnswer> answers)
    {
        Invariant.That(founders.Contains(self) && disk != Guid.Empty, "a founder asks, and has a disk");
        foreach ((ReplicaId other, FounderAnswer answer) in answers)
        {
            if (answer.Known != disk && (answer.Known != Guid.Empty || answer.Settled))
                return new FoundingDecision.Replaced(other, answer.Known);
        }

        ReplicaId[] others = [.. founders.Where(id => id != self).Order()];
        ReplicaId[] silent = [.. others.Where(id => !answers.ContainsKey(id))];
        if (silent.Length > 0)
            return new FoundingDecision.Wait(silent, []);
        if (enlisted.Count == 0)
            return new FoundingDecision.Enlist(others.ToImmutableSortedDictionary(id => id, id => answers[id].Disk).Add(self, disk));
        ReplicaId[] behind = [.. others.Where(id => answers[id].Known != disk)];
        return behind.Length > 0 ? new FoundingDecision.Wait([], behind) : new FoundingDecision.Found();
    }
}
