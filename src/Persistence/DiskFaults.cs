using ActorRepl.Persistence.Plugins;
using ActorRepl.Persistence.Segments;
using ActorRepl.Persistence.Sqlite;
using Akka.Actor;

namespace ActorRepl.Persistence;

/// <summary>What is wrong with the disk.</summary>
public enum DiskFaultKind
{
    /// <summary>Each sync takes longer.</summary>
    SlowSync,

    /// <summary>The next sync fails; whether what it was for is on disk, nobody knows.</summary>
    SyncError,

    /// <summary>Writes find no space.</summary>
    Full,
}

/// <summary>A fault of the disk under a node's journal.</summary>
public sealed record DiskFault(DiskFaultKind Kind)
{
    /// <summary>Of <see cref="DiskFaultKind.SlowSync"/>: how much longer.</summary>
    public TimeSpan By { get; init; }

    /// <summary>When it ends by itself, in ms of <see cref="Environment.TickCount64"/>; none: when it is cleared.</summary>
    public long Ends { get; init; } = long.MaxValue;
}

/// <summary>
/// Faults put on purpose on the disk under a node's journal, where ActorRepl's own journals write and sync. A store that is
/// opened without it knows nothing of it. Thread-safe.
/// </summary>
public sealed class DiskFaults
{
    private const int NoSpaceLeft = 13; // SQLITE_FULL
    private const int SyncFailed = 1034; // SQLITE_IOERR_FSYNC

    private readonly Lock _gate = new();
    private readonly Dictionary<DiskFaultKind, DiskFault> _faults = [];
    private volatile EventStore? _store;

    /// <summary>Those that have not ended.</summary>
    public IReadOnlyList<DiskFault> Active
    {
        get
        {
            long now = Environment.TickCount64;
            lock (_gate)
                return [.. _faults.Values.Where(fault => now < fault.Ends).OrderBy(fault => fault.Kind)];
        }
    }

    /// <summary>Makes faults possible in the stores of an actor system; before its journal starts.</summary>
    public static DiskFaults Allow(ActorSystem system) => OwnStores.Of(system).Faults ??= new DiskFaults();

    /// <summary>Puts a fault in force, in place of one of the same kind.</summary>
    /// <exception cref="InvalidOperationException">The node's journal is not one of ActorRepl's own.</exception>
    public void Set(DiskFault fault)
    {
        _ = Store();
        lock (_gate)
            _faults[fault.Kind] = fault;
    }

    /// <summary>Ends all of them. What was damaged stays so.</summary>
    public void Clear()
    {
        lock (_gate)
            _faults.Clear();
    }

    /// <summary>Changes one bit in the content of a durable event, on disk; whoever reads it finds it damaged.</summary>
    /// <param name="replica">Of a first replica; one that joined later in its place is found too.</param>
    /// <param name="newest">Which one: 1 is the newest.</param>
    /// <returns>Where it lies.</returns>
    /// <exception cref="InvalidOperationException">There are not as many, or the journal is not one of ActorRepl's own.</exception>
    /// <exception cref="StorageException">The store cannot be read or written.</exception>
    public Task<string> FlipBitAsync(string replica, int newest) => Store().FlipBitAsync(replica, newest);

    internal static bool IsReplica(string name, string replica) =>
        name == replica || name.StartsWith(replica + ".", StringComparison.Ordinal) && name.AsSpan(replica.Length + 1).IndexOfAnyExceptInRange('0', '9') < 0;

    internal void PutUnder(SegmentWal wal)
    {
        _store = wal;
        wal.Faults.BeforeSync = () => BeforeSync(message => new IOException(message));
        wal.Faults.NoSpace = () => IsInForce(DiskFaultKind.Full) is null ? null : new StorageFullException("no space left on device (a fault that was put there)");
    }

    internal void PutUnder(SqliteWal wal)
    {
        _store = wal;
        wal.Store.Writer.BeforeCommit = () =>
        {
            if (IsInForce(DiskFaultKind.Full) is not null)
                throw new SqliteException(NoSpaceLeft, "database or disk is full (a fault that was put there)");
            BeforeSync(message => new SqliteException(SyncFailed, message));
        };
    }

    private void BeforeSync(Func<string, Exception> failure)
    {
        if (IsInForce(DiskFaultKind.SlowSync) is { } slow)
            Thread.Sleep(slow.By);
        if (IsInForce(DiskFaultKind.SyncError, once: true) is not null)
            throw failure("fdatasync failed: input/output error (a fault that was put there)");
    }

    private DiskFault? IsInForce(DiskFaultKind kind, bool once = false)
    {
        lock (_gate)
        {
            if (!_faults.TryGetValue(kind, out DiskFault? fault))
                return null;
            if (once || Environment.TickCount64 >= fault.Ends)
                _faults.Remove(kind);
            return Environment.TickCount64 < fault.Ends ? fault : null;
        }
    }

    private EventStore Store() => _store
        ?? throw new InvalidOperationException("the node's journal is not one of ActorRepl's own, or has not been opened: its disk cannot be given faults");
}
