namespace ActorRepl.Protocols.Kernel;

/// <summary>One command on its way into a state machine. The payload's memory is only lent: copy what is kept.</summary>
public readonly record struct AppliedCommand(long Index, long Wall, ReadOnlyMemory<byte> Payload);

/// <summary>
/// The application's state on one shard. Deterministic: the same commands in the same order give the same state and the
/// same results on every replica. Called by one thread at a time.
/// </summary>
public interface IStateMachine
{
    /// <summary>Applies a command and returns its result. Must not throw for anything a client can send.</summary>
    ReadOnlyMemory<byte> Apply(in AppliedCommand command);

    /// <summary>Answers a query without changing anything.</summary>
    ReadOnlyMemory<byte> Query(ReadOnlyMemory<byte> query);

    /// <summary>
    /// The same at a replica whose wall clock shows <paramref name="wall"/>, in microseconds since 1970. Replicas' clocks differ: it may decide no more than whether
    /// the log has to be brought the time by a command first.
    /// </summary>
    ReadOnlyMemory<byte> Query(ReadOnlyMemory<byte> query, long wall) => Query(query);

    /// <summary>A view of the state as it stands now; later commands do not change what it yields.</summary>
    ICheckpointView BeginCheckpoint();

    /// <summary>Replaces the whole state by the segments of a checkpoint, in order.</summary>
    /// <exception cref="InvalidDataException">The segments are not a checkpoint of this machine.</exception>
    void Restore(IEnumerable<ReadOnlyMemory<byte>> segments);

    /// <summary>Bytes of memory that the state takes, as an estimate.</summary>
    long ApproximateBytes { get; }

    /// <summary>
    /// Something in the state ends with the log's time, whatever key the command is about that brings that time: with a command under way, no other
    /// key is certain to stay as it is.
    /// </summary>
    bool EndsWithTime => false;
}

/// <summary>A frozen view of a machine's state. May be read by another thread while the machine goes on.</summary>
public interface ICheckpointView : IDisposable
{
    /// <summary>The state in segments of at most <paramref name="maxBytes"/>, as long as single items allow it.</summary>
    IEnumerable<ReadOnlyMemory<byte>> Segments(int maxBytes);

    /// <summary>
    /// Reads all of it, in bounded memory. A view whose segments do not follow from the state alone, order and bounds included, must
    /// say how the state is added up.
    /// </summary>
    StateChecksum Checksum() => StateChecksum.OfSegments(this);
}
