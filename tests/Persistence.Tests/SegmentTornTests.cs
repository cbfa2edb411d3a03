using ActorRepl.Persistence.Segments;

namespace ActorRepl.Persistence.Tests;

/// <summary>Writes that a crash cut short: what was reported durable stays, what was not is there whole or not at all.</summary>
public sealed class SegmentTornTests : IDisposable
{
    private readonly SegmentLog _log = new();

    public void Dispose() => _log.Dispose();

    /// <summary>At every byte of the last group, over zeros and over what an earlier use of the file left there.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_group_that_is_torn_at_any_byte_is_cut_and_all_before_it_is_whole(bool recycled)
    {
        int rows = recycled ? 60 : 4;
        await using SegmentWal wal = _log.Open();
        for (int seq = 1; seq <= rows; seq++)
        {
            await wal.WriteRow("a", seq, 5000);
            if (recycled && seq % 4 == 0)
                await wal.DeleteAsync("a", seq - 3);
        }

        if (recycled)
            Assert.True(SegmentHeader.Read(await File.ReadAllBytesAsync(_log.Files[^1]))!.Number > _log.Files.Length, "files have been used again");
        using SegmentLog before = _log.Copy();
        await wal.WriteRow("a", rows + 1, 5000);
        using SegmentLog after = _log.Copy();

        SegmentBytes.Group group = SegmentBytes.Groups(after.Directory.Path)[^1];
        string name = Path.GetFileName(group.Path), torn = Path.Combine(before.Directory.File(SegmentFolder.Name), name);
        byte[] written = File.ReadAllBytes(group.Path)[group.Offset..(group.Offset + group.Length)];
        Assert.Equal(2 * SegmentFormat.Page, written.Length);
        byte[] found = File.ReadAllBytes(torn)[group.Offset..(group.Offset + group.Length)];
        int end = SegmentBytes.Records(after.Directory.Path).Where(record => record.Path == group.Path && record.Offset > group.Offset)
            .Max(record => record.Offset + record.Length) - group.Offset;
        (_, int recordsBefore) = Scan(before);
        int whole = 0, cut = 0;
        for (int at = 0; at <= written.Length; at++)
        {
            using (FileStream file = File.Open(torn, FileMode.Open, FileAccess.Write))
            {
                file.Position = group.Offset;
                file.Write(written, 0, at);
            }

            // What is behind the last record is not looked at: the group is whole once its records are.
            bool rest = written.AsSpan(at).SequenceEqual(found.AsSpan(at)) || at >= end;
            (long number, int records) = Scan(before);
            if (number == group.Number)
                whole++;
            else
                cut++;
            Assert.Equal(rest ? group.Number : group.Number - 1, number);
            Assert.Equal(recordsBefore + (rest ? 1 : 0), records);
        }

        Assert.True(cut > 5000 && whole > 0, $"{cut} were cut and {whole} whole");
    }

    private static (long Number, int Records) Scan(SegmentLog log)
    {
        SegmentFile[] segments = [.. log.Files.Select(file => SegmentFile.Open(file, int.Parse(Path.GetFileNameWithoutExtension(file)))).OfType<SegmentFile>()];
        try
        {
            // As far back as they follow one another, as the store does.
            int first = segments.Length - 1;
            while (first > 0 && segments[first - 1].Number == segments[first].Number - 1)
                first--;
            var scan = new SegmentScan(segments[first..], 0);
            SegmentIndex index = scan.Read();
            return (scan.End.Number, index.Find("a")!.Places.Count);
        }
        finally
        {
            foreach (SegmentFile segment in segments)
                segment.Dispose();
        }
    }

    [Fact]
    public async Task The_last_group_found_after_a_kill_is_written_anew_before_anyone_is_told_of_it()
    {
        await using SegmentWal wal = _log.Open();
        await wal.WriteRow("a", 1);
        await wal.WriteRow("a", 2);
        using SegmentLog copy = _log.Copy();
        SegmentBytes.Group last = SegmentBytes.Groups(copy.Directory.Path)[^1];
        await copy.AssertWhole("a", 1, 2);
        SegmentBytes.Group anew = SegmentBytes.Groups(copy.Directory.Path)[^1];
        Assert.NotEqual(last.Path, anew.Path);
        Assert.Equal(last.Number, anew.Number);
        // The old place does not matter any more: its pages may never have reached the disk.
        File.WriteAllBytes(last.Path, [.. File.ReadAllBytes(last.Path)[..last.Offset], .. new byte[SegmentLog.Size - last.Offset]]);
        await copy.AssertWhole("a", 1, 2);
    }

