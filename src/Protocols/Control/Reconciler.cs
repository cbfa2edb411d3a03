using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Placement;

namespace ActorRepl.Protocols.Control;

/// <summary>
/// Brings what is to what should be, a few steps at a time: marks nodes as up or lost, gives the replicas of lost and
/// draining nodes to spare ones, has shards change their members, and spreads leaders. Run by the leader of the control
/// group; a new one starts anew, for all that matters is in the state and in the reports.
/// <para>It asks a shard for nothing while a change is under way there, and never for a change after which the counted
/// members that answer and have caught up would be no majority.</para>
/// Deterministic: reads no clock, and has no memory but of what it asked for and since when it sees things as they are.
/// </summary>
public sealed partial class Reconciler
{
    private readonly ReconcilerOptions _options;
    private readonly Dictionary<ControlCommand, long> _submitted = [];
    private readonly Dictionary<ReplicaId, long> _unseenSince = [];
    private readonly List<ControlAction> _actions = [];

    // Of the step in progress.
    private ControlState _state = ControlState.Empty;
    private Observations _seen = new();
    private long _now;
    private Dictionary<ShardKey, ShardView> _views = [];

    public Reconciler(ReconcilerOptions? options = null)
    {
        _options = options ?? new ReconcilerOptions();
        _options.Validate();
    }

    /// <summary>What to do now; empty: all is as it should be, or has to be waited for.</summary>
    public IReadOnlyList<ControlAction> Next(ControlState state, Observations seen, in Instant now)
    {
        (_state, _seen, _now) = (state, seen, now.Monotonic);
        _actions.Clear();
        _views = [];
        foreach ((ShardKey key, _) in state.Shards)
        {
            if (ShardView.Of(seen.Reports.GetValueOrDefault(key), _now, _options.ReportMaxAge) is { } view)
                _views.Add(key, view);
        }

        ForgetOldRequests();
        JudgeNodes();
        ReleaseReplicas();
        CountMoves();
        CountTransfers();
        FollowNodesWithControlGroup();
        ReplaceMembers();
        FollowNodesWithRings();
        ChangeMembers();
        ChangeRings();
        if (_options.Rebalance)
            Rebalance();
        SpreadLeaders();
        return [.. _actions];
    }

    private bool IsLeaderless(ShardKey key) => _state.Groups[key.Group].IsLeaderless;

    private bool SpansNodes(ShardKey key) => _state.Groups[key.Group].SpansNodes;

    private bool HasRoomForAction => _actions.Count < _options.MaxActions;

    /// <summary>It answers, and is one that may be counted on.</summary>
    private bool IsReachable(ReplicaId id) =>
        _state.Node(id) is { Status: not (NodeStatus.Lost or NodeStatus.Removed) } && _seen.Nodes.TryGetValue(id, out NodeObservation node) && node.Up;

    private bool HasCaughtUp(ShardView view, ReplicaId id) => view.HasCaughtUp(id, _options.CatchUpEntries);

    // A node nobody has observed counts as down since this reconciler first missed it.
    private NodeObservation Observed(ReplicaId id)
    {
        if (_seen.Nodes.TryGetValue(id, out NodeObservation node))
        {
            _unseenSince.Remove(id);
            return node;
        }

        _unseenSince.TryAdd(id, _now);
        return new NodeObservation(Up: false, _unseenSince[id]);
    }

    private void JudgeNodes()
    {
        foreach (ControlNode node in _state.Nodes.Values.Where(node => node.Status is NodeStatus.Joining or NodeStatus.Up or NodeStatus.Lost))
        {
            NodeObservation observed = Observed(node.Id);
            if (observed.Up && node.Status != NodeStatus.Up)
                Submit(new ControlCommand.SetNodeStatus(node.Id, node.Status, NodeStatus.Up));
            else if (!observed.Up && node.Status == NodeStatus.Up && _now - observed.Since > _options.ReplaceAfter)
                Submit(new ControlCommand.SetNodeStatus(node.Id, node.Status, NodeStatus.Lost));
        }
    }

    private void ReleaseReplicas()
    {
        foreach ((ShardKey key, ControlShard shard) in _state.Shards)
        {
            if ((shard.Retired.Count == 0 && shard.Leaving.Count == 0) || !_views.TryGetValue(key, out ShardView? view) || !view.IsSettled)
                continue;
            foreach (ReplicaId id in shard.Retired.Union(shard.Leaving).Except(view.Actual.Members))
                Submit(new ControlCommand.ReleaseReplica(key, id, _state.Nodes[id].Disk));
        }
    }

    /// <summary>Not again while the answer may be on its way; a command that is refused is found wanting by the next state.</summary>
    private void Submit(ControlCommand command)
    {
        if (HasRoomForAction && _submitted.TryAdd(command, _now))
            _actions.Add(new ControlAction.Submit(command));
    }

    private void ForgetOldRequests()
    {
        foreach (ControlCommand old in _submitted.Where(pair => _now - pair.Value >= _options.RetryAfter).Select(pair => pair.Key).ToArray())
            _submitted.Remove(old);
        ForgetOldChanges();
        ForgetOldTransfers();
    }
}
