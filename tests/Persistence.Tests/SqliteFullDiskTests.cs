namespace ActorRepl.Persistence.Tests;

/// <summary>A disk that is full when the SQLite store is opened or closed.</summary>
public sealed class SqliteFullDiskTests : IDisposable
{
    private readonly TempDirectory _directory = new();
    private readonly List<string> _reports = [];

    private string BesideIdentity => _directory.File(".wal.db.id.new");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_disk_that_is_full_at_start_is_read_from_and_refuses_writes_until_there_is_space()
    {
        if (!OperatingSystem.IsLinux())
            return;
        await WriteAsync(10);
        FillDisk();
        await using SqliteWal wal = Open();
        Assert.Equal(10, (await wal.ReadAll("a", exact: true)).Count);
        for (int attempt = 0; attempt < 2; attempt++)
        {
            await Assert.ThrowsAsync<StorageFullException>(() => wal.WriteRow("a", 11));
            await Assert.ThrowsAsync<StorageFullException>(() => wal.DeleteAsync("a", 5));
        }

        Assert.Equal(10, await wal.HighestAsync("a", 0, exact: true));
        EmptyDisk();
        await wal.WriteRow("a", 11);
        Assert.Equal(11, (await wal.ReadAll("a", exact: true)).Count);
        Assert.Empty(_reports);
    }

    [Fact]
    public async Task A_disk_that_is_full_at_the_stop_costs_nothing()
    {
        if (!OperatingSystem.IsLinux())
            return;
        await using (SqliteWal wal = Open())
        {
            await wal.WriteRow("a", 1);
            FillDisk();
        }

        Assert.Contains("could not be closed in order", Assert.Single(_reports), StringComparison.Ordinal);
        _reports.Clear();
        EmptyDisk();
        await WriteAsync(2, from: 2);
        Assert.Empty(_reports);
    }

    private SqliteWal Open() => new(new StoreOptions { Directory = _directory.Path }, _reports.Add);

    private async Task WriteAsync(int to, int from = 1)
    {
        await using SqliteWal wal = Open();
        Assert.Equal(from - 1, await wal.HighestAsync("a", 0, exact: true));
        for (int seq = from; seq <= to; seq++)
            await wal.WriteRow("a", seq);
    }

    // Whatever is written to that device finds no space.
    private void FillDisk() => File.CreateSymbolicLink(BesideIdentity, "/dev/full");

    private void EmptyDisk() => File.Delete(BesideIdentity);
}
