using System.Diagnostics;
using System.Globalization;
using System.IO.Compression;
using ActorRepl.Hosting.Cluster;
using ActorRepl.Hosting.Crdt;
using ActorRepl.Hosting.Status;

namespace ActorRepl.Hosting.Cli.Keys;

/// <summary>Where <c>actorrepl export</c> writes what.</summary>
/// <param name="Group">Of which group.</param>
/// <param name="File">Gzipped if it ends in <c>.gz</c>; <c>-</c>: standard output.</param>
/// <param name="Json">A report in JSON.</param>
internal sealed record ExportOptions(string Group, string File, bool Json);

/// <summary>
/// <c>actorrepl export</c>: the keys of a group as a file that <c>actorrepl import</c> takes. Each shard is as of one entry of its log, by a replica on
/// whichever node has one; a shard whose answer breaks off is asked for again elsewhere. The file is there when it is whole.
/// </summary>
internal sealed class ExportCommand(LocalCluster cluster, HttpGateway gateway, ExportOptions options)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(300);

    public async Task<int> RunAsync(CancellationToken cancellation)
    {
        var time = Stopwatch.StartNew();
        bool toFile = options.File != "-";
        if (toFile && Path.GetDirectoryName(Path.GetFullPath(options.File)) is { } folder && !Directory.Exists(folder))
            throw new UserErrorException($"{options.File} cannot be written: there is no directory {folder}");
        string part = toFile ? Path.GetFullPath(options.File) + ".part" : Path.GetTempFileName();
        try
        {
            List<ExportedShard> shards = await WriteAsync(part, cancellation).ConfigureAwait(false);
            if (toFile)
                File.Move(part, Path.GetFullPath(options.File), overwrite: true);
            else
                await PrintAsync(part, cancellation).ConfigureAwait(false);
            var report = new ExportReport(options.File, options.Group, shards.Sum(shard => shard.Keys), Math.Round(time.Elapsed.TotalSeconds, 1), shards);
            if (options.Json && toFile)
                Terminal.Json(report, StatusJson.Default.ExportReport);
            else
                Terminal.Note(string.Create(CultureInfo.InvariantCulture, $"{report.Keys:N0} keys of {shards.Count} shards in {report.Seconds:N1} s"));
            return ExitCode.Success;
        }
        catch (Exception unwritable) when (unwritable is UnauthorizedAccessException or IOException)
        {
            throw new UserErrorException($"{options.File} cannot be written: {unwritable.Message}");
        }
        finally
        {
            File.Delete(part);
        }
    }

    private async Task<List<ExportedShard>> WriteAsync(string path, CancellationToken cancellation)
    {
        var shards = new List<ExportedShard>();
        await using var file = new FileStream(path, FileMode.Create, FileAccess.Write);
        await using Stream output = options.File.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) ? new GZipStream(file, CompressionLevel.Fastest) : file;
        int count = await ShardsAsync(cancellation).ConfigureAwait(false);
        for (int shard = 0; shard < count; shard++)
            shards.Add(await ShardAsync(shard, path + ".shard", output, cancellation).ConfigureAwait(false));
        return shards;
    }

    private async Task<int> ShardsAsync(CancellationToken cancellation)
    {
        IReadOnlyList<NodeReport> nodes = await StatusCommand.ReportAsync(cluster, cancellation).ConfigureAwait(false);
        NodeStatus status = nodes.FirstOrDefault(node => node.Status is not null)?.Status ?? throw new UserErrorException("no node answers");
        GroupStatus? found = status.Groups.FirstOrDefault(group => group.Name == options.Group);
        if (found?.Protocol == CrdtGroup.Protocol)
            throw new UserErrorException($"group '{options.Group}' holds CRDTs, and has no common log as of which they could be written down; /crdt/{options.Group}/TYPE/KEY serves them") { IsUsage = true };
        return found?.Shards
            ?? throw new UserErrorException($"there is no group '{options.Group}'; there are {string.Join(", ", status.Groups.Where(group => group.Name != Protocols.Control.ControlGroup.Own).Select(group => group.Name))}") { IsUsage = true };
    }

    /// <summary>Takes a shard whole into a file beside, from one node after the other, and appends it.</summary>
    private async Task<ExportedShard> ShardAsync(int shard, string beside, Stream output, CancellationToken cancellation)
    {
        var waited = Stopwatch.StartNew();
        string last = $"no node that answers has a replica of shard {shard}";
        try
        {
            while (true)
            {
                foreach (NodePorts node in await HoldersAsync(shard, cancellation).ConfigureAwait(false))
                {
                    try
                    {
                        using HttpResponseMessage response = await gateway.GetAsync(node, $"/export/{Uri.EscapeDataString(options.Group)}?shard={shard}", cancellation).ConfigureAwait(false);
                        long keys = await TakeAsync(response, beside, output, cancellation).ConfigureAwait(false);
                        return new ExportedShard(shard, node.Id, response.Headers.GetValues("X-Log-Position").Single(), keys);
                    }
                    catch (Exception lost) when (lost is UnservedException or HttpIOException or HttpRequestException)
                    {
                        last = lost.Message;
                    }
                }

                if (waited.Elapsed > Patience)
                    throw new UserErrorException($"shard {shard} is not exported: {last}");
                await Task.Delay(Pause, cancellation).ConfigureAwait(false);
            }
        }
        finally
        {
            File.Delete(beside);
        }
    }

    private static async Task<long> TakeAsync(HttpResponseMessage response, string beside, Stream output, CancellationToken cancellation)
    {
        await using var taken = new FileStream(beside, FileMode.Create, FileAccess.ReadWrite);
        await using Stream body = await response.Content.ReadAsStreamAsync(cancellation).ConfigureAwait(false);
        long keys = 0;
        byte[] piece = new byte[64 * 1024];
        for (int read; (read = await body.ReadAsync(piece, cancellation).ConfigureAwait(false)) > 0;)
        {
            keys += piece.AsSpan(0, read).Count((byte)'\n');
            await taken.WriteAsync(piece.AsMemory(0, read), cancellation).ConfigureAwait(false);
        }

        taken.Position = 0;
        await taken.CopyToAsync(output, cancellation).ConfigureAwait(false);
        return keys;
    }

    /// <summary>The nodes whose replica has the keys; those that do not lead, and have less to do, first.</summary>
    private async Task<IEnumerable<NodePorts>> HoldersAsync(int shard, CancellationToken cancellation)
    {
        IReadOnlyList<NodeReport> nodes = await StatusCommand.ReportAsync(cluster, cancellation).ConfigureAwait(false);
        return nodes
            .Select(node => (node.Id, Replica: node.Status?.Groups.FirstOrDefault(group => group.Name == options.Group)?.Local.FirstOrDefault(replica => replica.Shard == shard)))
            .Where(one => one.Replica is { Health: "running" } replica && replica.Role != "witness" && gateway.Nodes.Any(node => node.Id == one.Id))
            .OrderBy(one => one.Replica!.Leader == one.Id)
            .Select(one => gateway.Nodes.Single(node => node.Id == one.Id));
    }

    private static async Task PrintAsync(string path, CancellationToken cancellation)
    {
        await using var file = new FileStream(path, FileMode.Open, FileAccess.Read);
        await using Stream output = Console.OpenStandardOutput();
        await file.CopyToAsync(output, cancellation).ConfigureAwait(false);
    }
}
