using System.Collections.Immutable;
using ActorRepl.Protocols.Control;
using ActorRepl.Protocols.Kernel;
using static ActorRepl.Protocols.Tests.Control.Cluster;

namespace ActorRepl.Protocols.Tests.Control;

/// <summary>
/// A cluster in small: the real control machine, reconciler and hosting decisions over shards that replicate in memory;
/// nodes go and come, disks are replaced, reports and requests are late or lost. A tick is a second.
/// </summary>
internal sealed class World
{
    public static readonly ReconcilerOptions Options = new()
    {
        ReplaceAfter = 20 * Instant.Second,
        ReportMaxAge = 5 * Instant.Second,
        CatchUpEntries = 3,
        LeaderSettle = 3 * Instant.Second,
        TransferCoolDown = 6 * Instant.Second,
        RetryAfter = 4 * Instant.Second,
    };

    private readonly DeterministicRandom _random;
    private readonly SortedDictionary<ReplicaId, Node> _nodes = [];
    private Reconciler _reconciler = new(Options);
    private Observations _seen = new();

    public World(DeterministicRandom random, int nodes, int shards, int replicas)
    {
        _random = random;
        Cluster = Cluster.Of(nodes, random.Chance(1, 2) ? null : id => ($"region{id % 3}", "")).WithGroup("kv", shards, replicas);
        for (int id = 1; id <= nodes; id++)
            _nodes[N(id)] = new Node { State = Cluster.State, Disk = Disk(id) };
        Shards = [.. Enumerable.Range(0, shards).Select(shard => new WorldShard(new ShardKey("kv", shard), random))];
    }

    public Cluster Cluster { get; }

    public WorldShard[] Shards { get; }

    public long Now { get; private set; }

    public IReadOnlyList<ControlAction> LastActions { get; private set; } = [];

    /// <summary>What of the cluster's life happened, for a test that wants to have seen it.</summary>
    public SortedDictionary<string, int> Seen { get; } = [];

    private sealed class Node
    {
        public required ControlState State { get; set; }
        public required Guid Disk { get; set; }
        public int Generation { get; set; }
        public bool Up { get; set; } = true;
        public long Since { get; set; }
    }

    public bool IsUp(ReplicaId id) => _nodes[id].Up;

    public IReadOnlyList<ReplicaId> Nodes => [.. _nodes.Keys];

    public void SetUp(ReplicaId id, bool up)
    {
        if (_nodes[id].Up == up)
            return;
        (_nodes[id].Up, _nodes[id].Since) = (up, Now);
        Count(up ? "node back" : "node down");
        foreach (WorldShard shard in Shards)
            shard.Crash(id);
        if (up)
            Register(id);
    }

    /// <summary>Every shard's data survives without this node: the others that count and have it all are a majority.</summary>
    public bool CanLose(ReplicaId id) => Shards.All(shard =>
        !shard.Replicas.ContainsKey(id) || (shard.IsStable && IsMajority(shard.InForce!.Members!, other => other != id && shard.IsComplete(other))));

    public void ReplaceDisk(ReplicaId id)
    {
        Node node = _nodes[id];
        SetUp(id, up: false);
        foreach (WorldShard shard in Shards)
            shard.Replicas.Remove(id);
        node.Disk = Disk(id.Value, ++node.Generation);
        Count("disk replaced");
        SetUp(id, up: true);
    }

    /// <summary>Another node becomes the controller, which remembers nothing.</summary>
    public void FailOver() => _reconciler = new Reconciler(Options);

    public void Tick(bool isController = true)
    {
        Now += Instant.Second;
        Host();
        foreach (WorldShard shard in Shards)
            shard.Tick(IsUp);
        Observe();
        LastActions = isController ? _reconciler.Next(Cluster.State, _seen, new Instant(Now, Now, 0)) : [];
        foreach (ControlAction action in LastActions)
            Check(action);
        foreach (ControlAction action in LastActions.Where(_ => _random.Chance(9, 10)))
            Act(action);
    }

    public bool IsMajority(Membership members, Func<ReplicaId, bool> counts) =>
        members.Voters.Concat(members.Witnesses).Count(counts) > (members.Voters.Count + members.Witnesses.Count) / 2;

    /// <summary>Nodes on which replicas are to be made now, and how many are then being made there: learners far behind.</summary>
    public IReadOnlyDictionary<ReplicaId, int> ReplicasBeingMade()
    {
        var begun = LastActions.OfType<ControlAction.ChangeMembers>()
            .SelectMany(change => change.Target.Members.Except(_seen.Reports[change.Shard][change.Leader].Status.Members!.Members).Select(id => (change.Shard, Node: id))).ToList();
        bool IsBeingMade(WorldShard shard, ReplicaId id)
        {
            ControlShard wanted = Cluster.State.Shard(shard.Key)!;
            return wanted.Members.Members.Contains(id) && !wanted.Retired.Contains(id)
                && shard.InForce is { } configuration && configuration.Members!.Learners.Contains(id) && !shard.IsComplete(id, lag: 20);
        }

        return begun.Select(made => made.Node).Distinct()
            .ToDictionary(id => id, id => Shards.Count(shard => begun.Contains((shard.Key, id)) || IsBeingMade(shard, id)));
    }

