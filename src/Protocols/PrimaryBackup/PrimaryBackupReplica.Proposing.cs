using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.PrimaryBackup;

/// <summary>
/// How views get to the control group. From a proposal on until its outcome is known a primary acknowledges only what meets both views, so it asks
/// first whether the control group answers: while that is away nothing binds it, and whoever is left of the view in force is enough. What is
/// not answered is said again, less and less often, up to a limit: each proposal is an entry of the control group's log.
/// </summary>
public sealed partial class PrimaryBackupReplica
{
    /// <summary>So often the wait is doubled at most.</summary>
    private const int MostDoublings = 4;

    /// <summary>The view that this primary has proposed, as long as it may still be installed.</summary>
    private View? _proposal;
    private byte[] _lastProposed = [];
    private int _unanswered;
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
            SayAgainLater();
        }

        return false;
    }

    private void HearControl()
    {
        _controlHeardAt = _now.Monotonic;
        _unanswered = 0;
        _viewMayBeDue = true;
        if (_proposal is null)
            Disarm(ProposalTimer);
    }

    private void ProposeNext(View view)
    {
        Invariant.That(view.Epoch == Epoch + 1, "the next view follows the one in force");
        byte[] bytes = view.Encode();
        // Something has changed: the control group may like it better.
        if (!bytes.AsSpan().SequenceEqual(_lastProposed))
            _unanswered = 0;
        _lastProposed = bytes;
        _effects.Add(new Effect.ProposeView(Epoch, bytes));
        if (_part == Part.Primary)
            SayAgainLater();
    }

    private void SayAgainLater()
    {
        EnsureArmed(ProposalTimer, _now.Monotonic + ProposalPatience);
        _unanswered++;
    }

    private void OnProposalTimer()
    {
        if (_part != Part.Primary)
            return;
        if (_proposal is { } proposal)
            ProposeNext(proposal);
        else
            _viewMayBeDue = true;
    }
}
