using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Chain;

/// <summary>
/// Epochs fence. A view is known by the control group or by any message that carries it: an epoch has one view only. Whoever hears from
/// an earlier epoch says so with its view; whoever hears from a later one asks for it.
/// </summary>
public sealed partial class ChainReplica
{
    private const long None = 0;
    private const long NotWritten = -1;

    /// <summary>The same replica is told of the same view no more often than this.</summary>
    private const long NoticeMicros = 10 * Instant.Millisecond;

    private readonly Dictionary<ReplicaId, (long Epoch, long At)> _notified = [];
    private Peer[] _peers = [];
    private bool _begun;
    private long _begunLsn;

    /// <summary>False: the message is of another epoch than this replica, which is all that was to be done with it.</summary>
    private bool IsOfThisEpoch(ReplicaId from, ChainMessage message)
    {
        if (message is ViewNotice notice && notice.Epoch > Epoch)
            Adopt(notice.View);
        else if (message.Epoch < Epoch)
            Notify(from);
        else if (message.Epoch > Epoch)
            Send(from, new ViewRequest(Epoch));
        return message.Epoch == Epoch;
    }

    /// <summary>Tells of the view, but not with every one of many messages that come together.</summary>
    private void Notify(ReplicaId to)
    {
        bool isNew = !_notified.TryGetValue(to, out (long Epoch, long At) last) || last.Epoch != Epoch;
        if (!isNew && _now.Monotonic - last.At < NoticeMicros)
            return;
        _notified[to] = (Epoch, _now.Monotonic);
        Send(to, new ViewNotice(_view));
    }

    private void OnViewChanged(Input.ViewChanged changed)
    {
        HearControl();
        if (changed.Epoch <= Epoch || changed.View.IsEmpty)
            return;
        ChainView view;
        try
        {
            view = ChainView.Decode(changed.View);
        }
        catch (InvalidDataException problem)
        {
            Report($"the view of epoch {changed.Epoch} cannot be read: {problem.Message}");
            return;
        }

        if (view.Epoch == changed.Epoch)
            Adopt(view);
        else
            Report($"the view of epoch {changed.Epoch} says that it is of epoch {view.Epoch}");
    }

    private void Adopt(ChainView view)
    {
        Invariant.That(view.Epoch > Epoch, "epochs never go back");
        WaitForLeases(view);
        TakePardon(view);
        Report($"{view}");
        Enter(view, isActive: true);
        ConcludeProposal();
    }

    /// <summary>Begins an epoch: what was known of others is from another time.</summary>
    private void Enter(ChainView view, bool isActive)
    {
        bool wasTail = IsTail;
        _view = view;
        _isActive = isActive;
        _record.HardStateChanged = _record.ConfigurationChanged = true;
        _begun = false;
        _begunLsn = NotWritten;
        _verified = _upstreamSettled = _settled = _ackedUp = 0;
        _splice = null;
        _modes = null;
        AbandonFetch();
        bool isLink = view.IsLink(Self);
        _peers = isLink ? [.. view.Members.Where(member => member.Id != Self).Select(member => new Peer(member.Id, view.IsLink(member.Id), _now.Monotonic))] : [];
        if (!isLink || !wasTail || view.Tail != Self)
            _reads.RecallAll();
        PointDownstream();
        ReturnReads();
        if (Orders)
            BeginToOrder();
        else
            ReturnHeld();
        if (isLink && isActive && _loss == 0)
            EnsureArmed(BeatTimer, NextBeat);
        else if (isLink)
            EnsureArmed(BeatTimer, _now.Monotonic);
        else
            Disarm(BeatTimer);
    }

    /// <summary>The epoch is on this link's disk: only now does anything leave that another could count on.</summary>
    private void Begin()
    {
        _begun = true;
        if (!Acts)
            return;
        Report($"{RoleName} in epoch {Epoch}");
        foreach (Peer peer in _peers)
            Send(peer.Id, new ViewNotice(_view));
        SendBeats(wantsAnswer: true);
    }

    private Peer? FindPeer(ReplicaId id)
    {
        foreach (Peer peer in _peers)
        {
            if (peer.Id == id)
                return peer;
        }

        return null;
    }

    // ---- promises that were lost ----

    // Kernel rule 8: what was promised may be forgotten, so nothing is promised again before a view that is later than the loss.
    private void LosePromises(string why)
    {
        if (_loss == 0)
            Report($"counts for nothing until a later view: {why}");
        _loss = 1 + _random.Next(long.MaxValue - 1);
        _record.HardStateChanged = true;
    }

    /// <summary>A view that names the loss was made after it: what this replica had before counts there for nothing.</summary>
    private void TakePardon(ChainView view)
    {
        if (_loss == 0 || view.Find(Self) is not { } member || member.Pardon != _loss || view.IsLink(Self))
            return;
        Report("may follow again");
        _loss = 0;
    }
}
