using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.PrimaryBackup;

/// <summary>Six timers, each armed for one moment at a time and never later than it is needed.</summary>
public sealed partial class PrimaryBackupReplica
{
    private const int WatchTimer = 1;
    private const int BeatTimer = 2;
    private const int DeadlineTimer = 3;
    private const int QuestionTimer = 4;
    private const int ProposalTimer = 5;
    private const int DelayTimer = 6;
    private const long NotArmed = TimerTable.NotArmed;

    private readonly TimerTable _timers = new(count: 6);

    private void EnsureArmed(int timer, long at) => _timers.EnsureArmed(timer, at, _now, _effects);

    private void Disarm(int timer) => _timers.Disarm(timer, _effects);

    private void OnTimer(TimerId timer)
    {
        _timers.Fired(timer);
        switch (timer.Value)
        {
            case WatchTimer:
                OnWatchTimer();
                break;
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
            case DelayTimer:
                // What is due is applied at the end of the step.
                break;
        }
    }
}
