namespace ActorRepl.Protocols.Kernel;

/// <summary>
/// What a replica hands to a journal or a snapshot store: bytes made by <see cref="RecordCodec"/> (or a machine's own
/// segment), opaque to the plugins. Not to be changed once handed over.
/// </summary>
public abstract class JournalPayload(ReadOnlyMemory<byte> bytes)
{
    public ReadOnlyMemory<byte> Bytes { get; } = bytes;
}

/// <summary>A journal event: one packed <see cref="WalEntry"/>.</summary>
public sealed class WalPayload(ReadOnlyMemory<byte> bytes) : JournalPayload(bytes);

/// <summary>A snapshot: one packed <see cref="CheckpointManifest"/>.</summary>
public sealed class CheckpointPayload(ReadOnlyMemory<byte> bytes) : JournalPayload(bytes);

/// <summary>A snapshot: one segment of a checkpoint, as the machine wrote it.</summary>
public sealed class SegmentPayload(ReadOnlyMemory<byte> bytes) : JournalPayload(bytes);

/// <summary>
/// Replayed by a journal in the place of an event that was durable and can no longer be read.
/// </summary>
public sealed record DamagedRecord(long SequenceNr, string Reason);

/// <summary>Names of what belongs to one replica in a journal and a snapshot store. Part of the data format.</summary>
public static class PersistenceIds
{
    private const string Prefix = "actorrepl/";

    /// <summary>The replica's own: its events and its manifests.</summary>
    /// <param name="generation">0: a first replica of its shard; above: one that joined later, which shares nothing with those before it.</param>
    public static string Replica(string cluster, ReplicaId node, string group, int shard, int generation = 0) =>
        $"{Prefix}{cluster}/{node}/{group}/{shard}{(generation == 0 ? "" : $".{generation}")}";

    /// <summary>Segment <paramref name="number"/>, from 0, of the replica's checkpoints.</summary>
    public static string Segment(string replica, int number) => $"{replica}/cp/{number}";

    /// <summary>
    /// The id is a replica's or of a segment of its checkpoints: to those a store replays damage as
    /// <see cref="DamagedRecord"/>; to any other actor it is a failure.
    /// </summary>
    public static bool IsReplica(string persistenceId) => persistenceId.StartsWith(Prefix, StringComparison.Ordinal);
}
