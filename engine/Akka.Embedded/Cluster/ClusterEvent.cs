using System.Collections.Immutable;
using Akka.Actor;
using Akka.Event;

namespace Akka.Cluster;

/// <summary>What subscribers are told of the cluster.</summary>
public class ClusterEvent
{
    public static readonly SubscriptionInitialStateMode InitialStateAsSnapshot = SubscriptionInitialStateMode.InitialStateAsSnapshot;
    public static readonly SubscriptionInitialStateMode InitialStateAsEvents = SubscriptionInitialStateMode.InitialStateAsEvents;

    /// <summary>How a new subscriber learns what is already so.</summary>
    public enum SubscriptionInitialStateMode
    {
        /// <summary>By one <see cref="CurrentClusterState"/>, before any event.</summary>
        InitialStateAsSnapshot,

        /// <summary>By the events that would have led to it.</summary>
        InitialStateAsEvents,
    }

    /// <summary>Any event of the cluster.</summary>
    public interface IClusterDomainEvent : IDeadLetterSuppression;

    /// <summary>A member has a new status.</summary>
    public interface IMemberEvent : IClusterDomainEvent
    {
        Member Member { get; }
    }

    /// <summary>A member can or cannot be reached.</summary>
    public interface IReachabilityEvent : IClusterDomainEvent;

    /// <summary>The cluster as this node sees it; not a domain event.</summary>
    public sealed class CurrentClusterState : INoSerializationVerificationNeeded
    {
        private readonly ImmutableDictionary<string, Address> _roleLeaders;

        public CurrentClusterState()
            : this([], [], [], null, ImmutableDictionary<string, Address>.Empty)
        {
        }

        public CurrentClusterState(
            ImmutableSortedSet<Member> members,
            ImmutableHashSet<Member> unreachable,
            ImmutableHashSet<Address> seenBy,
            Address leader,
            ImmutableDictionary<string, Address> roleLeaderMap)
        {
            Members = members;
            Unreachable = unreachable;
            SeenBy = seenBy;
            Leader = leader;
            _roleLeaders = roleLeaderMap;
        }

        public ImmutableSortedSet<Member> Members { get; }
        public ImmutableHashSet<Member> Unreachable { get; }

        /// <summary>Who is known to have seen this very state.</summary>
        public ImmutableHashSet<Address> SeenBy { get; }

        /// <summary>The lowest reachable address that is up; null without one.</summary>
        public Address Leader { get; }
        public ImmutableHashSet<string> AllRoles => [.. _roleLeaders.Keys];

        /// <summary>The leader among the members with the role, or null.</summary>
        public Address RoleLeader(string role) => _roleLeaders.GetValueOrDefault(role);
    }

    /// <summary>A member has a new status.</summary>
    public abstract class MemberStatusChange : IMemberEvent
    {
        protected readonly Member _member;

        protected MemberStatusChange(Member member, MemberStatus validStatus)
        {
            if (member.Status != validStatus)
                throw new ArgumentException($"Expected {validStatus} state, got: {member}");
            _member = member;
        }

        public Member Member => _member;
        public override bool Equals(object obj) => obj?.GetType() == GetType() && _member.Equals(((MemberStatusChange)obj)._member);
        public override int GetHashCode() => HashCode.Combine(GetType(), _member);
        public override string ToString() => $"{GetType().Name}(Member={Member})";
    }

    public sealed class MemberJoined(Member member) : MemberStatusChange(member, MemberStatus.Joining);

    /// <summary>The member takes part although the cluster has not agreed on it.</summary>
    public sealed class MemberWeaklyUp(Member member) : MemberStatusChange(member, MemberStatus.WeaklyUp);
    public sealed class MemberUp(Member member) : MemberStatusChange(member, MemberStatus.Up);
    public sealed class MemberLeft(Member member) : MemberStatusChange(member, MemberStatus.Leaving);
    public sealed class MemberExited(Member member) : MemberStatusChange(member, MemberStatus.Exiting);
    public sealed class MemberDowned(Member member) : MemberStatusChange(member, MemberStatus.Down);

    /// <summary>The member is gone; <paramref name="previousStatus"/> Down or Exiting says how.</summary>
    public sealed class MemberRemoved(Member member, MemberStatus previousStatus) : MemberStatusChange(member, MemberStatus.Removed)
    {
        public MemberStatus PreviousStatus { get; } = previousStatus;
        public override bool Equals(object obj) => base.Equals(obj) && PreviousStatus == ((MemberRemoved)obj).PreviousStatus;
        public override int GetHashCode() => HashCode.Combine(base.GetHashCode(), PreviousStatus);
    }

    public sealed class LeaderChanged(Address leader) : IClusterDomainEvent
    {
        public Address Leader { get; } = leader;
        public override bool Equals(object obj) => obj is LeaderChanged other && Leader == other.Leader;
        public override int GetHashCode() => Leader?.GetHashCode() ?? 0;
        public override string ToString() => $"LeaderChanged(NewLeader={Leader})";
    }

    public sealed class RoleLeaderChanged(string role, Address leader) : IClusterDomainEvent
    {
        public string Role { get; } = role;
        public Address Leader { get; } = leader;
        public override bool Equals(object obj) => obj is RoleLeaderChanged other && Role == other.Role && Leader == other.Leader;
        public override int GetHashCode() => HashCode.Combine(Role, Leader);
        public override string ToString() => $"RoleLeaderChanged(Leader={Leader}, Role={Role})";
    }

    /// <summary>This node's part in the cluster ends.</summary>
    public sealed class ClusterShuttingDown : IClusterDomainEvent
    {
        public static readonly IClusterDomainEvent Instance = new ClusterShuttingDown();
        public override string ToString() => "ClusterShuttingDown";
    }

    /// <summary>A member can or cannot be reached.</summary>
    public abstract class ReachabilityEvent(Member member) : IReachabilityEvent
    {
        public Member Member { get; } = member;
        public override bool Equals(object obj) => obj?.GetType() == GetType() && Member.Equals(((ReachabilityEvent)obj).Member);
        public override int GetHashCode() => HashCode.Combine(GetType(), Member);
        public override string ToString() => $"{GetType().Name}(Member={Member})";
    }

    /// <summary>Some member's failure detector suspects it.</summary>
    public sealed class UnreachableMember(Member member) : ReachabilityEvent(member);

    /// <summary>No member suspects it any more.</summary>
    public sealed class ReachableMember(Member member) : ReachabilityEvent(member);
}
