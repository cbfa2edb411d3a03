namespace ActorRepl.Protocols.Kernel;

/// <summary>Tells a protocol which keys of its machine a command or a query touches, without knowing what either means.</summary>
public interface IKeyFinder
{
    /// <summary>Names every key that the command in a log entry may change; false: it is not known, or it is all of them.</summary>
    bool TryFindKeys(ReadOnlyMemory<byte> payload, CommandKeys keys);

    /// <summary>Names every key that the query may read; false: it is not known, or it is all of them.</summary>
    bool TryFindQueryKeys(ReadOnlyMemory<byte> query, CommandKeys keys);
}
