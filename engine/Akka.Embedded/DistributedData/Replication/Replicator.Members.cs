using Akka.Actor;
using Akka.Cluster;

namespace Akka.DistributedData.Replication;

internal sealed partial class Replicator
{
    /// <summary>The other members that are up, by address: what reads and writes count.</summary>
    private readonly SortedDictionary<Address, UniqueAddress> _nodes = [];

    /// <summary>Those that are joining or weakly up: they are sent deltas and gossip, but not counted.</summary>
    private readonly Dictionary<Address, UniqueAddress> _newcomers = [];
    private readonly HashSet<Address> _exiting = [];
    private readonly HashSet<Address> _unreachable = [];

    private IEnumerable<Address> AllNodes => _nodes.Keys.Concat(_newcomers.Keys);

    private bool IsKnown(UniqueAddress node) =>
        (_nodes.TryGetValue(node.Address, out UniqueAddress known) || _newcomers.TryGetValue(node.Address, out known)) && known == node;

    /// <summary>Who is asked; "all" leaves out those that are about to go and will not answer.</summary>
    private List<Address> NodesFor(bool all) => [.. _nodes.Keys.Where(node => !all || !_exiting.Contains(node))];

    private void OnMember(ClusterEvent.IMemberEvent happened)
    {
        Member member = happened.Member;
        Address node = member.Address;
        if (_settings.Role.Length > 0 && !member.HasRole(_settings.Role)) return;
        if (node == SelfNode.Address)
        {
            if (happened is ClusterEvent.MemberRemoved && member.UniqueAddress == SelfNode) Context.Stop(Self);
            _isUp |= happened is ClusterEvent.MemberUp;
            return;
        }

        switch (happened)
        {
            case ClusterEvent.MemberJoined or ClusterEvent.MemberWeaklyUp:
                _newcomers[node] = member.UniqueAddress;
                break;
            case ClusterEvent.MemberUp:
                _newcomers.Remove(node);
                _nodes[node] = member.UniqueAddress;
                break;
            case ClusterEvent.MemberExited:
                _exiting.Add(node);
                break;
            case ClusterEvent.MemberRemoved:
                OnRemoved(member.UniqueAddress);
                break;
        }
    }

    private void OnRemoved(UniqueAddress node)
    {
        _removed[node] = _reachableClock;
        _deltas.ForgetNode(node.Address);
        if (!IsKnown(node)) return;
        _nodes.Remove(node.Address);
        _newcomers.Remove(node.Address);
        _exiting.Remove(node.Address);
        _unreachable.Remove(node.Address);
    }

    private void OnReachability(ClusterEvent.ReachabilityEvent happened)
    {
        if (happened is ClusterEvent.UnreachableMember) _unreachable.Add(happened.Member.Address);
        else _unreachable.Remove(happened.Member.Address);
    }
}
