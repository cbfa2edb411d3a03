namespace ActorRepl.Protocols.PrimaryBackup;

/// <summary>The timers of watches, beats, proposals, and of members that apply late.</summary>
public sealed partial class PrimaryBackupReplica
{
    private const int WatchTimer = 4;
    private const int BeatTimer = 5;
    private const int DelayTimer = 6;

    private protected override void OnTimer(int timer)
    {
        switch (timer)
        {
            case WatchTimer:
                OnWatchTimer();
                break;
            case BeatTimer:
                OnBeatTimer();
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
