using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.PrimaryBackup;

internal enum FollowerMode : byte
{
    /// <summary>Where the logs match is not known: one append at a time.</summary>
    Probe,

    /// <summary>The logs match: appends are sent ahead of their acknowledgements.</summary>
    Replicate,

    /// <summary>What it lacks is gone, or it has applied what never was: it pulls a checkpoint.</summary>
    Transfer,
}

/// <summary>What a primary, or one that takes over, knows of another member.</summary>
internal sealed class Follower(ReplicaId id)
{
    private readonly Queue<(long LastIndex, long Bytes)> _inFlight = new();
    private long _checkedAt;
    private long _offered;
    private bool _isPlaced;

    public ReplicaId Id { get; } = id;
    public FollowerMode Mode { get; private set; }

    /// <summary>Up to here its log is known to be this one's, durably.</summary>
    public long Match { get; private set; }

    /// <summary>
    /// Up to here it is taken to be, for measuring how far it lags: where the logs match or, while that is not known, where they are next
    /// looked for, which is the end of the log at first.
    /// </summary>
    public long Reached => _isPlaced ? Match : Math.Max(Match, HasDiverged ? Math.Min(Next - 1, Shared) : Next - 1);

    /// <summary>Up to here it has said that its log is this one's, on disk or not.</summary>
    public long Received { get; private set; }

    /// <summary>Up to here it has applied what is this log's.</summary>
    public long Applied { get; private set; }

    /// <summary>The next entry to send.</summary>
    public long Next { get; private set; }

    /// <summary>The latest of this replica's clock readings that it has echoed while its answers counted, µs; 0: none.</summary>
    public long Echo { get; private set; }

    /// <summary>When it last answered, on the monotonic clock.</summary>
    public long HeardAt { get; private set; }

    /// <summary>When it answered for the first time after a long silence; 0: it has not been silent.</summary>
    public long BackAt { get; private set; }

    /// <summary>It has answered since this replica began to lead or to take over.</summary>
    public bool HasAnswered { get; private set; }

    /// <summary>What it said of itself last.</summary>
    public Standing Standing { get; private set; }

    /// <summary>The name of the loss it has told of in this epoch, 0 if of none: it counts for nothing until a later view, and what it said before is void.</summary>
    public long Loss { get; private set; }

    /// <summary>It has applied what is not in this log: no entry is of use to it.</summary>
    public bool HasDiverged { get; private set; }

    /// <summary>Up to here, then, the logs are one as far as is known.</summary>
    public long Shared { get; private set; }

    /// <summary>What it has named and this log refutes; index 0: nothing.</summary>
    public LogPosition Refuted { get; private set; }

    /// <summary>A probe is out and not answered.</summary>
    public bool Probing { get; private set; }

    /// <summary>The entry from which on the log is being read back for it; 0: none.</summary>
    public long ReadingFrom { get; set; }

    /// <summary>It has acknowledged something since the last check: nothing seems lost.</summary>
    public bool Flowing { get; set; }

    public long InFlightBytes { get; private set; }
    public int InFlightMessages => _inFlight.Count;

    /// <summary>This replica begins to lead, or to take over: what it knew is from another time.</summary>
    public void Begin(long lastIndex, long now)
    {
        Match = Received = Applied = Echo = 0;
        HasAnswered = HasDiverged = _isPlaced = false;
        Standing = default;
        Loss = 0;
        Next = lastIndex + 1;
        HeardAt = _checkedAt = now;
        Enter(FollowerMode.Probe);
    }

    /// <summary>The same primary goes on in a new epoch: what is durable there stays so; what is under way counts no more.</summary>
    public void GoOn()
    {
        Loss = 0;
        Standing = default;
        if (Mode == FollowerMode.Transfer)
            return;
        Enter(FollowerMode.Probe);
        Next = Match + 1;
    }

