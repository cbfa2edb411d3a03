namespace ActorRepl.Protocols.Raft;

/// <summary>The timers of elections and of heartbeats.</summary>
public sealed partial class RaftReplica
{
    private const int ElectionTimer = 3;
    private const int HeartbeatTimer = 4;

    private protected override void OnTimer(int timer)
    {
        if (timer == ElectionTimer)
            OnElectionTimer();
        else
            OnHeartbeatTimer();
    }
}
