using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Chain;

internal enum DownstreamMode : byte
{
    /// <summary>Where the logs match is not known: one question at a time.</summary>
    Probe,

    /// <summary>The logs match: entries are sent ahead of their acknowledgements.</summary>
    Stream,

    /// <summary>What it lacks is gone: it pulls a checkpoint.</summary>
    Transfer,
}

/// <summary>Who gets the log from this link: its successor or, at the tail, a member that follows. Holds the paper's list of what is sent and not acknowledged.</summary>
internal sealed class Downstream(ReplicaId id, long lastIndex)
{
    private readonly Queue<(long LastIndex, long Bytes)> _inFlight = new();
    private long _offered;

    public ReplicaId Id => id;
    public DownstreamMode Mode { get; private set; }

    /// <summary>The next entry to send.</summary>
    public long Next { get; private set; } = lastIndex + 1;

    /// <summary>Up to here its log is known to be this one's.</summary>
    public long Verified { get; private set; }

    /// <summary>Up to here, of that, it is on its disk; only of a follower.</summary>
    public long Durable { get; private set; }

    /// <summary>Up to here it knows that this link, and all before it, have the log on disk.</summary>
    public long ToldSettled { get; set; }

    /// <summary>A question is out and not answered.</summary>
    public bool Probing { get; private set; }

    public long InFlightBytes { get; private set; }
    public int InFlightMessages => _inFlight.Count;

    private long _checkedVerified = -1;

    /// <summary>Since when it has kept up, as one that was slow must; 0: it does not.</summary>
    public long KeepsUpSince { get; set; }

    public void Sent(long lastSent, long bytes)
    {
        if (Mode == DownstreamMode.Probe)
        {
            Probing = true;
            return;
        }

        Next = lastSent + 1;
        _inFlight.Enqueue((lastSent, bytes));
        InFlightBytes += bytes;
    }

    /// <summary>Whatever it says, it has everything up to an index.</summary>
    public void Has(long index)
    {
        Verified = Math.Max(Verified, index);
        Next = Math.Max(Next, Verified + 1);
    }

    /// <summary>No entry beyond this one is asked about.</summary>
    public void ProbeUpTo(long index) => Next = Math.Min(Next, index + 1);

    /// <summary>Its log matches up to an index.</summary>
    public void Matches(long index, bool isDurable)
    {
        bool news = index > Verified;
        Verified = Math.Max(Verified, index);
        if (isDurable)
            Durable = Math.Max(Durable, index);
        if (Mode != DownstreamMode.Stream)
        {
            // A late answer to something older says nothing about the question that is out.
            if (Mode == DownstreamMode.Probe && !news && index < Next - 1)
                return;
            Enter(DownstreamMode.Stream);
            Next = Verified + 1;
        }

        Next = Math.Max(Next, Verified + 1);
    }

    /// <summary>What it was sent up to an index is acknowledged.</summary>
    public void Acknowledged(long index)
    {
        while (_inFlight.TryPeek(out (long LastIndex, long Bytes) first) && first.LastIndex <= index)
            InFlightBytes -= _inFlight.Dequeue().Bytes;
    }

    /// <summary>
    /// Its log does not match at <paramref name="index"/>; the next to try is just beyond <paramref name="nearest"/>. A link keeps in its epoch what it
    /// has; a follower may have started again.
    /// </summary>
    public void Mismatched(long index, long nearest, bool isLink)
    {
        bool stale = Mode switch
        {
            DownstreamMode.Probe => index != Next - 1,
            DownstreamMode.Transfer => index != _offered,
            _ => index <= Verified,
        };
        if (stale)
            return;
        if (!isLink)
            Verified = Math.Min(Verified, nearest);
        long next = Math.Max(nearest, Verified) + 1;
        // The same question again, and no sooner than its next beat.
        bool isNothingNew = Mode == DownstreamMode.Probe && next == Next;
        Enter(DownstreamMode.Probe);
        Probing = isNothingNew;
        Next = next;
    }

    /// <summary>It says with a beat how far it is. If that is less than it was sent, twice the same, something was lost, or it started again: it is asked anew.</summary>
    public void Check(long verified, long lastIndex)
    {
        if (Mode != DownstreamMode.Stream)
        {
            Probing = false;
            return;
        }

        if (verified < Next - 1 && verified == _checkedVerified)
        {
            Verified = Math.Min(Verified, verified);
            Next = lastIndex + 1;
            Enter(DownstreamMode.Probe);
            return;
        }

        _checkedVerified = verified;
    }

    /// <summary>A checkpoint is offered to it, and again with each of its beats.</summary>
    public void Offered(long index)
    {
        Enter(DownstreamMode.Transfer);
        _offered = index;
        Probing = true;
    }

    /// <summary>It has lost what it had.</summary>
    public void Lost(long lastIndex)
    {
        Verified = Durable = ToldSettled = 0;
        Next = lastIndex + 1;
        Enter(DownstreamMode.Probe);
    }

    private void Enter(DownstreamMode mode)
    {
        Mode = mode;
        Probing = false;
        _checkedVerified = -1;
        _inFlight.Clear();
        InFlightBytes = 0;
    }
}
