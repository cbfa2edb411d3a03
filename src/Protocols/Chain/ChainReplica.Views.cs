using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Log;

namespace ActorRepl.Protocols.Chain;

/// <summary>What becomes of a link, and of what it knows of others, as epochs begin.</summary>
public sealed partial class ChainReplica
{
    private Peer[] _peers = [];

    private protected override LogMessage ViewNotice() => new ViewNotice(_view);

    private protected override LogMessage ViewRequest() => new ViewRequest(Epoch);

    private protected override void Adopt(long epoch, ReadOnlyMemory<byte> view)
    {
        var later = ChainView.Decode(view);
        if (later.Epoch == epoch)
            Adopt(later);
        else
            Report($"the view of epoch {epoch} says that it is of epoch {later.Epoch}");
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
        _spliceFrom = _spliceFailures = 0;
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
            ReleaseHeld();
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

    /// <summary>A view that names the loss was made after it: what this replica had before counts there for nothing.</summary>
    private void TakePardon(ChainView view)
    {
        if (_loss == 0 || view.Find(Self) is not { } member || member.Pardon != _loss || view.IsLink(Self))
            return;
        Report("may follow again");
        _loss = 0;
    }
}
