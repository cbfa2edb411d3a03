using ActorRepl.Persistence.Sqlite;

namespace ActorRepl.Persistence.Tests;

/// <summary>Damage is found and said; wrong data is never returned.</summary>
public sealed class SqliteDamageTests : IDisposable
{
    private const int Seeds = 120;
    private readonly TempDirectory _directory = new();
    private readonly List<string> _reports = [];

    private string Wal => _directory.File("wal.db");

    private SqliteWal Open() => new(new StoreOptions { Directory = _directory.Path }, _reports.Add);

    public void Dispose() => _directory.Dispose();

    private async Task Fill(int rows = 40, int size = 3000)
    {
        await using SqliteWal wal = Open();
        for (int seq = 1; seq <= rows; seq++)
        {
            await wal.WriteRow("a", seq, size);
            await wal.WriteRow("b", seq, size);
        }
    }

    private async Task Sql(string sql)
    {
        using Database database = Database.OpenWriter(Wal, 1 << 20);
        database.Execute(sql);
        await Task.CompletedTask;
    }

    [Theory]
    [InlineData("UPDATE event SET payload = zeroblob(length(payload)) WHERE seq = 7 AND name = 1", 7)]
    [InlineData("UPDATE event SET meta = x'00' WHERE seq = 7 AND name = 1", 7)]
    [InlineData("UPDATE event SET kind = 2 WHERE seq = 7 AND name = 1", 7)]
    [InlineData("UPDATE event SET seq = 99 WHERE seq = 7 AND name = 1", 99)]
    [InlineData("UPDATE event SET name = 1, seq = 99 WHERE seq = 7 AND name = 2", 99)]
    public async Task A_row_that_is_not_what_was_written_is_a_damaged_record_and_the_others_are_whole(string sql, long seq)
    {
        await Fill();
        await Sql(sql);
        await using SqliteWal wal = Open();
        List<StoredRecord> records = await wal.ReadAll("a");
        StoredRecord damaged = Assert.Single(records, record => record.Damage is not null);
        Assert.Equal(seq, damaged.Seq);
        Assert.Contains("checksum", damaged.Damage, StringComparison.Ordinal);
        Assert.Empty(damaged.Payload);
        Assert.All(records.Where(record => record != damaged), record => Rows.AssertWritten("a", record));
    }

    [Theory]
    [InlineData("UPDATE name SET name = 'c' WHERE number = 1")]
    [InlineData("UPDATE name SET deleted_to = 40 WHERE number = 1")]
    [InlineData("DELETE FROM name WHERE number = 1")]
    public async Task A_persistence_id_that_changed_condemns_the_store(string sql)
    {
        await Fill();
        await Sql(sql);
        await AssertCondemned("persistence id");
    }

    /// <summary>Flips a bit anywhere in the file: each time all is whole, or damage is told, and no record is ever wrong.</summary>
    [Fact]
    public async Task A_flipped_bit_anywhere_never_yields_wrong_data()
    {
        await Fill();
        byte[] whole = await File.ReadAllBytesAsync(Wal);
        string identity = _directory.File(".wal.db.id");
        byte[] closed = await File.ReadAllBytesAsync(identity);
        int found = 0, harmless = 0;
        for (int seed = 0; seed < Seeds; seed++)
        {
            var random = new Random(seed);
            byte[] flipped = [.. whole];
            int at = random.Next(flipped.Length);
            flipped[at] ^= (byte)(1 << random.Next(8));
            foreach (string file in Directory.GetFiles(_directory.Path))
                File.Delete(file);
            await File.WriteAllBytesAsync(Wal, flipped);
            await File.WriteAllBytesAsync(identity, closed);

            bool told = false;
            await using SqliteWal wal = Open();
            foreach (string name in (string[])["a", "b"])
            {
                List<StoredRecord> records = await wal.ReadAll(name, exact: true);
                told |= records.Exists(record => record.Damage is not null);
                foreach (StoredRecord record in records.Where(record => record.Damage is null))
                    Rows.AssertWritten(name, record);
                bool complete = records.Select(record => record.Seq).SequenceEqual(Enumerable.Range(1, 40).Select(i => (long)i));
                Assert.True(complete || records.Exists(record => record.Damage is not null) || HasGap(records),
                    $"seed {seed}, byte {at}: {records.Count} records of {name} and no word of damage");
                told |= !complete;
            }

            _ = told ? found++ : harmless++;
        }

        Assert.True(found > Seeds / 2, $"of {Seeds} flips {found} were found and {harmless} were harmless");
    }

    /// <summary>The fold of a replica's recovery sees a gap by itself.</summary>
    private static bool HasGap(List<StoredRecord> records) =>
        records.Count > 0 && records[^1].Seq - records[0].Seq + 1 != records.Count;

    [Theory]
    [InlineData(3)]
    [InlineData(20)]
    public async Task A_file_that_was_cut_short_is_damage(int pagesLeft)
    {
        await Fill();
        await using (FileStream file = File.OpenWrite(Wal))
            file.SetLength(pagesLeft * Database.PageSize);
        await using SqliteWal wal = Open();
        List<StoredRecord> records = await wal.ReadAll("a", exact: true);
        Assert.Contains(records, record => record.Damage is not null);
        Assert.All(records.Where(record => record.Damage is null), record => Rows.AssertWritten("a", record));
    }

