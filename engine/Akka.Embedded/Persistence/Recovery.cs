using Akka.Actor;

namespace Akka.Persistence;

/// <summary>What a persistent actor asks for when it starts: which snapshot, and the events up to which sequence number.</summary>
public sealed class Recovery
{
    public Recovery() : this(null, long.MaxValue, long.MaxValue) { }

    public Recovery(SnapshotSelectionCriteria fromSnapshot) : this(fromSnapshot, long.MaxValue, long.MaxValue) { }

    public Recovery(SnapshotSelectionCriteria fromSnapshot, long toSequenceNr) : this(fromSnapshot, toSequenceNr, long.MaxValue) { }

    /// <param name="fromSnapshot">Which snapshot to start from; null is the latest.</param>
    /// <param name="toSequenceNr">Last sequence number to replay, included.</param>
    /// <param name="replayMax">Most events to replay.</param>
    public Recovery(SnapshotSelectionCriteria fromSnapshot = null, long toSequenceNr = long.MaxValue, long replayMax = long.MaxValue)
    {
        FromSnapshot = fromSnapshot ?? SnapshotSelectionCriteria.Latest;
        ToSequenceNr = toSequenceNr;
        ReplayMax = replayMax;
    }

    /// <summary>The latest snapshot and all events after it.</summary>
    public static Recovery Default { get; } = new(SnapshotSelectionCriteria.Latest);

    /// <summary>No snapshot and no events; the sequence number still goes on from the highest stored.</summary>
    public static Recovery None { get; } = new(SnapshotSelectionCriteria.None, 0);
    public SnapshotSelectionCriteria FromSnapshot { get; }
    public long ToSequenceNr { get; }
    public long ReplayMax { get; }
}

/// <summary>Ends a recovery: all that was stored was offered. From here on the actor may persist.</summary>
public sealed class RecoveryCompleted
{
    public static readonly RecoveryCompleted Instance = new();

    private RecoveryCompleted() { }

    public override bool Equals(object obj) => obj is RecoveryCompleted;

    public override int GetHashCode() => nameof(RecoveryCompleted).Length;
}

/// <summary>Asks a recovering actor to check that its plugins make progress.</summary>
public sealed class RecoveryTick(bool snapshot)
{
    /// <summary>True while the snapshot is awaited, false between events.</summary>
    public bool Snapshot { get; } = snapshot;
}

/// <summary>A plugin sent nothing for <c>recovery-event-timeout</c>.</summary>
public sealed class RecoveryTimedOutException : AkkaException
{
    public RecoveryTimedOutException(string message, Exception cause = null) : base(message, cause) { }
}
