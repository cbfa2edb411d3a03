using ActorRepl.Protocols.Control;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Actors.Control;

/// <summary>
/// What this node's replica of the control group has applied, for the rest of the node. It goes back when the replica is
/// started again, until that has recovered.
/// </summary>
internal sealed class ControlFeed
{
    private volatile ControlState _state = ControlState.Empty;

    /// <summary>Raised on the replica's own thread.</summary>
    public event Action? Changed;

    public ControlState State => _state;

    /// <summary>An empty machine for a replica that starts.</summary>
    public IStateMachine NewMachine() => new Machine(this);

    private void Put(ControlState state)
    {
        if (ReferenceEquals(_state, state))
            return;
        _state = state;
        Changed?.Invoke();
    }

    private sealed class Machine(ControlFeed feed) : IStateMachine
    {
        private readonly ControlMachine _inner = new();

        public long ApproximateBytes => _inner.ApproximateBytes;

        public ReadOnlyMemory<byte> Apply(in AppliedCommand command)
        {
            ReadOnlyMemory<byte> result = _inner.Apply(command);
            feed.Put(_inner.State);
            return result;
        }

        public ReadOnlyMemory<byte> Query(ReadOnlyMemory<byte> query) => _inner.Query(query);

        public ICheckpointView BeginCheckpoint() => _inner.BeginCheckpoint();

        public void Restore(IEnumerable<ReadOnlyMemory<byte>> segments)
        {
            _inner.Restore(segments);
            feed.Put(_inner.State);
        }
    }
}
