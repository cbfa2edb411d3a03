using Akka.Actor.Setup;
using Akka.Configuration;
using Akka.Util;

namespace Akka.Actor
{
    /// <summary>The settings of a system, read once.</summary>
    public class Settings
    {
        private Config _ownConfig;

        public Settings(ActorSystem system, Config config) : this(system, config, ActorSystemSetup.Empty) { }

        public Settings(ActorSystem system, Config config, ActorSystemSetup setup)
        {
            System = system;
            Setup = setup;
            _ownConfig = config;
            Config = config.WithFallback(ConfigurationFactory.Default());
            BootstrapSetup bootstrap = setup.Get<BootstrapSetup>().Value;
            ProviderSelectionType = bootstrap is { ActorRefProvider.HasValue: true }
                ? bootstrap.ActorRefProvider.Value
                : ProviderSelection.Of(Config.GetString("akka.actor.provider"));
            SupervisorStrategyClass = Config.GetString("akka.actor.guardian-supervisor-strategy");
            AskTimeout = Config.GetTimeSpan("akka.actor.ask-timeout");
            LogLevel = Config.GetString("akka.loglevel");
            StdoutLogLevel = Config.GetString("akka.stdout-loglevel");
            Loggers = Config.GetStringList("akka.loggers");
            LoggersDispatcher = Config.GetString("akka.loggers-dispatcher");
            LoggerStartTimeout = Config.GetTimeSpan("akka.logger-startup-timeout");
            LogConfigOnStart = Config.GetBoolean("akka.log-config-on-start");
            LogDeadLetters = Config.GetString("akka.log-dead-letters") switch
            {
                "on" or "true" => int.MaxValue,
                "off" or "false" => 0,
                _ => Config.GetInt("akka.log-dead-letters"),
            };
            LogDeadLettersDuringShutdown = Config.GetBoolean("akka.log-dead-letters-during-shutdown");
            LogDeadLettersSuspendDuration = Config.GetTimeSpan("akka.log-dead-letters-suspend-duration");
            DebugLifecycle = Config.GetBoolean("akka.actor.debug.lifecycle");
            DebugUnhandledMessage = Config.GetBoolean("akka.actor.debug.unhandled");
            DebugEventStream = Config.GetBoolean("akka.actor.debug.event-stream");
            SchedulerClass = Config.GetString("akka.scheduler.implementation");
            CoordinatedShutdownTerminateActorSystem = Config.GetBoolean("akka.coordinated-shutdown.terminate-actor-system");
            CoordinatedShutdownRunByActorSystemTerminate = Config.GetBoolean("akka.coordinated-shutdown.run-by-actor-system-terminate");
            StashCapacity = Config.GetInt("akka.actor.default-mailbox.stash-capacity");
        }

        public ActorSystem System { get; }
        public Config Config { get; private set; }
        public ActorSystemSetup Setup { get; }
        public ProviderSelection ProviderSelectionType { get; }
        public string ProviderClass => ProviderSelectionType.Fqn;
        public bool HasCluster => ProviderSelectionType.HasCluster;
        public string SupervisorStrategyClass { get; }
        public TimeSpan AskTimeout { get; }
        public string LogLevel { get; }
        public string StdoutLogLevel { get; }
        public IList<string> Loggers { get; }
        public string LoggersDispatcher { get; }
        public TimeSpan LoggerStartTimeout { get; }
        public bool LogConfigOnStart { get; }
        public int LogDeadLetters { get; }
        public bool LogDeadLettersDuringShutdown { get; }
        public TimeSpan LogDeadLettersSuspendDuration { get; }
        public bool DebugLifecycle { get; }
        public bool DebugUnhandledMessage { get; }
        public bool DebugEventStream { get; }
        public string SchedulerClass { get; }
        public bool CoordinatedShutdownTerminateActorSystem { get; }
        public bool CoordinatedShutdownRunByActorSystemTerminate { get; }
        internal int StashCapacity { get; }

