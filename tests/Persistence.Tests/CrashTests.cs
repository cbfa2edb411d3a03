using System.Diagnostics;

namespace ActorRepl.Persistence.Tests;

public sealed class SqliteCrashTests() : CrashTests(StoreKind.Sqlite);

public sealed class SegmentCrashTests() : CrashTests(StoreKind.Segment);

/// <summary>A process that writes is killed with SIGKILL, again and again: what it acknowledged is there, whole.</summary>
public abstract class CrashTests(StoreKind kind) : IDisposable
{
    private const int Writers = 6;
    private readonly TempDirectory _directory = new();

    public void Dispose()
    {
        _directory.Dispose();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task Whatever_was_acknowledged_before_a_kill_is_there_after_it()
    {
        var acknowledged = new Dictionary<string, long>();
        for (int round = 0; round < 5; round++)
        {
            await WriteUntilKilled(acknowledged, acknowledgements: 300 + 217 * round);
            await AssertAllThere(acknowledged);
        }
    }

    private async Task WriteUntilKilled(Dictionary<string, long> acknowledged, int acknowledgements)
    {
        using var process = Process.Start(new ProcessStartInfo("dotnet", ["exec", typeof(CrashTests).Assembly.Location, "write", kind.Plugin, _directory.Path, $"{Writers}"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        try
        {
            using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(60));
            for (int i = 0; await process.StandardOutput.ReadLineAsync(deadline.Token) is { } line; i++)
            {
                Note(line, acknowledged);
                if (i >= acknowledgements && acknowledged.Count == Writers)
                    break;
            }
        }
        finally
        {
            process.Kill();
        }

        // What was still in the pipe had been acknowledged too.
        while (await process.StandardOutput.ReadLineAsync() is { } line)
            Note(line, acknowledged);
        await process.WaitForExitAsync();
        Assert.Equal("", await errors);
    }

    private static void Note(string line, Dictionary<string, long> acknowledged)
    {
        if (line.Split(' ') is [var name, var seq])
            acknowledged[name] = long.Parse(seq);
    }

    private async Task AssertAllThere(Dictionary<string, long> acknowledged)
    {
        var reports = new List<string>();
        await using EventStore wal = kind.Open(_directory.Path, reports.Add);
        Assert.Equal(Writers, acknowledged.Count);
        foreach ((string name, long last) in acknowledged)
        {
            List<StoredRecord> records = await wal.ReadAll(name);
            Assert.NotEmpty(records);
            Assert.InRange(records[0].Seq, 1, Math.Max(1, last));
            Assert.Equal(Enumerable.Range(0, records.Count).Select(i => records[0].Seq + i), records.Select(record => record.Seq));
            Assert.All(records, record => Rows.AssertWritten(name, record));
            Assert.InRange(records[^1].Seq, last, last + 1);
        }

        Assert.Empty(reports);
    }
}
