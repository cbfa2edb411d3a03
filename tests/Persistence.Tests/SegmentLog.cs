using ActorRepl.Persistence.Segments;

namespace ActorRepl.Persistence.Tests;

/// <summary>A segment store in small files, and copies of it as a crash would leave them.</summary>
internal sealed class SegmentLog : IDisposable
{
    public const int Size = 64 << 10;

    public TempDirectory Directory { get; } = new();

    public List<string> Reports { get; } = [];

    public string[] Files => SegmentBytes.Files(Directory.Path);

    /// <summary>What its files take; the store goes on, so one that was listed may have got another name or be gone.</summary>
    public long Bytes
    {
        get
        {
            while (true)
            {
                try
                {
                    return Files.Sum(file => new FileInfo(file).Length);
                }
                catch (FileNotFoundException)
                {
                    // Renamed under our eyes.
                }
            }
        }
    }

    public SegmentWal Open(long maxBytes = 0, int spares = 2, long compactAbove = 16 * Size) => new(new SegmentOptions
    {
        Directory = Directory.Path,
        FirstSegmentBytes = Size,
        SegmentBytes = Size,
        MaxBytes = maxBytes,
        SpareBytes = spares * Size,
        CompactAboveBytes = compactAbove,
    }, Reports.Add);

    /// <summary>What a kill at this moment would leave: the store goes on, and so may make its next segment meanwhile.</summary>
    public SegmentLog Copy()
    {
        while (true)
        {
            var copy = new SegmentLog();
            try
            {
                string from = Directory.File(SegmentFolder.Name), to = copy.Directory.File(SegmentFolder.Name);
                File.Copy(Directory.File(".wal.id"), copy.Directory.File(".wal.id"));
                System.IO.Directory.CreateDirectory(to);
                foreach (string file in System.IO.Directory.GetFiles(from, "*.segment"))
                    File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
                return copy;
            }
            catch (FileNotFoundException)
            {
                // Renamed under our eyes.
                copy.Dispose();
            }
        }
    }

    /// <summary>Fills a new store with events of "a" and "b" in turns, and closes it.</summary>
    public async Task Fill(int rows = 40, int size = 3000)
    {
        await using SegmentWal wal = Open();
        for (int seq = 1; seq <= rows; seq++)
        {
            await wal.WriteRow("a", seq, size);
            await wal.WriteRow("b", seq, size);
        }
    }

    /// <summary>All events are there and whole, from <paramref name="first"/> on.</summary>
    public async Task AssertWhole(string name, long first, long last)
    {
        await using SegmentWal wal = Open();
        List<StoredRecord> records = await wal.ReadAll(name, first, exact: true);
        Assert.Equal(Enumerable.Range(0, (int)(last - first + 1)).Select(i => first + i), records.Select(record => record.Seq));
        Assert.All(records, record => Rows.AssertWritten(name, record));
        Assert.Equal(last, await wal.HighestAsync(name, 0, exact: true));
        Assert.Empty(Reports);
    }

    /// <summary>The store is put aside, says why to whoever had events in it, and works.</summary>
    public async Task AssertCondemned(string why)
    {
        await using SegmentWal wal = Open();
        StoredRecord only = Assert.Single(await wal.ReadAll("a", exact: true));
        Assert.Contains(why, only.Damage, StringComparison.Ordinal);
        Assert.Contains(why, Assert.Single(Reports), StringComparison.Ordinal);
        await wal.WriteRow("a", 2);
        Assert.Equal(2, (await wal.ReadAll("a", exact: true)).Count);
        Assert.Single(System.IO.Directory.GetDirectories(Directory.Path, "wal.damaged-*"));
    }

    public void Dispose() => Directory.Dispose();
}
