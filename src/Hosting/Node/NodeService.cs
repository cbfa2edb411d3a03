using ActorRepl.Actors;
using ActorRepl.Actors.Client;
using ActorRepl.Actors.Messages;
using ActorRepl.Actors.Nodes;
using ActorRepl.Hosting.Faults;
using ActorRepl.Hosting.Logging;
using ActorRepl.Hosting.Shipping;
using ActorRepl.Persistence;
using ActorRepl.Protocols.Control;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Placement;
using Akka;
using Akka.Actor;
using Akka.Actor.Setup;
using Akka.Cluster;
using Akka.Remote.Transport.DotNetty;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using ReplicaReport = ActorRepl.Actors.Messages.ReplicaReport;

namespace ActorRepl.Hosting.Node;

/// <summary>
/// A node as a service of its host: takes its data directory, starts the actor system and the replication runtime, and on
/// stopping hands leaderships over before it leaves.
/// </summary>
internal sealed class NodeService(
    ActorReplOptions options, LateClient client, ILoggerFactory loggers, IHostApplicationLifetime lifetime) : IHostedService, IDisposable
{
    // Whoever waits for the host to start mostly waits for the node: one that waits for others must not hold up the rest.
    private static readonly TimeSpan FoundingPatience = TimeSpan.FromSeconds(3);

    private readonly ILogger _log = loggers.CreateLogger<NodeService>();
    private DataDirectory? _directory;
    private ActorSystem? _system;
    private ClusterFounding? _founding;
    private readonly CancellationTokenSource _endOfShipping = new();
    private volatile bool _stopping;

    /// <summary>The node's own, with its cluster.</summary>
    /// <exception cref="InvalidOperationException">The node has not started.</exception>
    public ActorSystem System => _system ?? throw new InvalidOperationException("the node has not started; its actor system is there once its host has");

    /// <summary>Null until it has started.</summary>
    public ReplicationRuntime? Runtime { get; private set; }

    /// <summary>What the node waits for before it can start; empty: nothing.</summary>
    public string Waiting => _founding?.Waiting ?? "";

    /// <summary>Why the node ended by itself; null: it has not.</summary>
    public Exception? Failure { get; private set; }

    /// <summary>Null: no faults can be put here.</summary>
    public NodeFaults? Faults { get; private set; }

    /// <summary>The node's own directory; empty until it has started.</summary>
    public string Directory => _directory?.Path ?? "";

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        NodePlan plan = NodePlan.Make(options);
        try
        {
            _directory = DataDirectory.Open(plan.Directory, plan.Replication.Cluster, plan.Replication.Self.Value);
        }
        catch (DataDirectoryException refused)
        {
            throw new UserErrorException(refused.Message.ReplaceLineEndings(" "));
        }

        var file = new NodeStateFile(_directory);
        NodeState? past = NodePast.Recall(_directory, file, plan.Replication.Self, plan.Replication.JournalPlugin, plan.Join is not null, _log);
        bool isFirst = past is null or { Undecided: true };
        bool joins = plan.Join is not null && isFirst;
        if (!joins)
            plan = plan with { Replication = GroupStamp.Check(plan.Directory, plan.Replication, past) };
        _log.LogInformation("Node {Node} of {Nodes} in cluster {Cluster}, on {Engine}, data in {Directory}",
            options.Node, plan.Replication.FoundingNodes.Count, options.Cluster, Engine.Description, plan.Directory);
        _system = ActorSystem.Create(plan.Replication.Cluster, ActorSystemSetup.Create(
            [BootstrapSetup.Create().WithConfig(plan.Config), new LoggerFactorySetup(loggers), .. plan.Tls is { } tls ? (Setup[])[new DotNettySslSetup(tls.Certificate, suppressValidation: false)] : []]));
        DiskFaults? disk = plan.Replication.Links is null ? null : DiskFaults.Allow(_system);
        _system.ActorOf(Props.Create(() => new EventLog(loggers)), "actorrepl-events");
        if (joins)
        {
            NodeState cluster = await Joining.AskAsync(_system, plan, cancellationToken).ConfigureAwait(false);
            plan = plan with { Replication = GroupStamp.Check(plan.Directory, plan.Replication, cluster) };
            file.Save(cluster.Encode());
        }

        plan = plan with { Replication = plan.Replication with { NodeState = file, Lost = new LostEntriesFolder(_directory) } };
        _founding = ClusterFounding.Start(_system, plan.Replication, hasData: isFirst && _directory.HasEvents);
        client.Starting([.. plan.Replication.Groups.Select(GroupInfo.Of)]);
        Task running = RunAsync(_system, plan, disk);
        await Task.WhenAny(_founding.Settled, Task.Delay(FoundingPatience, cancellationToken)).ConfigureAwait(false);
        if (_founding.Settled.IsCompleted)
            await running.ConfigureAwait(false);
        else
            _ = WaitForOthersAsync(running);
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        _stopping = true;
        await _endOfShipping.CancelAsync().ConfigureAwait(false);
        if (_system is null)
            return;
        _log.LogInformation("Stopping");
        await CoordinatedShutdown.Get(_system).Run(HostStops.Instance).WaitAsync(cancellationToken).ConfigureAwait(false);
        await _system.WhenTerminated.WaitAsync(cancellationToken).ConfigureAwait(false);
        _directory?.Dispose();
        _log.LogInformation("Stopped");
    }

    /// <summary>
    /// Why the node cannot serve yet; empty: it is ready. A leader is known by its messages, so a node that has one has
    /// found the others. Its membership of the cluster is not asked for: a member that is away can hold that up for as
    /// long as it is away. Neither is the control group: reads and writes go on without it.
    /// </summary>
    public static IReadOnlyList<string> Missing(IReadOnlyList<ReplicaReport> replicas)
    {
        var missing = new List<string>();
        foreach (ReplicaReport replica in replicas.Where(replica => replica.Group != ControlGroup.Own))
        {
            if (replica.Status is null)
                missing.Add($"the replica of {replica.Group}/{replica.Shard} is not running{(replica.Detail is null ? "" : $": {replica.Detail}")}");
            else if (replica.Status.Leader.IsNone)
                missing.Add($"{replica.Group}/{replica.Shard} has no leader");
        }

        return missing;
    }

    public IReadOnlyList<Status.MemberStatus> Members()
    {
        ClusterEvent.CurrentClusterState state = Akka.Cluster.Cluster.Get(_system).State;
        return
        [
            .. state.Members.Where(member => member.Status is not (MemberStatus.Removed or MemberStatus.Down)).Select(member => new Status.MemberStatus(
                member.Address.ToString(), member.Status.ToString().ToLowerInvariant(), !state.Unreachable.Contains(member))),
        ];
    }

    public void Dispose()
    {
        _endOfShipping.Dispose();
        _directory?.Dispose();
    }

    private void Ship(ReplicationRuntime runtime, NodePlan plan, ActorSystem system)
    {
        foreach ((string name, IReadOnlyList<string> targets) in plan.Shipping)
        {
            GroupInfo group = runtime.Client.Groups.Single(group => group.Name == name);
            if (runtime.Client.Groups.FirstOrDefault(other => targets.Contains(other.Name) && other.KeyPlacement != group.KeyPlacement) is { } other)
            {
                _log.LogError("Group {Group} is not shipped to {Target}: its keys are placed by {Rule} and there by {OtherRule}", name, other.Name, group.KeyPlacement.Name(), other.KeyPlacement.Name());
                continue;
            }

            _ = new GroupShipping(runtime, system, group, targets, _log).RunAsync(_endOfShipping.Token);
        }
    }

    private async Task<Done> HandOverAsync(TimeSpan patience)
    {
        if (!await Runtime!.HandOverAsync(patience).ConfigureAwait(false))
            _log.LogInformation("Not every leadership was taken over within {Patience}", patience);
        return Done.Instance;
    }

    private async Task<Done> StopReplicasAsync()
    {
        await Runtime!.StopAsync(TimeSpan.FromSeconds(3)).ConfigureAwait(false);
        return Done.Instance;
    }

    private async Task RunAsync(ActorSystem system, NodePlan plan, DiskFaults? disk)
    {
        try
        {
            await _founding!.Settled.ConfigureAwait(false);
        }
        catch (InvalidOperationException refused)
        {
            throw new UserErrorException($"node {options.Node} does not start on {Directory}: {refused.Message}");
        }

        if (_stopping)
            return;
        ReplicationRuntime runtime = await ReplicationRuntime.StartAsync(system, plan.Replication).ConfigureAwait(false);
        if (disk is not null && plan.Replication.Links is { } links)
            Faults = new NodeFaults(plan.Replication.Self, plan.Replication.Cluster, links, disk, node => runtime.Nodes.Find(node) is not null);
        Runtime = runtime;
        CoordinatedShutdown shutdown = CoordinatedShutdown.Get(system);
        shutdown.AddTask(CoordinatedShutdown.PhaseBeforeServiceUnbind, "hand-over", () => HandOverAsync(plan.HandOverTimeout));
        shutdown.AddTask(CoordinatedShutdown.PhaseServiceStop, "stop-replicas", StopReplicasAsync);
        client.Started(runtime.Client);
        Ship(runtime, plan, system);
        _ = EndWithSystemAsync(system);
    }

    /// <summary>Says what the node waits for, each time that is something else, until it has started; the host runs meanwhile.</summary>
    private async Task WaitForOthersAsync(Task running)
    {
        try
        {
            for (string said = ""; !running.IsCompleted && !_stopping;)
            {
                if (Waiting is { Length: > 0 } waiting && waiting != said)
                    _log.LogWarning("Node {Node} waits: {Reason}", options.Node, said = waiting);
                await Task.WhenAny(running, Task.Delay(TimeSpan.FromSeconds(1))).ConfigureAwait(false);
            }

            if (running.IsCompleted)
                await running.ConfigureAwait(false);
        }
        catch (Exception failure) when (failure is not OutOfMemoryException)
        {
            if (_stopping)
                return;
            Failure = failure;
            _log.LogCritical("The node cannot start and stops: {Reason}", failure.Message);
            lifetime.StopApplication();
        }
    }

    /// <summary>An actor system that ends by itself ends its host: a node must not look alive and serve nothing.</summary>
    private async Task EndWithSystemAsync(ActorSystem system)
    {
        await system.WhenTerminated.ConfigureAwait(false);
        if (_stopping)
            return;
        _log.LogCritical("The actor system has ended; the node stops");
        lifetime.StopApplication();
    }

    private sealed class HostStops : CoordinatedShutdown.Reason
    {
        public static readonly HostStops Instance = new();
    }
}
