using System.Collections.Concurrent;
using ActorRepl.Actors.Messages;
using ActorRepl.Actors.Routing;
using ActorRepl.Actors.Settings;
using ActorRepl.Protocols.Kernel;
using Akka.Actor;
using Akka.Event;

namespace ActorRepl.Actors.Supervision;

/// <summary>
/// Answers requests that came for supervisors and replicas of this actor system that have stopped: nothing of them was done,
/// so their routers send them elsewhere instead of waiting for an answer that never comes. It is a system actor, and so
/// there until remoting ends.
/// </summary>
internal sealed class UndeliveredRequests : ExtensionIdProvider<UndeliveredRequests.Answers>
{
    /// <summary>From now on, also once the node's part of all groups has stopped.</summary>
    public static void AnswerFor(ActorSystem system, ReplicationSettings settings, NodeLocator locator) =>
        system.WithExtension<Answers, UndeliveredRequests>().Nodes[settings.RootName(settings.SelfNode)] = new Node(settings.Self, locator);

    public override Answers CreateExtension(ExtendedActorSystem system) => new(system);

    internal sealed record Node(ReplicaId Id, NodeLocator Locator);

    internal sealed class Answers : IExtension
    {
        public Answers(ExtendedActorSystem system)
        {
            ConcurrentDictionary<string, Node> nodes = Nodes;
            system.SystemActorOf(Props.Create(() => new Answerer(nodes)), "actorrepl-undelivered");
        }

        /// <summary>By the names of their top actors; mostly one.</summary>
        public ConcurrentDictionary<string, Node> Nodes { get; } = new(StringComparer.Ordinal);
    }

    private sealed class Answerer(ConcurrentDictionary<string, Node> nodes) : UntypedActor
    {
        protected override void PreStart() => Context.System.EventStream.Subscribe(Self, typeof(DeadLetter));

        protected override void PostStop() => Context.System.EventStream.Unsubscribe(Self);

        protected override void OnReceive(object message)
        {
            if (message is not DeadLetter { Message: RequestBatch batch } letter || Find(letter.Recipient.Path) is not { } node)
                return;
            var why = new Rejection(RejectReason.Unavailable, Detail: $"{node.Id} has stopped");
            RoutedReply[] replies = Array.ConvertAll(batch.Requests, request => new RoutedReply(request.Id, default, why));
            node.Locator.Back(letter.Sender).Tell(new ReplyBatch(batch.Group, batch.Shard, node.Id, ReplicaDown: true, replies), Self);
        }

        // What was meant for another system may have been sent all the same.
        private Node? Find(ActorPath recipient)
        {
            bool here = recipient.Address.HasLocalScope || recipient.Address.Equals(((ExtendedActorSystem)Context.System).Provider.DefaultAddress);
            return here && recipient.Elements is ["user", var root, ..] ? nodes.GetValueOrDefault(root) : null;
        }
    }
}
