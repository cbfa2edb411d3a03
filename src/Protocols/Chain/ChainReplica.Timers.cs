using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Chain;

/// <summary>Five timers, each armed for one moment at a time and never later than it is needed.</summary>
public sealed partial class ChainReplica
{
    private const int BeatTimer = 1;
    private const int DeadlineTimer = 2;
    private const int QuestionTimer = 3;
    private const int ProposalTimer = 4;
    private const int SettleTimer = 5;
    private const long NotArmed = TimerTable.NotArmed;

    private readonly TimerTable _timers = new(count: 5);

    private void EnsureArmed(int timer, long at) => _timers.EnsureArmed(timer, at, _now, _effects);

    private void Disarm(int timer) => _timers.Disarm(timer, _effects);

    private void OnTimer(TimerId timer)
    {
        _timers.Fired(timer);
        switch (timer.Value)
        {
            case BeatTimer:
                OnBeatTimer();
                break;
            case DeadlineTimer:
                OnDeadlineTimer();
                break;
            case QuestionTimer:
                OnQuestionTimer();
                break;
            case ProposalTimer:
                OnProposalTimer();
                break;
            case SettleTimer:
                // What may be settled by now is, at the end of the step.
                if (_now.Monotonic < _settleFrom)
                    EnsureArmed(SettleTimer, _settleFrom);
                break;
        }
    }
}
