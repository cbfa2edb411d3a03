namespace ActorRepl.Persistence.Tests;

public sealed class SqliteWalTests() : EventStoreTests(StoreKind.Sqlite);

public sealed class SegmentWalTests() : EventStoreTests(StoreKind.Segment);

/// <summary>What every event store promises.</summary>
public abstract class EventStoreTests(StoreKind kind) : IDisposable
{
    private readonly TempDirectory _directory = new();

    private EventStore Open(StoreLimits? limits = null) => kind.Open(_directory.Path, limits: limits);

    public void Dispose()
    {
        _directory.Dispose();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task What_was_written_is_read_back_byte_for_byte_after_a_restart()
    {
        await using (EventStore wal = Open())
        {
            for (int seq = 1; seq <= 50; seq++)
                await wal.WriteRow("a", seq, size: seq * 1000);
            await wal.WriteRow("empty", 1, size: 8);
        }

        await using EventStore again = Open();
        List<StoredRecord> records = await again.ReadAll("a");
        Assert.Equal(Enumerable.Range(1, 50).Select(i => (long)i), records.Select(record => record.Seq));
        Assert.All(records, record =>
        {
            Rows.AssertWritten("a", record);
            Assert.Equal(RecordKind.WalRecord, record.Kind);
            Assert.Equal([1, 2, 3], record.Meta);
        });
        Assert.Equal(50, await again.HighestAsync("a", 0, exact: true));
        Assert.Equal(0, await again.HighestAsync("never written", 0, exact: true));
    }

    [Fact]
    public async Task A_replay_keeps_to_its_bounds()
    {
        await using EventStore wal = Open();
        await wal.WriteAsync("a", [.. Enumerable.Range(1, 2000).Select(seq => Rows.Row("a", seq, 16))]);
        var read = new List<StoredRecord>();
        await wal.ReplayAsync("a", 700, 1500, 600, exact: false, read.Add);
        Assert.Equal((700, 1299, 600), (read[0].Seq, read[^1].Seq, read.Count));
    }

    [Fact]
    public async Task Whatever_waits_goes_into_one_transaction_and_is_done_in_order()
    {
        await using EventStore wal = Open();
        await wal.StartAsync();
        using var held = new ManualResetEventSlim();
        using var committing = new ManualResetEventSlim();
        kind.BeforeCommit(wal, () =>
        {
            committing.Set();
            held.Wait(TimeSpan.FromSeconds(30));
        });
        Task first = wal.WriteRow("first", 1);
        Assert.True(committing.Wait(TimeSpan.FromSeconds(30)));

        var order = new List<int>();
        Task[] others = [.. Enumerable.Range(0, 200).Select(async i =>
        {
            await wal.WriteRow($"w{i % 20}", 1 + i / 20);
            lock (order)
                order.Add(i);
        })];
        Assert.DoesNotContain(others, task => task.IsCompleted);
        long before = wal.Transactions;
        held.Set();
        await first;
        await Task.WhenAll(others);

        Assert.Equal(before + 2, wal.Transactions);
        for (int i = 0; i < 20; i++)
            Assert.Equal(Enumerable.Range(1, 10).Select(seq => (long)seq), (await wal.ReadAll($"w{i}")).Select(record => record.Seq));
    }

    [Fact]
    public async Task A_full_queue_makes_writers_wait_and_loses_nothing()
    {
        await using EventStore wal = Open(new StoreLimits(MaxWaitingWrites: 3));
        await Task.WhenAll(Enumerable.Range(1, 300).Select(seq => wal.WriteRow("a", seq)));
        Assert.Equal(300, (await wal.ReadAll("a")).Count);
    }

    [Fact]
    public async Task A_number_that_is_taken_fails_alone_and_leaves_nothing_of_its_write()
    {
        await using EventStore wal = Open();
        await wal.WriteRow("a", 2);
        using var held = new ManualResetEventSlim();
        kind.BeforeCommit(wal, () => held.Wait(TimeSpan.FromSeconds(30)));
        Task[] good = [wal.WriteRow("hold", 1), wal.WriteRow("b", 1)];
        Task bad = wal.WriteAsync("a", [Rows.Row("a", 1), Rows.Row("a", 2)]);
        Task after = wal.WriteRow("c", 1);
        held.Set();
        await Task.WhenAll(good);
        await after;
        Exception e = await Assert.ThrowsAnyAsync<Exception>(() => bad);
        Assert.Contains(kind == StoreKind.Sqlite ? "UNIQUE" : "is taken", e.Message, StringComparison.Ordinal);
        Assert.Equal([2L], (await wal.ReadAll("a")).Select(record => record.Seq));
        Assert.Single(await wal.ReadAll("b"));
        Assert.Single(await wal.ReadAll("c"));
    }

    [Fact]
    public async Task Deleted_events_are_gone_and_the_highest_number_stays()
    {
        await using (EventStore wal = Open(new StoreLimits(DeleteRows: 7)))
        {
            for (int seq = 1; seq <= 100; seq++)
                await wal.WriteRow("a", seq);
            await wal.WriteRow("b", 1);
            long before = wal.Transactions;
            await wal.DeleteAsync("a", 60);
            // Bounded in one kind, and a mark in the other, with what may leave the log behind it.
            Assert.InRange(wal.Transactions - before, kind == StoreKind.Sqlite ? 60 / 7 : 1, 60 / 7 + 2);
            Assert.Equal(Enumerable.Range(61, 40).Select(i => (long)i), (await wal.ReadAll("a")).Select(record => record.Seq));
            await wal.DeleteAsync("a", long.MaxValue);
            Assert.Empty(await wal.ReadAll("a"));
            await wal.DeleteAsync("never written", 10);
        }

        await using EventStore again = Open();
        Assert.Equal(100, await again.HighestAsync("a", 0, exact: true));
        Assert.Single(await again.ReadAll("b"));
    }

    [Fact]
    public async Task A_replica_that_asks_for_what_is_deleted_is_told_of_damage()
    {
        await using EventStore wal = Open();
        for (int seq = 1; seq <= 10; seq++)
            await wal.WriteRow("a", seq);
        await wal.DeleteAsync("a", 6);
        Assert.All(await wal.ReadAll("a", from: 7, exact: true), record => Assert.Null(record.Damage));
        List<StoredRecord> records = await wal.ReadAll("a", from: 6, exact: true);
        Assert.Contains("no checkpoint contains them", records[0].Damage, StringComparison.Ordinal);
        await wal.DeleteAsync("a", 10);
        Assert.NotNull(Assert.Single(await wal.ReadAll("a", from: 3, exact: true)).Damage);
    }

    [Fact]
    public async Task Readers_and_a_writer_do_not_wait_for_each_other()
    {
        await using EventStore wal = Open();
        await wal.WriteRow("a", 1);
        using var stop = new CancellationTokenSource();
        Task writing = Task.Run(async () =>
        {
            for (int seq = 2; !stop.IsCancellationRequested; seq++)
                await wal.WriteRow("a", seq, size: 4000);
        });
        long seen = 0;
        while (seen < 500)
        {
            List<StoredRecord> records = await wal.ReadAll("a");
            Assert.Equal(Enumerable.Range(1, records.Count).Select(i => (long)i), records.Select(record => record.Seq));
            Assert.True(records.Count >= seen, "a reader never goes back");
            records.ForEach(record => Assert.Null(record.Damage));
            seen = records.Count;
        }

        await stop.CancelAsync();
        await writing;
    }
}
