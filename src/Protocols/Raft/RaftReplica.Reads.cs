using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Raft;

/// <summary>
/// Linearizable reads by ReadIndex (thesis 6.4): nothing is written. A round of heartbeats shows that this replica was
/// still the leader after the reads had come; those that come while a round is out share the next one.
/// </summary>
public sealed partial class RaftReplica
{
    private readonly PendingReads _reads = new();
    private readonly Func<ReplicaId, long> _roundOf;
    private long _round;

    /// <summary>Until an entry of its own term is committed, a leader does not know how far the log is (section 8).</summary>
    private bool KnowsCommit => _commit >= _termStart;

    private long ConfirmedRound => _configuration.QuorumValue(_roundOf);

    private void BeginReadRound()
    {
        if (_reads.AnyGathering && KnowsCommit && _reads.LastRound <= ConfirmedRound)
            SendHeartbeats();
    }

    private void DepartReads()
    {
        if (KnowsCommit)
            _reads.Depart(_round, _commit);
    }

    private void ServeReads()
    {
        if (_role != RaftRole.Leader || _reads.Waiting == 0)
            return;
        long confirmed = ConfirmedRound;
        while (_reads.TakeReady(confirmed, _applied) is { } reads)
        {
            if (reads.Count > 0)
                _effects.Add(new Effect.Serve(reads));
        }
    }

    private void RejectReads() => _reads.RemoveWhere(read =>
    {
        Reject(read.Id, new Rejection(RejectReason.NotLeader, Leader: _leader));
        return true;
    });
}
