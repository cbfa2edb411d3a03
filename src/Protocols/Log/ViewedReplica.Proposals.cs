using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Log;

/// <summary>
/// When views are proposed. The control group is asked first whether it answers; what is not answered is said again, less and less often, up to a limit: each
/// proposal is an entry of the control group's log.
/// </summary>
public abstract partial class ViewedReplica
{
    private protected const int ProposalTimer = 3;

    /// <summary>So often the wait is doubled at most.</summary>
    private const int MostDoublings = 4;

    private long _controlHeardAt = long.MinValue / 2;

    private protected byte[] _lastProposed = [];
    private protected int _unanswered;
    private protected bool _viewMayBeDue;

    private protected abstract long ProposalRetryMicros { get; }

    /// <summary>How long nothing is said again that was not answered.</summary>
    private protected long ProposalPatience => ProposalRetryMicros << Math.Min(_unanswered, MostDoublings);

    /// <summary>Whether the control group has said anything just now; if not, it is asked, and the view is considered again when it answers.</summary>
    private protected bool ControlAnswers()
    {
        if (_now.Monotonic - _controlHeardAt <= ProposalRetryMicros)
            return true;
        if (!IsArmed(ProposalTimer))
        {
            _effects.Add(new Effect.AskView());
            SayAgainLater();
        }

        return false;
    }

    private protected void SayAgainLater()
    {
        EnsureArmed(ProposalTimer, _now.Monotonic + ProposalPatience);
        _unanswered++;
    }

    private protected virtual void HearControl()
    {
        _controlHeardAt = _now.Monotonic;
        _unanswered = 0;
        _viewMayBeDue = true;
    }
}
