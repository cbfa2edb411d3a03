using ActorRepl.Persistence.Sqlite;
using SQLitePCL;

namespace ActorRepl.Persistence.Tests;

/// <summary>Limits that tests set on either kind of store.</summary>
public sealed record StoreLimits(int MaxWaitingWrites = 4_096, int DeleteRows = 64);

/// <summary>What a test needs to know of a store to run on each of them.</summary>
public abstract class StoreKind
{
    public static StoreKind Sqlite { get; } = new SqliteKind();

    public static StoreKind Segment { get; } = new SegmentKind();

    /// <summary>The journal plugin that uses it.</summary>
    public abstract string Plugin { get; }

    /// <summary>The file or folder of the events in the data directory.</summary>
    public abstract string Name { get; }

    public abstract EventStore Open(string directory, Action<string>? report = null, StoreLimits? limits = null);

    /// <summary>What there is of space changes.</summary>
    public abstract Task LimitToAsync(EventStore store, long bytes);

    /// <summary>Called before anything of a group is on disk.</summary>
    public abstract void BeforeCommit(EventStore store, Action? act);

    /// <summary>The next group fails, and is not there.</summary>
    public abstract void FailNext(EventStore store);

    /// <summary>The next group fails, and is there.</summary>
    public abstract void FailNextThatLands(EventStore store);

    /// <summary>Damages the content of each record of that number.</summary>
    public abstract void Damage(string directory, long seq);

    public abstract void Remove(string directory);

    private sealed class SqliteKind : StoreKind
    {
        public override string Plugin => PersistenceConfig.SqliteJournalId;

        public override string Name => SqliteWal.FileName;

        public override EventStore Open(string directory, Action<string>? report, StoreLimits? limits) => new SqliteWal(
            new StoreOptions { Directory = directory, MaxWaitingWrites = limits?.MaxWaitingWrites ?? 4_096, DeleteRows = limits?.DeleteRows ?? 64 }, report);

        public override Task LimitToAsync(EventStore store, long bytes) => ((SqliteWal)store).Store.LimitToAsync(bytes);

        public override void BeforeCommit(EventStore store, Action? act) => ((SqliteWal)store).Store.Writer.BeforeCommit = act;

        public override void FailNext(EventStore store) => Fail((SqliteWal)store, lands: false);

        public override void FailNextThatLands(EventStore store) => Fail((SqliteWal)store, lands: true);

        public override void Damage(string directory, long seq)
        {
            using Database database = Database.OpenWriter(Path.Combine(directory, Name), 1 << 20);
            database.Execute($"UPDATE event SET crc = crc + 1 WHERE seq = {seq}");
        }

        public override void Remove(string directory) => File.Delete(Path.Combine(directory, Name));

        private static void Fail(SqliteWal wal, bool lands)
        {
            int failures = 1;
            wal.Store.Writer.BeforeCommit = () =>
            {
                if (failures-- != 1)
                    return;
                if (lands)
                    wal.Store.Writer.CommitNow();
                throw new SqliteException(raw.SQLITE_IOERR, "injected");
            };
        }
    }

    private sealed class SegmentKind : StoreKind
    {
        public override string Plugin => PersistenceConfig.SegmentJournalId;

        public override string Name => Segments.SegmentFolder.Name;

        public override EventStore Open(string directory, Action<string>? report, StoreLimits? limits) => new SegmentWal(
            new SegmentOptions { Directory = directory, FirstSegmentBytes = 1 << 20, SegmentBytes = 1 << 20, MaxWaitingWrites = limits?.MaxWaitingWrites ?? 4_096 }, report);

        public override Task LimitToAsync(EventStore store, long bytes)
        {
            ((SegmentWal)store).Writer.Limit = bytes;
            return Task.CompletedTask;
        }

        public override void BeforeCommit(EventStore store, Action? act) => ((SegmentWal)store).Faults.BeforeWrite = act;

        public override void FailNext(EventStore store) => ((SegmentWal)store).Faults.BeforeWrite = Once();

        public override void FailNextThatLands(EventStore store) => ((SegmentWal)store).Faults.BeforeSync = Once();

        public override void Damage(string directory, long seq)
        {
            foreach (SegmentBytes.Record record in SegmentBytes.Records(directory).Where(record => record.IsEvent && record.Seq == seq))
                SegmentBytes.Flip(record.Path, record.Offset + record.Length - 1, 1);
        }

        public override void Remove(string directory) => Directory.Delete(Path.Combine(directory, Name), recursive: true);

        private static Action Once()
        {
            int failures = 1;
            return () =>
            {
                if (failures-- == 1)
                    throw new IOException("injected");
            };
        }
    }
}
