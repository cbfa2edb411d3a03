using Akka.Actor;
using Akka.Actor.Setup;
using Akka.Event;
using Microsoft.Extensions.Logging;
using MsLogLevel = Microsoft.Extensions.Logging.LogLevel;

namespace ActorRepl.Hosting.Logging;

/// <summary>Hands the host's loggers to <see cref="AkkaLogger"/>, which the actor system itself creates.</summary>
internal sealed class LoggerFactorySetup(ILoggerFactory factory) : Setup
{
    public ILoggerFactory Factory => factory;
}

/// <summary>Passes Akka.NET's log events on to Microsoft.Extensions.Logging; the category is the class that logs.</summary>
internal sealed class AkkaLogger : ReceiveActor
{
    private readonly ILoggerFactory _factory;
    private readonly Dictionary<Type, ILogger> _loggers = [];

    public AkkaLogger()
    {
        _factory = Context.System.Settings.Setup.Get<LoggerFactorySetup>().Value.Factory;
        Receive<InitializeLogger>(_ => Sender.Tell(new LoggerInitialized()));
        Receive<LogEvent>(Log);
    }

    private void Log(LogEvent entry)
    {
        if (!_loggers.TryGetValue(entry.LogClass, out ILogger? logger))
            _loggers[entry.LogClass] = logger = _factory.CreateLogger(Category(entry.LogClass));
        logger.Log(Level(entry.LogLevel()), entry.Cause, "{Message} [{Source}]", entry.Message, entry.LogSource);
    }

    // Akka.NET's own stand-in for sources that are only a text names nothing.
    private static string Category(Type source) => source.Name == "DummyClassForStringSources" ? "Akka" : source.FullName ?? source.Name;

    private static MsLogLevel Level(Akka.Event.LogLevel level) => level switch
    {
        Akka.Event.LogLevel.DebugLevel => MsLogLevel.Debug,
        Akka.Event.LogLevel.InfoLevel => MsLogLevel.Information,
        Akka.Event.LogLevel.WarningLevel => MsLogLevel.Warning,
        _ => MsLogLevel.Error,
    };
}
