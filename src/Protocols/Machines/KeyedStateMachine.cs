using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Machines;

/// <summary>
/// A state machine in types of its own whose commands say which keys they touch; several threads apply commands that have no
/// key in common. What a subclass keeps must stand that, such as a <c>ConcurrentDictionary</c> by key.
/// </summary>
public abstract class KeyedStateMachine<TCommand, TQuery, TResult> : StateMachine<TCommand, TQuery, TResult>, IKeyedStateMachine
{
    public bool TryFindKeys(ReadOnlyMemory<byte> command, CommandKeys keys)
    {
        try
        {
            return TryFindKeys(DecodeCommand(command), keys);
        }
        catch (InvalidDataException)
        {
            return false;
        }
    }

    public virtual bool BeginTogether(int commands, long growthBytes) => true;

    public virtual void EndTogether()
    {
    }

    /// <inheritdoc cref="IKeyedStateMachine.TryFindKeys"/>
    protected abstract bool TryFindKeys(TCommand command, CommandKeys keys);
}