    /// <summary>Null: all is as it should be; otherwise what is not.</summary>
    public string? Unfinished()
    {
        foreach (WorldShard shard in Shards)
        {
            ControlShard wanted = Cluster.State.Shard(shard.Key)!;
            if (shard.InForce is not { } actual)
                return $"{shard.Key} has no leader; wanted {wanted.Members}, retired {string.Join(",", wanted.Retired)}, replicas {shard}, committed {shard.Commit}";
            if (!actual.Members!.Equals(wanted.Members) || actual.Leaving!.Count > 0)
                return $"{shard.Key} has {actual.Members}, wanted {wanted.Members}, retired {string.Join(",", wanted.Retired)}, leader {shard.Leader}, "
                    + $"up {string.Join(",", Nodes.Where(IsUp))}";
            if (wanted.Retired.Count + wanted.Leaving.Count > 0)
                return $"{shard.Key} has retired {string.Join(",", wanted.Retired)}, leaving {string.Join(",", wanted.Leaving)}";
            if (wanted.Members.Members.FirstOrDefault(id => !IsUp(id) || !shard.IsComplete(id, lag: 20)) is { IsNone: false } missing)
                return $"{shard.Key} lacks a whole replica on {missing}; it has {string.Join(",", shard.Replicas.Keys)}, members {wanted.Members}, "
                    + $"nodes {string.Join(",", Cluster.State.Nodes.Values.Select(node => $"{node.Id} {node.Status} {IsUp(node.Id)}"))}";
            if (shard.Replicas.Keys.Except(wanted.Members.Members).FirstOrDefault(IsUp) is { IsNone: false } extra)
                return $"{shard.Key} is still on {extra}; wanted {wanted.Members}";
        }

        return null;
    }

    private void Register(ReplicaId id)
    {
        ControlCommand.RegisterNode first = Cluster.Register(id.Value);
        ControlNode known = Cluster.State.Nodes[id];
        Cluster.Accept(first with { Disk = _nodes[id].Disk, Region = known.Region, Rack = known.Rack });
        _nodes[id].State = Cluster.State;
    }

    private void Host()
    {
        foreach ((ReplicaId id, Node node) in _nodes.Where(pair => pair.Value.Up))
        {
            if (_random.Chance(7, 10))
                node.State = Cluster.State;
            var local = Shards.Where(shard => shard.Replicas.ContainsKey(id)).Select(shard => shard.Key).ToHashSet();
            foreach (HostingDecision decision in Hosting.Decide(node.State, id, node.Disk, local, _seen, new Instant(Now, Now, 0), Options.ReportMaxAge))
            {
                WorldShard shard = Shards[decision.Shard.Shard];
                if (decision is HostingDecision.Run run && !shard.Replicas.ContainsKey(id))
                {
                    shard.Replicas.Add(id, new WorldReplica(run.Founders, id, shard.Memberships));
                    Count(run.Founders.Contains(id) ? "founded" : "joined");
                }
                else if (decision is HostingDecision.Delete)
                {
                    Invariant.That(shard.InForce is not { } inForce || !inForce.Members!.Members.Concat(inForce.Leaving!).Contains(id),
                        $"{shard.Key}: {id} deletes a replica that is a member of {shard.InForce?.Members}");
                    shard.Crash(id);
                    shard.Replicas.Remove(id);
                    Count("deleted");
                }
            }
        }
    }

    private void Observe()
    {
        foreach (WorldShard shard in Shards)
        {
            ImmutableSortedDictionary<ReplicaId, ReplicaReport> reports =
                _seen.Reports.GetValueOrDefault(shard.Key) ?? ImmutableSortedDictionary<ReplicaId, ReplicaReport>.Empty;
            foreach (ReplicaId id in shard.Replicas.Keys.Where(id => IsUp(id) && _random.Chance(7, 10)))
                reports = reports.SetItem(id, new ReplicaReport(shard.StatusOf(id), Now));
            _seen = _seen with { Reports = _seen.Reports.SetItem(shard.Key, reports) };
        }

        foreach ((ReplicaId id, Node node) in _nodes.Where(_ => _random.Chance(7, 10)))
            _seen = _seen with { Nodes = _seen.Nodes.SetItem(id, new NodeObservation(node.Up, node.Since)) };
    }

    private void Check(ControlAction action)
    {
        Count(action is ControlAction.Submit submit ? submit.Command.GetType().Name : action.GetType().Name);
        if (action is not ControlAction.ChangeMembers change)
            return;
        Invariant.That(IsMajority(change.Target, id => _seen.Nodes.GetValueOrDefault(id).Up), $"{change.Shard} is to go to {change.Target}, of which most are down");
        Invariant.That(_seen.Reports[change.Shard][change.Leader].Status.LeavingVoters.Count == 0, $"{change.Shard} is asked to change while it changes");
    }

    private void Act(ControlAction action)
    {
        switch (action)
        {
            case ControlAction.Submit(var command):
                Cluster.Apply(command, Now);
                break;
            case ControlAction.ChangeMembers(var shard, var leader, var target):
                Shards[shard.Shard].ChangeMembers(leader, target);
                break;
            case ControlAction.Transfer(var shard, var from, var to):
                Shards[shard.Shard].Transfer(from, to, IsUp);
                break;
        }
    }

    private void Count(string what) => Seen[what] = Seen.GetValueOrDefault(what) + 1;
}
