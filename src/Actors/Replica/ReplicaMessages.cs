using ActorRepl.Protocols.Driver;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Actors.Replica;

/// <summary>To self: hand what waits to the protocol. One is under way at a time.</summary>
internal sealed record FlushRequests
{
    public static readonly FlushRequests Instance = new();
}

/// <summary>To self: try again to write what a full disk refused.</summary>
internal sealed record RetryWrite
{
    public static readonly RetryWrite Instance = new();
}

/// <summary>To a replica: the control group has this view in force for its shard, or had it not long ago.</summary>
internal sealed record ViewInForce(long Epoch, ReadOnlyMemory<byte> View);

/// <summary>To a replica: what became of the view it proposed. Nothing is in force that anybody knows of: why.</summary>
internal sealed record ProposalOutcome(ViewInForce? InForce, string? Problem);

/// <summary>Which view the control group has in force, or why nobody could say.</summary>
internal sealed record ViewAnswer(ViewInForce? InForce, string? Problem);

/// <summary>To the supervisor: the replica runs.</summary>
internal sealed record ReplicaReady(string? Detail);

/// <summary>To the supervisor, before the replica stops: why. <see cref="Storage"/>: it could not read or write.</summary>
internal sealed record ReplicaFailed(bool Storage, string Reason);

/// <summary>To the checkpoint writer.</summary>
internal sealed record WriteCheckpoint(CheckpointManifest Manifest, ICheckpointView View, long SequenceNr);

/// <summary>From the checkpoint writer: the manifest as saved, or why it was not.</summary>
internal sealed record CheckpointWritten(CheckpointManifest Manifest, long SequenceNr);

internal sealed record CheckpointNotWritten(string Reason);

/// <summary>To the checkpoint writer: everything older than this checkpoint may go, and events up to and with <paramref name="EventsTo"/>.</summary>
internal sealed record CleanUp(long SequenceNr, int Segments, int OldSegments, long EventsFrom, long EventsTo);

/// <summary>To the backlog reader: entries of the log, up to about so many bytes.</summary>
internal sealed record ReadBack(long First, long Last, int MaxBytes);

/// <summary>From the backlog reader; empty: they are not there, or cannot be read.</summary>
internal sealed record ReadBackDone(long First, IReadOnlyList<EntryBatch> Batches);

/// <summary>To the segment reader.</summary>
internal sealed record ReadSegment(int Number, long SequenceNr, SegmentInfo Expected, SegmentTicket Ticket);

/// <summary>
/// From the segment reader; bytes are null if there is a problem. <see cref="IsLost"/>: the segment is gone or damaged, for
/// good; otherwise it could only not be read now.
/// </summary>
internal sealed record SegmentRead(int Number, SegmentTicket Ticket, ReadOnlyMemory<byte>? Bytes, string? Problem, bool IsLost);
