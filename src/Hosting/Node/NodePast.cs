using ActorRepl.Actors.Nodes;
using ActorRepl.Persistence;
using ActorRepl.Protocols.Kernel;
using Microsoft.Extensions.Logging;

namespace ActorRepl.Hosting.Node;

/// <summary>What a node's directory says of its past: whether it was ever used, and whether all of it is there.</summary>
internal static class NodePast
{
    /// <summary>What the node remembers; null: this is its first start on this directory.</summary>
    /// <exception cref="UserErrorException">The directory is neither whole nor empty.</exception>
    public static NodeState? Recall(DataDirectory directory, NodeStateFile file, ReplicaId self, string journal, bool joins, ILogger log)
    {
        NodeState? state;
        try
        {
            state = file.Load() is { } bytes ? NodeState.Decode(bytes) : null;
        }
        catch (InvalidDataException damage)
        {
            throw new UserErrorException($"what {self} keeps of the cluster, {Path.Combine(directory.Path, NodeStateFile.Name)}, cannot be read: {damage.Message}");
        }

        if (state is null && !directory.HasEvents && directory.Trace is { } trace)
            throw new UserErrorException($"the data directory {directory.Path} has held data, says {trace} in it, and that is gone; put it back, or remove the directory whole");
        if (state is null && joins && directory.HasEvents)
            throw new UserErrorException($"the data directory {directory.Path} holds data but no {NodeStateFile.Name}; put it back, or remove the directory whole: the node then joins with an empty one");
        bool isOwn = journal is PersistenceConfig.SegmentJournalId or PersistenceConfig.SqliteJournalId;
        if (state is not { Undecided: false } || !isOwn || directory.HasEvents || directory.Trace is not null)
            return state;

        // Nothing says any more what its replicas have promised.
        log.LogWarning("The journal in {Directory} is gone. The node takes that for a new disk: it joins, and its replicas vote once their shards have taken them in anew", directory.Path);
        NodeState anew = state.ForOneThatJoins() with { LastGeneration = state.LastGeneration, Leftovers = [.. state.Leftovers, .. state.Hosted] };
        file.Save(anew.Encode());
        return anew;
    }
}
