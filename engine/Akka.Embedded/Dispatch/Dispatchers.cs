using System.Collections.Concurrent;
using System.Diagnostics;
using Akka.Actor;
using Akka.Configuration;
using Akka.Util;

namespace Akka.Dispatch;

/// <summary>A work item.</summary>
public interface IRunnable : IThreadPoolWorkItem
{
    void Run();
}

/// <summary>Decides where and how long actors run.</summary>
public abstract class MessageDispatcher
{
    public const int DefaultThroughput = 100;

    protected MessageDispatcher(MessageDispatcherConfigurator configurator)
    {
        Configurator = configurator;
        Config config = configurator.Config;
        Id = config.GetString("id", "");
        Throughput = Math.Max(1, config.GetInt("throughput", DefaultThroughput));
        TimeSpan deadline = config.GetTimeSpan("throughput-deadline-time", TimeSpan.Zero, allowInfinite: false);
        ThroughputDeadlineTicks = (long)(deadline.TotalSeconds * Stopwatch.Frequency);
    }

    public MessageDispatcherConfigurator Configurator { get; }
    public string Id { get; set; }

    /// <summary>How many messages an actor handles before it lets others run.</summary>
    public int Throughput { get; set; }

    internal long ThroughputDeadlineTicks { get; }

    public void Schedule(IRunnable run) => ExecuteTask(run);
    public void Schedule(Action run) => ExecuteTask(new ActionRunnable(run));
    internal void Execute(Mailbox mailbox) => ExecuteTask(mailbox);
    protected abstract void ExecuteTask(IRunnable run);
    protected abstract void Shutdown();
    internal void Stop() => Shutdown();

    /// <summary>The actor is gone.</summary>
    internal virtual void Detach(ActorCell cell) { }
}

/// <summary>Makes a dispatcher from its settings.</summary>
public abstract class MessageDispatcherConfigurator
{
    protected MessageDispatcherConfigurator(Config config, IDispatcherPrerequisites prerequisites)
    {
        Config = config;
        Prerequisites = prerequisites;
    }

    public Config Config { get; }
    public IDispatcherPrerequisites Prerequisites { get; }

    /// <summary>The dispatcher: the same one at each call, or one for each.</summary>
    public abstract MessageDispatcher Dispatcher();
}

/// <summary>What dispatchers may use of their system.</summary>
public interface IDispatcherPrerequisites
{
    Akka.Event.EventStream EventStream { get; }
    IScheduler Scheduler { get; }
    Settings Settings { get; }
}

/// <summary>An action as a work item.</summary>
public sealed class ActionRunnable(Action action) : IRunnable
{
    public void Run() => action();
    void IThreadPoolWorkItem.Execute() => action();
}

/// <summary>The dispatchers of a system, each made from the settings at its path when it is first asked for.</summary>
public sealed class Dispatchers
{
    public static readonly string DefaultDispatcherId = "akka.actor.default-dispatcher";
    internal const string InternalDispatcherId = "akka.actor.internal-dispatcher";

    private readonly ConcurrentDictionary<string, Lazy<MessageDispatcherConfigurator>> _configurators = new();
    private readonly ConcurrentBag<MessageDispatcher> _made = [];
    private readonly ActorSystem _system;

    internal Dispatchers(ActorSystem system, IDispatcherPrerequisites prerequisites)
    {
        _system = system;
        Prerequisites = prerequisites;
    }

    public IDispatcherPrerequisites Prerequisites { get; }

    public MessageDispatcher Lookup(string dispatcherName) =>
        _configurators.GetOrAdd(dispatcherName, id => new(() => ConfiguratorOf(id))).Value.Dispatcher();

    internal void Shutdown()
    {
        foreach (MessageDispatcher dispatcher in _made) dispatcher.Stop();
    }

    internal T Track<T>(T dispatcher) where T : MessageDispatcher
    {
        _made.Add(dispatcher);
        return dispatcher;
    }

