using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Log;

/// <summary>Timers, each armed for one moment at a time and never later than it is needed.</summary>
public abstract partial class LogReplica
{
    private protected const int DeadlineTimer = 1;
    private protected const int QuestionTimer = 2;
    private protected const long NotArmed = TimerTable.NotArmed;

    private readonly TimerTable _timers;

    private protected bool IsArmed(int timer) => _timers.IsArmed(timer);

    private protected void EnsureArmed(int timer, long at) => _timers.EnsureArmed(timer, at, _now, _effects);

    private protected void Disarm(int timer) => _timers.Disarm(timer, _effects);

    /// <summary>One of the protocol's own.</summary>
    private protected abstract void OnTimer(int timer);

    private void Fire(TimerId timer)
    {
        _timers.Fired(timer);
        switch (timer.Value)
        {
            case DeadlineTimer:
                OnDeadlineTimer();
                break;
            case QuestionTimer:
                OnQuestionTimer();
                break;
            default:
                OnTimer(timer.Value);
                break;
        }
    }
}
