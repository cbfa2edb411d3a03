using System.Collections.Concurrent;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Actors.Nodes;

/// <summary>Where a node keeps what its replicas lose in failovers, until an operator takes it away.</summary>
public interface ILostEntriesStore
{
    /// <summary>They are durable when it returns. The same may come again: a replica that failed between this and its next record starts over.</summary>
    /// <returns>Where they are, for people.</returns>
    /// <exception cref="IOException">They could not be kept; the replica does not go on.</exception>
    string Keep(LostEntries lost);
}

/// <summary>Forgets with the process: for nodes whose replicas' data does so too.</summary>
public sealed class MemoryLostEntriesStore : ILostEntriesStore
{
    private readonly ConcurrentQueue<LostEntries> _kept = new();

    public IReadOnlyList<LostEntries> Kept => [.. _kept];

    public string Keep(LostEntries lost)
    {
        _kept.Enqueue(lost);
        return "memory";
    }
}