    private MessageDispatcherConfigurator ConfiguratorOf(string id)
    {
        Config all = _system.Settings.Config;
        Config own = all.GetConfig(id) ?? throw new ConfigurationException($"Dispatcher [{id}] not configured: the settings have no such path.");
        Config config = ConfigurationFactory.ParseString($"id = \"{id}\"").WithFallback(own).WithFallback(all.GetConfig(DefaultDispatcherId));
        string type = config.GetString("type", "Dispatcher");
        switch (type)
        {
            case "Dispatcher" or "TaskDispatcher" or "ForkJoinDispatcher":
                bool dedicated = type == "ForkJoinDispatcher" || config.GetString("executor") is "fork-join-executor";
                return new SharedConfigurator(this, config, Prerequisites, dedicated);
            case "PinnedDispatcher":
                return new PinnedConfigurator(this, config, Prerequisites);
            default:
                Type named = TypeNames.Find(type, $"{id}.type");
                return (MessageDispatcherConfigurator)TypeNames.Create(named, $"{id}.type", [config, Prerequisites]);
        }
    }

    private sealed class SharedConfigurator : MessageDispatcherConfigurator
    {
        private readonly Lazy<MessageDispatcher> _dispatcher;

        public SharedConfigurator(Dispatchers owner, Config config, IDispatcherPrerequisites prerequisites, bool dedicated) : base(config, prerequisites) =>
            _dispatcher = new(() => owner.Track<MessageDispatcher>(
                dedicated ? new DedicatedDispatcher(this, DedicatedDispatcher.ThreadCountOf(config)) : new Dispatcher(this)));

        public override MessageDispatcher Dispatcher() => _dispatcher.Value;
    }

    private sealed class PinnedConfigurator(Dispatchers owner, Config config, IDispatcherPrerequisites prerequisites)
        : MessageDispatcherConfigurator(config, prerequisites)
    {
        public override MessageDispatcher Dispatcher() => owner.Track(new PinnedDispatcher(this));
    }
}

/// <summary>Runs actors on the platform's thread pool.</summary>
public class Dispatcher : MessageDispatcher
{
    internal Dispatcher(MessageDispatcherConfigurator configurator) : base(configurator) { }

    protected override void ExecuteTask(IRunnable run) => ThreadPool.UnsafeQueueUserWorkItem(run, preferLocal: false);
    protected override void Shutdown() { }
}

/// <summary>Runs actors on threads of its own.</summary>
internal class DedicatedDispatcher : MessageDispatcher
{
    private readonly DedicatedThreads _threads;

    public DedicatedDispatcher(MessageDispatcherConfigurator configurator, int threads, bool mayBorrow = true) : base(configurator) =>
        _threads = new DedicatedThreads(Id, threads, mayBorrow);

    public static int ThreadCountOf(Config config)
    {
        if (config.HasPath("dedicated-thread-pool.thread-count")) return Math.Max(1, config.GetInt("dedicated-thread-pool.thread-count"));
        int wanted = (int)Math.Ceiling(Environment.ProcessorCount * config.GetDouble("fork-join-executor.parallelism-factor", 1));
        int least = config.GetInt("fork-join-executor.parallelism-min", 1);
        return Math.Clamp(wanted, least, Math.Max(least, config.GetInt("fork-join-executor.parallelism-max", 64)));
    }

    // Work that comes after the end, such as mail to the dead, is not left lying.
    protected override void ExecuteTask(IRunnable run)
    {
        if (!_threads.TryQueue(run)) ThreadPool.UnsafeQueueUserWorkItem(run, preferLocal: false);
    }

    protected override void Shutdown() => _threads.Stop();
}

/// <summary>Gives one actor a thread of its own.</summary>
internal sealed class PinnedDispatcher(MessageDispatcherConfigurator configurator) : DedicatedDispatcher(configurator, 1, mayBorrow: false)
{
    internal override void Detach(ActorCell cell) => Shutdown();
}
