using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Control;

/// <summary>
/// Leaders. Off nodes that drain first; then to the preferred leader, once it has been up for a while; shards whose preferred
/// leader is not to be had are spread evenly. Each shard rests after a transfer, each node takes part in few at a time, a
/// fiftieth of the shards if there are many, and a count moves only from a node with at least two more: nothing swings to and fro.
/// </summary>
public sealed partial class Reconciler
{
    /// <summary>Since when each shard has had this leader in this term, as far as was seen.</summary>
    private readonly Dictionary<ShardKey, (ReplicaId Leader, long Term, long Since)> _leaders = [];

    private readonly Dictionary<ShardKey, (ReplicaId From, ReplicaId To, long At)> _transfers = [];

    private readonly Dictionary<ReplicaId, int> _leaderCounts = [];

    /// <summary>Leaderships that are on their way to or from a node.</summary>
    private readonly Dictionary<ReplicaId, int> _transferCounts = [];

    /// <summary>A transfer was asked for and does not show yet: it is worth looking again soon.</summary>
    public bool IsMovingLeaders => _transferCounts.Count > 0;

    // A node that comes back to a thousand shards must not wait an hour for its leaderships.
    private const int ShardsOfATransfer = 50;

    private int MostTransfers => Math.Max(_options.MaxTransfersPerNode, _views.Count / ShardsOfATransfer);

    private void ForgetOldTransfers()
    {
        foreach ((ShardKey key, (_, _, long at)) in _transfers.ToArray())
        {
            if (_now - at >= Math.Max(_options.TransferCoolDown, _options.RetryAfter))
                _transfers.Remove(key);
        }

        foreach (ShardKey gone in _leaders.Keys.Where(key => _state.Shard(key) is null).ToArray())
            _leaders.Remove(gone);
        foreach ((ShardKey key, ShardView view) in _views)
        {
            if (!_leaders.TryGetValue(key, out (ReplicaId Leader, long Term, long Since) known) || (known.Leader, known.Term) != (view.Leader, view.Status.Term))
                _leaders[key] = (view.Leader, view.Status.Term, _now);
        }
    }

    private void CountTransfers()
    {
        _transferCounts.Clear();
        foreach ((_, (ReplicaId from, ReplicaId to, _)) in _transfers.Where(pair => IsTransferring(pair.Key)))
            CountTransfer(from, to);
    }

    private void CountTransfer(ReplicaId from, ReplicaId to)
    {
        _transferCounts[from] = TransfersOf(from) + 1;
        _transferCounts[to] = TransfersOf(to) + 1;
    }

    /// <summary>Asked for, and the leader is still the old one.</summary>
    private bool IsTransferring(ShardKey key) =>
        _transfers.TryGetValue(key, out (ReplicaId From, ReplicaId To, long At) transfer) && _now - transfer.At < _options.RetryAfter
        && (!_views.TryGetValue(key, out ShardView? view) || view.Leader == transfer.From);

    private void SpreadLeaders()
    {
        _leaderCounts.Clear();
        foreach ((ShardKey key, ShardView view) in _views.Where(pair => pair.Key.Group != ControlGroup.Own && !IsLeaderless(pair.Key)))
        {
            ReplicaId leader = IsTransferring(key) ? _transfers[key].To : view.Leader;
            _leaderCounts[leader] = LeadersOn(leader) + 1;
        }

        ShardKey[] movable = [.. _views.Keys.Where(MayMove).Order()];
        foreach (ShardKey key in movable)
            MoveOffDraining(key, _views[key]);
        foreach (ShardKey key in movable)
            MoveToPreferred(key, _views[key]);
        foreach (ShardKey key in movable)
            MoveToLeast(key, _views[key]);
    }

    private bool MayMove(ShardKey key)
    {
        ShardView view = _views[key];
        return key.Group != ControlGroup.Own && !IsLeaderless(key) && !view.IsChanging && !_asked.ContainsKey(key) && !_transfers.ContainsKey(key) && IsReachable(view.Leader);
    }

    private void MoveOffDraining(ShardKey key, ShardView view)
    {
        if (_state.Nodes[view.Leader].Status == NodeStatus.Draining && Least(key, view) is { } least)
            Transfer(key, view, least);
    }

    private void MoveToPreferred(ShardKey key, ShardView view)
    {
        ReplicaId preferred = _state.Shard(key)!.PreferredLeader;
        if (preferred != view.Leader && HasSettled(key) && CanLead(key, view, preferred))
            Transfer(key, view, preferred);
    }

    private void MoveToLeast(ShardKey key, ShardView view)
    {
        ReplicaId preferred = _state.Shard(key)!.PreferredLeader;
        if (preferred == view.Leader || CanLead(key, view, preferred) || !HasSettled(key))
            return;
        if (Least(key, view) is { } least && LeadersOn(view.Leader) - LeadersOn(least) >= 2)
            Transfer(key, view, least);
    }

    private ReplicaId? Least(ShardKey key, ShardView view)
    {
        ReplicaId least = view.Actual.Voters.Where(id => id != view.Leader && CanLead(key, view, id)).OrderBy(LeadersOn).ThenBy(id => id).FirstOrDefault();
        return least.IsNone ? null : least;
    }

    private bool HasSettled(ShardKey key) => _now - _leaders[key].Since >= _options.LeaderSettle;

    private bool CanLead(ShardKey key, ShardView view, ReplicaId id)
    {
        ControlShard shard = _state.Shard(key)!;
        return !id.IsNone && view.MayLead(id) && shard.Members.Voters.Contains(id) && !shard.Retired.Contains(id)
            && _state.Nodes[id].Status == NodeStatus.Up && IsReachable(id) && _now - _seen.Nodes[id].Since >= _options.LeaderSettle
            && HasCaughtUp(view, id);
    }

    private int LeadersOn(ReplicaId id) => _leaderCounts.GetValueOrDefault(id);

    private int TransfersOf(ReplicaId id) => _transferCounts.GetValueOrDefault(id);

    private void Transfer(ShardKey key, ShardView view, ReplicaId to)
    {
        if (!HasRoomForAction || _transfers.ContainsKey(key) || TransfersOf(view.Leader) >= MostTransfers || TransfersOf(to) >= MostTransfers)
            return;
        CountTransfer(view.Leader, to);
        _transfers[key] = (view.Leader, to, _now);
        _leaderCounts[view.Leader] = LeadersOn(view.Leader) - 1;
        _leaderCounts[to] = LeadersOn(to) + 1;
        _actions.Add(new ControlAction.Transfer(key, view.Leader, to));
    }
}
