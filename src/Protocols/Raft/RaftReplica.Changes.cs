using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Raft;

/// <summary>
/// Changes of members by joint consensus (section 6, thesis 4.3): those who come learn first, then old and new decide
/// together, then the new ones alone. One change at a time, each step only when the one before it is committed, and none
/// before an entry of the leader's own term is (thesis 4.1).
/// </summary>
public sealed partial class RaftReplica
{
    private MemberChange? _change;

    /// <summary>Members or leadership are about to change, or somebody is still to hear that they have.</summary>
    private bool IsChanging => _change is not null || _configuration.IsJoint || !_preferred.IsNone || !_configuration.IsVoter(Self)
        || Array.Exists(_peers, peer => peer.Part == PeerPart.Leaving);

    private protected override void TakeChange(in ClientRequest request)
    {
        if (WhyNoChange(request, out Membership? target) is { } why)
        {
            Reject(request.Id, why);
            return;
        }

        _earliestDeadline = Math.Min(_earliestDeadline, request.Deadline);
        _change = new MemberChange(request, target!);
        Report($"members are to be {target}");
    }

    /// <summary>Why a change is not begun; null: it is. Nothing has happened then.</summary>
    private Rejection? WhyNoChange(in ClientRequest request, out Membership? target)
    {
        target = null;
        if (WhyNoControl(request) is { } why)
            return why;
        if (_change is not null || _configuration.IsJoint || _configurations.CurrentIndex > _commit)
            return new Rejection(RejectReason.Overloaded, Detail: $"another change of members is under way: {_change?.Target ?? _configuration.Membership}");
        try
        {
            target = Membership.Decode(request.Payload);
        }
        catch (InvalidDataException problem)
        {
            return new Rejection(RejectReason.Invalid, Detail: problem.Message);
        }

        return WhyImpossible(target) ?? WhyNoQuorum(target, whoComesCounts: true);
    }

    /// <summary>What holds for changes and transfers alike.</summary>
    private Rejection? WhyNoControl(in ClientRequest request)
    {
        if (request.Deadline <= _now.Monotonic)
            return new Rejection(RejectReason.NoQuorum, Detail: "the deadline had passed before the request was taken");
        if (_role != RaftRole.Leader)
            return new Rejection(RejectReason.NotLeader, Leader: _leader);
        if (_handOver is { } handOver)
            return new Rejection(RejectReason.NotLeader, Leader: handOver.To, Detail: "leadership is being handed over");
        return null;
    }

    private Rejection? WhyImpossible(Membership target)
    {
        Membership current = _configuration.Membership;
        if (target.Witnesses.Count >= target.Voters.Count)
            return Invalid($"{target.Voters.Count} voters and {target.Witnesses.Count} witnesses: there must be fewer witnesses, so that every majority has a replica with state");
        foreach (ReplicaId id in target.Members.Intersect(current.Members))
        {
            if (target.Witnesses.Contains(id) != current.Witnesses.Contains(id))
                return Invalid($"{id} cannot become or cease to be a witness: it has {(current.Witnesses.Contains(id) ? "no " : "")}state; remove it first");
        }

        if (target.Voters.Concat(target.Learners).FirstOrDefault(id => FindPeer(id) is { Hollow: true }) is { IsNone: false } hollow)
            return Invalid($"{hollow} is to be a witness and has no state; remove it and its data, and add it anew");
        int together = target.Members.Union(current.Members).Count();
        return together > Membership.MaxMembers
            ? Invalid($"old and new members are {together}; {Membership.MaxMembers} fit, so change them in two steps")
            : null;
    }

    private static Rejection Invalid(string detail) => new(RejectReason.Invalid, Detail: detail);

    /// <summary>Would a majority of these replicas answer? Those who are not members yet, or are to be pardoned first, are asked later.</summary>
    private Rejection? WhyNoQuorum(Membership next, bool whoComesCounts)
    {
        ReplicaId[] counted = [.. next.Voters, .. next.Witnesses];
        ReplicaId[] silent = [.. counted.Where(id => id != Self && !Answers(id) && !(whoComesCounts && (IsNew(id) || WillBePardoned(id))))];
        return counted.Length - silent.Length > counted.Length / 2
            ? null
            : new Rejection(RejectReason.NoQuorum, Detail: $"of the {counted.Length} that would decide, {string.Join(", ", silent)} do not answer or are not counted: no majority");
    }

    private bool IsNew(ReplicaId id) => !_configuration.IsMember(id);

    // One that is to be pardoned votes only once it has the pardon.
    private bool Answers(ReplicaId id) => FindPeer(id) is { NonVoter: false } peer && IsHeard(peer);

