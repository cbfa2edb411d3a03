using Akka.Configuration;
using Akka.Event;

namespace Akka.Actor;

/// <summary>Makes <see cref="CoordinatedShutdown"/>.</summary>
public sealed class CoordinatedShutdownExtension : ExtensionIdProvider<CoordinatedShutdown>
{
    public override CoordinatedShutdown CreateExtension(ExtendedActorSystem system) => new(system);
}

/// <summary>Ends a system in phases: the tasks of a phase run at once, the phases one after the other.</summary>
public sealed class CoordinatedShutdown : IExtension
{
    public const string PhaseBeforeServiceUnbind = "before-service-unbind";
    public const string PhaseServiceUnbind = "service-unbind";
    public const string PhaseServiceRequestsDone = "service-requests-done";
    public const string PhaseServiceStop = "service-stop";
    public const string PhaseBeforeClusterShutdown = "before-cluster-shutdown";
    public const string PhaseClusterShardingShutdownRegion = "cluster-sharding-shutdown-region";
    public const string PhaseClusterLeave = "cluster-leave";
    public const string PhaseClusterExiting = "cluster-exiting";
    public const string PhaseClusterExitingDone = "cluster-exiting-done";
    public const string PhaseClusterShutdown = "cluster-shutdown";
    public const string PhaseBeforeActorSystemTerminate = "before-actor-system-terminate";
    public const string PhaseActorSystemTerminate = "actor-system-terminate";

    private readonly Lock _gate = new();
    private readonly Dictionary<string, Phase> _phases = [];
    private readonly Dictionary<string, List<(string Name, Func<Task<Done>> Run)>> _tasks = [];
    private readonly List<string> _order;
    private readonly ILoggingAdapter _log;
    private Task<Done> _run;

    internal CoordinatedShutdown(ExtendedActorSystem system)
    {
        System = system;
        _log = Logging.GetLogger(system, GetType());
        Config config = system.Settings.Config.GetConfig("akka.coordinated-shutdown");
        TimeSpan timeout = config.GetTimeSpan("default-phase-timeout");
        foreach ((string name, Akka.Configuration.Hocon.HoconValue value) in config.GetConfig("phases").AsEnumerable())
        {
            Config phase = value.ToConfig();
            _phases[name] = new Phase([.. phase.GetStringList("depends-on")], phase.GetTimeSpan("timeout", timeout, allowInfinite: false),
                phase.GetBoolean("recover", true), phase.GetBoolean("enabled", true));
        }

        _order = Sort(_phases);
        AddTask(PhaseActorSystemTerminate, "terminate-system", async () =>
        {
            if (!system.Settings.CoordinatedShutdownTerminateActorSystem) return Done.Instance;
            await ((Internal.ActorSystemImpl)system).FinalTerminate().ConfigureAwait(false);
            if (config.GetBoolean("exit-clr")) ThreadPool.QueueUserWorkItem(_ => Environment.Exit(0));
            return Done.Instance;
        });
        if (config.GetBoolean("run-by-clr-shutdown-hook")) RunOnProcessExit();
    }

    public ExtendedActorSystem System { get; }

    /// <summary>Why the shutdown runs, or null.</summary>
    public Reason ShutdownReason { get; private set; }

    /// <summary>The timeouts of all enabled phases, added up.</summary>
    public TimeSpan TotalTimeout => _order.Aggregate(TimeSpan.Zero, (sum, name) => sum + (_phases[name].Enabled ? _phases[name].Timeout : TimeSpan.Zero));

    public static CoordinatedShutdown Get(ActorSystem sys) => sys.WithExtension<CoordinatedShutdown, CoordinatedShutdownExtension>();

    public TimeSpan Timeout(string phase) => _phases.TryGetValue(phase, out Phase known) ? known.Timeout : throw Unknown(phase);

    /// <summary>Adds a task to a phase. What the phase is at or past does not run it.</summary>
    public void AddTask(string phase, string taskName, Func<Task<Done>> task)
    {
        ArgumentNullException.ThrowIfNull(task);
        if (string.IsNullOrEmpty(taskName)) throw new ArgumentException("A task needs a name.", nameof(taskName));
        if (!_phases.ContainsKey(phase)) throw Unknown(phase);
        lock (_gate)
        {
            if (!_tasks.TryGetValue(phase, out List<(string, Func<Task<Done>>)> tasks)) _tasks[phase] = tasks = [];
            tasks.Add((taskName, task));
        }
    }

