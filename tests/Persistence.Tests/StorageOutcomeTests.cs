namespace ActorRepl.Persistence.Tests;

public sealed class SqliteOutcomeTests() : StorageOutcomeTests(StoreKind.Sqlite);

public sealed class SegmentOutcomeTests() : StorageOutcomeTests(StoreKind.Segment);

/// <summary>Success, full, failed: what a writer is told, and what is there afterwards.</summary>
public abstract class StorageOutcomeTests(StoreKind kind) : IDisposable
{
    private readonly TempDirectory _directory = new();
    private readonly List<string> _reports = [];

    private EventStore Open() => kind.Open(_directory.Path, _reports.Add);

    public void Dispose()
    {
        _directory.Dispose();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task A_full_disk_refuses_writes_whole_and_reads_go_on_and_writes_return_with_space()
    {
        await using EventStore wal = Open();
        for (int seq = 1; seq <= 10; seq++)
            await wal.WriteRow("a", seq);
        await kind.LimitToAsync(wal, 1);

        for (int attempt = 0; attempt < 3; attempt++)
        {
            await Assert.ThrowsAsync<StorageFullException>(() =>
                wal.WriteAsync("a", [Rows.Row("a", 11, 10), Rows.Row("a", 12, 300_000)]));
            await Assert.ThrowsAsync<StorageFullException>(() => wal.WriteRow("new", 1, 300_000));
        }

        Assert.Equal(10, (await wal.ReadAll("a")).Count);
        Assert.Equal(0, await wal.HighestAsync("new", 0, exact: true));

        await kind.LimitToAsync(wal, 1 << 30);
        await wal.WriteAsync("a", [Rows.Row("a", 11, 10), Rows.Row("a", 12, 300_000)]);
        await wal.WriteRow("new", 1, 300_000);
        Assert.Equal(12, (await wal.ReadAll("a")).Count);
        (await wal.ReadAll("new")).ForEach(record => Rows.AssertWritten("new", record));
    }

    [Fact]
    public async Task A_restart_while_writes_are_refused_can_still_read()
    {
        await using EventStore wal = Open();
        await wal.WriteRow("a", 1);
        await kind.LimitToAsync(wal, 1);
        Task refused = wal.WriteRow("a", 2, 300_000);
        Assert.Equal(1, await wal.HighestAsync("a", 0, exact: true));
        await Assert.ThrowsAsync<StorageFullException>(() => refused);
    }

    [Fact]
    public async Task A_store_that_fails_says_unknown_and_is_opened_anew_at_the_next_request()
    {
        await using EventStore wal = Open();
        await wal.WriteRow("a", 1);
        for (int seq = 2; seq < 5; seq++)
        {
            kind.FailNext(wal);
            await Assert.ThrowsAsync<StorageFailedException>(() => wal.WriteRow("a", seq));
            Assert.Equal(seq - 1, await wal.HighestAsync("a", 0, exact: true));
            await wal.WriteRow("a", seq);
            Assert.Equal(seq, (await wal.ReadAll("a")).Count);
        }

        Assert.Empty(_reports);
    }

    [Fact]
    public async Task A_write_that_landed_although_it_failed_is_found_by_whoever_recovers()
    {
        await using EventStore wal = Open();
        await wal.WriteRow("a", 1);
        kind.FailNextThatLands(wal);
        await Assert.ThrowsAsync<StorageFailedException>(() => wal.WriteRow("a", 2));
        Assert.Equal(2, await wal.HighestAsync("a", 0, exact: true));
        Assert.Equal(2, (await wal.ReadAll("a")).Count);
    }
}