    /// <summary>The second crash comes while the last group is written anew: the first copy still holds.</summary>
    [Fact]
    public async Task A_crash_while_the_last_group_is_written_anew_loses_nothing()
    {
        await using SegmentWal wal = _log.Open();
        await wal.WriteRow("a", 1, 6000);
        await wal.WriteRow("a", 2, 6000);
        using SegmentLog copy = _log.Copy();
        await using (SegmentWal again = copy.Open())
            await again.StartAsync();
        // As if its identity were of a store that is open, and the new copy were torn.
        using SegmentLog torn = _log.Copy();
        SegmentBytes.Group anew = SegmentBytes.Groups(copy.Directory.Path)[^1];
        byte[] bytes = File.ReadAllBytes(anew.Path);
        bytes.AsSpan(anew.Offset + SegmentFormat.Page, SegmentFormat.Page).Clear();
        bytes.AsSpan(anew.Offset + anew.Length).Clear();
        File.WriteAllBytes(Path.Combine(torn.Directory.File(SegmentFolder.Name), Path.GetFileName(anew.Path)), bytes);
        await torn.AssertWhole("a", 1, 2);
        await torn.AssertWhole("a", 1, 2);
    }

    [Fact]
    public async Task A_group_whose_sync_failed_is_never_synced_again_where_it_is()
    {
        await using SegmentWal wal = _log.Open();
        await wal.WriteRow("a", 1);
        int failures = 1;
        wal.Faults.BeforeSync = () =>
        {
            if (failures-- == 1)
                throw new IOException("injected");
        };
        await Assert.ThrowsAsync<StorageFailedException>(() => wal.WriteRow("a", 2));
        using SegmentLog failed = _log.Copy();
        SegmentBytes.Group there = SegmentBytes.Groups(failed.Directory.Path)[^1];
        Assert.Equal(2, await wal.HighestAsync("a", 0, exact: true));
        SegmentBytes.Group anew = SegmentBytes.Groups(_log.Directory.Path)[^1];
        Assert.Equal(there.Number, anew.Number);
        Assert.NotEqual(Path.GetFileName(there.Path), Path.GetFileName(anew.Path));
        await wal.WriteRow("a", 3);
        await wal.DisposeAsync();
        await _log.AssertWhole("a", 1, 3);
    }

    /// <summary>The segment that the failed write was for and the one made ready behind it are both empty, and too small for the last group.</summary>
    [Fact]
    public async Task A_large_last_group_is_written_anew_where_two_smaller_segments_were_ready()
    {
        await using SegmentWal wal = _log.Open();
        await wal.WriteRow("a", 1);
        await wal.WriteRow("a", 2, 3 * SegmentLog.Size);
        int failures = 1;
        wal.Faults.BeforeWrite = () =>
        {
            if (failures-- != 1)
                return;
            Assert.True(SpinWait.SpinUntil(() => _log.Files.Length == 4, TimeSpan.FromSeconds(30)), "the next segment is made ready");
            throw new IOException("injected");
        };
        await Assert.ThrowsAsync<StorageFailedException>(() => wal.WriteRow("a", 3));
        Assert.Equal(2, await wal.HighestAsync("a", 0, exact: true));
        await wal.WriteRow("a", 3);
        await wal.DisposeAsync();
        await _log.AssertWhole("a", 1, 3);
    }

    [Fact]
    public async Task A_lost_tail_that_was_never_synced_is_not_missed()
    {
        await using SegmentWal wal = _log.Open();
        await wal.WriteRow("a", 1);
        using SegmentLog copy = _log.Copy();
        await wal.WriteRow("a", 2);
        await copy.AssertWhole("a", 1, 1);
    }
}

internal static class SegmentWaits
{
    /// <summary>Waits until the store has nothing to do and has said so behind its last group.</summary>
    public static async Task WaitUntilSealed(this SegmentWal wal, SegmentLog log)
    {
        await wal.StartAsync();
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (!Sealed())
        {
            deadline.Token.ThrowIfCancellationRequested();
            await Task.Yield();
        }

        bool Sealed()
        {
            SegmentBytes.Group last = SegmentBytes.Groups(log.Directory.Path)[^1];
            byte[] bytes = File.ReadAllBytes(last.Path);
            int next = last.Offset + last.Length;
            return GroupHeader.TryRead(bytes.AsSpan(next), last.Salt, next, out GroupHeader header) && header.Kind == GroupKind.Seal && header.Number == last.Number;
        }
    }
}
