using ActorRepl.Persistence.Segments;

namespace ActorRepl.Persistence.Tests;

/// <summary>What of a segment store is damaged is found and said; wrong data is never returned.</summary>
public sealed class SegmentDamageTests : IDisposable
{
    private const int Seeds = 250;
    private readonly SegmentLog _log = new();

    public void Dispose() => _log.Dispose();

    private SegmentBytes.Record Event(int name, long seq) =>
        SegmentBytes.Records(_log.Directory.Path).Single(record => record.IsEvent && record.Name == name && record.Seq == seq);

    [Fact]
    public async Task A_record_that_is_not_what_was_written_is_a_damaged_record_and_the_others_are_whole()
    {
        await _log.Fill();
        SegmentBytes.Record record = Event(1, 7);
        SegmentBytes.Flip(record.Path, record.Offset + 1000, 1);
        await using SegmentWal wal = _log.Open();
        List<StoredRecord> records = await wal.ReadAll("a");
        StoredRecord damaged = Assert.Single(records, each => each.Damage is not null);
        Assert.Equal(7, damaged.Seq);
        Assert.Contains("checksum", damaged.Damage, StringComparison.Ordinal);
        Assert.Equal(40, records.Count);
        Assert.All(records.Where(each => each != damaged), each => Rows.AssertWritten("a", each));
        Assert.All(await wal.ReadAll("b"), each => Rows.AssertWritten("b", each));
    }

    /// <summary>The last group too: that it was closed in order is noted, so it was no torn write.</summary>
    [Fact]
    public async Task The_last_record_of_a_store_that_was_closed_is_damaged_and_not_cut()
    {
        await _log.Fill();
        SegmentBytes.Record record = Event(2, 40);
        SegmentBytes.Flip(record.Path, record.Offset + record.Length - 1, 0x80);
        await using SegmentWal wal = _log.Open();
        StoredRecord last = (await wal.ReadAll("b", exact: true))[^1];
        Assert.Equal(40, last.Seq);
        Assert.NotNull(last.Damage);
    }

    /// <summary>A seal follows the last group once nothing waits: what is sealed was durable.</summary>
    [Fact]
    public async Task The_last_record_before_a_kill_is_damaged_and_not_cut()
    {
        await using SegmentWal wal = _log.Open();
        await wal.WriteRow("a", 1);
        await wal.WriteRow("a", 2);
        await wal.WaitUntilSealed(_log);
        using SegmentLog copy = _log.Copy();
        SegmentBytes.Record record = SegmentBytes.Records(copy.Directory.Path).Single(each => each.IsEvent && each.Seq == 2);
        SegmentBytes.Flip(record.Path, record.Offset + record.Length - 1, 0x80);
        await using SegmentWal again = copy.Open();
        StoredRecord last = (await again.ReadAll("a", exact: true))[^1];
        Assert.Equal(2, last.Seq);
        Assert.NotNull(last.Damage);
        Assert.Empty(copy.Reports);
        // Written anew when it was opened, it stays damaged: after the next kill too.
        using SegmentLog third = copy.Copy();
        await using SegmentWal later = third.Open();
        Assert.NotNull((await later.ReadAll("a", exact: true))[^1].Damage);
    }

    [Theory]
    [InlineData("segment", "has no valid header")]
    [InlineData("group", "and later ones are there")]
    [InlineData("record", "what is in it cannot be told")]
    [InlineData("name", "not what was written")]
    public async Task What_says_where_records_are_condemns_the_store_when_it_is_damaged(string where, string why)
    {
        await _log.Fill();
        SegmentBytes.Record name = SegmentBytes.Records(_log.Directory.Path).First(record => !record.IsEvent);
        SegmentBytes.Group group = SegmentBytes.Groups(_log.Directory.Path)[5];
        (string path, int at) = where switch
        {
            "segment" => (_log.Files[1], 20),
            "group" => (group.Path, group.Offset + 9),
            "record" => (group.Path, group.Offset + GroupHeader.Size + 16),
            _ => (name.Path, name.Offset + name.Length - 1),
        };
        SegmentBytes.Flip(path, at, 4);
        if (where == "segment")
        {
            await using SegmentWal wal = _log.Open();
            Assert.NotNull((await wal.ReadAll("a", exact: true))[0].Damage);
            Assert.Single(_log.Reports);
            return;
        }

        await _log.AssertCondemned(why);
    }