    private bool WillBePardoned(ReplicaId id) => FindPeer(id) is { } peer && MayBePardoned(peer) && IsHeard(peer);

    private bool IsHeard(Peer peer) => peer.HasAnswered && _now.Monotonic - peer.HeardAt < _options.ElectionMaxMicros;

    /// <summary>Only who is not counted can be pardoned: see docs/raft.md.</summary>
    private bool MayBePardoned(Peer peer) => peer is { NonVoter: true, Loss: not 0 } && Array.IndexOf(_configuration.Counted, peer.Id) < 0;

    // ---- the leader's steps ----

    /// <summary>At the end of each of the leader's steps: the next entry of the change, once the one before it is committed.</summary>
    private void AdvanceChange()
    {
        bool nothingToDo = _change is null or { IsInLog: true } && !_configuration.IsJoint && _configuration.IsVoter(Self);
        if (nothingToDo || _configurations.CurrentIndex > _commit || !KnowsCommit || _handOver is not null)
            return;
        if (_configuration.IsJoint)
            ProposeConfiguration(_configuration.Alone());
        else if (_change is { IsInLog: false } change)
            Prepare(change);
        else if (!_configuration.IsVoter(Self))
            Retire();
    }

    private EntryBatch ProposeConfiguration(RaftConfiguration next)
    {
        Invariant.That(_configurations.CurrentIndex <= _commit && KnowsCommit, "one change of members at a time, after an entry of the leader's own term");
        Report($"members: {next}");
        return Propose(EntryKind.Configuration, [next.Encode()]);
    }

    private void Prepare(MemberChange change)
    {
        Membership current = _configuration.Membership;
        if (!change.IsStaged)
        {
            change.IsStaged = true;
            if (!TryStage(current, change.Target, out RaftConfiguration stage))
                return;
            if (stage != _configuration)
            {
                ProposeConfiguration(stage);
                return;
            }
        }

        if (!AreReady(change) || !HavePromises(change))
            return;
        if (WhyNoQuorum(change.Target, whoComesCounts: false) is { } why)
        {
            EndChange(why);
            return;
        }

        if (current.Equals(change.Target) && _configuration.Coming.Length == 0)
            EndChange(null);
        else
            change.InLog(ProposeConfiguration(_configuration.Toward(change.Target, [])));
    }

    /// <summary>
    /// Whether all who are to be counted may promise. Those who may not are pardoned while they are not counted yet: were
    /// the pardon in the entry that counts them, and the leader gone with it, nobody could be elected to send it on.
    /// </summary>
    private bool HavePromises(MemberChange change)
    {
        Peer[] lost = [.. _peers.Where(peer => MayBePardoned(peer) && IsCountedIn(change.Target, peer.Id))];
        Pardon[] pardons = [.. lost.Select(peer => new Pardon(peer.Id, peer.Loss)).Except(_configuration.Pardons)];
        if (pardons.Length > 0)
            ProposeConfiguration(_configuration.Toward(_configuration.Membership, pardons, _configuration.Coming));
        return lost.Length == 0;
    }

    /// <summary>
    /// The membership to catch up in: those who come are learners, and those whose promises are lost are counted no more.
    /// False: that is not possible, and the change is over.
    /// </summary>
    private bool TryStage(Membership current, Membership target, out RaftConfiguration stage)
    {
        ReplicaId[] lost = [.. target.Members.Where(id => FindPeer(id) is { NonVoter: true, Loss: not 0 } && IsCountedIn(target, id) && IsCountedIn(current, id))];
        ReplicaId[] coming = [.. target.Voters.Concat(target.Learners).Except(current.Members)];
        ReplicaId[] witnesses = [.. target.Witnesses.Where(id => !current.Witnesses.Contains(id) || lost.Contains(id))];
        bool onlyLearnersChange = target.Voters.SequenceEqual(current.Voters) && target.Witnesses.SequenceEqual(current.Witnesses);
        stage = _configuration;
        if (onlyLearnersChange && lost.Length == 0)
            return true;
        var members = new Membership(current.Voters.Except(lost), current.Learners.Concat(coming).Concat(lost.Intersect(current.Voters)), current.Witnesses.Except(lost));
        Rejection? why = members.Witnesses.Count >= members.Voters.Count
            ? Invalid($"without {string.Join(", ", lost)}, whose promises are lost, there would be as many witnesses as voters")
            : WhyNoQuorum(members, whoComesCounts: false);
        if (why is { } reason)
            EndChange(reason);
        else if (!members.Equals(current) || !witnesses.SequenceEqual(_configuration.Coming))
            stage = _configuration.Toward(members, [], witnesses);
        return why is null;
    }

