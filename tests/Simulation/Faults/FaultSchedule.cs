using ActorRepl.Protocols.Kernel;
using ActorRepl.Simulation.Run;
using ActorRepl.Simulation.World;

namespace ActorRepl.Simulation.Faults;

/// <summary>Draws faults by the profile's weights and ends those that last.</summary>
internal sealed class FaultSchedule
{
    private const byte ForceFlag = 1;

    private readonly SimulatedWorld _world;
    private readonly (int Weight, Action Strike)[] _faults;
    private readonly int _totalWeight;

    public FaultSchedule(SimulatedWorld world)
    {
        _world = world;
        Profile profile = world.Profile;
        _faults =
        [
            (profile.Crash, () => Crash(Any())),
            (profile.CrashLeader, () => Crash(Leader())),
            (profile.CrashAll, CrashAll),
            (profile.Partition, Partition),
            (profile.IsolateLeader, () => Isolate(Leader())),
            (profile.OneWay, CutOneWay),
            (profile.DiskFull, FillDisk),
            (profile.WriteFailure, () => Any().Disk.FailNextSync = true),
            (profile.CheckpointFailure, () => Any().FailNextCheckpoint = true),
            (profile.Damage, Damage),
            (profile.ReplaceDisk, ReplaceDisk),
            (profile.Pause, Pause),
            (profile.WallJump, JumpWall),
            (profile.HandOver, HandOver),
            (profile.FalseHint, HintFalsely),
            (profile.LongPause, PauseLong),
            (profile.Force, Force),
            (profile.ForgottenLease, ForgetLease),
            (profile.ControlOutage, () => _world.Control?.GoOut(Random.Next(profile.ControlOutageTime))),
        ];
        _totalWeight = _faults.Sum(fault => fault.Weight);
    }

    public void ScheduleNext() =>
        _world.Schedule(new Event { Time = _world.Time + 1 + Random.Next(2 * _world.Profile.FaultGap), Kind = EventKind.Fault, Incarnation = Event.Any });

    public void Strike()
    {
        if (_world.IsHealing)
            return;
        long drawn = Random.Next(_totalWeight);
        foreach ((int weight, Action strike) in _faults)
        {
            drawn -= weight;
            if (drawn >= 0)
                continue;
            strike();
            break;
        }

        ScheduleNext();
    }

    /// <summary>A leader was elected: some schedules do not let it live long.</summary>
    public void OnElected(SimulatedReplica leader)
    {
        if (_world.IsHealing || !_world.Chance(_world.Profile.LeaderFate))
            return;
        if (Random.Chance(1, 2))
        {
            // It goes on alone, with entries that nobody else has.
            Isolate(leader);
            return;
        }

        bool crashes = Random.Chance(2, 3);
        SoonAfter(leader, _world.Profile.LeaderLife, () =>
        {
            if (crashes)
                Crash(leader);
            else
                Isolate(leader);
        });
    }

    /// <summary>A replica has begun to write: some do not see the end of it, or not for long.</summary>
    public void OnWriting(SimulatedReplica replica)
    {
        if (_world.IsHealing || !_world.Chance(_world.Profile.CrashAfterWrite))
            return;
        SoonAfter(replica, 4 * _world.Profile.Sync, () =>
        {
            replica.Crash();
            replica.StartLater(1 + Random.Next(5 * Instant.Millisecond));
        });
    }

    private void SoonAfter(SimulatedReplica replica, long within, Action strike)
    {
        int incarnation = replica.Incarnation;
        _world.After(1 + Random.Next(within), () =>
        {
            if (replica.IsUp && replica.Incarnation == incarnation && !_world.IsHealing)
                strike();
        });
    }

    /// <summary>Everything comes back to order, at once.</summary>
    public void EndAll()
    {
        _world.Network.MendAll();
        _world.Control?.EndOutage();
        foreach (SimulatedReplica replica in _world.Replicas)
        {
            // A pause ends by itself: what waits for its end must not be overtaken.
            replica.Disk.FailNextSync = false;
            replica.FailNextCheckpoint = false;
            replica.OnSpace();
            if (!replica.IsUp)
                replica.StartLater(Random.Next(10 * Instant.Millisecond));
        }
    }

    private DeterministicRandom Random => _world.Random;

    private SimulatedReplica Any() => _world.Replicas[(int)Random.Next(_world.Replicas.Count)];

    private SimulatedReplica Leader() => _world.Leader() ?? Any();

