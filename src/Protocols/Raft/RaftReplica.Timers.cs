using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Raft;

/// <summary>Four timers, each armed for one moment at a time and never later than it is needed.</summary>
public sealed partial class RaftReplica
{
    private const int ElectionTimer = 1;
    private const int HeartbeatTimer = 2;
    private const int DeadlineTimer = 3;
    private const int QuestionTimer = 4;
    private const long NotArmed = TimerTable.NotArmed;

    private readonly TimerTable _timers = new(count: 4);

    private void EnsureArmed(int timer, long at) => _timers.EnsureArmed(timer, at, _now, _effects);

    private void Disarm(int timer) => _timers.Disarm(timer, _effects);

    private void OnTimer(TimerId timer)
    {
        _timers.Fired(timer);
        switch (timer.Value)
        {
            case ElectionTimer:
                OnElectionTimer();
                break;
            case HeartbeatTimer:
                OnHeartbeatTimer();
                break;
            case DeadlineTimer:
                OnDeadlineTimer();
                break;
            case QuestionTimer:
                OnQuestionTimer();
                break;
        }
    }
}
