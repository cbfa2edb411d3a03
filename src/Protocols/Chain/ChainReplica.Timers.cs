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
    private const long NotArmed = long.MaxValue;

    private readonly long[] _generations = new long[6];
    private readonly long[] _armedFor = [NotArmed, NotArmed, NotArmed, NotArmed, NotArmed, NotArmed];

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
