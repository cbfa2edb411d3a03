namespace ActorRepl.Protocols.Machines;

/// <summary>
/// Versions of keys: the place in the log of the command that wrote the key, and the number of the operation within it. A later write of
/// the shard has a higher version; no two writes of a log have the same. Where a failover loses the end of a log, what is written in its place
/// has the versions of what was lost.
/// </summary>
public static class KeyValueVersion
{
    /// <summary>A key that is not there, where a version is asked for or required.</summary>
    public const long Missing = -1;

    /// <summary>Operations that one payload may have.</summary>
    public const int MostOperations = (1 << OperationBits) - 1;

    private const int OperationBits = 20;

    /// <summary>That of what the command at an index does before its first operation.</summary>
    public static long Of(long index) => index << OperationBits;

    /// <summary>The last that a command at an index can give.</summary>
    public static long LastOf(long index) => Of(index) | MostOperations;

    /// <summary>The log index in a version.</summary>
    public static long IndexOf(long version) => version >> OperationBits;
}