    /// <summary>It answered in this epoch, and said what it is.</summary>
    public void Heard(long now, in Standing standing, long echo, long silence)
    {
        if (now - HeardAt >= silence)
            BackAt = now;
        HeardAt = now;
        HasAnswered = true;
        Standing = standing;
        if (standing.Loss != 0 && standing.Loss != Loss)
        {
            // Whatever it acknowledged before its loss is worth nothing.
            Loss = standing.Loss;
            Match = Received = Applied = Echo = 0;
            _isPlaced = false;
            Enter(FollowerMode.Probe);
        }

        if (standing.Counts && Loss == 0)
            Echo = Math.Max(Echo, echo);
    }

    /// <summary>True once a period: time to see whether something sent to it was lost.</summary>
    public bool IsCheckDue(long now, long period)
    {
        if (now - _checkedAt < period)
            return false;
        _checkedAt = now;
        return true;
    }

    public void Sent(long lastIndex, long bytes)
    {
        if (Mode == FollowerMode.Probe)
        {
            Probing = true;
            return;
        }

        Next = lastIndex + 1;
        _inFlight.Enqueue((lastIndex, bytes));
        InFlightBytes += bytes;
    }

    public void HasReceived(long index) => Received = Math.Max(Received, index);

    public void HasApplied(long index) => Applied = Math.Max(Applied, Math.Min(index, Received));

    /// <summary>Its log matches up to an index, durably.</summary>
    public void Acknowledged(long index)
    {
        bool news = index > Match;
        Flowing |= news;
        _isPlaced = true;
        Match = Math.Max(Match, index);
        Received = Math.Max(Received, index);
        if (Mode != FollowerMode.Replicate)
        {
            // A late answer to something older says nothing about the probe that is out.
            if (Mode == FollowerMode.Probe && !news && index < Next - 1)
                return;
            HasDiverged = false;
            Enter(FollowerMode.Replicate);
            Next = Match + 1;
        }

        Next = Math.Max(Next, Match + 1);
        while (_inFlight.TryPeek(out (long LastIndex, long Bytes) first) && first.LastIndex <= Match)
            InFlightBytes -= _inFlight.Dequeue().Bytes;
    }

    /// <summary>Its log does not match at <paramref name="index"/>; the next to try is just beyond <paramref name="nearest"/>.</summary>
    public void Mismatched(long index, long nearest)
    {
        bool stale = Mode switch
        {
            FollowerMode.Probe => index != Next - 1,
            // It has got further than what it was offered.
            FollowerMode.Transfer => index != _offered,
            _ => index <= Match,
        };
        if (stale)
            return;
        HasDiverged = false;
        Enter(FollowerMode.Probe);
        // What it had may have been taken from it by one that took over, in this epoch: none of that was acknowledged.
        Match = Math.Min(Match, nearest);
        Received = Match;
        Next = nearest + 1;
    }

    /// <summary>Beyond a shared entry it has others; or it may have: where it begins, this log has nothing. A position that is not in this history proves it.</summary>
    public void Diverged(long shared, LogPosition refuted)
    {
        HasDiverged = true;
        Shared = shared;
        Refuted = refuted;
        Applied = 0;
        // What is under way is of no use either: a checkpoint is what comes next.
        if (Mode == FollowerMode.Replicate)
            Enter(FollowerMode.Probe);
        // It is offered one already, unless there is something new to say.
        if (Mode == FollowerMode.Probe || refuted.Index > 0)
            Probing = false;
    }

    /// <summary>No entry beyond this one is asked about.</summary>
    public void ProbeUpTo(long index) => Next = Math.Min(Next, index + 1);

    /// <summary>The probe that is out, if any, is given up: another may follow.</summary>
    public void ProbeAgain() => Probing = false;

    /// <summary>A checkpoint is offered to it, and again with each beat it answers.</summary>
    public void Offered(long index)
    {
        Enter(FollowerMode.Transfer);
        _offered = index;
        Probing = true;
    }

    /// <summary>Believed down: nothing more is sent until it answers a beat.</summary>
    public void Down()
    {
        if (Mode == FollowerMode.Transfer)
            return;
        Enter(FollowerMode.Probe);
        Next = Match + 1;
        Probing = true;
    }

    private void Enter(FollowerMode mode)
    {
        Mode = mode;
        Probing = false;
        ReadingFrom = 0;
        _inFlight.Clear();
        InFlightBytes = 0;
    }
}
