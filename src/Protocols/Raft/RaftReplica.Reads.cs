using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Log;

namespace ActorRepl.Protocols.Raft;

/// <summary>
/// Linearizable reads by ReadIndex (thesis 6.4): nothing is written. A round of heartbeats shows that this replica was
/// still the leader after the reads had come; those that come while a round is out share the next one. With leases on, a
/// round that was answered serves for a while (thesis 6.4.1).
/// </summary>
public sealed partial class RaftReplica
{
    private readonly Func<ReplicaId, long> _roundOf;

    /// <summary>The last round of heartbeats, named by the time it left, µs: what a quorum has answered says since when it is sure.</summary>
    private long _round;

    private bool _leaseGivenUp;

    /// <summary>Until an entry of its own term is committed, a leader does not know how far the log is (section 8).</summary>
    private bool KnowsCommit => _commit >= _termStart;

    private long ConfirmedRound => _configuration.QuorumValue(_roundOf);

    /// <summary>
    /// Nobody else can have been elected yet: each of a quorum has heard this leader since it sent that round, and keeps
    /// its vote for the shortest election timeout.
    /// </summary>
    private bool HoldsLease(long now) => _options.LeaseReads && !_leaseGivenUp && KnowsCommit
        && ConfirmedRound is > 0 and long since && now - since < _options.LeaseMicros;

    private void NumberRound()
    {
        _round = Math.Max(_round + 1, _now.Monotonic);
        Invariant.That(_round - _now.Monotonic < Instant.Millisecond, "a round is named by its time, which the lease is counted from");
    }

    private void BeginReadRound()
    {
        if (!_reads.AnyGathering || !KnowsCommit)
            return;
        if (HoldsLease(_now.Monotonic))
            DepartOnLease();
        else if (_reads.LastDeparted <= ConfirmedRound)
            SendHeartbeats();
    }

    private void DepartOnLease()
    {
        LeasesUsed++;
        _reads.Depart(ConfirmedRound, _commit);
    }

    private void DepartReads()
    {
        if (KnowsCommit)
            _reads.Depart(_round, _commit);
    }

    private void ConfirmReads()
    {
        if (_reads.AnyTravelling)
            ConfirmReads(ConfirmedRound);
    }

    private void ServeReads()
    {
        if (_hollow && _reads.Waiting + _sessionReads.Waiting > 0)
            RejectWithoutState();
        ServeConfirmedReads();
        ServeSessionReads();
    }

    /// <summary>Leadership is lost: what any replica may serve waits for the next leader.</summary>
    private void ReturnReads()
    {
        _reads.Recall();
        RejectReads(read => read.Kind == RequestKind.Read);
    }

    // It has become a witness meanwhile.
    private void RejectWithoutState()
    {
        RejectSessionReads();
        _reads.RemoveWhere(read =>
        {
            Reject(read.Id, new Rejection(RejectReason.NotLeader, Leader: _leader));
            return true;
        });
    }

    /// <summary>Another is asked to campaign past every voter's promise, and nobody knows when the message arrives: no lease for the rest of the term.</summary>
    private void GiveUpLease() => _leaseGivenUp = true;
}
