namespace ActorRepl.Persistence.Commit;

/// <summary>
/// Something the writer does inside a transaction that it shares with whatever else waits. May be run again after a
/// rollback; its task completes when the outcome is known.
/// </summary>
internal abstract class StoreWork<TTable>
{
    /// <summary>Bytes it will write, about.</summary>
    public required int Bytes { get; init; }

    /// <summary>It adds to what is stored, and so is refused when there is no space; what deletes is not.</summary>
    public bool NeedsSpace { get; init; }

    public abstract void Execute(TTable table);

    public abstract void Complete();

    public abstract void Fail(Exception why);
}

/// <param name="execute">What to do.</param>
/// <param name="inline">
/// What awaits the outcome runs on the writer's thread and must be short; false: the writer does not run it.
/// </param>
internal sealed class StoreWork<TTable, TResult>(Func<TTable, TResult> execute, bool inline = false) : StoreWork<TTable>
{
    private readonly TaskCompletionSource<TResult> _done = new(inline ? TaskCreationOptions.None : TaskCreationOptions.RunContinuationsAsynchronously);
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
