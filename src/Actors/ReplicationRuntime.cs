using ActorRepl.Actors.Client;
using ActorRepl.Actors.Control;
using ActorRepl.Actors.Messages;
using ActorRepl.Actors.Nodes;
using ActorRepl.Actors.Replica;
using ActorRepl.Actors.Routing;
using ActorRepl.Actors.Settings;
using ActorRepl.Actors.Supervision;
using ActorRepl.Actors.Verify;
using ActorRepl.Protocols.Control;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Machines;
using ActorRepl.Protocols.Placement;
using Akka.Actor;
using ReplicaReport = ActorRepl.Actors.Messages.ReplicaReport;

namespace ActorRepl.Actors;

/// <summary>The replication runtime of one node: starts its actors, and is how the rest of the process speaks to them.</summary>
public sealed class ReplicationRuntime
{
    private static readonly TimeSpan StatusTimeout = TimeSpan.FromSeconds(2);

    private readonly ActorSystem _system;
    private readonly NodeMemory _memory;
    private readonly ControlFeed _feed;
    private readonly IActorRef _root;
    private readonly ReplicationClient _client;
    private readonly ShardVerifier _verifier;
    private readonly ReplicaRepair _repair;

    private ReplicationRuntime(
        ActorSystem system, ReplicationSettings settings, NodeDirectory nodes, NodeMemory memory, ControlFeed feed, IActorRef root, ReplicationClient client, ShardVerifier verifier, ReplicaRepair repair)
    {
        _feed = feed;
        _system = system;
        _memory = memory;
        _root = root;
        Nodes = nodes;
        Settings = settings;
        _client = client;
        _verifier = verifier;
        _repair = repair;
    }

    public ReplicationSettings Settings { get; }

    /// <summary>The nodes this one knows.</summary>
    public NodeDirectory Nodes { get; }

    public IReplicationClient Client => _client;

    /// <summary>Null: there is no control group.</summary>
    public ClusterAdmin? Admin => _client.Admin;

    /// <summary>The top actor; for tests.</summary>
    internal IActorRef Root => _root;

    /// <summary>What this node's replica of the control group has applied; for tests.</summary>
    internal ControlState ControlState => _feed.State;

    /// <summary>Starts all groups of this node; completes when calls can be made, before shards have leaders.</summary>
    /// <exception cref="ArgumentException">The settings are wrong.</exception>
    public static async Task<ReplicationRuntime> StartAsync(ActorSystem system, ReplicationSettings settings)
    {
        settings.Validate();
        CheckFrame(system, settings.Limits);
        var feed = new ControlFeed();
        settings = WithControlGroup(settings, feed);
        NodeMemory memory = Recall(settings);
        settings = settings with { Founders = memory.State.Founders, Groups = Placed(settings.Groups, memory.State) };
        var nodes = new NodeDirectory(memory.State.Nodes);
        nodes.Changed += node => system.EventStream.Publish(new NodeChanged(node));
        var locator = new NodeLocator(settings, nodes, system);
        UndeliveredRequests.AnswerFor(system, settings, locator);
        var routers = new RouterTable(settings.Groups);
        var client = new ReplicationClient(settings, routers, system.WhenTerminated);
        if (settings.Control is not null)
            client.Admin = new ClusterAdmin(settings, locator, client);
        IActorRef root = system.ActorOf(GroupsSupervisor.Props(settings, locator, memory, routers, feed, client), settings.RootName(settings.SelfNode));
        await routers.WhenComplete.WaitAsync(TimeSpan.FromSeconds(30)).ConfigureAwait(false);
        return new ReplicationRuntime(system, settings, nodes, memory, feed, root, client, new ShardVerifier(settings, locator, client), new ReplicaRepair(locator));
    }

