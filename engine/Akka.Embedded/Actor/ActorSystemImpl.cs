using System.Collections.Concurrent;
using System.Text.RegularExpressions;
using Akka.Actor.Setup;
using Akka.Configuration;
using Akka.Dispatch;
using Akka.Event;
using Akka.Util;

namespace Akka.Actor.Internal;

/// <summary>An actor system.</summary>
public partial class ActorSystemImpl : ExtendedActorSystem
{
    private readonly ConcurrentDictionary<Type, Lazy<object>> _extensions = new();
    private readonly Stack<Action> _onTermination = new();
    private readonly TaskCompletionSource _whenTerminated = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<IActorRef> _loggers = [];
    private int _terminating;

    public ActorSystemImpl(string name) : this(name, Config.Empty, ActorSystemSetup.Empty) { }

    public ActorSystemImpl(string name, Config config, ActorSystemSetup setup)
    {
        if (!ValidName().IsMatch(name))
            throw new ArgumentException($"Invalid ActorSystem name [{name}], must contain only word characters (i.e. [a-zA-Z0-9] plus non-leading '-' or '_')", nameof(name));
        Name = name;
        Settings = new Settings(this, config, setup);
        EventStream = new EventStream(Settings.DebugEventStream);
        EventStream.StartStdoutLogger(Settings);
        Log = Logging.GetLogger(EventStream, $"ActorSystem({name})");
        Type scheduler = TypeNames.Find(Settings.SchedulerClass, "akka.scheduler.implementation");
        Scheduler = (IScheduler)TypeNames.Create(scheduler, "akka.scheduler.implementation", [Settings.Config.GetConfig("akka.scheduler"), Log]);
        Dispatchers = new Dispatchers(this, new Prerequisites(EventStream, Scheduler, Settings));
        Type provider = TypeNames.Find(Settings.ProviderClass, "akka.actor.provider");
        Provider = (IActorRefProvider)TypeNames.Create(provider, "akka.actor.provider", [name, Settings, EventStream]);
        Serialization = new Akka.Serialization.Serialization(this);
    }

    [GeneratedRegex("^[a-zA-Z0-9][a-zA-Z0-9-_]*$")]
    private static partial Regex ValidName();

    public override string Name { get; }
    public override Settings Settings { get; }
    public override EventStream EventStream { get; }
    public override ILoggingAdapter Log { get; }
    public override IScheduler Scheduler { get; }
    public override Dispatchers Dispatchers { get; }
    public override IActorRefProvider Provider { get; }
    public override Akka.Serialization.Serialization Serialization { get; }
    public override IActorRef DeadLetters => Provider.DeadLetters;
    public override IActorRef IgnoreRef => Provider.IgnoreRef;
    public override IInternalActorRef Guardian => Provider.Guardian;
    public override IInternalActorRef SystemGuardian => Provider.SystemGuardian;
    public override IInternalActorRef LookupRoot => Provider.RootGuardian;
    public override Task WhenTerminated => _whenTerminated.Task;

    /// <summary>Starts the guardians, the loggers and the extensions named in the settings.</summary>
    public void Start()
    {
        try
        {
            Provider.Init(this);
            EventStream.StartUnsubscriber(this);
            StartLoggers();
            if (Settings.LogDeadLetters > 0) SystemActorOf<DeadLetterListener>("deadLetterListener");
            if (Settings.LogConfigOnStart) Log.Info(Settings.ToString());
            CoordinatedShutdown.Get(this);
            foreach (string extension in Settings.Config.GetStringList("akka.extensions"))
            {
                Type type = TypeNames.Find(extension, "akka.extensions");
                RegisterExtension((IExtensionId)TypeNames.Create(type, "akka.extensions", [[]]));
            }

            _ = Provider.TerminationTask.ContinueWith(_ => FinishTermination(), TaskScheduler.Default);
        }
        catch (Exception)
        {
            (Scheduler as IDisposable)?.Dispose();
            Dispatchers.Shutdown();
            throw;
        }
    }

    private void StartLoggers()
    {
        LogLevel level = Logging.LogLevelFor(Settings.LogLevel);
        int number = 0;
        foreach (string name in Settings.Loggers)
        {
            Type type = TypeNames.Find(name, "akka.loggers");
            IActorRef logger = SystemActorOf(new Props(type).WithDispatcher(Settings.LoggersDispatcher), $"log{++number}-{type.Name}");
            StartLogger(logger, type);
            _loggers.Add(logger);
        }

        EventStream.RemoveLogger(StandardOutLogger.Instance);
        foreach (IActorRef logger in _loggers) EventStream.AddLogger(logger);
        EventStream.SetLogLevel(level);
    }

