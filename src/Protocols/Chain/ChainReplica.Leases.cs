using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Chain;

/// <summary>
/// Heartbeats of every link to every other, and what they promise: who echoes a link's clock takes part in no chain without that link for
/// the time of a lease. A later chain has at least one link of this one, whatever becomes of the others; so a link that holds a lease from all others
/// knows that no later chain has committed anything. What a restart may have forgotten is waited for.
/// </summary>
public sealed partial class ChainReplica
{
    private readonly Dictionary<ReplicaId, long> _promisedUntil = [];

    /// <summary>Until then anybody may hold a lease that this replica knows nothing of.</summary>
    private long _promisedToAny;

    /// <summary>Before this, nothing is settled in this epoch: one that is no link any more may still serve reads in an earlier one.</summary>
    private long _settleFrom;
    private long _clock;

    /// <summary>All links of a node beat together, on multiples of the interval: one wake-up and one frame a peer for all of them.</summary>
    private long NextBeat => (_now.Monotonic / _options.HeartbeatMicros + 1) * _options.HeartbeatMicros;

    /// <summary>The latest reading of this clock that all other links have echoed: then, none of them was in a later epoch.</summary>
    private long ConfirmedClock
    {
        get
        {
            // A proposal that adds a link is binding from the moment it is made.
            long confirmed = _splice is { IsProposed: true } splice ? splice.ProposedAt : long.MaxValue;
            foreach (Peer peer in _peers)
            {
                if (peer.IsLink)
                    confirmed = Math.Min(confirmed, peer.Echo);
            }

            return confirmed;
        }
    }

    /// <summary>No later chain can have committed anything yet.</summary>
    private bool HoldsLease(long now) => Acts && ConfirmedClock is > 0 and var since && (since == long.MaxValue || now - since < _options.TrustedLeaseMicros);

    /// <summary>This replica is about to enter a view: who is no link there may hold leases until some moment.</summary>
    private void WaitForLeases(ChainView next)
    {
        if (!next.IsLink(Self))
            return;
        bool follows = next.Epoch == Epoch + 1;
        if (follows && !_view.IsLink(Self))
        {
            // Those who were links without this one have promised each other what it knows nothing of.
            foreach (ReplicaId link in _view.Links)
                Promise(link, _now.Monotonic + _options.LeaseMicros);
        }
        else if (!follows)
        {
            _promisedToAny = _now.Monotonic + _options.LeaseMicros;
        }

        bool dropsNobody = follows && Array.TrueForAll(_view.Links, next.IsLink);
        if (!dropsNobody)
            _settleFrom = Math.Max(_settleFrom, _promisedToAny);
        foreach ((ReplicaId id, long until) in _promisedUntil)
        {
            if (!next.IsLink(id))
                _settleFrom = Math.Max(_settleFrom, until);
        }

        if (_settleFrom > _now.Monotonic)
            EnsureArmed(SettleTimer, _settleFrom);
    }

    private void Promise(ReplicaId id, long until) => _promisedUntil[id] = Math.Max(_promisedUntil.GetValueOrDefault(id), until);

    // ---- heartbeats ----

    private void SendBeats(bool wantsAnswer)
    {
        // Later than the clock of any beat that has left: an answer to this one is younger than all that came before.
        _clock = Math.Max(_clock + 1, _now.Monotonic + 1);
        foreach (Peer peer in _peers)
            SendBeat(peer, wantsAnswer || !peer.IsLink);
    }

    private void SendBeat(Peer peer, bool wantsAnswer)
    {
        bool promises = peer.Clock > 0 && peer.IsLink && _splice is not { IsProposed: true };
        if (promises)
            Promise(peer.Id, _now.Monotonic + _options.LeaseMicros);
        Send(peer.Id, BeatOf(_clock, promises ? peer.Clock : 0, wantsAnswer));
    }

    private Beat BeatOf(long clock, long echo, bool wantsAnswer) => new(Epoch, _loss,
        (wantsAnswer ? BeatFlags.WantsAnswer : BeatFlags.None) | (_leaves ? BeatFlags.Leaves : BeatFlags.None),
        clock, echo, Acts ? _settled : 0, Verified, Math.Min(Verified, _durable.LastIndex), _applied, _commit);

    private void OnBeat(ReplicaId from, Beat beat)
    {
        if (FindPeer(from) is { } peer)
        {
            if (beat.Loss != peer.Loss && beat.Loss != 0)
                FindDownstream(from)?.Lost(_log.LastIndex);
            peer.Heard(beat, _now.Monotonic);
        }

        OnSettled(from, beat.Settled);
        if (from == _view.Tail && !_view.IsLink(Self))
            FollowCommit(beat.Commit);
        OnAck(from, beat.Commit);
        CheckDownstream(from, beat);
        if ((beat.Flags & BeatFlags.WantsAnswer) == 0)
            return;
        if (Acts && FindPeer(from) is { } asking)
        {
            _clock = Math.Max(_clock + 1, _now.Monotonic + 1);
            SendBeat(asking, wantsAnswer: false);
        }
        else if (!Acts)
        {
            Send(from, BeatOf(clock: 0, echo: 0, wantsAnswer: false));
        }
    }

    private void OnBeatTimer()
    {
        if (!_view.IsLink(Self))
            return;
        EnsureArmed(BeatTimer, NextBeat);
        _viewMayBeDue = true;
        if (!Acts)
        {
            // With what it has lost, if it has.
            foreach (Peer peer in _peers)
                Send(peer.Id, BeatOf(clock: 0, echo: 0, wantsAnswer: false));
            ConsiderReturn();
            return;
        }

        Measure();
        SendBeats(wantsAnswer: false);
        DepartReads();
    }

    private protected override void OnPeerHint(ReplicaId id, bool up, bool onlySilent)
    {
        // A hint is no proof: it only makes the wait shorter.
        if (!up && !onlySilent && FindPeer(id) is { } peer)
            peer.HeardAt = Math.Min(peer.HeardAt, _now.Monotonic - _options.DeadAfterMicros + 2 * _options.HeartbeatMicros);
    }
}
