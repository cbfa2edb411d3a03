using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Control;

/// <summary>
/// Groups that span the nodes: whoever is up becomes a member of each shard, whoever drains or is lost is taken out as long as enough are left for
/// every copy. One member at a time and a few shards at a time: each change moves data. The protocol moves it, and no step of a change leaves its reads or
/// writes without a quorum, so nothing has to be a learner first.
/// </summary>
public sealed partial class Reconciler
{
    private void FollowNodesWithRings()
    {
        foreach ((ShardKey key, ControlShard shard) in _state.Shards)
        {
            if (!SpansNodes(key) || key.Group == ControlGroup.Own)
                continue;
            ReplicaId[] joining = [.. _state.Nodes.Values.Where(node => node.Status == NodeStatus.Up && !shard.Members.Members.Contains(node.Id)).Select(node => node.Id)];
            ReplicaId[] leaving = [.. shard.Members.Members.Where(id => _state.Nodes[id].Status is NodeStatus.Lost or NodeStatus.Draining or NodeStatus.Removed)];
            int most = Membership.MaxMembers - shard.Members.Members.Count;
            var members = shard.Members.Members.Concat(joining.Take(most)).ToList();
            foreach (ReplicaId gone in leaving.TakeWhile(_ => members.Count > _state.Groups[key.Group].Replicas))
                members.Remove(gone);
            var wanted = new Membership(members);
            if (!wanted.Equals(shard.Members))
                Submit(new ControlCommand.SetMembers(key, shard.MembersVersion, wanted));
        }
    }

    private void ChangeRings()
    {
        int moving = _views.Count(pair => SpansNodes(pair.Key) && (pair.Value.IsChanging || _asked.ContainsKey(pair.Key)));
        foreach ((ShardKey key, ShardView view) in _views.OrderBy(pair => pair.Key))
        {
            if (moving >= _options.MaxMovesPerNode || !HasRoomForAction)
                return;
            if (!SpansNodes(key) || view.IsChanging || _asked.ContainsKey(key) || !IsReachable(view.Leader))
                continue;
            if (NextRing(_state.Shard(key)!.Members, view.Actual) is not { } target)
                continue;
            _asked[key] = (view.Actual, target, _now + _options.RetryAfter);
            _actions.Add(new ControlAction.ChangeMembers(key, view.Leader, target));
            moving++;
        }
    }

    /// <summary>One member more, or if none is missing one less; null: it is as it should be, or has to be waited for.</summary>
    private Membership? NextRing(Membership wanted, Membership actual)
    {
        ReplicaId joining = wanted.Voters.Except(actual.Voters).FirstOrDefault(IsReachable);
        if (!joining.IsNone)
            return new Membership(actual.Voters.Append(joining));
        ReplicaId leaving = actual.Voters.Except(wanted.Voters).FirstOrDefault();
        return leaving.IsNone ? null : new Membership(actual.Voters.Where(id => id != leaving));
    }
}
