using Akka.Actor;
using Akka.Configuration;

namespace Akka.Event;

/// <summary>Writes log events of one source.</summary>
public interface ILoggingAdapter
{
    ILogMessageFormatter Formatter { get; }
    bool IsDebugEnabled { get; }
    bool IsInfoEnabled { get; }
    bool IsWarningEnabled { get; }
    bool IsErrorEnabled { get; }
    bool IsEnabled(LogLevel logLevel);
    void Log(LogLevel logLevel, Exception cause, LogMessage message);
    void Log(LogLevel logLevel, Exception cause, string format);
}

/// <summary>Publishes log events on a bus.</summary>
public sealed class BusLogging(LoggingBus bus, string logSource, Type logClass, ILogMessageFormatter logMessageFormatter) : ILoggingAdapter
{
    public LoggingBus Bus { get; } = bus;
    public string LogSource { get; } = logSource;
    public Type LogClass { get; } = logClass;
    public ILogMessageFormatter Formatter { get; } = logMessageFormatter;
    public bool IsDebugEnabled => IsEnabled(LogLevel.DebugLevel);
    public bool IsInfoEnabled => IsEnabled(LogLevel.InfoLevel);
    public bool IsWarningEnabled => IsEnabled(LogLevel.WarningLevel);
    public bool IsErrorEnabled => IsEnabled(LogLevel.ErrorLevel);
    public bool IsEnabled(LogLevel logLevel) => logLevel >= Bus.LogLevel;
    public void Log(LogLevel logLevel, Exception cause, LogMessage message) => Notify(logLevel, cause, message);
    public void Log(LogLevel logLevel, Exception cause, string format) => Notify(logLevel, cause, format);

    private void Notify(LogLevel level, Exception cause, object message)
    {
        if (!IsEnabled(level)) return;
        Bus.Publish(level switch
        {
            LogLevel.DebugLevel => new Debug(cause, LogSource, LogClass, message),
            LogLevel.InfoLevel => new Info(cause, LogSource, LogClass, message),
            LogLevel.WarningLevel => new Warning(cause, LogSource, LogClass, message),
            _ => (object)new Error(cause, LogSource, LogClass, message),
        });
    }
}

/// <summary>Makes loggers.</summary>
public static class Logging
{
    public static ILoggingAdapter GetLogger(this IActorContext context, ILogMessageFormatter logMessageFormatter = null) =>
        new BusLogging(context.System.EventStream, context.Self.Path.ToString(),
            context is ActorCell { Props.Type: { } type } ? type : typeof(ActorBase), logMessageFormatter ?? DefaultLogMessageFormatter.Instance);

    public static ILoggingAdapter GetLogger(ActorSystem system, object logSourceObj, ILogMessageFormatter logMessageFormatter = null)
    {
        (string source, Type type) = SourceOf(logSourceObj, system);
        return new BusLogging(system.EventStream, source, type, logMessageFormatter ?? DefaultLogMessageFormatter.Instance);
    }

    public static ILoggingAdapter GetLogger(LoggingBus loggingBus, object logSourceObj, ILogMessageFormatter logMessageFormatter = null)
    {
        (string source, Type type) = SourceOf(logSourceObj, null);
        return new BusLogging(loggingBus, source, type, logMessageFormatter ?? DefaultLogMessageFormatter.Instance);
    }

    public static Type ClassFor(this LogLevel logLevel) => logLevel switch
    {
        LogLevel.DebugLevel => typeof(Debug),
        LogLevel.InfoLevel => typeof(Info),
        LogLevel.WarningLevel => typeof(Warning),
        LogLevel.ErrorLevel => typeof(Error),
        _ => throw new ArgumentOutOfRangeException(nameof(logLevel), logLevel, "no such level"),
    };

    /// <summary>The level called DEBUG, INFO, WARNING, ERROR or OFF.</summary>
    public static LogLevel LogLevelFor(string logLevel) => logLevel?.ToUpperInvariant() switch
    {
        "DEBUG" => LogLevel.DebugLevel,
        "INFO" => LogLevel.InfoLevel,
        "WARNING" => LogLevel.WarningLevel,
        "ERROR" => LogLevel.ErrorLevel,
        "OFF" => LogLevel.ErrorLevel + 1,
        _ => throw new ConfigurationException($"'{logLevel}' is no log level; allowed are DEBUG, INFO, WARNING, ERROR and OFF."),
    };

    private static (string, Type) SourceOf(object source, ActorSystem system) => source switch
    {
        string text => (system is null ? text : $"{text}({system})", typeof(string)),
        IActorRef actor => (actor.Path.ToString(), typeof(ActorBase)),
        IInternalActor actor => (actor.ActorContext.Self.Path.ToString(), source.GetType()),
        Type type => (system is null ? type.Name : $"{type.Name}({system})", type),
        _ => (system is null ? source.GetType().Name : $"{source.GetType().Name}({system})", source.GetType()),
    };
}

/// <summary>Prints log events; the only logger until the others have started.</summary>
public sealed class StandardOutLogger : MinimalActorRef
{
    internal static readonly StandardOutLogger Instance = new();
    private StandardOutLogger() { }
    public override ActorPath Path { get; } = new RootActorPath(new Address("akka", "all-systems"), "StandardOutLogger");
    public override IActorRefProvider Provider => throw new NotSupportedException("This logger has no provider.");
    protected override void TellInternal(object message, IActorRef sender) => Console.WriteLine(message);
}

/// <summary>The logger that prints to standard output.</summary>
public class DefaultLogger : ActorBase
{
    protected override bool Receive(object message)
    {
        if (message is InitializeLogger) Sender.Tell(new LoggerInitialized());
        else if (message is LogEvent logEvent) Print(logEvent);
        else return false;
        return true;
    }

    protected virtual void Print(LogEvent logEvent) => Console.WriteLine(logEvent);
}

/// <summary>Logs the first akka.log-dead-letters dead letters, then pauses.</summary>
internal sealed class DeadLetterListener : ActorBase
{
    private readonly Settings _settings = Context.System.Settings;
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private int _count;
    private long _silentUntil;

    protected override void PreStart()
    {
        Context.System.EventStream.Subscribe(Self, typeof(DeadLetter));
        Context.System.EventStream.Subscribe(Self, typeof(Dropped));
        Context.System.EventStream.Subscribe(Self, typeof(UnhandledMessage));
    }

    protected override bool Receive(object message)
    {
        if (message is not AllDeadLetters letter || Environment.TickCount64 < _silentUntil) return true;
        if (message is UnhandledMessage && !_settings.DebugUnhandledMessage) return true;
        _count++;
        string what = letter switch
        {
            Dropped dropped => $"was dropped: {dropped.Reason}",
            UnhandledMessage => "was unhandled",
            _ => "was not delivered",
        };
        bool last = _count >= _settings.LogDeadLetters;
        string rest = !last ? "" : $" No more of these are logged for {_settings.LogDeadLettersSuspendDuration}.";
        _log.Info($"Message [{letter.Message.GetType().Name}] from {letter.Sender} to {letter.Recipient} {what}. [{_count}] dead letters encountered.{rest}");
        if (!last) return true;
        _count = 0;
        TimeSpan pause = _settings.LogDeadLettersSuspendDuration;
        _silentUntil = pause < TimeSpan.Zero ? long.MaxValue : Environment.TickCount64 + (long)pause.TotalMilliseconds;
        return true;
    }
}
