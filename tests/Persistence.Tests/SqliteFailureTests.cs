using ActorRepl.Persistence.Sqlite;
using SQLitePCL;

namespace ActorRepl.Persistence.Tests;

public sealed class SqliteFailureTests : IDisposable
{
    private readonly TempDirectory _directory = new();
    private readonly List<string> _reports = [];

    private SqliteWal Open() => new(new StoreOptions { Directory = _directory.Path }, _reports.Add);

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData(raw.SQLITE_IOERR | (4 << 8))] // SQLITE_IOERR_FSYNC
    [InlineData(raw.SQLITE_IOERR | (3 << 8))] // SQLITE_IOERR_WRITE
    [InlineData(raw.SQLITE_PROTOCOL)]
    public async Task Whatever_SQLite_says_the_store_is_opened_anew(int code)
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
