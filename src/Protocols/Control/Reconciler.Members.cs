using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Placement;

namespace ActorRepl.Protocols.Control;

/// <summary>
/// Members. A new voter is a learner first, until it has caught up; then the whole wanted membership takes the place of the
/// old one in a single change. A replica that is retired is taken out before anything else; one that has lost its vote gets
/// another by a change to the members there are.
/// </summary>
public sealed partial class Reconciler
{
    // Of which the pauses grow: it stays far from where a shift overflows.
    private const int MaxRefusals = 16;

    /// <summary>Requests to change members that do not show yet, and until when they are waited for.</summary>
    private readonly Dictionary<ShardKey, (Membership From, Membership Target, long Until)> _asked = [];

    /// <summary>How often in a row a shard has refused a change.</summary>
    private readonly Dictionary<ShardKey, int> _refusals = [];

    /// <summary>Each shard as it was last seen, for counting what goes on there while nobody is known to lead it.</summary>
    private readonly Dictionary<ShardKey, ShardView> _lastViews = [];

    /// <summary>Replicas that are being made on a node or fed from it, or are about to.</summary>
    private Dictionary<ReplicaId, int> _moves = [];

    /// <summary>Of those, the ones that are decided on and have not begun.</summary>
    private Dictionary<ReplicaId, int> _waiting = [];

    private void ForgetOldChanges()
    {
        foreach ((ShardKey key, (Membership from, _, long until)) in _asked.ToArray())
        {
            bool shows = _views.TryGetValue(key, out ShardView? view) && (view.IsChanging || !view.Actual.Equals(from));
            if (shows)
                _refusals.Remove(key);
            if (shows || _now >= until)
                _asked.Remove(key);
        }
    }

    /// <summary>
    /// A shard has refused a change, for certain: mostly because the step before it was not committed yet. It is asked again
    /// soon, and if it goes on refusing later each time.
    /// </summary>
    public void Refused(ControlAction.ChangeMembers change, in Instant now)
    {
        if (!_asked.TryGetValue(change.Shard, out (Membership From, Membership Target, long Until) asked) || !asked.Target.Equals(change.Target))
            return;
        int times = _refusals.GetValueOrDefault(change.Shard);
        _refusals[change.Shard] = Math.Min(times + 1, MaxRefusals);
        _asked[change.Shard] = asked with { Until = Math.Min(asked.Until, now.Monotonic + (_options.RetryRefusedAfter << times)) };
    }

    private void CountMoves()
    {
        _moves = [];
        _waiting = [];
        foreach ((ShardKey key, ShardView view) in _views)
            _lastViews[key] = view;
        foreach ((ShardKey key, ShardView view) in _lastViews)
        {
            if (_state.Shard(key) is not { } shard)
                continue;
            Membership coming = _asked.TryGetValue(key, out (Membership From, Membership Target, long Until) asked) ? asked.Target : view.Actual;
            foreach (ReplicaId id in shard.Members.Members)
            {
                // One that has caught up waits for others, perhaps for such that wait for room: it must take none.
                if (coming.Learners.Contains(id) && !HasCaughtUp(view, id))
                    CountMove(view.Leader, id);
                else if (!coming.Members.Contains(id))
                    _waiting[id] = _waiting.GetValueOrDefault(id) + 1;
            }
        }
    }

    private void CountMove(ReplicaId from, ReplicaId to)
    {
        // A leader spends nothing on a node that does not answer.
        if (IsReachable(to))
            _moves[from] = _moves.GetValueOrDefault(from) + 1;
        _moves[to] = _moves.GetValueOrDefault(to) + 1;
    }

    private bool HasRoom(ReplicaId id) => _moves.GetValueOrDefault(id) < _options.MaxMovesPerNode;

    private bool WillHaveRoom(ReplicaId id) => _moves.GetValueOrDefault(id) + _waiting.GetValueOrDefault(id) < _options.MaxMovesPerNode;

    private void FollowNodesWithControlGroup()
    {
        ShardKey key = ControlGroup.OwnShard;
        if (_state.Shard(key) is not { } shard)
            return;
        Membership wanted = PlacementPlanner.ControlMembers(_state, shard.Members);
        if (!wanted.Equals(shard.Members))
            Submit(new ControlCommand.SetMembers(key, shard.MembersVersion, wanted));
    }

    // The members change in the state as slowly as replicas can be made, so that a node which comes back keeps the rest.
    private void ReplaceMembers()
    {
        ReplicaCounts? counts = null;
        foreach ((ShardKey key, ControlShard shard) in _state.Shards)
        {
            if (key.Group == ControlGroup.Own || SpansNodes(key) || !_views.TryGetValue(key, out ShardView? view) || view.IsChanging)
                continue;
            ReplicaId leaving = shard.Members.Members.FirstOrDefault(id => _state.Nodes[id].Status is NodeStatus.Lost or NodeStatus.Draining);
            if (leaving.IsNone || !HasLiveMajority(view))
                continue;
            counts ??= ReplicaCounts.Of(_state);
            if (PlacementPlanner.Spare(_state, counts, shard.Members, leaving, id => IsReachable(id) && WillHaveRoom(id)) is not { } spare)
                continue;
            counts.Add(leaving, -1);
            counts.Add(spare);
            _waiting[spare] = _waiting.GetValueOrDefault(spare) + 1;
            Submit(new ControlCommand.SetMembers(key, shard.MembersVersion, shard.Members.Replace(leaving, spare)));
        }
    }