    /// <summary>Runs the phases from the given one on, or all. A second call returns the first one's task.</summary>
    public Task<Done> Run(Reason reason, string fromPhase = null)
    {
        if (fromPhase is not null && !_phases.ContainsKey(fromPhase)) throw Unknown(fromPhase);
        lock (_gate)
        {
            if (_run is not null) return _run;
            ShutdownReason = reason;
            return _run = Task.Run(() => RunPhases(fromPhase));
        }
    }

    private async Task<Done> RunPhases(string fromPhase)
    {
        foreach (string name in fromPhase is null ? _order : _order.SkipWhile(each => each != fromPhase))
        {
            (string Name, Func<Task<Done>> Run)[] tasks;
            lock (_gate) tasks = [.. _tasks.GetValueOrDefault(name, [])];
            if (tasks.Length == 0) continue;
            if (_phases[name].Enabled) await RunPhase(name, _phases[name], tasks).ConfigureAwait(false);
            else _log.Info("Phase [{0}] disabled through configuration, skipping {1} tasks", name, tasks.Length);
        }

        return Done.Instance;
    }

    private async Task RunPhase(string name, Phase phase, (string Name, Func<Task<Done>> Run)[] tasks)
    {
        _log.Debug("Performing phase [{0}] with [{1}] tasks.", name, tasks.Length);
        Task[] running = [.. tasks.Select(task => RunTask(name, phase, task.Name, task.Run))];
        Task all = Task.WhenAll(running);
        if (await Task.WhenAny(all, Task.Delay(phase.Timeout)).ConfigureAwait(false) == all)
        {
            await all.ConfigureAwait(false);
            return;
        }

        string late = string.Join(", ", tasks.Where((_, i) => !running[i].IsCompleted).Select(task => task.Name));
        _log.Warning("Coordinated shutdown phase [{0}] timed out after {1}: [{2}] have not ended", name, phase.Timeout, late);
        if (!phase.Recover) throw new TimeoutException($"Coordinated shutdown phase [{name}] timed out after {phase.Timeout}");
    }

    private async Task RunTask(string phaseName, Phase phase, string name, Func<Task<Done>> run)
    {
        try
        {
            await run().ConfigureAwait(false);
        }
        catch (Exception e) when (phase.Recover)
        {
            _log.Warning(e, "Task [{0}] failed in phase [{1}]: {2}", name, phaseName, e.Message);
        }
    }

    private void RunOnProcessExit()
    {
        EventHandler onExit = (_, _) => Run(ClrExitReason.Instance).Wait(TotalTimeout);
        AppDomain.CurrentDomain.ProcessExit += onExit;
        System.WhenTerminated.ContinueWith(_ => AppDomain.CurrentDomain.ProcessExit -= onExit, TaskScheduler.Default);
    }

    private static List<string> Sort(Dictionary<string, Phase> phases)
    {
        var sorted = new List<string>();
        var open = new HashSet<string>();
        foreach (string name in phases.Keys) Visit(name);
        return sorted;

        void Visit(string name)
        {
            if (sorted.Contains(name)) return;
            if (!open.Add(name)) throw new ArgumentException($"Cycle detected in graph of phases. It must be a DAG. phase [{name}] depends transitively on itself.");
            foreach (string before in phases.TryGetValue(name, out Phase phase) ? phase.DependsOn : throw Unknown(name)) Visit(before);
            sorted.Add(name);
        }
    }

    private static ConfigurationException Unknown(string phase) =>
        new($"Unknown phase [{phase}], known phases are those below akka.coordinated-shutdown.phases.");

    private sealed record Phase(string[] DependsOn, TimeSpan Timeout, bool Recover, bool Enabled);

    /// <summary>Why a system is shut down.</summary>
    public class Reason
    {
        protected Reason() { }
    }

    /// <summary>No reason was given.</summary>
    public class UnknownReason : Reason { public static readonly Reason Instance = new UnknownReason(); }

    /// <summary>The actor system was terminated.</summary>
    public class ActorSystemTerminateReason : Reason { public static readonly Reason Instance = new ActorSystemTerminateReason(); }

    /// <summary>The process was told to end.</summary>
    public class ClrExitReason : Reason { public static readonly Reason Instance = new ClrExitReason(); }

    /// <summary>The node was downed.</summary>
    public class ClusterDowningReason : Reason { public static readonly Reason Instance = new ClusterDowningReason(); }

    /// <summary>The node left the cluster.</summary>
    public class ClusterLeavingReason : Reason { public static readonly Reason Instance = new ClusterLeavingReason(); }

    /// <summary>The node could not join.</summary>
    public class ClusterJoinUnsuccessfulReason : Reason { public static readonly Reason Instance = new ClusterJoinUnsuccessfulReason(); }
}
