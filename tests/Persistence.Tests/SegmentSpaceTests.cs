namespace ActorRepl.Persistence.Tests;

/// <summary>Segments come and go: what is deleted makes room, and nothing else leaves.</summary>
public sealed class SegmentSpaceTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly SegmentLog _log = new();

    public void Dispose() => _log.Dispose();

    [Fact]
    public async Task Deleting_gives_files_back_to_later_events_and_what_is_known_of_a_name_stays()
    {
        await using (SegmentWal wal = _log.Open())
        {
            await wal.WriteRow("idle", 1);
            await wal.WriteRow("emptied", 1);
            await wal.WriteRow("emptied", 2);
            await wal.DeleteAsync("emptied", 2);
            await wal.DeleteAsync("idle", 1);
            for (int seq = 1; seq <= 600; seq++)
            {
                await wal.WriteRow("a", seq, 3000);
                if (seq % 10 == 0)
                    await wal.DeleteAsync("a", seq - 5);
                Assert.InRange(_log.Files.Length, 1, 10);
            }
        }

        Assert.True(int.Parse(Path.GetFileNameWithoutExtension(_log.Files[^1])) > 30, "the log went through many segments");
        await _log.AssertWhole("a", 596, 600);
        await using SegmentWal again = _log.Open();
        Assert.Equal(2, await again.HighestAsync("emptied", 0, exact: true));
        Assert.Equal(1, await again.HighestAsync("idle", 0, exact: true));
        Assert.Contains("no checkpoint contains them", Assert.Single(await again.ReadAll("emptied", exact: true)).Damage, StringComparison.Ordinal);
        Assert.ThrowsAny<Exception>(() => again.WriteRow("emptied", 2).GetAwaiter().GetResult());
        await again.WriteRow("emptied", 3);
    }

    [Fact]
    public async Task A_few_old_records_do_not_hold_back_many_segments()
    {
        const int slow = 30;
        await using (SegmentWal wal = _log.Open(compactAbove: 4 * SegmentLog.Size))
        {
            for (int seq = 1; seq <= slow; seq++)
                await wal.WriteRow("slow", seq, 500);
            for (int seq = 1; seq <= 1_000; seq++)
            {
                await wal.WriteRow("a", seq, 3000);
                await wal.DeleteAsync("a", seq - 3);
            }

            // Never moved, so that what is read while it moves is whole.
            List<StoredRecord> records = await wal.ReadAll("slow", exact: true);
            Assert.Equal(slow, records.Count);
            Assert.All(records, record => Rows.AssertWritten("slow", record));
            await WriteUntilAsync(wal, () => _log.Files.Length <= 16, "no more segments are held back");
        }

        using SegmentLog copy = _log.Copy();
        await copy.AssertWhole("slow", 1, slow);
        await _log.AssertWhole("a", 998, 1_000);
        await using SegmentWal again = _log.Open();
        await again.WriteRow("slow", slow + 1);
        await again.DeleteAsync("slow", 20);
        Assert.Equal(21, (await again.ReadAll("slow", from: 21, exact: true))[0].Seq);
    }

    [Fact]
    public async Task A_damaged_record_that_is_moved_stays_damaged()
    {
        await using (SegmentWal wal = _log.Open())
        {
            for (int seq = 1; seq <= 3; seq++)
                await wal.WriteRow("slow", seq, 500);
        }

        StoreKind.Segment.Damage(_log.Directory.Path, 2);
        await using (SegmentWal wal = _log.Open(compactAbove: 2 * SegmentLog.Size))
        {
            for (int seq = 1; seq <= 500; seq++)
            {
                await wal.WriteRow("a", seq, 3000);
                await wal.DeleteAsync("a", seq - 3);
            }

            await WriteUntilAsync(wal, () => _log.Files.All(file => int.Parse(Path.GetFileNameWithoutExtension(file)) != 1), "the first segment is left");
        }

        await using SegmentWal again = _log.Open();
        List<StoredRecord> records = await again.ReadAll("slow", exact: true);
        Assert.Equal([1L, 2L, 3L], records.Select(record => record.Seq));
        Assert.Contains("checksum", records[1].Damage, StringComparison.Ordinal);
        Rows.AssertWritten("slow", records[0]);
        Rows.AssertWritten("slow", records[2]);
    }

    [Fact]
    public async Task A_log_at_its_limit_refuses_events_and_takes_deletions_and_goes_on()
    {
        const int limit = 6 * SegmentLog.Size;
        await using (SegmentWal wal = _log.Open(maxBytes: limit))
        {
            int seq = 0;
            await Assert.ThrowsAsync<StorageFullException>(async () =>
            {
                for (; seq < 1_000; seq++)
                    await wal.WriteRow("a", seq + 1, 3000);
            });
            Assert.InRange(seq, 60, 90);
            Assert.Equal(seq, (await wal.ReadAll("a")).Count);
            await Assert.ThrowsAsync<StorageFullException>(() => wal.WriteRow("b", 1, 60_000));
            for (int round = 0; round < 20; round++)
            {
                await wal.DeleteAsync("a", seq - 1);
                for (int i = 0; i < 20; i++)
                    await wal.WriteRow("a", ++seq, 3000);
            }

            Assert.True(_log.Bytes <= limit, "the log keeps to its limit");
            await wal.DeleteAsync("a", seq - 1);
            Assert.Equal(0, await wal.HighestAsync("b", 0, exact: true));
            await _log.Copy().AssertWhole("a", seq, seq);
        }

        Assert.Empty(_log.Reports);
    }

    [Fact]
    public async Task A_write_larger_than_a_segment_gets_one_of_its_own()
    {
        await using (SegmentWal wal = _log.Open())
        {
            await wal.WriteRow("a", 1);
            await wal.WriteRow("a", 2, 5 * SegmentLog.Size);
            await wal.WriteRow("a", 3);
            await wal.WriteRow("a", 4, 3 * SegmentLog.Size);
        }

        await _log.AssertWhole("a", 1, 4);
    }

    [Fact]
    public async Task The_very_first_write_may_be_larger_than_a_segment()
    {
        await using (SegmentWal wal = _log.Open())
        {
            await wal.WriteRow("a", 1, 5 * SegmentLog.Size);
            await wal.WriteRow("a", 2);
            await wal.DeleteAsync("a", 1);
            await wal.WriteRow("a", 3);
        }

        await _log.AssertWhole("a", 2, 3);
    }

    [Fact]
    public async Task More_names_than_fit_into_one_group_move_with_the_log()
    {
        const int names = 3_000;
        await using (SegmentWal wal = _log.Open())
        {
            await Task.WhenAll(Enumerable.Range(0, names).Select(i => wal.WriteRow($"n{i}", 7, 20)));
            await Task.WhenAll(Enumerable.Range(0, names).Select(i => wal.DeleteAsync($"n{i}", 7)));
            for (int seq = 1; seq <= 300; seq++)
            {
                await wal.WriteRow("a", seq, 3000);
                await wal.DeleteAsync("a", seq - 1);
            }
        }

        Assert.InRange(_log.Files.Length, 1, 16);
        await using SegmentWal again = _log.Open();
        for (int i = 0; i < names; i += 97)
            Assert.Equal(7, await again.HighestAsync($"n{i}", 0, exact: true));
        await _log.Copy().AssertWhole("a", 300, 300);
    }

    // What is moved is moved beside the writes, on another thread, and files go when nobody reads them any more.
    private static async Task WriteUntilAsync(SegmentWal wal, Func<bool> holds, string what)
    {
        long until = Environment.TickCount64 + (long)Patience.TotalMilliseconds;
        for (int seq = 1; !holds(); seq++)
        {
            Assert.True(Environment.TickCount64 < until, what);
            await wal.WriteRow("ticks", seq);
            await wal.DeleteAsync("ticks", seq);
        }
    }
}
