using System.Globalization;
using System.Text.Json;
using ActorRepl.Persistence.Segments;
using ActorRepl.Persistence.Sqlite;

namespace ActorRepl.Persistence;

/// <summary>Whose data a directory holds.</summary>
/// <param name="Cluster">The name of the cluster.</param>
/// <param name="Node">The node's number, from 1.</param>
/// <param name="Schema">Version of the layout of the directory.</param>
/// <param name="Created">When the directory was first used.</param>
public sealed record DataStamp(string Cluster, int Node, int Schema, DateTimeOffset Created);

/// <summary>The data directory cannot be used; the message names it, says what was found and what is allowed.</summary>
public sealed class DataDirectoryException(string message, Exception? inner = null) : IOException(message, inner);

/// <summary>
/// The directory that holds the data of one node, while this process uses it: no other process may, and its stamp keeps
/// any other node from it.
/// </summary>
public sealed class DataDirectory : IDisposable
{
    /// <summary>The layout this build reads and writes.</summary>
    public const int Schema = 1;

    public const string StampFile = "stamp.json";
    public const string LockFile = "lock";

    /// <summary>The process that has the lock; a file of its own, because a locked one cannot be read.</summary>
    public const string HolderFile = "pid";

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    private readonly FileStream _lock;

    private DataDirectory(string path, FileStream held, DataStamp stamp)
    {
        Path = path;
        _lock = held;
        Stamp = stamp;
    }

    /// <summary>The full path.</summary>
    public string Path { get; }

    public DataStamp Stamp { get; }

    /// <summary>It holds a journal of this library.</summary>
    public bool HasEvents => Has(SegmentWal.FolderName) || Has(SqliteWal.FileName);

    /// <summary>A file that says that it held one, which a careless deletion leaves; null: there is none.</summary>
    public string? Trace => Traces.FirstOrDefault(Has);

    /// <summary>Takes a directory for a node, and makes it if it is not there.</summary>
    /// <exception cref="DataDirectoryException">It is in use, holds another node's data, or cannot be read or written.</exception>
    public static DataDirectory Open(string path, string cluster, int node)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        ArgumentException.ThrowIfNullOrWhiteSpace(cluster);
        ArgumentOutOfRangeException.ThrowIfLessThan(node, 1);
        path = System.IO.Path.GetFullPath(path);
        FileStream? held = null;
        try
        {
            Make(path);
            held = Lock(path);
            DataStamp stamp = ReadStamp(path) ?? WriteStamp(path, cluster, node);
            Check(path, stamp, cluster, node);
            var directory = new DataDirectory(path, held, stamp);
            held = null;
            return directory;
        }
        catch (Exception e) when (e is IOException and not DataDirectoryException or UnauthorizedAccessException)
        {
            throw new DataDirectoryException($"the data directory {path} cannot be used: {e.Message}", e);
        }
        finally
        {
            held?.Dispose();
        }
    }

    /// <summary>Puts a small file in the place of the one of that name, whole or not at all, and durably.</summary>
    public void Replace(string name, ReadOnlySpan<byte> bytes) => DurableFile.Replace(System.IO.Path.Combine(Path, name), bytes);

    /// <summary>Lets another process have it.</summary>
    public void Dispose() => _lock.Dispose();

    private static string[] Traces { get; } = [SegmentIdentity.FileName, StoreIdentity.FileNameOf(SqliteWal.FileName)];

    private bool Has(string name) => System.IO.Path.Exists(System.IO.Path.Combine(Path, name));

    private static void Make(string path)
    {
        if (Directory.Exists(path))
            return;
        Directory.CreateDirectory(path);
        if (System.IO.Path.GetDirectoryName(path) is { } parent)
            DurableFile.SyncDirectory(parent);
    }

    /// <summary>The operating system gives the lock back when the process ends, however it ends.</summary>
    private static FileStream Lock(string path)
    {
        string file = System.IO.Path.Combine(path, LockFile);
        FileStream held;
        try
        {
            held = new FileStream(file, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e) when (File.Exists(file))
        {
            throw new DataDirectoryException(
                $"the data directory {path} is in use by {Holder(path)}; each node needs a directory of its own", e);
        }

        try
        {
            File.WriteAllText(System.IO.Path.Combine(path, HolderFile), Environment.ProcessId.ToString(CultureInfo.InvariantCulture));
        }
        catch (IOException)
        {
            // Only a convenience for whoever is refused: a full disk must not keep the node from starting.
        }

        return held;
    }

    private static string Holder(string path)
    {
        try
        {
            string holder = File.ReadAllText(System.IO.Path.Combine(path, HolderFile));
            return int.TryParse(holder, CultureInfo.InvariantCulture, out int process) ? $"process {process}" : "another process";
        }
        catch (IOException)
        {
            return "another process";
        }
    }

    private static DataStamp? ReadStamp(string path)
    {
        string file = System.IO.Path.Combine(path, StampFile);
        if (!File.Exists(file))
            return null;
        try
        {
            DataStamp? stamp = JsonSerializer.Deserialize<DataStamp>(File.ReadAllBytes(file), Json);
            if (stamp is { Cluster.Length: > 0, Node: > 0, Schema: > 0 })
                return stamp;
            throw new JsonException("cluster, node or schema is missing");
        }
        catch (JsonException e)
        {
            throw new DataDirectoryException(
                $"{file} is no stamp: {e.Message}; put the right one back, it names the cluster and the node the data is of", e);
        }
    }

    private static DataStamp WriteStamp(string path, string cluster, int node)
    {
        foreach (string store in (string[])[SegmentWal.FolderName, SqliteWal.FileName, SqliteSnapshots.FileName])
        {
            if (System.IO.Path.Exists(System.IO.Path.Combine(path, store)))
                throw new DataDirectoryException(
                    $"the data directory {path} holds {store} but no {StampFile} that says whose it is; put the stamp back, or name the directory that is the node's own");
        }

        var stamp = new DataStamp(cluster, node, Schema, DateTimeOffset.UtcNow);
        DurableFile.Replace(System.IO.Path.Combine(path, StampFile), JsonSerializer.SerializeToUtf8Bytes(stamp, Json));
        return stamp;
    }

    private static void Check(string path, DataStamp stamp, string cluster, int node)
    {
        if (stamp.Schema != Schema)
            throw new DataDirectoryException($"the data directory {path} has schema version {stamp.Schema}; this build reads version {Schema}");
        if (stamp.Cluster != cluster || stamp.Node != node)
            throw new DataDirectoryException(
                $"the data directory {path} is stamped for node {stamp.Node} of cluster '{stamp.Cluster}'; node {node} of cluster '{cluster}' was started on it. "
                + "Start that node on it, or name another directory");
    }
}
