using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Actors.Replica;

/// <summary>
/// To a replica of this node, within the process: freeze the state just after the entry with this mark. Whoever gets the view disposes it; one that
/// nobody waits for any more is disposed here.
/// </summary>
internal sealed class FreezeShard(Guid mark, TimeSpan patience)
{
    private readonly TaskCompletionSource _armed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<FrozenShard> _frozen = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Guid Mark => mark;

    /// <summary>How long the replica waits for the mark.</summary>
    public TimeSpan Patience => patience;

    /// <summary>The replica waits: the mark may be sent.</summary>
    public Task Armed => _armed.Task;

    public Task<FrozenShard> Frozen => _frozen.Task;

    public void Arm() => _armed.TrySetResult();

    public void Reach(LogPosition at, ICheckpointView view)
    {
        if (!_frozen.TrySetResult(new FrozenShard(at, view)))
            view.Dispose();
    }

    public void Refuse(string why) => _armed.TrySetException(new InvalidOperationException(why));

    /// <summary>Nobody waits any more.</summary>
    public void GiveUp() => _frozen.TrySetCanceled();
}

/// <summary>A shard's state as of one entry of its log.</summary>
public sealed record FrozenShard(LogPosition At, ICheckpointView View) : IDisposable
{
    public void Dispose() => View.Dispose();
}
