using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Raft;

internal enum PeerMode : byte
{
    /// <summary>Where the logs match is not known: one append at a time.</summary>
    Probe,

    /// <summary>The logs match: appends are sent ahead of their acknowledgements.</summary>
    Replicate,

    /// <summary>What the follower lacks is gone: it pulls a checkpoint.</summary>
    Transfer,
}

/// <summary>Why something is sent to a replica.</summary>
internal enum PeerPart : byte
{
    /// <summary>Counted, with state: it gets the log.</summary>
    Voter,

    /// <summary>Not counted: it gets the log.</summary>
    Learner,

    /// <summary>Counted, without state.</summary>
    Witness,

    /// <summary>No member any more: it gets the log until that tells it so.</summary>
    Leaving,
}

/// <summary>What a replica knows of another one: a candidate its vote, a leader its progress.</summary>
internal sealed class Peer(ReplicaId id)
{
    private readonly Queue<(long LastIndex, long Bytes)> _inFlight = new();
    private long _checkedAt;
    private long _lossSeenAt;
    private long _pardonedLoss;

    public ReplicaId Id { get; } = id;

    /// <summary>Whether it has granted the vote of the election that is on.</summary>
    public bool Granted { get; private set; }

    /// <summary>Whether it has denied the vote of the election that is on.</summary>
    public bool Denied { get; private set; }

    public PeerMode Mode { get; private set; }

    /// <summary>Up to here its log is known to be this one's, durably.</summary>
    public long Match { get; private set; }

    /// <summary>The next entry to send.</summary>
    public long Next { get; private set; }

    /// <summary>When it last answered in this term, on the monotonic clock.</summary>
    public long HeardAt { get; private set; }

    /// <summary>The latest heartbeat round it has answered.</summary>
    public long Round { get; private set; }

    /// <summary>What part it has in the configuration, as far as sending goes.</summary>
    public PeerPart Part { get; set; }

    /// <summary>It is sent the log without commands, even on its way out.</summary>
    public bool IsWitness { get; set; }

    /// <summary>Until then it is sent something although it is no member any more, on the monotonic clock.</summary>
    public long LeaveBy { get; set; }

    /// <summary>The entry with which it left: the last that it is sent.</summary>
    public long LeftAt { get; set; }

    /// <summary>It lost something it had promised: it receives the log and counts for nothing.</summary>
    public bool NonVoter { get; private set; }

    /// <summary>The name of that loss; 0 where there is none.</summary>
    public long Loss { get; private set; }

    /// <summary>It is, or has been, a witness: it has no state.</summary>
    public bool Hollow { get; private set; }

    /// <summary>It has answered in this term.</summary>
    public bool HasAnswered { get; private set; }

    /// <summary>A probe is out and not answered.</summary>
    public bool Probing { get; private set; }

    /// <summary>It has acknowledged something since the last check: nothing seems lost.</summary>
    public bool Flowing { get; set; }

    public long InFlightBytes { get; private set; }
    public int InFlightMessages => _inFlight.Count;

    /// <summary>A term of leadership begins.</summary>
    public void Lead(long lastIndex, long now)
    {
        Match = 0;
        Next = lastIndex + 1;
        HeardAt = now;
        Round = 0;
        NonVoter = Hollow = HasAnswered = false;
        Loss = 0;
        _checkedAt = now;
        Enter(PeerMode.Probe);
    }

    /// <summary>It answered, and said what it is. The leader's log ends at <paramref name="lastIndex"/>.</summary>
    public void Heard(long now, in Standing standing, long lastIndex)
    {
        HeardAt = now;
        HasAnswered = true;
        Hollow = standing.Hollow;
        bool isLate = standing.Loss != 0 && standing.Loss == _pardonedLoss;
        if (!standing.NonVoter || (NonVoter && Loss == standing.Loss) || isLate)
            return;
        // Whatever it acknowledged before its loss is worth nothing.
        NonVoter = true;
        Loss = standing.Loss;
        _lossSeenAt = lastIndex;
        Match = 0;
        Enter(PeerMode.Probe);
    }

    /// <summary>It was not asked for a while, so it is not late with an answer.</summary>
    public void Excuse(long now) => HeardAt = now;

    /// <summary>
    /// It acknowledged an entry that did not exist when its loss became known, and says that it votes: this answer is
    /// not one from before the loss, so it was pardoned.
    /// </summary>
    public void Pardoned(in Standing standing, long index)
    {
        if (!NonVoter || standing.NonVoter || index <= _lossSeenAt)
            return;
        NonVoter = false;
        _pardonedLoss = Loss;
        Loss = 0;
    }

    /// <summary>True once a period: time to see whether something sent to it was lost.</summary>
    public bool IsCheckDue(long now, long period)
    {
        if (now - _checkedAt < period)
            return false;
        _checkedAt = now;
        return true;
    }

    public void Answered(long round) => Round = Math.Max(Round, round);

    public void Sent(long lastIndex, long bytes)
    {
        if (Mode == PeerMode.Probe)
        {
            Probing = true;
            return;
        }

        Next = lastIndex + 1;
        _inFlight.Enqueue((lastIndex, bytes));
        InFlightBytes += bytes;
    }

    /// <summary>Its log matches up to an index. True: that is news.</summary>
    public bool Acknowledged(long index)
    {
        Flowing = true;
        bool news = index > Match;
        Match = Math.Max(Match, index);
        if (Mode != PeerMode.Replicate)
        {
            // A late answer to something older says nothing about the probe that is out.
            if (!news && index < Next - 1)
                return false;
            Enter(PeerMode.Replicate);
            Next = Match + 1;
        }

        Next = Math.Max(Next, Match + 1);
        while (_inFlight.TryPeek(out (long LastIndex, long Bytes) first) && first.LastIndex <= Match)
            InFlightBytes -= _inFlight.Dequeue().Bytes;
        return news;
    }

    /// <summary>Its log does not match at <paramref name="index"/>; the next to try is at most one beyond <paramref name="hint"/>.</summary>
    public void Refused(long index, long hint)
    {
        // A learner may have been given an empty disk; one that is counted has what it acknowledged.
        bool mayLack = NonVoter || Part is not (PeerPart.Voter or PeerPart.Witness);
        bool stale = Mode == PeerMode.Probe ? index != Next - 1 : index <= Match && !mayLack;
        if (stale || Mode == PeerMode.Transfer)
            return;
        if (mayLack)
            Match = 0;
        Enter(PeerMode.Probe);
        Next = Math.Max(Match + 1, Math.Min(index, hint + 1));
    }

    /// <summary>The probe that is out, if any, is given up: another may follow.</summary>
    public void ProbeAgain() => Probing = false;

    /// <summary>Its entries are gone from the log: a checkpoint is offered, and again with each heartbeat it answers.</summary>
    public void Offered()
    {
        Enter(PeerMode.Transfer);
        Probing = true;
    }

    /// <summary>What it says to the request for its vote, in the election that is on.</summary>
    public void Answered(bool granted)
    {
        Granted |= granted;
        Denied |= !granted;
    }

    /// <summary>Another election begins.</summary>
    public void Forget() => Granted = Denied = false;

    /// <summary>Believed down: nothing more is sent until it answers a heartbeat.</summary>
    public void Down()
    {
        if (Mode == PeerMode.Transfer)
            return;
        Enter(PeerMode.Probe);
        Next = Match + 1;
        Probing = true;
    }

    private void Enter(PeerMode mode)
    {
        Mode = mode;
        Probing = false;
        _inFlight.Clear();
        InFlightBytes = 0;
    }
}
