using Akka.Actor;

namespace ActorRepl.Persistence.Plugins;

/// <summary>
/// The stores of an actor system: one for a directory, however many plugins use it, closed when the last one has stopped.
/// </summary>
internal sealed class OwnStores : IExtension
{
    private readonly SharedStores<EventStore> _sqlite = new();
    private readonly SharedStores<EventStore> _segments = new();
    private readonly SharedStores<SqliteSnapshots> _snapshots = new();

    /// <summary>Faults of the disk under the events; null: none can be put there.</summary>
    public DiskFaults? Faults { get; set; }

    public SharedStores<EventStore>.Lease Events(StoreOptions options, Action<string> report) => _sqlite.Lend(options.Directory, () =>
    {
        var wal = new SqliteWal(options, report);
        Faults?.PutUnder(wal);
        return wal;
    });

    public SharedStores<EventStore>.Lease Events(SegmentOptions options, Action<string> report) => _segments.Lend(options.Directory, () =>
    {
        var wal = new SegmentWal(options, report);
        Faults?.PutUnder(wal);
        return wal;
    });

    public SharedStores<SqliteSnapshots>.Lease Snapshots(StoreOptions options, Action<string> report) =>
        _snapshots.Lend(options.Directory, () => new SqliteSnapshots(options, report));

    public static OwnStores Of(ActorSystem system) => Provider.Instance.Apply(system);

    private sealed class Provider : ExtensionIdProvider<OwnStores>
    {
        public static readonly Provider Instance = new();

        public override OwnStores CreateExtension(ExtendedActorSystem system) => new();
    }
}

/// <summary>Lends stores by directory and counts who has one.</summary>
internal sealed class SharedStores<TStore>
    where TStore : IAsyncDisposable
{
    private readonly Dictionary<string, (TStore Store, int Users)> _stores = new(StringComparer.Ordinal);

    /// <summary>The store of that directory. Whoever comes first decides its limits.</summary>
    public Lease Lend(string directory, Func<TStore> open)
    {
        string key = Path.GetFullPath(directory);
        lock (_stores)
        {
            TStore store = _stores.TryGetValue(key, out (TStore Store, int Users) shared) ? shared.Store : open();
            _stores[key] = (store, shared.Users + 1);
            return new Lease(store, () => GiveBack(key));
        }
    }

    private void GiveBack(string key)
    {
        // Under the lock, so that nobody opens the file anew before it is closed.
        lock (_stores)
        {
            (TStore store, int users) = _stores[key];
            if (users > 1)
            {
                _stores[key] = (store, users - 1);
                return;
            }

            _stores.Remove(key);
            store.DisposeAsync().AsTask().GetAwaiter().GetResult();
        }
    }

    /// <summary>The right to use a store; the last one to end closes it, with everything written that waits.</summary>
    public sealed class Lease(TStore store, Action giveBack) : IDisposable
    {
        private Action? _giveBack = giveBack;

        public TStore Store { get; } = store;

        public void Dispose() => Interlocked.Exchange(ref _giveBack, null)?.Invoke();
    }
}
