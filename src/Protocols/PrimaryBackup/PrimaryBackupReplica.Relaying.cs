using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.PrimaryBackup;

/// <summary>
/// Cascading: a member gets the log from another one, its upstream, as far as that knows it to be the primary's. The primary beats to all,
/// and feeds the member itself while its upstream does not answer.
/// </summary>
public sealed partial class PrimaryBackupReplica
{
    /// <summary>Somebody else sends the log to this member: its upstream, and all before that one, are there.</summary>
    private bool IsFedByAnother(ReplicaId id)
    {
        if (_part != Part.Primary)
            return false;
        ReplicaId next = UpstreamOf(id);
        for (int hops = 0; hops < _view.Members.Length && !next.IsNone; hops++)
        {
            if (Find(next) is not { HasAnswered: true, HasDiverged: false } feeder || !Answers(feeder))
                return false;
            next = UpstreamOf(next);
            if (next.IsNone)
                return true;
        }

        // Nobody feeds it, or they wait for each other in a ring.
        return false;
    }

    /// <summary>Only what is known to be the primary's in this epoch is passed on.</summary>
    private bool MayRelay(Follower follower)
    {
        if (follower.Mode == FollowerMode.Probe && !follower.Probing)
            follower.ProbeUpTo(_verified);
        return _verified > 0 && _divergedFrom == 0 && !IsInstalling;
    }

    private ReplicaId UpstreamOf(ReplicaId id) => _view.Find(id) is { } member && member.Upstream != Self ? member.Upstream : default;

    /// <summary>With each beat of the primary: was something lost on the way to those this member feeds?</summary>
    private void CheckDownstream()
    {
        if (_part != Part.Member)
            return;
        foreach (Follower follower in _followers)
        {
            // It tells only the primary how far it knows its log to be right, which a restart makes it forget: so it is asked each time.
            if (follower.IsCheckDue(_now.Monotonic, _options.HeartbeatMicros))
                Check(follower, verified: 0);
        }
    }
}
