using System.Collections.Concurrent;

namespace ActorRepl.Persistence.Sqlite;

/// <summary>Connections that read beside the writer: at most so many at a time, kept for the next one.</summary>
internal sealed class ReaderPool<TReader>(string path, Func<Database, TReader> open, Func<int> generation, int size) : IDisposable
    where TReader : class, IDisposable
{
    private readonly SemaphoreSlim _free = new(size);
    private readonly ConcurrentBag<(TReader Reader, int Generation)> _idle = [];
    private volatile bool _closed;

    /// <exception cref="StorageFailedException">The store cannot be read now.</exception>
    public async Task<TResult> ReadAsync<TResult>(Func<TReader, TResult> read)
    {
        await _free.WaitAsync().ConfigureAwait(false);
        try
        {
            return await Task.Run(() => Read(read)).ConfigureAwait(false);
        }
        finally
        {
            _free.Release();
        }
    }

    /// <summary>Whoever still reads may finish.</summary>
    public void Dispose()
    {
        _closed = true;
        CloseIdle();
    }

    private TResult Read<TResult>(Func<TReader, TResult> read)
    {
        ObjectDisposedException.ThrowIf(_closed, typeof(SqliteWal));
        TReader? reader = null;
        try
        {
            int current = generation();
            reader = TakeIdle(current) ?? open(Database.OpenReader(path));
            TResult result = read(reader);
            _idle.Add((reader, current));
            reader = null;
            if (_closed)
                CloseIdle();
            return result;
        }
        catch (SqliteException e)
        {
            throw new StorageFailedException($"the store cannot be read: {e.Message}", e);
        }
        finally
        {
            // One that failed is not used again.
            reader?.Dispose();
        }
    }

    private TReader? TakeIdle(int current)
    {
        while (_idle.TryTake(out (TReader Reader, int Generation) idle))
        {
            if (idle.Generation == current)
                return idle.Reader;
            idle.Reader.Dispose();
        }

        return null;
    }

    private void CloseIdle()
    {
        while (_idle.TryTake(out (TReader Reader, int Generation) idle))
            idle.Reader.Dispose();
    }
}
