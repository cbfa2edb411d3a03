using ActorRepl.Actors.Client;
using ActorRepl.Actors.Control;
using ActorRepl.Actors.Messages;
using ActorRepl.Actors.Nodes;
using ActorRepl.Actors.Routing;
using ActorRepl.Actors.Settings;
using ActorRepl.Actors.Supervision;
using ActorRepl.Actors.Verify;
using ActorRepl.Protocols.Control;
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

    private ReplicationRuntime(
        ActorSystem system, ReplicationSettings settings, NodeDirectory nodes, NodeMemory memory, ControlFeed feed, IActorRef root, ReplicationClient client, ShardVerifier verifier)
    {
        _feed = feed;
        _system = system;
        _memory = memory;
        _root = root;
        Nodes = nodes;
        Settings = settings;
        _client = client;
        _verifier = verifier;
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
        settings = settings with { Founders = memory.State.Founders };
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
        return new ReplicationRuntime(system, settings, nodes, memory, feed, root, client, new ShardVerifier(settings, locator, client));
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
    /// Makes this node's leaders give leadership away and waits until the shards it led have other leaders, at most this long. For a
    /// node that is about to stop.
    /// </summary>
    public async Task<bool> HandOverAsync(TimeSpan patience, CancellationToken cancellation = default)
    {
        (string, int)[] hosted = [.. _memory.State.Hosted.Where(replica => Settings.Groups.Any(group => group.Name == replica.Group)).Select(replica => (replica.Group, replica.Shard))];
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
            Replicas = Math.Min(ControlSettings.MaxVoters, settings.FoundingNodes.Count),
            Driver = control.Driver,
        };
        return settings with { Groups = [.. settings.Groups, group] };
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
