using ActorRepl.Actors.Messages;
using ActorRepl.Actors.Nodes;
using ActorRepl.Actors.Routing;
using Akka.Actor;

namespace ActorRepl.Actors.Control;

/// <summary>How a node that knows nobody but one other comes to know the cluster.</summary>
public static class ClusterJoin
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    /// <summary>
    /// Asks the node at an address, for as long as it is given, who founded the cluster and who is in it. The answer is what
    /// a new node remembers first.
    /// </summary>
    /// <param name="rootName">Of that node's runtime.</param>
    /// <exception cref="TimeoutException">Nobody answered there.</exception>
    /// <exception cref="InvalidDataException">The answer cannot be read: that node runs another version.</exception>
    public static async Task<NodeState> AskAsync(ActorSystem system, Address address, TimeSpan patience, string rootName = "actorrepl", CancellationToken cancellation = default)
    {
        ActorSelection agent = system.ActorSelection(new RootActorPath(address) / "user" / rootName / Names.Agent);
        long deadline = Environment.TickCount64 + (long)patience.TotalMilliseconds;
        while (true)
        {
            try
            {
                JoinAnswer answer = await agent.Ask<JoinAnswer>(JoinRequest.Instance, Patience, cancellation).ConfigureAwait(false);
                return NodeState.Decode(answer.State);
            }
            catch (AskTimeoutException) when (Environment.TickCount64 < deadline)
            {
                // It may be starting.
            }
            catch (AskTimeoutException)
            {
                throw new TimeoutException($"no node of the cluster answers at {address.Host}:{address.Port}");
            }
        }
    }
}
