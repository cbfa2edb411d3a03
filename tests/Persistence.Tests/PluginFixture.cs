using ActorRepl.Persistence.Plugins;
using ActorRepl.Protocols.Kernel;
using Akka.Actor;
using Akka.Configuration;

namespace ActorRepl.Persistence.Tests;

/// <summary>An actor system on the plugins of this library, and its data, which outlives the system.</summary>
public abstract class PluginFixture(StoreKind kind) : IAsyncLifetime
{
    private readonly TempDirectory _directory = new();

    /// <summary>The journal it runs on.</summary>
    protected StoreKind Kind { get; } = kind;

    internal ActorSystem System { get; private set; } = null!;

    internal Probe Probe { get; private set; } = null!;

    internal string DataDirectory => _directory.Path;

    /// <summary>Settings that come before the library's.</summary>
    protected virtual string Overrides => "";

    internal static string Replica { get; } = PersistenceIds.Replica("test", new ReplicaId(1), "kv", 0);

    public Task InitializeAsync()
    {
        Start();
        return Task.CompletedTask;
    }

    public async Task DisposeAsync()
    {
        await System.Terminate();
        _directory.Dispose();
    }

    internal async Task Restart(Action? meanwhile = null)
    {
        await System.Terminate();
        meanwhile?.Invoke();
        Start();
    }

    internal IActorRef StartScribe(string persistenceId)
    {
        IActorRef probe = Probe.Ref;
        IActorRef scribe = System.ActorOf(Props.Create(() => new Scribe(persistenceId, probe)));
        Probe.Watch(scribe);
        return scribe;
    }

    /// <summary>The store that the journal of the running system uses.</summary>
    internal async Task WithWal(Func<EventStore, Task> use)
    {
        using SharedStores<EventStore>.Lease lease = Kind == StoreKind.Sqlite
            ? OwnStores.Of(System).Events(new StoreOptions { Directory = DataDirectory }, _ => { })
            : OwnStores.Of(System).Events(new SegmentOptions { Directory = DataDirectory }, _ => { });
        await use(lease.Store);
    }

    private void Start()
    {
        string plugins = $"""
            akka.persistence.journal.plugin = "{Kind.Plugin}"
            akka.persistence.snapshot-store.plugin = "{PersistenceConfig.SnapshotPluginId}"
            akka.loglevel = ERROR
            akka.log-dead-letters = off
            """;
        Config config = ConfigurationFactory.ParseString(Overrides).WithFallback(ConfigurationFactory.ParseString(plugins))
            .WithFallback(PersistenceConfig.For(DataDirectory));
        System = ActorSystem.Create("test", config);
        Probe = new Probe(System);
    }
}
