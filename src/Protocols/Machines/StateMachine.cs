using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Machines;

/// <summary>When and where a command is applied: the same on every replica.</summary>
/// <param name="Index">The command's place in the log.</param>
/// <param name="Time">The leader's wall clock when it took the command in; never read another.</param>
public readonly record struct CommandContext(long Index, DateTimeOffset Time);

/// <summary>
/// A state machine in types of its own. What a subclass does in <see cref="Apply(TCommand, CommandContext)"/> must
/// depend on nothing but its state and its arguments. A payload that does not decode is answered by
/// <see cref="EncodeError"/> and changes nothing.
/// </summary>
public abstract class StateMachine<TCommand, TQuery, TResult> : IStateMachine
{
    public abstract long ApproximateBytes { get; }

    public ReadOnlyMemory<byte> Apply(in AppliedCommand command)
    {
        TCommand decoded;
        try
        {
            decoded = DecodeCommand(command.Payload);
        }
        catch (InvalidDataException damage)
        {
            return EncodeError(damage.Message);
        }

        return EncodeResult(Apply(decoded, new CommandContext(command.Index, DateTimeOffset.UnixEpoch.AddTicks(command.Wall * TimeSpan.TicksPerMicrosecond))));
    }

    public ReadOnlyMemory<byte> Query(ReadOnlyMemory<byte> query)
    {
        TQuery decoded;
        try
        {
            decoded = DecodeQuery(query);
        }
        catch (InvalidDataException damage)
        {
            return EncodeError(damage.Message);
        }

        return EncodeResult(Query(decoded));
    }

    public abstract ICheckpointView BeginCheckpoint();

    public abstract void Restore(IEnumerable<ReadOnlyMemory<byte>> segments);

    protected abstract TResult Apply(TCommand command, CommandContext context);

    protected abstract TResult Query(TQuery query);

    /// <exception cref="InvalidDataException">The bytes are no command.</exception>
    protected abstract TCommand DecodeCommand(ReadOnlyMemory<byte> payload);

    /// <exception cref="InvalidDataException">The bytes are no query.</exception>
    protected abstract TQuery DecodeQuery(ReadOnlyMemory<byte> payload);

    protected abstract ReadOnlyMemory<byte> EncodeResult(TResult result);

    /// <summary>The result of a payload that is no command or query.</summary>
    protected abstract ReadOnlyMemory<byte> EncodeError(string reason);
}
