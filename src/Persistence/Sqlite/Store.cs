namespace ActorRepl.Persistence.Sqlite;

/// <summary>One database file with its writer and its readers.</summary>
internal sealed class Store<TTable, TReader> : IAsyncDisposable
    where TTable : class, ITable
    where TReader : class, IDisposable
{
    private readonly StoreFile<TTable> _file;
    private readonly GroupWriter<TTable> _writer;
    private readonly ReaderPool<TReader> _readers;

    public Store(string path, StoreOptions options, Func<Database, TTable> openTable, Func<Database, TReader> openReader, Action<string> report, Action? beforeOpen = null)
    {
        _file = new StoreFile<TTable>(new StoreFileOptions(path, options.MaxBytes, options.CacheBytes, beforeOpen), openTable, report);
        var checkpoints = new CheckpointPolicy(path, options.LogBytes, report);
        _writer = new GroupWriter<TTable>(
            _file, checkpoints, options.MaxWaitingWrites, options.MaxTransactionBytes, $"write {Path.GetFileName(path)}");
        _readers = new ReaderPool<TReader>(path, openReader, () => _file.Generation, options.Readers);
    }

    public GroupWriter<TTable> Writer => _writer;

    /// <summary>Opens the file, now rather than at the first write.</summary>
    public Task StartAsync() => _writer.BarrierAsync();

    public Task<TResult> WriteAsync<TResult>(int bytes, Func<TTable, TResult> write) => _writer.RunAsync(bytes, needsSpace: true, write);

    /// <summary>
    /// Reads beside the writer. Never before the writer has opened the file: only then is what is found there durable.
    /// </summary>
    public async Task<TResult> ReadAsync<TResult>(Func<TReader, TResult> read)
    {
        if (_file.Generation == 0)
            await StartAsync().ConfigureAwait(false);
        return await _readers.ReadAsync(read).ConfigureAwait(false);
    }

    /// <summary>For tests: what there is of space changes.</summary>
    internal Task LimitToAsync(long bytes) => _writer.RunAsync(0, needsSpace: false, _ =>
    {
        _file.LimitTo(bytes);
        return true;
    });

    public async ValueTask DisposeAsync()
    {
        _readers.Dispose();
        await _writer.DisposeAsync().ConfigureAwait(false);
    }
}
