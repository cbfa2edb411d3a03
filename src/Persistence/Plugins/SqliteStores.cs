using Akka.Actor;

namespace ActorRepl.Persistence.Plugins;

/// <summary>
/// The stores of an actor system: one for a directory, however many plugins use it, closed when the last one has stopped.
/// </summary>
internal sealed class SqliteStores : IExtension
{
    private readonly SharedStores<SqliteWal> _wals = new((options, report) => new SqliteWal(options, report));
    private readonly SharedStores<SqliteSnapshots> _snapshots = new((options, report) => new SqliteSnapshots(options, report));

    public SharedStores<SqliteWal>.Lease Wal(StoreOptions options, Action<string> report) => _wals.Lend(options, report);

    public SharedStores<SqliteSnapshots>.Lease Snapshots(StoreOptions options, Action<string> report) => _snapshots.Lend(options, report);

    public static SqliteStores Of(ActorSystem system) => Provider.Instance.Apply(system);

    private sealed class Provider : ExtensionIdProvider<SqliteStores>
    {
        public static readonly Provider Instance = new();

        public override SqliteStores CreateExtension(ExtendedActorSystem system) => new();
    }
}

/// <summary>Lends stores by directory and counts who has one.</summary>
internal sealed class SharedStores<TStore>(Func<StoreOptions, Action<string>, TStore> open)
    where TStore : IAsyncDisposable
{
    private readonly Dictionary<string, (TStore Store, int Users)> _stores = new(StringComparer.Ordinal);

    /// <summary>The store of that directory. Whoever comes first decides its limits.</summary>
    public Lease Lend(StoreOptions options, Action<string> report)
    {
        string key = Path.GetFullPath(options.Directory);
        lock (_stores)
        {
            TStore store = _stores.TryGetValue(key, out (TStore Store, int Users) shared) ? shared.Store : open(options, report);
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
