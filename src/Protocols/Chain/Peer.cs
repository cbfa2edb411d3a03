using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Chain;

/// <summary>What a link knows of another member in its epoch, from what that says of itself.</summary>
internal sealed class Peer(ReplicaId id, bool isLink, long now)
{
    public ReplicaId Id => id;

    /// <summary>When this epoch began here, on the monotonic clock.</summary>
    public long Since { get; } = now;

    /// <summary>When it was last heard of, on the monotonic clock.</summary>
    public long HeardAt { get; set; } = now;

    public bool IsLink => isLink;

    /// <summary>It was heard of in this epoch.</summary>
    public bool HasAnswered { get; private set; }

    /// <summary>Its latest clock, to be echoed.</summary>
    public long Clock { get; private set; }

    /// <summary>The latest of this replica's clocks that it has echoed.</summary>
    public long Echo { get; private set; }

    /// <summary>Something it had promised to keep is gone, and no view has taken that into account; 0: it counts.</summary>
    public long Loss { get; private set; }
    public bool Leaves { get; private set; }
    public long Verified { get; private set; }
    public long Durable { get; private set; }
    public long Applied { get; private set; }

    /// <summary>Since when it has been slow, on the monotonic clock; 0: it is not.</summary>
    public long SlowSince { get; set; }
    public bool IsReportedSlow { get; set; }

    public void Heard(Beat beat, long now)
    {
        // One without a clock takes no part as a link, however alive it is.
        if (beat.Clock > 0 || !isLink)
            (HeardAt, HasAnswered) = (now, true);
        Clock = Math.Max(Clock, beat.Clock);
        Echo = Math.Max(Echo, beat.Echo);
        Loss = beat.Loss;
        Leaves = (beat.Flags & BeatFlags.Leaves) != 0;
        Verified = beat.Verified;
        Durable = beat.Durable;
        Applied = beat.Applied;
    }
}
