using System.Collections.Concurrent;
using ActorRepl.Actors.Messages;
using Akka.Actor;

namespace ActorRepl.Actors.Tests.Cluster;

/// <summary>Notes what replicas tell an operator.</summary>
internal sealed class EventListener(ConcurrentQueue<string> told) : UntypedActor
{
    protected override void OnReceive(object message)
    {
        if (message is ReplicaEvent happened)
            told.Enqueue(happened.What);
    }
}
