using System.Collections.Concurrent;
using Akka.Actor;
using Akka.Configuration;
using Akka.Util;

namespace Akka.Persistence;

/// <summary>Finds the persistence extension of an actor system.</summary>
public class Persistence : ExtensionIdProvider<PersistenceExtension>
{
    public static Persistence Instance { get; } = new();

    public override PersistenceExtension CreateExtension(ExtendedActorSystem system) => new(system);
}

/// <summary>Starts journals and snapshot stores from their sections of the configuration, each when it is first asked for.</summary>
public class PersistenceExtension : IExtension
{
    private const string NoSnapshotStorePluginId = "akka.persistence.no-snapshot-store";
    private const string JournalFallback = "akka.persistence.journal-plugin-fallback";
    private const string SnapshotStoreFallback = "akka.persistence.snapshot-store-plugin-fallback";

    private readonly ExtendedActorSystem _system;
    private readonly Config _config;
    private readonly string _defaultJournal;
    private readonly string _defaultSnapshotStore;
    private readonly Lazy<IActorRef> _recoveryPermitter;
    private readonly ConcurrentDictionary<string, Lazy<Plugin>> _plugins = new();

    public PersistenceExtension(ExtendedActorSystem system)
    {
        _system = system;
        _config = system.Settings.Config.GetConfig("akka.persistence")
            ?? throw new ConfigurationException("There is no section akka.persistence in the configuration.");
        _defaultJournal = _config.GetString("journal.plugin");
        _defaultSnapshotStore = _config.GetString("snapshot-store.plugin");
        int permits = _config.GetInt("max-concurrent-recoveries");
        if (permits < 1)
            throw new ConfigurationException($"akka.persistence.max-concurrent-recoveries is {permits}; it must be at least 1.");
        _recoveryPermitter = new Lazy<IActorRef>(() => system.SystemActorOf(Akka.Persistence.RecoveryPermitter.Props(permits), "recoveryPermitter"));
        foreach (string id in _config.GetStringList("journal.auto-start-journals")) JournalFor(id);
        foreach (string id in _config.GetStringList("snapshot-store.auto-start-snapshot-stores")) SnapshotStoreFor(id);
    }

    internal IActorRef RecoveryPermitter => _recoveryPermitter.Value;

    /// <summary>The journal configured at path <paramref name="journalPluginId"/>; null or empty means the default journal.</summary>
    /// <exception cref="ArgumentException">No such section, or its class cannot be found.</exception>
    public IActorRef JournalFor(string journalPluginId) => Journal(journalPluginId).Actor.Value;

    /// <summary>The snapshot store configured at path <paramref name="snapshotPluginId"/>; null or empty means the default one, which may be none.</summary>
    /// <exception cref="ArgumentException">No such section, or its class cannot be found.</exception>
    public IActorRef SnapshotStoreFor(string snapshotPluginId)
    {
        string id = string.IsNullOrEmpty(snapshotPluginId) ? _defaultSnapshotStore : snapshotPluginId;
        return Find(string.IsNullOrEmpty(id) ? NoSnapshotStorePluginId : id, SnapshotStoreFallback).Actor.Value;
    }

    /// <summary>The persistence id of a persistent actor, else its path.</summary>
    public string PersistenceId(IActorRef actor) => actor.Path.ToStringWithoutAddress();

    internal TimeSpan RecoveryEventTimeout(string journalPluginId) => Journal(journalPluginId).RecoveryEventTimeout;

    /// <summary>The settings of a running plugin, its fallbacks included.</summary>
    internal Config ConfigFor(IActorRef plugin) => _plugins.TryGetValue(plugin.Path.Name, out Lazy<Plugin> found)
        ? found.Value.Config
        : throw new ArgumentException($"[{plugin}] is no plugin of Akka.Persistence: plugins are started from their section of the configuration.", nameof(plugin));

    private Plugin Journal(string journalPluginId)
    {
        string id = string.IsNullOrEmpty(journalPluginId) ? _defaultJournal : journalPluginId;
        if (string.IsNullOrEmpty(id)) throw new ArgumentException("No journal is configured: akka.persistence.journal.plugin is empty.", nameof(journalPluginId));
        return Find(id, JournalFallback);
    }

    private Plugin Find(string id, string fallback) =>
        _plugins.GetOrAdd(id, static (id, arg) => new Lazy<Plugin>(() => arg.Self.Load(id, arg.fallback)), (Self: this, fallback)).Value;

    private Plugin Load(string id, string fallback)
    {
        Config root = _system.Settings.Config;
        if (!root.HasPath(id)) throw new ArgumentException($"The configuration has no section [{id}], which is named as a plugin of Akka.Persistence.");
        Config config = root.GetConfig(id).WithFallback(root.GetConfig(fallback));
        string className = config.GetString("class");
        if (string.IsNullOrEmpty(className)) throw new ArgumentException($"The plugin's class is missing: [{id}.class] is empty.");
        Type type = TypeNames.Find(className, $"{id}.class");
        object[] arguments = type.GetConstructor([typeof(Config)]) is null ? [] : [config];
        Props props = Props.Create(type, arguments).WithDispatcher(config.GetString("plugin-dispatcher"));
        return new Plugin(config, new Lazy<IActorRef>(() => _system.SystemActorOf(props, id)));
    }

    /// <summary>The actor is started apart from the settings, for which it asks while it starts.</summary>
    private sealed class Plugin(Config config, Lazy<IActorRef> actor)
    {
        public Config Config { get; } = config;

        public Lazy<IActorRef> Actor { get; } = actor;

        public TimeSpan RecoveryEventTimeout { get; } = config.GetTimeSpan("recovery-event-timeout", TimeSpan.FromSeconds(30), allowInfinite: false);
    }
}