    private void StartLogger(IActorRef logger, Type type)
    {
        try
        {
            object answer = logger.Ask(new InitializeLogger(EventStream), Settings.LoggerStartTimeout).GetAwaiter().GetResult();
            if (answer is not LoggerInitialized) throw new LoggerInitializationException($"Logger {type} did not respond with LoggerInitialized, sent instead {answer}");
        }
        catch (AskTimeoutException)
        {
            Log.Log(LogLevel.WarningLevel, null, $"Logger {type} did not answer within {Settings.LoggerStartTimeout} (akka.logger-startup-timeout)");
        }
    }

    private void FinishTermination()
    {
        try
        {
            while (true)
            {
                Action code;
                lock (_onTermination)
                {
                    if (!_onTermination.TryPop(out code)) break;
                }

                code();
            }
        }
        catch (Exception e)
        {
            Log.Error(e, "Code registered for termination failed");
        }
        finally
        {
            (Scheduler as IDisposable)?.Dispose();
            Dispatchers.Shutdown();
            _whenTerminated.TrySetResult();
        }
    }

    public override void RegisterOnTermination(Action code)
    {
        lock (_onTermination) _onTermination.Push(code);
    }

    public override Task Terminate()
    {
        if (Settings.CoordinatedShutdownRunByActorSystemTerminate)
            CoordinatedShutdown.Get(this).Run(CoordinatedShutdown.ActorSystemTerminateReason.Instance);
        else
            FinalTerminate();
        return WhenTerminated;
    }

    /// <summary>Stops the actors, without the phases before.</summary>
    internal Task FinalTerminate()
    {
        if (Interlocked.Exchange(ref _terminating, 1) == 0)
        {
            if (!Settings.LogDeadLettersDuringShutdown) Stop(Provider.SystemGuardian.GetSingleChild("deadLetterListener"));
            Guardian.Stop();
        }

        return WhenTerminated;
    }

    public override IActorRef ActorOf(Props props, string name = null) => Provider.Guardian.Cell.AttachChild(props, isSystemService: false, name);
    public override IActorRef SystemActorOf(Props props, string name = null) => Provider.SystemGuardian.Cell.AttachChild(props, isSystemService: true, name);
    public override IActorRef SystemActorOf<TActor>(string name = null) => SystemActorOf(Props.Create<TActor>(), name);

    public override void Stop(IActorRef actor)
    {
        if (!actor.IsNobody()) ((IInternalActorRef)actor).Stop();
    }

    public override ActorSelection ActorSelection(ActorPath actorPath) => Akka.Actor.ActorSelection.Of(actorPath, this);
    public override ActorSelection ActorSelection(string actorPath) => Akka.Actor.ActorSelection.Of(actorPath, this, LookupRoot);

    public override object RegisterExtension(IExtensionId extension)
    {
        ArgumentNullException.ThrowIfNull(extension);
        Lazy<object> created = _extensions.GetOrAdd(extension.ExtensionType, _ => new Lazy<object>(() => extension.CreateExtension(this)));
        try
        {
            return created.Value;
        }
        catch (Exception)
        {
            _extensions.TryRemove(extension.ExtensionType, out _);
            throw;
        }
    }

    public override object GetExtension(IExtensionId extensionId) => TryGetExtension(extensionId.ExtensionType, out object extension) ? extension : RegisterExtension(extensionId);
    public override T GetExtension<T>() => TryGetExtension(typeof(T), out object extension) ? (T)extension : null;
    public override bool HasExtension(Type type) => TryGetExtension(type, out _);
    public override bool HasExtension<T>() => HasExtension(typeof(T));

    public override bool TryGetExtension(Type extensionType, out object extension)
    {
        extension = _extensions.TryGetValue(extensionType, out Lazy<object> created) ? created.Value : null;
        return extension is not null;
    }

    public override bool TryGetExtension<T>(out T extension)
    {
        bool found = TryGetExtension(typeof(T), out object value);
        extension = (T)value;
        return found;
    }

    public override string ToString() => LookupRoot?.Path.Root.Address.ToString() ?? $"akka://{Name}";

    private sealed record Prerequisites(EventStream EventStream, IScheduler Scheduler, Settings Settings) : IDispatcherPrerequisites;
}
