using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Quorum;

/// <summary>Timers and checkpoints.</summary>
public sealed partial class QuorumReplica
{
    private static readonly TimerId Tick = new(1), Replay = new(2), Repairs = new(3), Ring = new(4), Rounds = new(5), Gathered = new(6);

    private readonly long[] _generations = new long[7];
    private readonly LatencyPercentile _latency;
    // By when they are to be looked at; what has ended, or is to be looked at earlier, is passed over.
    // Tokens alone: operations that are over are not kept until they would have been looked at.
    private readonly PriorityQueue<long, (long At, long Token)> _watched = new();
    private readonly List<Operation> _due = [];
    private long _tickAt = long.MaxValue;
    private long _ringAt = long.MaxValue;
    private long _recountAt;
    private bool _checkpointing;
    private long _appliedBytes;

    private void Arm(TimerId timer, long delay, Effects effects) => effects.Add(new Effect.Arm(timer, ++_generations[timer.Value], delay));

    private void ArmTimers(in Instant now, Effects effects)
    {
        _recountAt = now.Monotonic + _options.RecountMicros / 2 + _random.Next(_options.RecountMicros);
        Arm(Replay, _options.HintReplayMicros, effects);
        ArmRepairs(effects);
        ArmRing(now, effects);
    }

    // One peer after the other, each once in the time; whoever may lack something, or was told to, does not wait for its turn.
    private void ArmRepairs(Effects effects)
    {
        long gap = Math.Max(1, _options.RepairMicros / Math.Max(1, _view.Members.Count - 1));
        if (IsRebuilding || _ordered.Any(IsThere))
            gap = Math.Clamp(gap / 10, 1, 100 * Instant.Millisecond);
        Arm(Repairs, gap / 2 + _random.Next(gap), effects);
    }

    private void ArmTick(in Instant now, Effects effects)
    {
        long at = now.Monotonic + _options.TickMicros;
        if (_tickAt <= at)
            return;
        _tickAt = at;
        Arm(Tick, _options.TickMicros, effects);
    }

    private void ArmRing(in Instant now, Effects effects)
    {
        if (!_hard.Lost && !_view.IsChanging && _change is null)
            return;
        long delay = _view.Phase == RingPhase.Copying && !_hard.Lost ? Math.Min(_options.StreamMicros, _options.RingBeatMicros) : _options.RingBeatMicros;
        if (_ringAt <= now.Monotonic + delay)
            return;
        _ringAt = now.Monotonic + delay;
        Arm(Ring, delay, effects);
    }

    private void Fired(Input.Timer timer, in Instant now, Effects effects)
    {
        if (timer.Generation != _generations[timer.Id.Value])
            return;
        if (timer.Id == Tick)
        {
            _tickAt = long.MaxValue;
            LookAround(now, effects);
        }
        else if (timer.Id == Gathered)
        {
            SendGathered();
        }
        else if (timer.Id == Rounds)
        {
            RetriesFired(now, effects);
        }
        else if (timer.Id == Ring)
        {
            _ringAt = long.MaxValue;
            Pull(now, effects);
            RingFired(now, effects);
        }
        else if (timer.Id == Replay)
        {
            if (!_hard.Lost)
                ReplayHints(now, effects);
            TidySerial(now, effects);
            AskStanding(effects);
            Arm(Replay, _options.HintReplayMicros, effects);
        }
        else
        {
            RepairFired(now, effects);
            ArmRepairs(effects);
        }
    }

    /// <summary>Operations are looked at when they are due, and not before.</summary>
    private void Watch(Operation operation, long at)
    {
        if (at >= operation.LookAt)
            return;
        operation.LookAt = at;
        _watched.Enqueue(operation.Token, (at, operation.Token));
    }

    /// <summary>Deadlines, owners that are asked again, hints for those that are silent.</summary>
    private void LookAround(in Instant now, Effects effects)
    {
        while (_watched.TryPeek(out long token, out (long At, long Token) due) && due.At <= now.Monotonic)
        {
            _watched.Dequeue();
            if (!_operations.TryGetValue(token, out Operation? next) || due.At != next.LookAt)
                continue;
            next.LookAt = long.MaxValue;
            _due.Add(next);
        }

        foreach (Operation operation in _due)
        {
            // One that was looked at before has ended it.
            if (_operations.ContainsKey(operation.Token))
                LookAt(operation, now, effects);
        }

        _due.Clear();
        LookAtRepair(now, effects);
        if (_operations.Count > 0 || _repair is not null || _orderedBy.Count > 0)
            ArmTick(now, effects);
    }

    private void LookAt(Operation operation, in Instant now, Effects effects)
    {
        if (now.Monotonic >= operation.Deadline)
            Expire(operation, effects);
        bool awaitsHints = operation is WriteOperation { HintsSent: false, Versions.IsEmpty: false, Missing: not 0 };
        if (awaitsHints && now.Monotonic >= ((WriteOperation)operation).HintsAt)
        {
            SendHints((WriteOperation)operation, now);
            awaitsHints = false;
        }

        if (operation is WriteOperation { IsOver: true } || (operation.IsAnswered && !awaitsHints && now.Monotonic >= EndOf(operation)))
        {
            End(operation, now, effects);
            return;
        }

        if (now.Monotonic >= operation.AskAgainAt || operation is SerialOperation { WaitsForAll: true })
            AskAgain(operation, now, effects);
        Watch(operation, operation.AskAgainAt);
        if (awaitsHints)
            Watch(operation, ((WriteOperation)operation).HintsAt);
        if (now.Monotonic < operation.Deadline)
            Watch(operation, operation.Deadline);
        if (operation.IsAnswered && now.Monotonic < EndOf(operation))
            Watch(operation, EndOf(operation));
    }

    // Until then an answered one waits for the last owners: to repair what they have, or for a conditional write to be committed.
    private long EndOf(Operation operation) => operation is ReadOperation ? Math.Min(operation.Deadline, operation.BegunAt + _options.HintAfterMicros) : operation.Deadline;

    private void End(Operation operation, in Instant now, Effects effects)
    {
        if (operation is SerialOperation serial)
            EndSerial(serial, now, effects);
        else
            _operations.Remove(operation.Token);
    }

    private void AskAgain(Operation operation, in Instant now, Effects effects)
    {
        operation.AskAgainAt = now.Monotonic + operation.AskAgainAfter;
        operation.AskAgainAfter *= 2;
        KeyOwners owners = operation.Owners;
        if (operation is ReadOperation read)
        {
            AskOwners(read);
            foreach (ReplicaId owner in owners.Those(read.Repaired & ~read.Has))
            {
                if (owner != Self)
                    AddTo(_puts, owner, new Parcel(read.Token, default, read.Key, read.Merged));
            }
        }
        else if (operation is WriteOperation { Inquiry: not null } replacing)
        {
            Inquire(replacing);
        }
        else if (operation is WriteOperation { Versions.IsEmpty: false } write)
        {
            foreach (ReplicaId owner in owners.Those(write.Silent))
            {
                if (owner != Self)
                    PutTo(owner, write);
            }
        }
        else if (operation is SerialOperation serial)
        {
            AskAgain(serial, now, effects);
        }
    }

    private void CheckpointIfDue(Effects effects)
    {
        if (_checkpointing || (_appliedIndex - _checkpointIndex < _options.CheckpointEntries && _appliedBytes < _options.CheckpointBytes))
            return;
        _checkpointing = true;
        _appliedBytes = 0;
        effects.Checkpoint(new CheckpointRequest(_appliedIndex, 1, _hard.Encode(), _view.Encode(), [.. _unapplied.Select(each => each.Batch)]));
    }
}