    /// <summary>Flips a bit anywhere, of a store that was closed and of one that was not: all is whole, or damage is told.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_flipped_bit_anywhere_never_yields_wrong_data(bool closed)
    {
        await _log.Fill(rows: 20, size: 2000);
        SegmentLog from = _log;
        SegmentWal? open = null;
        if (!closed)
        {
            open = _log.Open();
            await open.WriteRow("a", 21, 2000);
            await open.WaitUntilSealed(_log);
            from = _log.Copy();
        }

        long lastOfA = closed ? 20 : 21;
        int found = 0, harmless = 0;
        for (int seed = 0; seed < Seeds; seed++)
        {
            using SegmentLog copy = from.Copy();
            var random = new Random(seed);
            // Half of them where the records are, the other half anywhere.
            string[] files = copy.Files;
            string file = files[random.Next(seed % 2 == 0 ? 1 : files.Length)];
            long at = random.NextInt64(new FileInfo(file).Length);
            SegmentBytes.Flip(file, at, (byte)(1 << random.Next(8)));

            bool told = false;
            await using SegmentWal wal = copy.Open();
            foreach ((string name, long last) in ((string, long)[])[("a", lastOfA), ("b", 20)])
            {
                List<StoredRecord> records = await wal.ReadAll(name, exact: true);
                foreach (StoredRecord record in records.Where(record => record.Damage is null))
                    Rows.AssertWritten(name, record);
                bool complete = records.Select(record => record.Seq).SequenceEqual(Enumerable.Range(1, (int)last).Select(i => (long)i));
                bool damage = records.Exists(record => record.Damage is not null);
                Assert.True(complete || damage, $"seed {seed}, byte {at} of {Path.GetFileName(file)}: {records.Count} records of {name} and no word of damage");
                told |= damage;
            }

            _ = told ? found++ : harmless++;
        }

        Assert.True(found > Seeds / 4, $"of {Seeds} flips {found} were found and {harmless} were harmless");
        if (open is not null)
        {
            from.Dispose();
            await open.DisposeAsync();
        }
    }

    [Fact]
    public async Task A_missing_folder_is_a_loss_for_whoever_had_records_and_nobody_else()
    {
        await _log.Fill();
        Directory.Delete(_log.Directory.File(SegmentFolder.Name), recursive: true);
        for (int start = 0; start < 3; start++)
        {
            await using SegmentWal wal = _log.Open();
            // A replica that recovers from checkpoint 12 asks from 13 on, and is told there.
            StoredRecord mark = (await wal.ReadAll("a", from: 13, exact: true))[0];
            Assert.Contains("wal is missing", mark.Damage, StringComparison.Ordinal);
            Assert.Equal(13, mark.Seq);
            await wal.WriteRow("a", 14 + start);
        }

        await using SegmentWal last = _log.Open();
        Assert.Contains("wal is missing", (await last.ReadAll("b", exact: true))[0].Damage, StringComparison.Ordinal);
        Assert.Empty(await last.ReadAll("not a replica", exact: false));
        await last.DeleteAsync("a", 13);
        Assert.All(await last.ReadAll("a", from: 14, exact: true), record => Assert.Null(record.Damage));
    }

    [Theory]
    [InlineData(0, "is missing")]
    [InlineData(1, "is missing")]
    [InlineData(-2, "the log ends with group 0")]
    [InlineData(-1, "is missing")]
    public async Task A_missing_segment_is_a_loss(int which, string why)
    {
        await _log.Fill();
        string[] files = _log.Files;
        File.Delete(files[which < 0 ? files.Length + which : which]);
        await _log.AssertCondemned(why);
    }

    [Fact]
    public async Task A_segment_that_was_cut_short_is_a_loss()
    {
        await _log.Fill();
        await using (FileStream file = File.OpenWrite(_log.Files[1]))
            file.SetLength(SegmentLog.Size / 2);
        await using SegmentWal wal = _log.Open();
        Assert.NotNull((await wal.ReadAll("a", exact: true))[0].Damage);
    }

    [Fact]
    public async Task Another_nodes_log_is_not_taken_for_this_nodes()
    {
        await _log.Fill();
        using var other = new SegmentLog();
        await other.Fill();
        Directory.Delete(_log.Directory.File(SegmentFolder.Name), recursive: true);
        Directory.Move(other.Directory.File(SegmentFolder.Name), _log.Directory.File(SegmentFolder.Name));
        await _log.AssertCondemned("another store's");
    }

    [Fact]
    public async Task Another_format_is_refused_and_left_alone()
    {
        await _log.Fill();
        foreach (string file in _log.Files)
        {
            byte[] bytes = await File.ReadAllBytesAsync(file);
            bytes[12] = 7;
            BitConverter.TryWriteBytes(bytes, Protocols.Kernel.Crc32C.Compute(bytes.AsSpan(4, 40)));
            await File.WriteAllBytesAsync(file, bytes);
        }

        await using SegmentWal wal = _log.Open();
        StorageFailedException e = await Assert.ThrowsAsync<StorageFailedException>(() => wal.StartAsync());
        Assert.Contains("has format 7; this build reads format 1", e.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetDirectories(_log.Directory.Path, "wal.damaged-*"));
    }

    [Fact]
    public async Task A_second_journal_in_one_directory_is_refused()
    {
        await using (var sqlite = new SqliteWal(new StoreOptions { Directory = _log.Directory.Path }))
            await sqlite.WriteRow("a", 1);
        await using (SegmentWal wal = _log.Open())
        {
            StorageFailedException e = await Assert.ThrowsAsync<StorageFailedException>(() => wal.WriteRow("a", 1));
            Assert.Contains("wal.db holds events of the journal actorrepl.journal.sqlite", e.Message, StringComparison.Ordinal);
        }

        using var other = new SegmentLog();
        await other.Fill(1);
        await using (var sqlite = new SqliteWal(new StoreOptions { Directory = other.Directory.Path }))
        {
            StorageFailedException e = await Assert.ThrowsAsync<StorageFailedException>(() => sqlite.WriteRow("a", 1));
            Assert.Contains("wal holds events of the journal actorrepl.journal.segment", e.Message, StringComparison.Ordinal);
        }
    }
}
