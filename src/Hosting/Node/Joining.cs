using ActorRepl.Actors.Control;
using ActorRepl.Actors.Nodes;
using ActorRepl.Actors.Settings;
using ActorRepl.Protocols.Control;
using Akka.Actor;

namespace ActorRepl.Hosting.Node;

/// <summary>A new node asks for the cluster it is to join, and sees whether it fits in.</summary>
internal static class Joining
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <exception cref="UserErrorException">Nobody answers, the number is taken, or the groups are not the cluster's.</exception>
    public static async Task<NodeState> AskAsync(ActorSystem system, NodePlan plan, CancellationToken cancellation)
    {
        NodeState cluster;
        try
        {
            cluster = await ClusterJoin.AskAsync(system, plan.Join!, Patience, cancellation: cancellation).ConfigureAwait(false);
        }
        catch (TimeoutException silent)
        {
            throw new UserErrorException($"{silent.Message}; --join takes where a running node listens for other nodes");
        }
        catch (InvalidDataException foreign)
        {
            throw new UserErrorException($"the answer of the node at {plan.Join!.Host}:{plan.Join.Port} is not understood: {foreign.Message}");
        }

        if (cluster.Founders.Count != plan.Replication.FoundingNodes.Count)
            throw new UserErrorException($"the cluster was founded by {cluster.Founders.Count} nodes, not {plan.Replication.FoundingNodes.Count}; say so by --nodes");
        if (!cluster.Control.IsEmpty)
            Check(plan.Replication, ControlStateCodec.Decode(cluster.Control));
        return cluster;
    }

    private static void Check(ReplicationSettings settings, ControlState state)
    {
        NodeInfo self = settings.SelfNode;
        string address = $"{self.Address.Host}:{self.Address.Port}";
        if (state.Node(self.Id) is { Status: not NodeStatus.Removed } taken && taken.Address != address)
            throw new UserErrorException($"the cluster has a node {self.Id.Value} already, at {taken.Address}; take another number");
        foreach (GroupDefinition group in settings.Groups)
        {
            if (state.Groups.TryGetValue(group.Name, out ControlGroup? known)
                && (known.Protocol, known.Shards.Count, known.Replicas) != (group.Protocol.Name, group.Shards, group.Replicas))
            {
                throw new UserErrorException(
                    $"the cluster has group '{group.Name}' with {known.Protocol}, {known.Shards.Count} shards, {known.Replicas} replicas, "
                    + $"and this node with {group.Protocol.Name}, {group.Shards} shards, {group.Replicas} replicas");
            }
        }
    }
}
