using System.Buffers;
using ActorRepl.Hosting.Cli;
using ActorRepl.Hosting.Cli.Keys;
using ActorRepl.Hosting.Cluster;
using ActorRepl.Hosting.Status;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Hosting.Import;

/// <summary><c>actorrepl import</c>: stores the records of a file of JSON lines.</summary>
internal sealed class ImportCommand(ImportOptions options)
{
    private const int LanesPerNode = 2;

    // The nodes' own defaults; a node with lower limits refuses the record itself.
    private const int MaxKeyBytes = 1024;
    private const int MaxValueBytes = 1024 * 1024;
    private const int MaxLineBytes = 8 * 1024 * 1024;

    /// <summary>How long a record may wait for a cluster that does not take it.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    public async Task<int> RunAsync(Func<Task<LocalCluster>> find, CancellationToken cancellation)
    {
        await using ImportFile file = ImportFile.Open(options.File, MaxLineBytes);
        LocalCluster cluster = await find().ConfigureAwait(false);
        using HttpGateway? gateway = options.Group is null ? null : new HttpGateway(cluster, token: null);
        GroupKeys? keys = gateway is null ? null : new GroupKeys(gateway, options.Group!);
        if (keys is not null)
            await keys.CheckAsync(cancellation).ConfigureAwait(false);
        using ImportProblems? problems = options.Report is { } path ? ImportProblems.Create(path) : null;
        var tally = new ImportTally(options.File, problems);
        var progress = new ImportProgress(file, tally);
        Func<NodePorts, CancellationToken, Task<IImportLink>> connect = keys is null
            ? async (node, cancelled) => new RedisLink(await cluster.Access.ConnectAsync(node, cancelled).ConfigureAwait(false), tally)
            : (node, _) => Task.FromResult<IImportLink>(new HttpLink(gateway!, keys, node, tally));
        Task import = SendAllAsync(file, cluster.Nodes, connect, tally, cancellation);
        bool interrupted = false;
        try
        {
            if (!options.Json)
                await progress.ShowAsync(import).ConfigureAwait(false);
            await import.ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            interrupted = true;
        }

        foreach (string problem in tally.Untold)
            Terminal.Problem(problem);
        double seconds = progress.Elapsed.TotalSeconds;
        if (options.Json)
            Terminal.Json(new ImportReport(options.File, tally.Acknowledged, tally.Failed, tally.BadLines, Math.Round(seconds, 1), tally.Problems) { Interrupted = interrupted }, StatusJson.Default.ImportReport);
        else
            Terminal.Line($"{tally.Acknowledged} acknowledged, {tally.Failed} failed{(tally.BadLines > 0 ? $", {tally.BadLines} bad lines" : "")} in {seconds:N1} s");
        if (interrupted)
        {
            Terminal.Problem("interrupted: of the others some that were sent may be stored, too");
            return Interruption.ExitCode;
        }

        return tally.Failed == 0 && tally.BadLines == 0 ? ExitCode.Success : ExitCode.Failure;
    }

    /// <summary>Hands every record to its lane.</summary>
    private async Task SendAllAsync(
        ImportFile file, IReadOnlyList<NodePorts> nodes, Func<NodePorts, CancellationToken, Task<IImportLink>> connect, ImportTally tally, CancellationToken cancellation)
    {
        ImportLane[] lanes = [.. Enumerable.Range(0, LanesPerNode * nodes.Count).Select(lane => new ImportLane(nodes, connect, lane, tally, Patience))];
        Task[] running = [.. lanes.Select(lane => Task.Run(() => lane.RunAsync(cancellation), cancellation))];
        try
        {
            await foreach ((long number, ReadOnlySequence<byte> line) in file.LinesAsync(cancellation).ConfigureAwait(false))
            {
                if (Parse(number, line, tally) is { } record)
                    await lanes[Crc32C.Compute(record.Key) % lanes.Length].Waiting.WriteAsync(record, cancellation).ConfigureAwait(false);
                else if (!options.GoOn)
                    break;
            }
        }
        catch (ImportLineException unreadable)
        {
            tally.Bad(unreadable);
        }
        catch (OperationCanceledException)
        {
            // What is on its way is not counted any more once this returns.
            await Task.WhenAll(running).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            throw;
        }

        Array.ForEach(lanes, lane => lane.Waiting.Complete());
        await Task.WhenAll(running).ConfigureAwait(false);
    }

    /// <summary>Null: the line is bad, and was reported.</summary>
    private static ImportRecord? Parse(long number, in ReadOnlySequence<byte> line, ImportTally tally)
    {
        try
        {
            return ImportRecord.Parse(number, line.IsSingleSegment ? line.FirstSpan : line.ToArray(), MaxKeyBytes, MaxValueBytes);
        }
        catch (ImportLineException wrong)
        {
            tally.Bad(wrong);
            return null;
        }
    }
}