    /// <summary>The replicas of this node, by group and shard. One that does not answer in 2 s is reported as down.</summary>
    public async Task<IReadOnlyList<ReplicaReport>> LocalReplicasAsync(CancellationToken cancellation = default)
    {
        IEnumerable<HostedShard> hosted = _memory.State.Hosted.Where(replica => Settings.Groups.Any(group => group.Name == replica.Group));
        return await Task.WhenAll(hosted.Select(replica => ReportAsync(replica.Group, replica.Shard, cancellation))).ConfigureAwait(false);
    }

    /// <summary>
    /// Compares the whole states of a shard's replicas, as of one entry of its log, while it works on; waits this long for each step.
    /// </summary>
    /// <exception cref="ReplicationException">There is no such group or shard.</exception>
    public Task<ShardVerification> VerifyAsync(string group, int shard, TimeSpan patience, CancellationToken cancellation = default) =>
        _verifier.VerifyAsync(group, shard, patience, cancellation);

    /// <summary>
    /// Compares this node's replica of a shard with all others that hold the same data, and exchanges what differs. Of groups without a leader, which do the same by
    /// themselves from time to time.
    /// </summary>
    /// <exception cref="ReplicationException">There is no such group or shard, or it has a leader and a log, and nothing to repair.</exception>
    public Task<RepairOutcome> RepairAsync(string group, int shard, TimeSpan patience, CancellationToken cancellation = default)
    {
        GroupDefinition? known = Settings.Groups.FirstOrDefault(one => one.Name == group);
        string? wrong = known is null ? $"there is no group '{group}'"
            : !known.Protocol.IsLeaderless ? $"group '{group}' replicates by {known.Protocol.Name}: its replicas apply one log, and there is nothing to repair"
            : shard < 0 || shard >= known.Shards ? $"group '{group}' has shards 0 to {known.Shards - 1}, not {shard}" : null;
        return wrong is null
            ? _repair.RepairAsync(Settings.Self, group, shard, patience, cancellation)
            : throw ReplicationException.Of(new Rejection(RejectReason.Invalid, Detail: wrong));
    }

    /// <summary>
    /// The state of a shard of which this node holds a replica, frozen at an entry of its log that is later than this call: all that was acknowledged
    /// before is in it. The shard works on; the view costs memory as keys change, and is to be disposed.
    /// </summary>
    /// <param name="group">The group.</param>
    /// <param name="shard">Its shard.</param>
    /// <param name="patience">For each of its steps.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <exception cref="ReplicationException">There is no such group or shard, no replica of it here, or it did not get so far in time.</exception>
    public async Task<FrozenShard> FreezeAsync(string group, int shard, TimeSpan patience, CancellationToken cancellation = default)
    {
        if (Settings.Groups.FirstOrDefault(one => one.Name == group) is { Protocol.IsLeaderless: true } leaderless)
            throw ReplicationException.Of(new Rejection(RejectReason.Invalid, Detail: $"group '{group}' replicates by {leaderless.Protocol.Name}: it has no common log, and so no moment at which a shard could be frozen"));
        if (!_memory.State.Hosted.Any(replica => replica.Group == group && replica.Shard == shard && Settings.Groups.Any(one => one.Name == group)))
            throw ReplicationException.Of(new Rejection(RejectReason.Invalid, Detail: $"this node has no replica of {group}/{shard}"));
        var freeze = new FreezeShard(Guid.NewGuid(), 3 * patience);
        _system.ActorSelection(_root.Path / group / Names.Shard(shard)).Tell(freeze, ActorRefs.NoSender);
        try
        {
            await freeze.Armed.WaitAsync(patience, cancellation).ConfigureAwait(false);
            await _client.Call(group, shard, RequestKind.Command, CommandEnvelope.Mark(freeze.Mark), new RequestOptions { Timeout = patience }, cancellation).ConfigureAwait(false);
            return await freeze.Frozen.WaitAsync(patience, cancellation).ConfigureAwait(false);
        }
        catch (Exception failure) when (failure is TimeoutException or InvalidOperationException)
        {
            throw ReplicationException.Of(new Rejection(RejectReason.Unavailable, Detail: $"the replica of {group}/{shard} here has not reached the mark: {failure.Message}"));
        }
        finally
        {
            freeze.GiveUp();
        }
    }

