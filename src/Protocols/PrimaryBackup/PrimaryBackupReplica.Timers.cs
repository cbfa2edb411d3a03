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
    private const long NotArmed = long.MaxValue;

    private readonly long[] _generations = new long[7];
    private readonly long[] _armedFor = [NotArmed, NotArmed, NotArmed, NotArmed, NotArmed, NotArmed, NotArmed];

    /// <summary>Arms a timer unless it fires at or before that moment anyway.</summary>
    private void EnsureArmed(int timer, long at)
    {
        if (_armedFor[timer] <= at)
            return;
        _armedFor[timer] = at;
        _effects.Add(new Effect.Arm(new TimerId((byte)timer), ++_generations[timer], Math.Max(0, at - _now.Monotonic)));
    }

    private void Disarm(int timer)
    {
        if (_armedFor[timer] == NotArmed)
            return;
        _armedFor[timer] = NotArmed;
        _generations[timer]++;
        _effects.Add(new Effect.CancelTimer(new TimerId((byte)timer)));
    }

    private bool IsCurrent(Input.Timer timer) => timer.Id.Value < _generations.Length && timer.Generation == _generations[timer.Id.Value]
        && _armedFor[timer.Id.Value] != NotArmed;

    private void OnTimer(TimerId timer)
    {
        _armedFor[timer.Value] = NotArmed;
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
