using ActorRepl.Actors;
using ActorRepl.Actors.Messages;
using ActorRepl.Actors.Nodes;
using ActorRepl.Hosting.Faults;
using ActorRepl.Hosting.Logging;
using ActorRepl.Persistence;
using ActorRepl.Protocols.Control;
using ActorRepl.Protocols.Kernel;
using Akka;
using Akka.Actor;
using Akka.Actor.Setup;
using Akka.Cluster;
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
    private readonly ILogger _log = loggers.CreateLogger<NodeService>();
    private DataDirectory? _directory;
    private ActorSystem? _system;
    private volatile bool _stopping;

    /// <summary>Null until it has started.</summary>
    public ReplicationRuntime? Runtime { get; private set; }

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

        var state = new NodeStateFile(_directory);
        bool joins = plan.Join is not null && state.Load() is null;
        if (!joins)
            GroupStamp.Check(plan.Directory, plan.Replication);
        _log.LogInformation("Node {Node} of {Nodes} in cluster {Cluster}, on {Engine}, data in {Directory}",
            options.Node, plan.Replication.FoundingNodes.Count, options.Cluster, Engine.Description, plan.Directory);
        _system = ActorSystem.Create(plan.Replication.Cluster, ActorSystemSetup.Create(BootstrapSetup.Create().WithConfig(plan.Config), new LoggerFactorySetup(loggers)));
        DiskFaults? disk = plan.Replication.Links is null ? null : DiskFaults.Allow(_system);
        _system.ActorOf(Props.Create(() => new EventLog(loggers)), "actorrepl-events");
        if (joins)
        {
            NodeState cluster = await Joining.AskAsync(_system, plan, cancellationToken).ConfigureAwait(false);
            GroupStamp.Check(plan.Directory, plan.Replication);
            state.Save(cluster.Encode());
        }

        Runtime = await ReplicationRuntime.StartAsync(_system, plan.Replication with { NodeState = state, Lost = new LostEntriesFolder(_directory) }).ConfigureAwait(false);
        if (disk is not null && plan.Replication.Links is { } links)
            Faults = new NodeFaults(plan.Replication.Self, plan.Replication.Cluster, links, disk, node => Runtime.Nodes.Find(node) is not null);
        CoordinatedShutdown shutdown = CoordinatedShutdown.Get(_system);
        shutdown.AddTask(CoordinatedShutdown.PhaseBeforeServiceUnbind, "hand-over", () => HandOverAsync(plan.HandOverTimeout));
        shutdown.AddTask(CoordinatedShutdown.PhaseServiceStop, "stop-replicas", StopReplicasAsync);
        client.Started(Runtime.Client);
        _ = EndWithSystemAsync(_system);
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        _stopping = true;
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

    public void Dispose() => _directory?.Dispose();

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
