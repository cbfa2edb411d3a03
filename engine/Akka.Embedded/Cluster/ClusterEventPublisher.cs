#nullable enable
using System.Collections.Immutable;
using Akka.Actor;

namespace Akka.Cluster;

/// <summary>Turns changes of state into events and tells subscribers; a part of <see cref="ClusterCore"/>.</summary>
internal sealed class ClusterEventPublisher(Cluster cluster, IActorContext context)
{
    private readonly Dictionary<IActorRef, ImmutableHashSet<Type>> _subscribers = [];
    private ClusterEvent.CurrentClusterState _state = new();

    public void Subscribe(IActorRef subscriber, ClusterEvent.SubscriptionInitialStateMode mode, ImmutableHashSet<Type> to)
    {
        if (mode == ClusterEvent.SubscriptionInitialStateMode.InitialStateAsSnapshot)
            subscriber.Tell(_state);
        else
            foreach (var what in Changes(new ClusterEvent.CurrentClusterState(), _state).Where(e => Wants(to, e)))
                subscriber.Tell(what);
        _subscribers[subscriber] = _subscribers.GetValueOrDefault(subscriber, []).Union(to);
        context.Watch(subscriber);
    }

    public void Unsubscribe(IActorRef subscriber, Type? to)
    {
        if (!_subscribers.TryGetValue(subscriber, out var types))
            return;
        var rest = to is null ? [] : types.Remove(to);
        if (rest.IsEmpty)
        {
            _subscribers.Remove(subscriber);
            context.Unwatch(subscriber);
        }
        else
            _subscribers[subscriber] = rest;
    }

    public void Publish(Gossip gossip) => MoveTo(StateOf(gossip, cluster.SelfUniqueAddress));

    /// <summary>Tells subscribers that for this node all members are gone.</summary>
    public void Stop()
    {
        Tell(ClusterEvent.ClusterShuttingDown.Instance);
        MoveTo(new ClusterEvent.CurrentClusterState());
    }

    private void MoveTo(ClusterEvent.CurrentClusterState next)
    {
        var before = _state;
        _state = next;
        cluster.Publish(next);
        foreach (var what in Changes(before, next))
            Tell(what);
    }

    private void Tell(object what)
    {
        foreach (var (subscriber, types) in _subscribers)
            if (Wants(types, what))
                subscriber.Tell(what);
    }

    private static bool Wants(ImmutableHashSet<Type> types, object what) => types.Any(type => type.IsInstanceOfType(what));

    private static ClusterEvent.CurrentClusterState StateOf(Gossip gossip, UniqueAddress self) => new(
        gossip.Members,
        gossip.Unreachable().Remove(gossip.Find(self)!),
        [.. gossip.Seen.Select(node => node.Address)],
        gossip.Leader(self)?.Address,
        gossip.Members
            .SelectMany(m => m.Roles)
            .Distinct()
            .ToImmutableDictionary(role => role, role => gossip.Leader(self, m => m.HasRole(role))?.Address)!);

    private static IEnumerable<ClusterEvent.IClusterDomainEvent> Changes(
        ClusterEvent.CurrentClusterState before, ClusterEvent.CurrentClusterState after)
    {
        // First who is gone: a new incarnation may be at its address.
        foreach (var member in before.Members.Except(after.Members))
            yield return new ClusterEvent.MemberRemoved(member.Copy(MemberStatus.Removed), member.Status);
        foreach (var member in after.Members)
        {
            var old = before.Members.TryGetValue(member, out var known) ? known : null;
            if (old?.Status != member.Status)
                yield return StatusEvent(member);
        }
        foreach (var member in after.Unreachable.Except(before.Unreachable))
            yield return new ClusterEvent.UnreachableMember(member);
        foreach (var member in before.Unreachable.Except(after.Unreachable))
            if (after.Members.TryGetValue(member, out var still))
                yield return new ClusterEvent.ReachableMember(still);
        if (before.Leader != after.Leader)
            yield return new ClusterEvent.LeaderChanged(after.Leader);
        foreach (string role in before.AllRoles.Union(after.AllRoles))
            if (before.RoleLeader(role) != after.RoleLeader(role))
                yield return new ClusterEvent.RoleLeaderChanged(role, after.RoleLeader(role));
    }

    private static ClusterEvent.IClusterDomainEvent StatusEvent(Member member) => member.Status switch
    {
        MemberStatus.Joining => new ClusterEvent.MemberJoined(member),
        MemberStatus.WeaklyUp => new ClusterEvent.MemberWeaklyUp(member),
        MemberStatus.Up => new ClusterEvent.MemberUp(member),
        MemberStatus.Leaving => new ClusterEvent.MemberLeft(member),
        MemberStatus.Exiting => new ClusterEvent.MemberExited(member),
        MemberStatus.Down => new ClusterEvent.MemberDowned(member),
        _ => throw new InvalidOperationException($"{member} cannot be part of the state"),
    };
}