    private void Rebalance()
    {
        bool isBusy = _state.Shards.Any(pair => !_views.TryGetValue(pair.Key, out ShardView? view) || view.IsChanging || !view.Actual.Equals(pair.Value.Members));
        if (isBusy || _actions.Count > 0)
            return;
        foreach (ReplicaMove move in PlacementPlanner.Rebalance(_state, _options.MaxMovesPerNode * _state.Nodes.Count))
        {
            ControlShard shard = _state.Shard(move.Shard)!;
            if (!shard.Members.Members.Contains(move.From) || shard.Members.Members.Contains(move.To) || !IsReachable(move.To) || !WillHaveRoom(move.To))
                return;
            _waiting[move.To] = _waiting.GetValueOrDefault(move.To) + 1;
            Submit(new ControlCommand.SetMembers(move.Shard, shard.MembersVersion, shard.Members.Replace(move.From, move.To)));
        }
    }

    private void ChangeMembers()
    {
        foreach ((ShardKey key, ShardView view) in _views)
        {
            if (!HasRoomForAction || SpansNodes(key) || view.IsChanging || _asked.ContainsKey(key) || IsTransferring(key) || !IsReachable(view.Leader))
                continue;
            ControlShard shard = _state.Shard(key)!;
            if (NextMembership(key, shard, view) is not { } target || !KeepsMajority(shard, view, target))
                continue;
            if (!target.Voters.Contains(view.Leader) && !_transfers.ContainsKey(key) && Successor(view, target) is { } successor)
            {
                // A leader that leaves hands over first, so that nobody waits for an election. That is tried once.
                Transfer(key, view, successor);
                continue;
            }

            ReplicaId[] joining = [.. target.Learners.Except(view.Actual.Members)];
            if (joining.Length > 0 && !(HasRoom(view.Leader) && joining.All(id => HasRoom(id) && IsReachable(id))))
                continue;
            foreach (ReplicaId id in joining)
                CountMove(view.Leader, id);
            _asked[key] = (view.Actual, target, _now + _options.RetryAfter);
            _actions.Add(new ControlAction.ChangeMembers(key, view.Leader, target));
        }
    }

    /// <summary>The next membership on the way to the one that is wanted; null: it is in force, or learners have to catch up first.</summary>
    private Membership? NextMembership(ShardKey key, ControlShard shard, ShardView view)
    {
        bool MayCount(ReplicaId id) => IsReachable(id) && HasCaughtUp(view, id) && (key == ControlGroup.OwnShard || CountsInControlGroup(id));
        (Membership wanted, Membership actual) = (shard.Members, view.Actual);
        if (shard.Retired.Overlaps(actual.Members))
            return actual.Voters.All(shard.Retired.Contains) ? null : shard.Retired.Aggregate(actual, (members, id) => members.Without(id));
        // The shard itself counts such a replica no more, and then anew.
        if (actual.Equals(wanted))
            return actual.Voters.Any(id => view.HasLostVote(id) && MayCount(id)) ? actual : null;

        IEnumerable<ReplicaId> joining = wanted.Voters.Concat(wanted.Learners).Except(actual.Members).Except(shard.Retired);
        var withLearners = new Membership(actual.Voters, actual.Learners.Intersect(wanted.Members).Concat(joining), actual.Witnesses);
        if (!withLearners.Equals(actual))
            return withLearners;
        bool areReady = wanted.Voters.All(id => !actual.Learners.Contains(id) || MayCount(id));
        return areReady && !shard.Retired.Overlaps(wanted.Members) ? wanted : null;
    }

    /// <summary>
    /// A node counts in the control group first, where it is to. Were it the other way round, all shards could look whole
    /// while the control group, which is to mend the next loss, bears none itself. Nobody waits for a voter that is away.
    /// </summary>
    private bool CountsInControlGroup(ReplicaId id)
    {
        if (_state.Shard(ControlGroup.OwnShard) is not { } control || !control.Members.Voters.Contains(id))
            return true;
        if (!_views.TryGetValue(ControlGroup.OwnShard, out ShardView? view))
            return false;
        bool counts = view.IsSettled && view.Actual.Voters.Contains(id) && !control.Retired.Contains(id) && !view.HasLostVote(id);
        return counts || !control.Members.Voters.All(voter => IsReachable(voter) || view.Actual.Voters.Contains(voter));
    }

    private ReplicaId? Successor(ShardView view, Membership target)
    {
        ReplicaId best = target.Voters
            .Where(id => view.MayLead(id) && IsReachable(id) && HasCaughtUp(view, id))
            .OrderByDescending(id => view.Status.Followers.GetValueOrDefault(id)).ThenBy(id => id)
            .FirstOrDefault();
        return best.IsNone ? null : best;
    }

    private bool HasLiveMajority(ShardView view) => view.IsChain ? IsReachable(view.Leader) : IsMajority(view.Actual, IsReachable);

    /// <summary>
    /// Those who have to agree to the change can, and those who decide after it can. Retired replicas can do neither, and one
    /// that has not caught up could not commit. Of a chain, one link is enough that stays.
    /// </summary>
    private bool KeepsMajority(ControlShard shard, ShardView view, Membership target) => view.IsChain
        ? target.Voters.Any(id => view.MayLead(id) && IsReachable(id) && !shard.Retired.Contains(id))
        : IsMajority(view.Actual, id => IsReachable(id) && !shard.Retired.Contains(id))
        && IsMajority(target, id => IsReachable(id) && !shard.Retired.Contains(id) && (target.Witnesses.Contains(id) || HasCaughtUp(view, id)));

    private static bool IsMajority(Membership members, Func<ReplicaId, bool> counts)
    {
        ReplicaId[] counted = [.. ShardView.Counted(members)];
        return counted.Count(counts) > counted.Length / 2;
    }
}