    [Fact]
    public async Task A_missing_file_is_a_loss_for_whoever_had_records_and_nobody_else()
    {
        await Fill();
        File.Delete(Wal);
        await AssertCondemned("wal.db is missing");
    }

    [Fact]
    public async Task A_file_that_is_no_database_is_put_aside_and_kept()
    {
        await Fill();
        await File.WriteAllBytesAsync(Wal, new byte[100_000]);
        await AssertCondemned("damaged");
        Assert.Single(Directory.GetFiles(_directory.Path, "wal.db.damaged-*"), file => new FileInfo(file).Length == 100_000);
    }

    [Fact]
    public async Task Another_nodes_file_is_not_taken_for_this_nodes()
    {
        await Fill();
        using var other = new TempDirectory();
        await using (var wal = new SqliteWal(new StoreOptions { Directory = other.Path }))
            await wal.WriteRow("a", 1);
        File.Copy(other.File("wal.db"), Wal, overwrite: true);
        await AssertCondemned("another store's");
    }

    [Fact]
    public async Task A_log_file_that_is_gone_although_the_store_was_not_closed_is_a_loss()
    {
        using var copy = new TempDirectory();
        await using (SqliteWal wal = Open())
        {
            await wal.WriteRow("a", 1);
            CopyTo(copy);
        }

        File.Delete(copy.File("wal.db-wal"));
        await AssertCondemned("wal.db-wal is missing", copy);
    }

    [Fact]
    public async Task A_bad_frame_in_the_middle_of_the_log_is_a_loss_and_a_torn_tail_is_not()
    {
        using var copy = new TempDirectory();
        await using (SqliteWal wal = Open())
        {
            for (int seq = 1; seq <= 30; seq++)
                await wal.WriteRow("a", seq);
            CopyTo(copy);
        }

        string log = copy.File("wal.db-wal");
        byte[] whole = await File.ReadAllBytesAsync(log);
        byte[] database = await File.ReadAllBytesAsync(copy.File("wal.db"));
        byte[] identity = await File.ReadAllBytesAsync(copy.File(".wal.db.id"));

        // The last transaction is torn: whoever wrote it was never told that it is durable.
        await File.WriteAllBytesAsync(log, whole[..^100]);
        await using (var wal = new SqliteWal(new StoreOptions { Directory = copy.Path }, _reports.Add))
        {
            List<StoredRecord> records = await wal.ReadAll("a", exact: true);
            Assert.Equal(Enumerable.Range(1, records.Count).Select(i => (long)i), records.Select(record => record.Seq));
            Assert.InRange(records.Count, 29, 30);
            Assert.Empty(_reports);
        }

        byte[] flipped = [.. whole];
        flipped[whole.Length / 2] ^= 4;
        await File.WriteAllBytesAsync(log, flipped);
        await File.WriteAllBytesAsync(copy.File("wal.db"), database);
        await File.WriteAllBytesAsync(copy.File(".wal.db.id"), identity);
        await AssertCondemned("of a later transaction follows it", copy);
    }

    [Fact]
    public async Task A_loss_is_remembered_and_told_once_to_each_persistence_id()
    {
        await Fill();
        File.Delete(Wal);
        for (int start = 0; start < 3; start++)
        {
            await using SqliteWal wal = Open();
            // A replica that recovers from checkpoint 12 asks from 13 on, and is told there.
            StoredRecord mark = (await wal.ReadAll("a", from: 13, exact: true))[0];
            Assert.Contains("wal.db is missing", mark.Damage, StringComparison.Ordinal);
            Assert.Equal(13, mark.Seq);
            await wal.WriteRow("a", 14 + start);
        }

        await using SqliteWal last = Open();
        Assert.Contains("wal.db is missing", (await last.ReadAll("b", exact: true))[0].Damage, StringComparison.Ordinal);
        Assert.Empty(await last.ReadAll("not a replica", exact: false));
        await last.DeleteAsync("a", 13);
        Assert.All(await last.ReadAll("a", from: 14, exact: true), record => Assert.Null(record.Damage));
    }

    private void CopyTo(TempDirectory copy)
    {
        foreach (string file in Directory.GetFiles(_directory.Path))
            File.Copy(file, copy.File(Path.GetFileName(file)));
        File.Delete(copy.File("wal.db-shm"));
    }

    private async Task AssertCondemned(string why, TempDirectory? directory = null)
    {
        await using var wal = new SqliteWal(new StoreOptions { Directory = (directory ?? _directory).Path }, _reports.Add);
        StoredRecord only = Assert.Single(await wal.ReadAll("a", exact: true));
        Assert.Contains(why, only.Damage, StringComparison.Ordinal);
        Assert.Contains(why, Assert.Single(_reports), StringComparison.Ordinal);
        await wal.WriteRow("a", 2);
        Assert.Equal(2, (await wal.ReadAll("a", exact: true)).Count);
    }
}