    private void Crash(SimulatedReplica replica)
    {
        if (!replica.IsUp)
            return;
        replica.Crash();
        replica.StartLater(1 + Random.Next(Random.Chance(1, 3) ? 10 * Instant.Millisecond : _world.Profile.Downtime));
        foreach (SimulatedReplica other in _world.Replicas)
        {
            if (other.IsUp && Random.Chance(1, 4))
                Doubt(other, replica.Id, Random.Next(100 * Instant.Millisecond));
        }
    }

    private void CrashAll()
    {
        _world.Coverage.Count(CoverageItem.CrashesOfAll);
        foreach (SimulatedReplica replica in _world.Replicas)
            Crash(replica);
    }

    // One that is deaf to the leader wants the others' word; then the leader is cut off, and those who have just given it a lease start again.
    private void ForgetLease()
    {
        SimulatedReplica leader = Leader();
        SimulatedReplica[] others = [.. _world.Replicas.Where(replica => replica != leader && replica.IsUp)];
        if (others.Length < 2)
            return;
        SimulatedReplica deaf = others[(int)Random.Next(others.Length)];
        _world.Network.Cut(leader.Id, deaf.Id);
        _world.After(500 * Instant.Millisecond + Random.Next(Instant.Second), () =>
        {
            if (_world.IsHealing)
                return;
            Isolate(leader);
            foreach (SimulatedReplica other in others.Where(other => other != deaf && other.IsUp))
            {
                other.Crash();
                other.StartLater(1 + Random.Next(20 * Instant.Millisecond));
            }
        });
    }

    // One hears nothing for a while, and then it is the only one left; an operator does not wait to see whether the others come back.
    private void Force()
    {
        SimulatedReplica heir = Any();
        Isolate(heir);
        _world.After(Random.Next(400 * Instant.Millisecond), () =>
        {
            if (!_world.IsHealing)
                LeaveAlone(heir);
        });
    }

    private void LeaveAlone(SimulatedReplica heir)
    {
        foreach (SimulatedReplica other in _world.Replicas.Where(other => other != heir && other.IsUp))
        {
            other.Crash();
            other.StartLater(Instant.Second + Random.Next(3 * Instant.Second));
        }

        SoonAfter(heir, 1500 * Instant.Millisecond, () =>
        {
            if (_world.Invariants.MayForce(heir))
                Order(heir);
        });
    }

    private void Order(SimulatedReplica heir)
    {
        _world.Trace?.Write(_world.Time, heir.Id.ToString(), "is to take over whatever is lost");
        byte[] payload = [.. BitConverter.GetBytes(heir.Id.Value), ForceFlag];
        _world.Schedule(new Event
        {
            Time = _world.Time + 1,
            Kind = EventKind.Request,
            Target = heir.Id.Value,
            Incarnation = heir.Incarnation,
            Payload = new SimulatedRequest(_world.NextRequestId(SimulatedOperator.Number), RequestKind.Transfer, payload, Instant.Second, MaxStaleness: 0),
        });
    }

    // Damage takes a replica's vote for good, so at most a minority is ever damaged.
    private void Damage()
    {
        SimulatedReplica replica = Any();
        if (!_world.Invariants.MayLose(replica))
            return;
        Crash(replica);
        if (!replica.IsUp && replica.Disk.Damage())
        {
            _world.Trace?.Write(_world.Time, replica.Id.ToString(), "a bit turns over on its disk");
            _world.Coverage.Count(CoverageItem.Damages);
            _world.Invariants.Lost(replica);
        }
    }

    // The replica that comes back has its predecessor's number and nothing of what that one had promised.
    private void ReplaceDisk()
    {
        SimulatedReplica replica = Any();
        if (!_world.Invariants.MayLose(replica))
            return;
        Crash(replica);
        if (!replica.IsUp && replica.Disk.Replace())
        {
            _world.Trace?.Write(_world.Time, replica.Id.ToString(), "its disk is replaced by an empty one");
            _world.Coverage.Count(CoverageItem.DisksReplaced);
            _world.Invariants.Lost(replica);
        }
    }

    private void Partition()
    {
        _world.Coverage.Count(CoverageItem.Partitions);
        ulong side = Random.NextUInt64();
        foreach (ReplicaId from in _world.ReplicaIds)
        {
            foreach (ReplicaId to in _world.ReplicaIds)
            {
                if (((side >> from.Value) & 1) != ((side >> to.Value) & 1))
                    _world.Network.Cut(from, to);
            }
        }

        if (_world.Control is not null && Random.Chance(1, 2))
            CutFromControl(id => ((side >> id.Value) & 1) == 0);
        MendLater();
    }

