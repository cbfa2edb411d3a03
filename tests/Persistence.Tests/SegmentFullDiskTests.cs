namespace ActorRepl.Persistence.Tests;

/// <summary>A disk that is full when the log is opened or closed, and one that fails under the log's identity.</summary>
public sealed class SegmentFullDiskTests : IDisposable
{
    private const int NoSpace = 28; // ENOSPC

    private readonly SegmentLog _log = new();

    public void Dispose() => _log.Dispose();

    [Fact]
    public async Task A_disk_that_is_full_at_start_is_read_from_and_refuses_writes_until_there_is_space()
    {
        await _log.Fill();
        await using SegmentWal wal = _log.Open();
        wal.Faults.BeforeIdentity = Full;
        Assert.Equal(40, (await wal.ReadAll("a", exact: true)).Count);
        for (int attempt = 0; attempt < 2; attempt++)
        {
            await Assert.ThrowsAsync<StorageFullException>(() => wal.WriteRow("a", 41));
            await Assert.ThrowsAsync<StorageFullException>(() => wal.DeleteAsync("b", 20));
        }

        Assert.Equal(40, await wal.HighestAsync("a", 0, exact: true));
        using (SegmentLog killed = _log.Copy())
            await killed.AssertWhole("b", 1, 40);

        wal.Faults.BeforeIdentity = null;
        await wal.WriteRow("a", 41);
        using (SegmentLog killed = _log.Copy())
            await killed.AssertWhole("a", 1, 41);
        Assert.Empty(_log.Reports);
    }

    [Fact]
    public async Task A_disk_that_is_full_at_the_stop_costs_nothing()
    {
        await using (SegmentWal wal = _log.Open())
        {
            for (int seq = 1; seq <= 40; seq++)
                await wal.WriteRow("a", seq, 3000);
            wal.Faults.BeforeIdentity = Full;
        }

        Assert.Contains("could not be closed in order", Assert.Single(_log.Reports), StringComparison.Ordinal);
        _log.Reports.Clear();
        await _log.AssertWhole("a", 1, 40);
    }

    [Fact]
    public async Task After_a_failed_sync_on_a_full_disk_the_last_group_is_written_anew_where_it_is()
    {
        await using SegmentWal wal = _log.Open(maxBytes: 6 * SegmentLog.Size);
        int seq = 0;
        await Assert.ThrowsAsync<StorageFullException>(async () =>
        {
            for (; seq < 1_000; seq++)
                await wal.WriteRow("a", seq + 1, 3000);
        });
        int failures = 1;
        wal.Faults.BeforeSync = () =>
        {
            if (failures-- == 1)
                throw new IOException("injected");
        };
        await Assert.ThrowsAsync<StorageFailedException>(() => wal.DeleteAsync("a", seq - 1));

        // Opened anew, although there is no next segment for its last group.
        Assert.Equal(seq, Assert.Single(await wal.ReadAll("a", from: seq, exact: true)).Seq);
        Assert.Contains("written anew where it is", Assert.Single(_log.Reports), StringComparison.Ordinal);
        await wal.WriteRow("a", seq + 1, 3000);
        using SegmentLog killed = _log.Copy();
        await killed.AssertWhole("a", seq, seq + 1);
    }

    [Fact]
    public async Task A_disk_that_is_slow_to_say_that_it_is_full_leaves_room_to_delete()
    {
        const int FifthOfASegment = 11_500;
        await using SegmentWal wal = _log.Open();
        await wal.WriteRow("a", 1, 3000);
        wal.Faults.BeforeIdentity = () =>
        {
            Thread.Sleep(1000);
            Full();
        };
        int seq = 1;
        await Assert.ThrowsAsync<StorageFullException>(async () =>
        {
            for (; seq < 1_000; seq++)
                await wal.WriteRow("a", seq + 1, FifthOfASegment);
        });

        await wal.DeleteAsync("a", seq - 1);

        Assert.Equal(seq, Assert.Single(await wal.ReadAll("a", from: seq, exact: true)).Seq);
    }

    [Fact]
    public async Task A_sync_of_the_directory_that_fails_condemns_no_log_whether_the_process_is_killed_then_or_goes_on()
    {
        await using SegmentWal wal = _log.Open();
        await wal.WriteRow("a", 1, 3000);
        bool fails = true;
        wal.Faults.BeforeIdentitySync = () =>
        {
            if (Volatile.Read(ref fails))
                throw new IOException("injected");
        };
        int seq = 1;
        await Assert.ThrowsAsync<StorageFailedException>(async () =>
        {
            for (; seq < 1_000; seq++)
                await wal.WriteRow("a", seq + 1, 3000);
        });
        using (SegmentLog killed = _log.Copy())
            await killed.AssertWhole("a", 1, seq);

        Volatile.Write(ref fails, false);
        for (; seq < 60; seq++)
            await wal.WriteRow("a", seq + 1, 3000);
        await wal.WriteRow("a", ++seq, 3 * SegmentLog.Size);
        using (SegmentLog killed = _log.Copy())
            await killed.AssertWhole("a", 1, seq);
    }

    private static void Full() => throw new IOException("no space left on device", NoSpace);
}