    /// <summary>
    /// Makes this node's leaders give leadership away and waits until the shards it led have other leaders, at most this long. For a
    /// node that is about to stop.
    /// </summary>
    public async Task<bool> HandOverAsync(TimeSpan patience, CancellationToken cancellation = default)
    {
        (string, int)[] hosted = [.. _memory.State.Hosted.Where(replica => Settings.Groups.Any(group => group.Name == replica.Group && !group.Protocol.IsLeaderless)).Select(replica => (replica.Group, replica.Shard))];
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        IActorRef watch = _system.ActorOf(HandOverWatch.Props(Settings.Self, _root, hosted, done));
        try
        {
            await done.Task.WaitAsync(patience, cancellation).ConfigureAwait(false);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
        finally
        {
            _system.Stop(watch);
        }
    }

    /// <summary>Stops this node's part of all groups; the actor system goes on.</summary>
    public async Task StopAsync(TimeSpan patience)
    {
        try
        {
            await _root.GracefulStop(patience).ConfigureAwait(false);
        }
        finally
        {
            _client.Close();
        }
    }

    private static ReplicationSettings WithControlGroup(ReplicationSettings settings, ControlFeed feed)
    {
        if (settings.Control is not { } control)
            return settings;
        var group = new GroupDefinition
        {
            Name = ControlGroup.Own,
            Protocol = control.Protocol,
            Machine = feed.NewMachine,
            Shards = 1,
            KeyPlacement = KeyPlacement.WholeKey,
            Replicas = Math.Min(ControlSettings.MaxVoters, settings.FoundingNodes.Count),
            Driver = control.Driver,
        };
        return settings with { Groups = [.. settings.Groups, group] };
    }

    /// <summary>The groups with their keys placed as the control group has it, as far as this node remembers.</summary>
    private static IReadOnlyList<GroupDefinition> Placed(IReadOnlyList<GroupDefinition> groups, NodeState remembered)
    {
        try
        {
            return [.. groups.Select(group => remembered.KeyPlacementOf(group.Name) is { } rule ? group with { KeyPlacement = rule } : group)];
        }
        catch (InvalidDataException unknown)
        {
            throw new ArgumentException($"where the keys of a group are is not known: {unknown.Message}", unknown);
        }
    }

    private static NodeMemory Recall(ReplicationSettings settings)
    {
        try
        {
            return new NodeMemory(settings);
        }
        catch (InvalidDataException damage)
        {
            throw new ArgumentException($"what {settings.Self} keeps of the cluster cannot be read: {damage.Message}", damage);
        }
    }

    private static void CheckFrame(ActorSystem system, WireLimits limits)
    {
        const string setting = "akka.remote.dot-netty.tcp.maximum-frame-size";
        if (system.Settings.Config.HasPath(setting) && system.Settings.Config.GetByteSize(setting) is { } bytes && bytes < limits.MaxFrameBytes && IsRemote(system))
            throw new ArgumentException($"{setting} is {bytes}; it must be at least actorrepl.max-frame-bytes, {limits.MaxFrameBytes}");
    }

    private static bool IsRemote(ActorSystem system) => ((ExtendedActorSystem)system).Provider.DefaultAddress.HasGlobalScope;

    private async Task<ReplicaReport> ReportAsync(string group, int shard, CancellationToken cancellation)
    {
        try
        {
            ActorSelection supervisor = _system.ActorSelection(_root.Path / group / Names.Shard(shard));
            return await supervisor.Ask<ReplicaReport>(new GetReplicaStatus(group, shard), StatusTimeout, cancellation).ConfigureAwait(false);
        }
        catch (AskTimeoutException)
        {
            return new ReplicaReport(group, shard, Settings.Self, ReplicaHealth.Down, null) { Detail = "no answer" };
        }
    }
}