    // The control group, too, is on one side.
    private void CutFromControl(Func<ReplicaId, bool> isCut)
    {
        foreach (ReplicaId id in _world.ReplicaIds.Where(isCut))
            _world.Network.Cut(id, SimulatedControl.Id);
    }

    private void Isolate(SimulatedReplica replica)
    {
        _world.Coverage.Count(CoverageItem.Partitions);
        foreach (ReplicaId other in _world.ReplicaIds)
        {
            _world.Network.Cut(replica.Id, other);
            _world.Network.Cut(other, replica.Id);
        }

        if (_world.Control is not null && Random.Chance(1, 2))
            CutFromControl(id => id == replica.Id);
        MendLater();
    }

    private void CutOneWay()
    {
        _world.Coverage.Count(CoverageItem.OneWayPartitions);
        ReplicaId deaf = Any().Id;
        bool isMute = Random.Chance(1, 2);
        foreach (ReplicaId other in _world.ReplicaIds)
        {
            if (!Random.Chance(2, 3))
                continue;
            if (isMute)
                _world.Network.Cut(deaf, other);
            else
                _world.Network.Cut(other, deaf);
        }

        MendLater();
    }

    private void MendLater()
    {
        _world.Trace?.Write(_world.Time, "", "links are cut");
        _world.After(Random.Next(_world.Profile.PartitionTime), _world.Network.MendAll);
    }

    private void FillDisk()
    {
        SimulatedReplica replica = Any();
        if (replica.Disk.IsFull)
            return;
        _world.Trace?.Write(_world.Time, replica.Id.ToString(), "disk is full");
        _world.Coverage.Count(CoverageItem.DiskFull);
        replica.Disk.IsFull = true;
        _world.After(Random.Next(2 * Instant.Second), replica.OnSpace);
    }

    private void Pause()
    {
        SimulatedReplica replica = Random.Chance(1, 2) ? Leader() : Any();
        _world.Trace?.Write(_world.Time, replica.Id.ToString(), "pauses");
        _world.Coverage.Count(CoverageItem.Pauses);
        replica.PausedUntil = Math.Max(replica.PausedUntil, _world.Time + Random.Next(1200 * Instant.Millisecond));
    }

    private void PauseLong()
    {
        SimulatedReplica replica = Random.Chance(3, 4) ? Leader() : Any();
        _world.Trace?.Write(_world.Time, replica.Id.ToString(), "stands still");
        _world.Coverage.Count(CoverageItem.LongPauses);
        replica.PausedUntil = Math.Max(replica.PausedUntil, _world.Time + Random.Next(5 * Instant.Second));
    }

    private void JumpWall()
    {
        _world.Coverage.Count(CoverageItem.WallJumps);
        Any().Clock.WallSkew = Random.Next(20 * 60 * Instant.Second) - 10 * 60 * Instant.Second;
    }

    private void HandOver()
    {
        if (!_world.Invariants.MayHandOver)
            return;
        _world.Coverage.Count(CoverageItem.HandOvers);
        ReplicaId to = Random.Chance(1, 2) ? ReplicaId.None : Any().Id;
        Tell(Leader(), new Input.HandOver(to), 1);
    }

    private void HintFalsely()
    {
        _world.Coverage.Count(CoverageItem.FalseHints);
        if (_world.GoesQuiet)
            Doubt(Any(), Any().Id, 1);
        else
            Tell(Any(), new Input.PeerHint(Any().Id, Random.Chance(1, 3)), 1);
    }

    // Where shards go quiet, it is the multiplexer that says who is down, and it says who is up again.
    private void Doubt(SimulatedReplica at, ReplicaId node, long delay)
    {
        if (_world.GoesQuiet)
            _world.After(delay, () => at.Multiplexer.Doubt(node));
        else
            Tell(at, new Input.PeerHint(node, false), delay);
    }

    private void Tell(SimulatedReplica replica, Input input, long delay) => _world.Schedule(new Event
    {
        Time = _world.Time + delay,
        Kind = EventKind.Input,
        Target = replica.Id.Value,
        Incarnation = replica.Incarnation,
        Payload = input,
    });
}