        /// <summary>Adds the defaults of an extension below all that is set, but above the engine's own.</summary>
        public void InjectTopLevelFallback(Config config)
        {
            _ownConfig = _ownConfig.WithFallback(config);
            Config = _ownConfig.WithFallback(ConfigurationFactory.Default());
        }

        public override string ToString() => Config.ToString();
    }

    /// <summary>Which provider a system has.</summary>
    public abstract class ProviderSelection
    {
        private ProviderSelection(string identifier, string fqn, bool hasCluster)
        {
            Identifier = identifier;
            Fqn = fqn;
            HasCluster = hasCluster;
        }

        internal string Identifier { get; }
        internal string Fqn { get; }
        internal bool HasCluster { get; }

        internal static ProviderSelection Of(string name) => name switch
        {
            "local" => Local.Instance,
            "remote" => Remote.Instance,
            "cluster" => Cluster.Instance,
            null or "" => throw new ConfigurationException("akka.actor.provider is not set; it is local, remote or cluster."),
            _ => new Custom(name),
        };

        /// <summary>No network.</summary>
        public sealed class Local : ProviderSelection
        {
            public static readonly Local Instance = new();
            private Local() : base("local", "Akka.Actor.LocalActorRefProvider, Akka", false) { }
        }

        /// <summary>Reaches other systems.</summary>
        public sealed class Remote : ProviderSelection
        {
            public static readonly Remote Instance = new();
            private Remote() : base("remote", "Akka.Remote.RemoteActorRefProvider, Akka.Remote", false) { }
        }

        /// <summary>Belongs to a cluster.</summary>
        public sealed class Cluster : ProviderSelection
        {
            public static readonly Cluster Instance = new();
            private Cluster() : base("cluster", "Akka.Cluster.ClusterActorRefProvider, Akka.Cluster", true) { }
        }

        /// <summary>The provider of that type.</summary>
        public sealed class Custom(string fqn, string identifier = null, bool hasCluster = false) : ProviderSelection(identifier ?? fqn, fqn, hasCluster);
    }

    /// <summary>Settings given in code: configuration and provider.</summary>
    public sealed class BootstrapSetup : Setup.Setup
    {
        private BootstrapSetup(Option<Config> config, Option<ProviderSelection> provider)
        {
            Config = config;
            ActorRefProvider = provider;
        }

        public Option<Config> Config { get; }
        public Option<ProviderSelection> ActorRefProvider { get; }
        public static BootstrapSetup Create() => new(Option<Config>.None, Option<ProviderSelection>.None);
        public BootstrapSetup WithConfig(Config config) => new(config, ActorRefProvider);
        public BootstrapSetup WithConfigFallback(Config config) => new(Config.HasValue ? Config.Value.WithFallback(config) : config, ActorRefProvider);
        public BootstrapSetup WithActorRefProvider(ProviderSelection name) => new(Config, name);
    }
}

namespace Akka.Actor.Setup
{
    /// <summary>A part of the settings given in code.</summary>
    public abstract class Setup
    {
        public ActorSystemSetup And(Setup other) => ActorSystemSetup.Create(this, other);
    }

    /// <summary>All that was given in code, one of each type.</summary>
    public sealed class ActorSystemSetup
    {
        public static readonly ActorSystemSetup Empty = new([]);
        private readonly Dictionary<Type, Setup> _setups;

        private ActorSystemSetup(Dictionary<Type, Setup> setups) => _setups = setups;

        public static ActorSystemSetup Create(params Setup[] setup) => new(setup.ToDictionary(each => each.GetType()));
        public Option<T> Get<T>() where T : Setup => _setups.TryGetValue(typeof(T), out Setup setup) ? new Option<T>((T)setup) : Option<T>.None;
        public ActorSystemSetup WithSetup<T>(T setup) where T : Setup => new(new(_setups) { [typeof(T)] = setup });
        public ActorSystemSetup And<T>(T setup) where T : Setup => WithSetup(setup);
    }
}
