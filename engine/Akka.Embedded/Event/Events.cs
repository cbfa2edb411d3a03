using Akka.Actor;

namespace Akka.Event;

/// <summary>A message whose loss is of no interest.</summary>
public interface IDeadLetterSuppression
{
}

/// <summary>A message that did not reach, or was not handled by, its recipient.</summary>
public abstract class AllDeadLetters(object message, IActorRef sender, IActorRef recipient) : IWrappedMessage
{
    public object Message { get; } = message;
    public IActorRef Sender { get; } = sender;
    public IActorRef Recipient { get; } = recipient;
    public override string ToString() => $"{GetType().Name} from {Sender} to {Recipient}: <{Message}>";
}

/// <summary>A message to an actor that is not there.</summary>
public sealed class DeadLetter(object message, IActorRef sender, IActorRef recipient) : AllDeadLetters(message, sender, recipient);

/// <summary>A dead letter that is not logged.</summary>
public sealed class SuppressedDeadLetter(IDeadLetterSuppression message, IActorRef sender, IActorRef recipient)
    : AllDeadLetters(message, sender, recipient);

/// <summary>A message that was thrown away, and why.</summary>
public sealed class Dropped(object message, string reason, IActorRef sender, IActorRef recipient) : AllDeadLetters(message, sender, recipient)
{
    public Dropped(object message, string reason, IActorRef recipient) : this(message, reason, ActorRefs.NoSender, recipient) { }
    public string Reason { get; } = reason;
}

/// <summary>A message its actor did not handle.</summary>
public sealed class UnhandledMessage(object message, IActorRef sender, IActorRef recipient) : AllDeadLetters(message, sender, recipient);

/// <summary>How important a log event is.</summary>
public enum LogLevel
{
    DebugLevel,
    InfoLevel,
    WarningLevel,
    ErrorLevel,
}

/// <summary>One line of log.</summary>
public abstract class LogEvent : INoSerializationVerificationNeeded
{
    protected LogEvent()
    {
        Timestamp = DateTime.UtcNow;
        Thread = Thread.CurrentThread;
    }

    public Exception Cause { get; protected set; }
    public DateTime Timestamp { get; }
    public Thread Thread { get; }
    public string LogSource { get; protected set; }
    public Type LogClass { get; protected set; }

    /// <summary>Text, or a <see cref="LogMessage"/> that is formatted when it is written.</summary>
    public object Message { get; protected set; }

    public abstract LogLevel LogLevel();

    private protected void Set(Exception cause, string logSource, Type logClass, object message)
    {
        Cause = cause;
        LogSource = logSource;
        LogClass = logClass;
        Message = message;
    }

    public override string ToString()
    {
        string level = LogLevel().ToString().Replace("Level", "").ToUpperInvariant();
        string line = $"[{level}][{Timestamp:yyyy-MM-ddTHH:mm:ss.fffZ}][Thread {Thread.ManagedThreadId:D4}][{LogSource}] {Message}";
        return Cause is null ? line : $"{line}{Environment.NewLine}Cause: {Cause}";
    }
}

/// <inheritdoc/>
public class Debug : LogEvent
{
    public Debug(string logSource, Type logClass, object message) : this(null, logSource, logClass, message) { }
    public Debug(Exception cause, string logSource, Type logClass, object message) => Set(cause, logSource, logClass, message);
    public override LogLevel LogLevel() => Event.LogLevel.DebugLevel;
}

/// <inheritdoc/>
public class Info : LogEvent
{
    public Info(string logSource, Type logClass, object message) : this(null, logSource, logClass, message) { }
    public Info(Exception cause, string logSource, Type logClass, object message) => Set(cause, logSource, logClass, message);
    public override LogLevel LogLevel() => Event.LogLevel.InfoLevel;
}

/// <inheritdoc/>
public class Warning : LogEvent
{
    public Warning(string logSource, Type logClass, object message) : this(null, logSource, logClass, message) { }
    public Warning(Exception cause, string logSource, Type logClass, object message) => Set(cause, logSource, logClass, message);
    public override LogLevel LogLevel() => Event.LogLevel.WarningLevel;
}

/// <inheritdoc/>
public class Error : LogEvent
{
    public Error(Exception cause, string logSource, Type logClass, object message) => Set(cause, logSource, logClass, message);
    public override LogLevel LogLevel() => Event.LogLevel.ErrorLevel;
}

/// <summary>Sent to a logger when it starts; it answers <see cref="LoggerInitialized"/>.</summary>
public class InitializeLogger(LoggingBus loggingBus) : INoSerializationVerificationNeeded
{
    public LoggingBus LoggingBus { get; } = loggingBus;
}

/// <summary>The logger is ready.</summary>
public class LoggerInitialized : INoSerializationVerificationNeeded, IDeadLetterSuppression;

/// <summary>A log message with parameters, formatted when it is written.</summary>
public abstract class LogMessage
{
    protected readonly ILogMessageFormatter Formatter;

    protected LogMessage(ILogMessageFormatter formatter, string format)
    {
        Formatter = formatter;
        Format = format;
    }

    public string Format { get; }
    public abstract string Unformatted();
    public abstract IEnumerable<object> Parameters();
}

/// <summary>Puts parameters into a format.</summary>
public interface ILogMessageFormatter
{
    string Format(string format, params object[] args);
    string Format(string format, IEnumerable<object> args);
}

/// <summary>Formats as <see cref="string.Format(string, object[])"/> does.</summary>
public class DefaultLogMessageFormatter : ILogMessageFormatter
{
    public static readonly DefaultLogMessageFormatter Instance = new();
    private DefaultLogMessageFormatter() { }
    public string Format(string format, params object[] args) => args.Length == 0 ? format : string.Format(format, args);
    public string Format(string format, IEnumerable<object> args) => Format(format, args.ToArray());
}
