using System.Text;
using ActorRepl.Persistence.Segments;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Persistence;

/// <summary>
/// The events of a node in a log of preallocated files that are written from one end to the other and used again: one
/// write and one sync a group, and nothing else on the way of a commit.
/// </summary>
public sealed class SegmentWal : EventStore
{
    /// <summary>The name of the files' folder in the node's directory.</summary>
    public const string FolderName = SegmentFolder.Name;

    private readonly SegmentFolder _folder;
    private readonly SegmentOptions _options;
    private readonly Action<string> _report;
    private readonly SegmentWriter _writer;
    private readonly SemaphoreSlim _readers;
    private bool _readIdentity;
    private string? _condemned;

    /// <param name="options">Where, and within which limits.</param>
    /// <param name="report">Gets what an operator should know, a sentence each; null: nobody wants to.</param>
    public SegmentWal(SegmentOptions options, Action<string>? report = null)
    {
        _options = options.Validated();
        _report = report ?? (_ => { });
        Directory.CreateDirectory(options.Directory);
        _folder = new SegmentFolder(Path.GetFullPath(options.Directory), Faults);
        _readers = new SemaphoreSlim(options.Readers);
        _writer = new SegmentWriter(Open, options, _report);
    }

    public override long Transactions => _writer.Transactions;

    internal SegmentWriter Writer => _writer;

    internal LogFaults Faults { get; } = new();

    public override Task StartAsync() => _writer.BarrierAsync();

    public override Task WriteAsync(string persistenceId, IReadOnlyList<RecordToStore> rows, bool inline = false) =>
        _writer.RunAsync(TotalBytes(rows), needsSpace: true, log =>
        {
            JournalName name = FindOrAdd(log, persistenceId);
            for (int i = 0; i < rows.Count; i++)
                log.Buffer.Append(name, rows[i]);
            return true;
        }, inline);

    public override Task DeleteAsync(string persistenceId, long seq) => _writer.RunAsync(0, needsSpace: false, log =>
    {
        if (log.Index.Find(persistenceId) is not { } name)
            return false;
        (long highest, long deletedTo) = log.Buffer.Pending(name);
        seq = Math.Min(seq, Math.Max(highest, deletedTo));
        if (seq > deletedTo)
            log.Buffer.Declare(name, seq);
        return true;
    });

    /// <summary>Writes what waits, then closes the log.</summary>
    public override async ValueTask DisposeAsync()
    {
        await _writer.DisposeAsync().ConfigureAwait(false);
        _readers.Dispose();
    }

    internal override Task BarrierAsync() => _writer.BarrierAsync();

    internal override async Task<string> FlipBitAsync(string replica, int newest) => BitFlip.InRecord((await LogAsync().ConfigureAwait(false)).Index, replica, newest);

    internal override async Task<EventExtent> ExtentAsync(string persistenceId)
    {
        OpenLog log = await LogAsync().ConfigureAwait(false);
        lock (log.Index.Lock)
            return log.Index.Find(persistenceId) is { } name ? new EventExtent(name.Highest, name.DeletedTo) : default;
    }

    internal override async Task<bool> MarkIfLostAsync(string persistenceId, long seq)
    {
        OpenLog log = await LogAsync().ConfigureAwait(false);
        return log.Lost is not null && await _writer.RunAsync(0, needsSpace: true, current =>
        {
            JournalName name = FindOrAdd(current, persistenceId);
            if (current.Buffer.Pending(name).Highest > 0)
                return false;
            current.Buffer.Append(name, new RecordToStore(seq, RecordKind.Lost, default, Encoding.UTF8.GetBytes(current.Lost!)));
            return true;
        }).ConfigureAwait(false);
    }

    internal override async Task<List<StoredRecord>> ReadAsync(string persistenceId, long from, long to, long maxRows, long maxBytes)
    {
        OpenLog log = await LogAsync().ConfigureAwait(false);
        await _readers.WaitAsync().ConfigureAwait(false);
        try
        {
            return await Task.Run(() => SegmentReader.Read(log.Index, persistenceId, from, to, maxRows, maxBytes)).ConfigureAwait(false);
        }
        finally
        {
            _readers.Release();
        }
    }

    private static JournalName FindOrAdd(OpenLog log, string persistenceId)
    {
        if (log.Index.Find(persistenceId) is { } known)
            return known;
        lock (log.Index.Lock)
            return log.Index.Add(persistenceId);
    }

    /// <summary>The log, opened by its writer if it is not open: only then is what is found there durable.</summary>
    private async Task<OpenLog> LogAsync()
    {
        if (_writer.Log is { } open)
            return open;
        await StartAsync().ConfigureAwait(false);
        return _writer.Log ?? throw new StorageFailedException("the log has failed and is closed");
    }

    private OpenLog Open()
    {
        string other = Path.Combine(_options.Directory, SqliteWal.FileName);
        if (File.Exists(other))
            throw new StorageFailedException($"{other} holds events of the journal {PersistenceConfig.SqliteJournalId}; a second journal beside it would not know them");
        try
        {
            if (!_readIdentity)
                _folder.Identity.Read();
            _readIdentity = true;
            if (!_folder.Exists && _folder.Identity.Current is not null)
                throw new StorageDamagedException($"{_folder.Path} is missing");
            _folder.Make();
            if (_condemned is null)
                return OpenLog.Open(_folder, _options, null, _report, Faults);
        }
        catch (StorageDamagedException damage)
        {
            _condemned = damage.Message;
        }

        try
        {
            // Put aside only now that all of it is closed; what follows may fail, and is then done by the next attempt.
            string kept = _folder.PutAside();
            _folder.Make();
            OpenLog empty = OpenLog.Open(_folder, _options, _condemned, _report, Faults);
            _report($"{_condemned}; what there was is kept as {kept}, and an empty log takes its place");
            _condemned = null;
            return empty;
        }
        catch (StorageDamagedException damage)
        {
            throw new StorageFailedException($"{_folder.Path} cannot be begun anew: {damage.Message}", damage);
        }
    }
}
