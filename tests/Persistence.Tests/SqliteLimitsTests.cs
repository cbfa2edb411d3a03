namespace ActorRepl.Persistence.Tests;

public sealed class SqliteLimitsTests : IDisposable
{
    private readonly TempDirectory _directory = new();

    private static SqliteWal Open(StoreOptions options) => new(options);

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Deleting_gives_its_space_back_to_later_events()
    {
        await using EventStore wal = Open(new StoreOptions { Directory = _directory.Path, LogBytes = 8 << 20 });
        async Task Round(int round)
        {
            for (int i = 1; i <= 64; i++)
                await wal.WriteRow("a", round * 64 + i, size: 32 << 10);
            await wal.DeleteAsync("a", round * 64 + 64);
        }

        for (int round = 0; round < 20; round++)
            await Round(round);
        long limit = 3L * 64 * (32 << 10) + (16 << 20);
        Assert.InRange(new FileInfo(_directory.File("wal.db")).Length, 1, limit);
        Assert.InRange(new FileInfo(_directory.File("wal.db-wal")).Length, 1, 2 * (8 << 20));
    }

    [Fact]
    public async Task A_limit_that_makes_no_sense_is_named()
    {
        var e = Assert.Throws<ArgumentException>(() => Open(new StoreOptions { Directory = _directory.Path, DeleteRows = 0 }));
        Assert.Contains("delete-rows is 0", e.Message, StringComparison.Ordinal);
        await Task.CompletedTask;
    }
}
