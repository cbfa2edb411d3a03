using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Chain;

/// <summary>How views get to the control group.</summary>
public sealed partial class ChainReplica
{
    private long _proposeNotBefore;

    private protected override void HearControl()
    {
        base.HearControl();
        Disarm(ProposalTimer);
        if (!Acts && _view.IsLink(Self))
            ConsiderReturn();
    }

    /// <summary>False: not yet; it is considered again when it may be said.</summary>
    private bool TryPropose(ChainView view)
    {
        Invariant.That(view.Epoch == Epoch + 1, "the next view follows the one in force");
        byte[] bytes = view.Encode();
        bool isNew = !bytes.AsSpan().SequenceEqual(_lastProposed);
        if (!isNew && _now.Monotonic < _proposeNotBefore)
        {
            EnsureArmed(ProposalTimer, _proposeNotBefore);
            return false;
        }

        if (!ControlAnswers())
            return false;
        if (isNew)
        {
            _unanswered = 0;
            Report($"proposes {view}");
        }

        _lastProposed = bytes;
        _effects.Add(new Effect.ProposeView(Epoch, bytes));
        _proposeNotBefore = _now.Monotonic + ProposalPatience;
        _unanswered++;
        EnsureArmed(ProposalTimer, _proposeNotBefore);
        return true;
    }

    private void OnProposalTimer()
    {
        _viewMayBeDue = true;
        if (!Acts && _view.IsLink(Self))
            ConsiderReturn();
    }
}
