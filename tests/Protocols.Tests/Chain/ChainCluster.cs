using ActorRepl.Protocols.Chain;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Tests.Chain;

internal sealed class ChainCluster(int size, ChainOptions? options = null, ulong seed = 1, int[]? late = null) : ViewedCluster<ChainNode>(size, seed, late)
{
    /// <summary>The head of the latest epoch among those that run.</summary>
    public ChainNode? Head => Leading;
    public ChainView? View => Epoch == 0 ? null : ChainView.Decode(EncodedView);

    public override string ToString() => string.Join("\n", Nodes.Select(node =>
        $"{node.Id} {node.Status.Role} epoch {node.Replica.Epoch} last {node.Replica.LastPosition} durable {node.Replica.DurableIndex} commit {node.Replica.CommitIndex} applied {node.Replica.AppliedIndex} lost {node.Replica.HasLostPromises}; {node.Replica.CurrentView}"));

    protected override ChainNode New(int id, ulong seed, bool joins) => new(id, Size, options, seed: seed, now: Now, joins: joins);

    protected override ChainNode Anew(ChainNode old, RecoveredState recovered, ulong seed) => new(old.Id.Value, Size, options, recovered, seed, Now);
}
