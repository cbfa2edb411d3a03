using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Machines;

/// <summary>Finds keys as a machine names them (<see cref="IKeyedStateMachine"/>), in commands as clients send them: in an envelope, with or without a session.</summary>
public sealed class MachineKeys : IKeyFinder
{
    private readonly IKeyedStateMachine _machine;

    private MachineKeys(IKeyedStateMachine machine) => _machine = machine;

    /// <summary>Null: the machine does not name keys. The machine that is made is only asked, and holds no state.</summary>
    public static Func<IKeyFinder>? Of(Func<IStateMachine> create) =>
        create() is IKeyedStateMachine ? () => new MachineKeys((IKeyedStateMachine)create()) : null;

    public bool TryFindKeys(ReadOnlyMemory<byte> payload, CommandKeys keys)
    {
        try
        {
            // A mark, and one that opens a session, change no key.
            if (CommandEnvelope.IsMark(payload.Span))
                return true;
            ReadOnlyMemory<byte> command = CommandEnvelope.Decode(payload, out SessionStamp? stamp);
            return stamp is { Opens: true } || _machine.TryFindKeys(command, keys);
        }
        catch (InvalidDataException)
        {
            return false;
        }
    }

    public bool TryFindQueryKeys(ReadOnlyMemory<byte> query, CommandKeys keys) => _machine.TryFindKeys(query, keys);
}
