namespace ActorRepl.Protocols.Chain;

/// <summary>The timers of beats, proposals, and of what a new chain waits for.</summary>
public sealed partial class ChainReplica
{
    private const int BeatTimer = 4;
    private const int SettleTimer = 5;

    private protected override void OnTimer(int timer)
    {
        switch (timer)
        {
            case BeatTimer:
                OnBeatTimer();
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
