using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Chain;

/// <summary>
/// How views get to the control group. It is asked first whether it answers. What is not answered is said again, less and less often, up to a limit: each
/// proposal is an entry of the control group's log.
/// </summary>
public sealed partial class ChainReplica
{
    /// <summary>So often the wait is doubled at most.</summary>
    private const int MostDoublings = 4;

    private byte[] _lastProposed = [];
    private int _unanswered;
    private long _proposeNotBefore;
    private long _controlHeardAt = long.MinValue / 2;

    /// <summary>How long nothing is said again that was not answered.</summary>
    private long ProposalPatience => _options.ProposalRetryMicros << Math.Min(_unanswered, MostDoublings);

    /// <summary>Whether the control group has said anything just now; if not, it is asked, and the view is considered again when it answers.</summary>
    private bool ControlAnswers()
    {
        if (_now.Monotonic - _controlHeardAt <= _options.ProposalRetryMicros)
            return true;
        if (!_timers.IsArmed(ProposalTimer))
        {
            _effects.Add(new Effect.AskView());
            EnsureArmed(ProposalTimer, _now.Monotonic + ProposalPatience);
            _unanswered++;
        }

        return false;
    }

    private void HearControl()
    {
        _controlHeardAt = _now.Monotonic;
        _unanswered = 0;
        _viewMayBeDue = true;
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
