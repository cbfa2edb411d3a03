namespace ActorRepl.Persistence.Tests;

/// <summary>The process that tests kill: writes, and prints each acknowledgement; or holds a data directory.</summary>
internal static class Program
{
    private static async Task<int> Main(string[] args)
    {
        switch (args)
        {
            case ["write", var plugin, var directory, var writers]:
                // Both with small files, so that they come to the end of one often.
                await using (EventStore wal = plugin == PersistenceConfig.SqliteJournalId
                    ? new SqliteWal(new StoreOptions { Directory = directory, LogBytes = 1 << 20 })
                    : new SegmentWal(new SegmentOptions { Directory = directory, FirstSegmentBytes = 256 << 10, SegmentBytes = 256 << 10 }))
                    await Task.WhenAll(Enumerable.Range(0, int.Parse(writers)).Select(writer => Task.Run(() => Write(wal, $"w{writer}"))));
                return 0;
            case ["hold", var directory]:
                using (DataDirectory.Open(directory, "prod", 1))
                {
                    Console.Out.WriteLine("held");
                    await Task.Delay(Timeout.Infinite);
                }

                return 0;
            default:
                Console.Error.WriteLine("usage: write PLUGIN DIRECTORY WRITERS | hold DIRECTORY");
                return 2;
        }
    }

    private static async Task Write(EventStore wal, string name)
    {
        var random = new Random(name[1]);
        for (long seq = await wal.HighestAsync(name, 0, exact: true) + 1; ; seq++)
        {
            await wal.WriteRow(name, seq, random.Next(8, 20_000));
            // One write call a line, so that no line is torn by the kill.
            Console.Out.WriteLine($"{name} {seq}");
            if (seq % 100 == 0)
                await wal.DeleteAsync(name, seq - 150);
        }
    }
}
