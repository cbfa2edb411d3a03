using System.Buffers;
using ActorRepl.Hosting.Cli;
using ActorRepl.Hosting.Cluster;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Hosting.Import;

/// <summary><c>actorrepl import</c>: stores the records of a file of JSON lines.</summary>
internal sealed class ImportCommand(string path, bool keepGoing)
{
    private const int LanesPerNode = 2;

    // The nodes' own defaults; a node with lower limits refuses the record itself.
    private const int MaxKeyBytes = 1024;
    private const int MaxValueBytes = 1024 * 1024;
    private const int MaxLineBytes = 8 * 1024 * 1024;

    /// <summary>How long a record may wait for a cluster that does not take it.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly ImportTally _tally = new();

    public async Task<int> RunAsync(Func<Task<LocalCluster>> find, CancellationToken cancellation)
    {
        await using ImportFile file = ImportFile.Open(path, MaxLineBytes);
        LocalCluster cluster = await find().ConfigureAwait(false);
        var progress = new ImportProgress(file, _tally);
        Task<long> import = SendAllAsync(file, cluster.Nodes, cancellation);
        await progress.ShowAsync(import).ConfigureAwait(false);
        long bad = await import.ConfigureAwait(false);

        foreach (string problem in _tally.Problems)
            Terminal.Problem($"{path}, {problem}");
        Terminal.Line($"{_tally.Acknowledged} acknowledged, {_tally.Failed} failed{(bad > 0 ? $", {bad} bad lines" : "")} in {progress.Elapsed.TotalSeconds:N1} s");
        return _tally.Failed == 0 && bad == 0 ? ExitCode.Success : ExitCode.Failure;
    }

    /// <summary>Hands every record to its lane; returns how many lines were bad.</summary>
    private async Task<long> SendAllAsync(ImportFile file, IReadOnlyList<NodePorts> nodes, CancellationToken cancellation)
    {
        ImportLane[] lanes = [.. Enumerable.Range(0, LanesPerNode * nodes.Count).Select(lane => new ImportLane(nodes, lane, _tally, Patience))];
        Task[] running = [.. lanes.Select(lane => Task.Run(() => lane.RunAsync(cancellation), cancellation))];
        long bad = 0;
        try
        {
            await foreach ((long number, ReadOnlySequence<byte> line) in file.LinesAsync().ConfigureAwait(false))
            {
                if (Parse(number, line) is { } record)
                    await lanes[Crc32C.Compute(record.Key) % lanes.Length].Waiting.WriteAsync(record, cancellation).ConfigureAwait(false);
                else if (++bad > 0 && !keepGoing)
                    break;
            }
        }
        catch (ImportLineException unreadable)
        {
            bad++;
            Terminal.Problem($"{path}, line {unreadable.Line}: {unreadable.Message}");
        }

        Array.ForEach(lanes, lane => lane.Waiting.Complete());
        await Task.WhenAll(running).ConfigureAwait(false);
        return bad;
    }

    /// <summary>Null: the line is bad, and was reported.</summary>
    private ImportRecord? Parse(long number, in ReadOnlySequence<byte> line)
    {
        try
        {
            return ImportRecord.Parse(number, line.IsSingleSegment ? line.FirstSpan : line.ToArray(), MaxKeyBytes, MaxValueBytes);
        }
        catch (ImportLineException wrong)
        {
            Terminal.Problem($"{path}, line {wrong.Line}: {wrong.Message}");
            return null;
        }
    }
}
