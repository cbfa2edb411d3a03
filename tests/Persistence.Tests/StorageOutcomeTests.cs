using ActorRepl.Persistence.Sqlite;
using SQLitePCL;

namespace ActorRepl.Persistence.Tests;

/// <summary>Success, full, failed: what a writer is told, and what is there afterwards.</summary>
public sealed class StorageOutcomeTests : IDisposable
{
    private readonly TempDirectory _directory = new();
    private readonly List<string> _reports = [];

    private SqliteWal Open() => new(new StoreOptions { Directory = _directory.Path }, _reports.Add);

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_full_disk_refuses_writes_whole_and_reads_go_on_and_writes_return_with_space()
    {
        await using SqliteWal wal = Open();
        for (int seq = 1; seq <= 10; seq++)
            await wal.WriteRow("a", seq);
        await wal.Store.LimitToAsync(1);

        for (int attempt = 0; attempt < 3; attempt++)
        {
            await Assert.ThrowsAsync<StorageFullException>(() =>
                wal.WriteAsync("a", [Rows.Row("a", 11, 10), Rows.Row("a", 12, 300_000)]));
            await Assert.ThrowsAsync<StorageFullException>(() => wal.WriteRow("new", 1, 300_000));
        }

        Assert.Equal(10, (await wal.ReadAll("a")).Count);
        Assert.Equal(0, await wal.HighestAsync("new", 0, exact: true));

        await wal.Store.LimitToAsync(1 << 30);
        await wal.WriteAsync("a", [Rows.Row("a", 11, 10), Rows.Row("a", 12, 300_000)]);
        await wal.WriteRow("new", 1, 300_000);
        Assert.Equal(12, (await wal.ReadAll("a")).Count);
        (await wal.ReadAll("new")).ForEach(record => Rows.AssertWritten("new", record));
    }

    [Fact]
    public async Task A_restart_while_writes_are_refused_can_still_read()
    {
        await using SqliteWal wal = Open();
        await wal.WriteRow("a", 1);
        await wal.Store.LimitToAsync(1);
        Task refused = wal.WriteRow("a", 2, 300_000);
        Assert.Equal(1, await wal.HighestAsync("a", 0, exact: true));
        await Assert.ThrowsAsync<StorageFullException>(() => refused);
    }

    [Theory]
    [InlineData(raw.SQLITE_IOERR | (4 << 8))] // SQLITE_IOERR_FSYNC
    [InlineData(raw.SQLITE_IOERR | (3 << 8))] // SQLITE_IOERR_WRITE
    [InlineData(raw.SQLITE_PROTOCOL)]
    public async Task A_store_that_fails_says_unknown_and_is_opened_anew_at_the_next_request(int code)
    {
        await using SqliteWal wal = Open();
        await wal.WriteRow("a", 1);
        int failures = 1;
        wal.Store.Writer.BeforeCommit = () =>
        {
            if (failures-- > 0)
                throw new SqliteException(code, "injected");
        };
        await Assert.ThrowsAsync<StorageFailedException>(() => wal.WriteRow("a", 2));
        Assert.Equal(1, await wal.HighestAsync("a", 0, exact: true));
        await wal.WriteRow("a", 2);
        Assert.Equal(2, (await wal.ReadAll("a")).Count);
        Assert.Empty(_reports);
    }

    [Fact]
    public async Task A_write_that_landed_although_it_failed_is_found_by_whoever_recovers()
    {
        await using SqliteWal wal = Open();
        await wal.WriteRow("a", 1);
        int failures = 1;
        wal.Store.Writer.BeforeCommit = () =>
        {
            if (failures-- == 1)
            {
                wal.Store.Writer.CommitNow();
                throw new SqliteException(raw.SQLITE_IOERR, "injected");
            }
        };
        await Assert.ThrowsAsync<StorageFailedException>(() => wal.WriteRow("a", 2));
        Assert.Equal(2, await wal.HighestAsync("a", 0, exact: true));
        Assert.Equal(2, (await wal.ReadAll("a")).Count);
    }

    [Fact]
    public async Task A_directory_that_cannot_be_written_is_a_failure_each_time_and_heals()
    {
        // A directory in the place of the database cannot be opened as one.
        Directory.CreateDirectory(_directory.File("wal.db"));
        await using SqliteWal wal = Open();
        for (int attempt = 0; attempt < 2; attempt++)
        {
            StorageFailedException e = await Assert.ThrowsAsync<StorageFailedException>(() => wal.WriteRow("a", 1));
            Assert.Contains("wal.db", e.Message, StringComparison.Ordinal);
        }

        Directory.Delete(_directory.File("wal.db"));
        await wal.WriteRow("a", 1);
        Assert.Single(await wal.ReadAll("a"));
    }

    [Fact]
    public async Task Another_format_is_refused_and_left_alone()
    {
        await using (SqliteWal wal = Open())
            await wal.WriteRow("a", 1);
        using (Database database = Database.OpenWriter(_directory.File("wal.db"), 1 << 20))
            database.Execute("PRAGMA user_version = 7");
        await using SqliteWal again = Open();
        StorageFailedException e = await Assert.ThrowsAsync<StorageFailedException>(() => again.StartAsync());
        Assert.Contains("has format 7; this build reads format 1", e.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(_directory.Path, "*.damaged-*"));
    }
}
