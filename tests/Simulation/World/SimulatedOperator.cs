using ActorRepl.Protocols.Kernel;
using ActorRepl.Simulation.Invariants;
using ActorRepl.Simulation.Run;

namespace ActorRepl.Simulation.World;

/// <summary>
/// Changes who holds the shard, and who leads it, again and again: grows, shrinks, replaces, promotes and demotes, adds
/// and removes a witness, names damaged replicas again. It asks whoever leads and holds the answers against what the
/// replicas have committed.
/// </summary>
internal sealed class SimulatedOperator(SimulatedWorld world)
{
    /// <summary>Its place among those who ask.</summary>
    public const int Number = SimulatedClient.MaxClients - 1;

    private const int MaxVoters = 5;

    private long _attempt;
    private Membership? _target;
    private bool _onlyLearnersDiffer;

    // Said to be certainly not done, and how often it had been committed then.
    private (Membership Target, int Committed)? _refused;

    // Asked for with an outcome that nobody knows: they may come true at any time.
    private readonly HashSet<Membership> _perhaps = [];

    public bool IsIdle => _target is null;

    /// <summary>The members it has asked for, as long as it waits for the answer.</summary>
    public Membership? Target => _target;

    public void Begin() => WakeLater();

    public void Wake(long token)
    {
        if (token != _attempt)
            return;
        CheckRefused();
        if (_target is { } unanswered)
            _perhaps.Add(unanswered);
        _target = null;
        if (world.IsHealing)
            return;
        SimulatedReplica? leader = world.Leader();
        if (leader is null || leader.Status.Members is not { } members)
        {
            WakeLater();
            return;
        }

        if (world.Random.Chance(1, 5))
            AskTransfer(leader, members);
        else
            AskChange(leader, members);
    }

    public void Answer(SimulatedAnswer answer)
    {
        if (answer.RequestId != _attempt)
            return;
        if (_target is { } target)
            Changed(target, answer.Why);
        else if (answer.Why is null)
            world.Coverage.Count(CoverageItem.Transfers);
        else
            world.Coverage.Count(CoverageItem.TransfersRefused);
        _target = null;
        WakeLater();
    }

    /// <summary>What was certainly not done has not been done since.</summary>
    public void CheckRefused()
    {
        if (_refused is { } refused && world.Invariants.TimesCommitted(refused.Target) != refused.Committed)
            throw new RuleBrokenException("certain refusals", $"members became {refused.Target}, which had been refused for certain");
        _refused = null;
    }

    private void Changed(Membership target, Rejection? why)
    {
        if (why is null)
        {
            world.Coverage.Count(CoverageItem.MembersChanged);
            if (world.Invariants.TimesCommitted(target) == 0)
                throw new RuleBrokenException("answered changes are committed", $"members are said to be {target}, and no replica has committed that");
        }
        else if (why.Value.OutcomeUnknown)
        {
            world.Coverage.Count(CoverageItem.MembersUnknown);
            _perhaps.Add(target);
        }
        else
        {
            world.Coverage.Count(why.Value.Reason == RejectReason.Dropped ? CoverageItem.MembersDropped : CoverageItem.MembersRefused);
            // Where only learners differ, the first step of another change can come to the same.
            if (!_perhaps.Contains(target) && !_onlyLearnersDiffer)
                _refused = (target, world.Invariants.TimesCommitted(target));
        }
    }

    private void WakeLater()
    {
        _attempt = world.NextRequestId(Number);
        world.Wake(Number, _attempt, world.Random.Next(2 * world.Profile.OperatorGap));
    }

    private void AskTransfer(SimulatedReplica leader, Membership members)
    {
        ReplicaId to = world.Random.Chance(1, 3) ? ReplicaId.None : members.Members[(int)world.Random.Next(members.Members.Count)];
        Ask(leader, RequestKind.Transfer, BitConverter.GetBytes(to.Value));
    }

    private void AskChange(SimulatedReplica leader, Membership members)
    {
        _target = Draw(members);
        if (!world.Invariants.HasMajorityLeft(_target))
        {
            _target = null;
            WakeLater();
            return;
        }

        _onlyLearnersDiffer = _target.Voters.SequenceEqual(members.Voters) && _target.Witnesses.SequenceEqual(members.Witnesses);
        Ask(leader, RequestKind.ChangeMembers, _target.Encode());
    }

    private void Ask(SimulatedReplica leader, RequestKind kind, byte[] payload)
    {
        _attempt = world.NextRequestId(Number);
        long patience = 200 * Instant.Millisecond + world.Random.Next(3 * Instant.Second);
        world.SendRequest(leader.Id, new SimulatedRequest(_attempt, kind, payload, patience, MaxStaleness: 0));
        world.Wake(Number, _attempt, patience + Instant.Second);
    }

    private Membership Draw(Membership now)
    {
        var voters = new List<ReplicaId>(now.Voters);
        var learners = new List<ReplicaId>(now.Learners);
        var witnesses = new List<ReplicaId>(now.Witnesses);
        for (long steps = 1 + world.Random.Next(3); steps > 0; steps--)
            Mutate(voters, learners, witnesses);
        int least = world.Random.Chance(1, 4) ? 1 : 2;
        foreach (ReplicaId id in now.Voters)
        {
            if (voters.Count < least && !voters.Contains(id))
                voters.Add(id);
        }

        learners.RemoveAll(voters.Contains);
        if (witnesses.Count >= voters.Count)
            witnesses.Clear();
        return new Membership(voters, learners, witnesses);
    }

    private void Mutate(List<ReplicaId> voters, List<ReplicaId> learners, List<ReplicaId> witnesses)
    {
        ReplicaId any = world.ReplicaIds[(int)world.Random.Next(world.ReplicaIds.Count - 1)];
        switch (world.Random.Next(7))
        {
            case 0 or 1 when voters.Count < MaxVoters && !voters.Contains(any):
                voters.Add(any);
                learners.Remove(any);
                break;
            case 2 when voters.Contains(any):
                voters.Remove(any);
                break;
            case 3 when voters.Contains(any):
                voters.Remove(any);
                learners.Add(any);
                break;
            case 4 when !voters.Contains(any) && !learners.Contains(any):
                learners.Add(any);
                break;
            case 5:
                learners.Remove(any);
                break;
            case 6 when witnesses.Count == 0:
                // A replica with state is never a witness, and the other way round: the last one is only ever that.
                witnesses.Add(world.ReplicaIds[^1]);
                break;
            case 6:
                witnesses.Clear();
                break;
        }
    }
}
