namespace ActorRepl.Persistence.Sqlite;

/// <summary>The statements of one store on one connection.</summary>
internal interface ITable : IDisposable
{
    /// <summary>A transaction was rolled back: forget what was remembered of it.</summary>
    void RolledBack();
}

/// <summary>
/// Something the writer does inside a transaction that it shares with whatever else waits. May be run again after a
/// rollback; its task completes when the outcome is known.
/// </summary>
internal abstract class StoreWork<TTable>
{
    /// <summary>Bytes it will write, about.</summary>
    public required int Bytes { get; init; }

    public abstract void Execute(TTable table);

    public abstract void Complete();

    public abstract void Fail(Exception why);
}

internal sealed class StoreWork<TTable, TResult>(Func<TTable, TResult> execute) : StoreWork<TTable>
{
    // The writer must not run what awaits it.
    private readonly TaskCompletionSource<TResult> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TResult? _result;

    public Task<TResult> Task => _done.Task;

    public override void Execute(TTable table) => _result = execute(table);

    public override void Complete() => _done.SetResult(_result!);

    public override void Fail(Exception why) => _done.SetException(why);
}

/// <summary>
/// Writes nothing; completes once everything that was waiting before it has its outcome, whatever that is, and the store
/// is open.
/// </summary>
internal sealed class Barrier<TTable> : StoreWork<TTable>
{
    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task Task => _done.Task;

    public override void Execute(TTable table)
    {
    }

    public override void Complete() => _done.SetResult();

    public override void Fail(Exception why)
    {
        if (why is StorageFullException)
            Complete();
        else
            _done.SetException(why);
    }
}