    private static bool IsCountedIn(Membership membership, ReplicaId id) => membership.Voters.Contains(id) || membership.Witnesses.Contains(id);

    /// <summary>Whether all who are to be counted can be: they are up to date.</summary>
    private bool AreReady(MemberChange change)
    {
        bool ready = true;
        foreach (ReplicaId id in Newcomers(change.Target))
        {
            Peer learner = FindPeer(id)!;
            CatchUp catchUp = change.CatchUpOf(id);
            catchUp.Look(learner.Match, _log.LastIndex, _now.Monotonic, _options.ElectionMinMicros);
            bool lacksState = learner.Hollow && !learner.IsWitness;
            if (lacksState || catchUp.LongRounds >= CatchUp.MaxRounds)
            {
                EndChange(lacksState
                    ? Invalid($"{id} was a witness and has no state: remove it and its data, and add it anew")
                    : new Rejection(RejectReason.NoQuorum, Detail: $"{id} does not keep up: {CatchUp.MaxRounds} rounds of catching up took longer than an election timeout each; it stays a learner"));
                return false;
            }

            ready &= catchUp.IsDone;
        }

        return ready;
    }

    /// <summary>Who is to be counted and is not yet.</summary>
    private IEnumerable<ReplicaId> Newcomers(Membership target) =>
        target.Voters.Concat(target.Witnesses).Where(id => id != Self && Array.IndexOf(_configuration.Counted, id) < 0);

    /// <summary>A leader that the committed configuration does not count gives its place away, and steps down if nobody takes it.</summary>
    private void Retire()
    {
        if (!_hasRetired && BestSuccessor() is { } successor)
        {
            _hasRetired = true;
            BeginHandOver(successor);
            return;
        }

        BecomeFollower(_term, ReplicaId.None);
        if (!_configuration.IsMember(Self))
            KnowRemoval();
    }

    private bool _hasRetired;

    // ---- what the client is told ----

    /// <summary>
    /// Once the entry is in the log, the log tells, as with commands: whoever leads completes it if it is committed, and
    /// an entry of another term in its place means that it will never be.
    /// </summary>
    private void ConcludeChange()
    {
        if (_change is not { IsInLog: true } change || _commit < change.EntryIndex)
            return;
        if (change.EntryIndex < _log.BaseIndex)
            EndChange(new Rejection(RejectReason.NoQuorum, OutcomeUnknown: true, _leader, "a checkpoint took the place of the change's entry"));
        else if (_log.TermAt(change.EntryIndex) != change.EntryTerm)
            EndChange(new Rejection(RejectReason.Dropped, Leader: _leader, Detail: "a later leader's entry took the place of the change"));
        else if (!_configurations.At(_commit).IsJoint)
            EndChange(null);
    }

    /// <summary>Leadership is lost: a change whose entry is not in the log will never be made.</summary>
    private void AbandonPreparations()
    {
        _hasRetired = false;
        if (_change is { IsInLog: false })
            EndChange(new Rejection(RejectReason.NotLeader, Leader: _leader, Detail: "leadership was lost before the change was in the log; who was to come may be a learner now"));
        Adopt();
    }

    private long ExpireChange(long now)
    {
        if (_change is not { RequestId: not 0 } change)
            return NotArmed;
        if (change.Deadline > now)
            return change.Deadline;
        if (change.IsInLog)
        {
            Answer(change, new Rejection(RejectReason.NoQuorum, OutcomeUnknown: true, _leader, "the change is in the log and was not completed in time"));
            return NotArmed;
        }

        ReplicaId[] late = [.. Newcomers(change.Target).Where(id => !change.CatchUpOf(id).IsDone || FindPeer(id) is { NonVoter: true })];
        EndChange(new Rejection(RejectReason.NoQuorum, Leader: _leader, Detail: late.Length > 0
            ? $"{string.Join(", ", late)} did not answer or catch up in time; who was to come stays a learner"
            : "the step before it was not committed in time"));
        return NotArmed;
    }

    private void EndChange(Rejection? why)
    {
        MemberChange change = _change!;
        _change = null;
        Report(why is { } reason ? $"members do not become {change.Target}: {reason.Detail}" : $"members are {_configuration.Membership}");
        Answer(change, why);
    }

    private void Answer(MemberChange change, Rejection? why)
    {
        if (change.RequestId == 0)
            return;
        if (why is { } reason)
            Reject(change.RequestId, reason);
        else
            _effects.Add(new Effect.Reply(change.RequestId, default));
        change.RequestId = 0;
    }
}
