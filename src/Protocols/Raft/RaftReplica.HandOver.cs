using System.Buffers.Binary;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Raft;

/// <summary>
/// Leadership is given away (thesis 3.10): before a node stops, on request, or to whom it rather belongs. The follower is
/// brought up to date while commands are still taken; once all is sent to it they wait for nobody but go to the next
/// leader, and when it has everything on its disk it is told to campaign at once. If it has not won within an election
/// timeout, everything goes on as before.
/// </summary>
public sealed partial class RaftReplica
{
    private HandOverState? _handOver;
    private TransferState? _transfer;

    private protected override void OnHandOver(ReplicaId to)
    {
        if (_quiet)
            WakeForHandOver();
        if (_role != RaftRole.Leader)
            return;
        Peer? target = to.IsNone ? BestSuccessor() : FindPeer(to);
        if (target is null || target.NonVoter || !_configuration.IsVoter(target.Id))
        {
            Report(to.IsNone ? "nobody to hand over to" : $"cannot hand over to {to}: it does not vote");
            return;
        }

        BeginHandOver(target);
    }

    private protected override void TakeTransfer(in ClientRequest request)
    {
        ReplicaId to = request.Payload.Length == sizeof(int) ? new ReplicaId(BinaryPrimitives.ReadInt32LittleEndian(request.Payload.Span)) : default;
        if (to == Self && _role == RaftRole.Leader)
        {
            _effects.Add(new Effect.Reply(request.Id, default));
            return;
        }

        if (WhyNoControl(request) is { } why)
            Reject(request.Id, why);
        else if (WhyNoTransfer(request, to) is { } reason)
            Reject(request.Id, reason);
        else
            BeginTransfer(request, to);
    }

    private Rejection? WhyNoTransfer(in ClientRequest request, ReplicaId to)
    {
        if (request.Payload.Length != sizeof(int) || to.Value < 0)
            return Invalid($"a transfer names a replica in 4 bytes, 0 for whoever is best; this has {request.Payload.Length}");
        if (_transfer is not null)
            return new Rejection(RejectReason.Overloaded, Detail: $"a transfer to {_transfer.To} is under way");
        if (to.IsNone)
            return BestSuccessor() is null ? new Rejection(RejectReason.NoQuorum, Detail: "no other voter answers") : null;
        if (FindPeer(to) is not { NonVoter: false } || !_configuration.IsVoter(to))
            return Invalid($"{to} cannot lead: the voters are {string.Join(", ", _configuration.Voters)}");
        return Answers(to) ? null : new Rejection(RejectReason.NoQuorum, Detail: $"{to} does not answer");
    }

    private void BeginTransfer(in ClientRequest request, ReplicaId to)
    {
        Peer target = to.IsNone ? BestSuccessor()! : FindPeer(to)!;
        _earliestDeadline = Math.Min(_earliestDeadline, request.Deadline);
        _transfer = new TransferState(request.Id, target.Id, _term, request.Deadline);
        BeginHandOver(target);
    }

    private void BeginHandOver(Peer target)
    {
        if (_handOver is { } other && other.To != target.Id)
            AbandonHandOver();
        _handOver = new HandOverState(target.Id, _now.Monotonic + _options.ElectionMaxMicros);
        ContinueHandOver();
    }

    private Peer? BestSuccessor()
    {
        Peer? best = null;
        foreach (Peer peer in _peers)
        {
            bool fit = !peer.NonVoter && !IsBelievedDown(peer.Id) && _configuration.IsVoter(peer.Id) && _heardFrom(peer.Id);
            if (fit && (best is null || IsBetter(peer, best)))
                best = peer;
        }

        return best;
    }

    // A voter that stays, then the higher priority, then the longer log.
    private bool IsBetter(Peer one, Peer other)
    {
        bool stays = Array.IndexOf(_configuration.Voters, one.Id) >= 0, otherStays = Array.IndexOf(_configuration.Voters, other.Id) >= 0;
        if (stays != otherStays)
            return stays;
        return one.Match != other.Match ? one.Match > other.Match : _options.PriorityOf(one.Id) > _options.PriorityOf(other.Id);
    }

    private void ContinueHandOver()
    {
        if (_handOver is not { Asked: false } handOver || FindPeer(handOver.To) is not { } target)
            return;
        handOver.HoldsCommands |= target.Mode == PeerMode.Replicate && target.Next > _log.LastIndex;
        // Who waits here is answered first: the node may stop as soon as another leads.
        if (!handOver.HoldsCommands || target.Match < _log.LastIndex || _applied < _log.LastIndex)
            return;
        handOver.Asked = true;
        GiveUpLease();
        Send(target.Id, new TimeoutNow(_term));
    }

    private void EndHandOverIfLate()
    {
        if (_handOver is null || _now.Monotonic < _handOver.Deadline)
            return;
        Report($"{_handOver.To} did not take over in time");
        AbandonHandOver();
    }

    /// <summary>
    /// Over, one way or the other; what it was for learns from the next leader, or that there is none yet. An order whose
    /// election was lost may be given again: whoever sent it on does so until its deadline.
    /// </summary>
    private void AbandonHandOver()
    {
        _handOver = null;
        if (_role == RaftRole.Leader && _transfer is { } transfer)
            EndTransfer(new Rejection(RejectReason.Unavailable, Leader: Self, Detail: $"{transfer.To} did not take over in time"));
    }

    /// <summary>A transfer is answered when the next leader is known.</summary>
    private void ConcludeTransfer()
    {
        if (_transfer is not { } transfer || _term == transfer.Term || _leader.IsNone)
            return;
        EndTransfer(_leader == transfer.To ? null : new Rejection(RejectReason.NotLeader, Leader: _leader, Detail: $"{_leader} leads now instead of {transfer.To}"));
    }

    private void EndTransfer(Rejection? why)
    {
        long request = _transfer!.RequestId;
        _transfer = null;
        if (why is { } reason)
            Reject(request, reason);
        else
            _effects.Add(new Effect.Reply(request, default));
    }

    private long ExpireTransfer(long now)
    {
        if (_transfer is not { } transfer)
            return NotArmed;
        if (transfer.Deadline > now)
            return transfer.Deadline;
        EndTransfer(new Rejection(RejectReason.NoQuorum, OutcomeUnknown: true, _leader, $"{transfer.To} has not taken over in time"));
        return NotArmed;
    }

    private void OnTimeoutNow(ReplicaId from, TimeoutNow timeout)
    {
        if (timeout.Term == _term && _role == RaftRole.Follower && _leader == from && MayCampaign)
            Campaign(handOver: true);
    }

    private sealed class HandOverState(ReplicaId to, long deadline)
    {
        public ReplicaId To => to;
        public long Deadline => deadline;

        /// <summary>Everything is on its way to the next leader: commands are taken no more.</summary>
        public bool HoldsCommands { get; set; }
        public bool Asked { get; set; }
    }

    private sealed record TransferState(long RequestId, ReplicaId To, long Term, long Deadline);
}
