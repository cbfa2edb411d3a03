using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Convergence;

/// <summary>What a replica knows of another, and what it has sent it. All of it is forgotten when either starts again.</summary>
internal sealed class Peer(ReplicaId id)
{
    private readonly Queue<(long UpTo, int Bytes)> _inFlight = new();
    // What it has said: first of what has not arrived in full, and last.
    private VersionVector? _waiting;
    private VersionVector _says = VersionVector.Empty;

    public ReplicaId Id { get; } = id;

    /// <summary>Under which it changes; of a replica that was not heard of, nobody's.</summary>
    public VersionSource Source { get; private set; }

    /// <summary>What it last said that it has.</summary>
    public VersionVector Vector { get; private set; } = VersionVector.Empty;

    /// <summary>Per source: units up to here it cannot send.</summary>
    public VersionVector Floors { get; private set; } = VersionVector.Empty;

    /// <summary>What it had at a moment of which it is known that all it had done until then has arrived here.</summary>
    public VersionVector Seen { get; private set; } = VersionVector.Empty;

    /// <summary>What it has settled, as it said under the view that is in force.</summary>
    public VersionVector Stable { get; private set; } = VersionVector.Empty;

    /// <summary>The epoch of the view that it knew when it last said what it has; one that is not counted under it takes no more updates.</summary>
    public long SaidIn { get; private set; } = -1;

    /// <summary>When it last said what it has.</summary>
    public long HeardAt { get; private set; }

    public bool IsHeardOf => !Source.Replica.IsNone;

    /// <summary>The last of this replica's units that was sent to it.</summary>
    public long Sent { get; private set; }

    public int BytesInFlight { get; private set; }

    /// <summary>When it last acknowledged something, or was sent something with nothing in flight.</summary>
    public long MovedAt { get; private set; }

    /// <summary>The store is being asked for what to send next.</summary>
    public bool IsAwaited { get; set; }

    /// <summary>The last that it asked for is not kept any more.</summary>
    public bool IsBehind { get; set; }

    /// <summary>How far it was when it first knew of this replica's rebuilding; null: it does not yet.</summary>
    public VersionVector? Owed { get; set; }

    public void Heard(Beat beat, VersionSource own, in Instant now)
    {
        long acked = beat.Vector[own];
        HeardAt = now.Monotonic;
        if (beat.Source != Source)
        {
            (Source, Seen, _waiting, Stable) = (beat.Source, VersionVector.Empty, null, VersionVector.Empty);
            Resume(acked, now);
        }

        (Vector, Floors, IsBehind, SaidIn) = (beat.Vector, beat.Floors, false, beat.Epoch);
        while (_inFlight.TryPeek(out (long UpTo, int Bytes) first) && first.UpTo <= acked)
        {
            _inFlight.Dequeue();
            BytesInFlight -= first.Bytes;
            MovedAt = now.Monotonic;
        }

        Sent = Math.Max(Sent, acked);
    }

    /// <summary>What it has, said under the view that is in force.</summary>
    public void Says(VersionVector vector, VersionVector stable) => (_waiting, _says, Stable) = (_waiting ?? vector, vector, stable);

    /// <summary>So much has arrived here.</summary>
    /// <param name="here">What.</param>
    /// <param name="isComplete">With it, all that a peer had done until it said what it has is here.</param>
    public void Arrived(VersionVector here, Func<ReplicaId, VersionVector, VersionVector, bool> isComplete)
    {
        // A later report may say more than has arrived, again and again; an earlier one is caught up with.
        if (_waiting is null || !isComplete(Id, _waiting, here))
            return;
        Seen = Seen.Merge(_waiting);
        if (isComplete(Id, _says, here))
            (Seen, _waiting) = (Seen.Merge(_says), null);
        else
            _waiting = _says;
    }

    /// <summary>Another view is in force: what was said under the one before says nothing of those who have left.</summary>
    public void ForgetSaid() => (Seen, _waiting, Stable) = (VersionVector.Empty, null, VersionVector.Empty);

    public void Send(long upTo, int bytes, in Instant now)
    {
        if (_inFlight.Count == 0)
            MovedAt = now.Monotonic;
        Sent = upTo;
        _inFlight.Enqueue((upTo, bytes));
        BytesInFlight += bytes;
    }

    /// <summary>Sends again what comes after this.</summary>
    public void Resume(long after, in Instant now)
    {
        _inFlight.Clear();
        (BytesInFlight, Sent, MovedAt, IsBehind) = (0, after, now.Monotonic, false);
    }
}
