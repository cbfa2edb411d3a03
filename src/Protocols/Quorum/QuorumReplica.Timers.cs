using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Quorum;

/// <summary>Timers and checkpoints.</summary>
public sealed partial class QuorumReplica
{
    private static readonly TimerId Tick = new(1), Replay = new(2), Repairs = new(3);

    private readonly long[] _generations = new long[4];
    private bool _ticks;
    private bool _checkpointing;
    private long _appliedBytes;

    private void Arm(TimerId timer, long delay, Effects effects) => effects.Add(new Effect.Arm(timer, ++_generations[timer.Value], delay));

    private void ArmTimers(Effects effects)
    {
        Arm(Replay, _options.HintReplayMicros, effects);
        ArmRepairs(effects);
    }

    // One peer after the other, each once in the time; whoever may lack something does not wait for its turn.
    private void ArmRepairs(Effects effects)
    {
        long gap = Math.Max(1, _options.RepairMicros / Math.Max(1, _members.Count - 1));
        if (IsRebuilding)
            gap = Math.Max(1, gap / 10);
        Arm(Repairs, gap / 2 + _random.Next(gap), effects);
    }

    private void ArmTick(Effects effects)
    {
        if (!_ticks)
            Arm(Tick, _options.TickMicros, effects);
        _ticks = true;
    }

    private void Fired(Input.Timer timer, in Instant now, Effects effects)
    {
        if (timer.Generation != _generations[timer.Id.Value])
            return;
        if (timer.Id == Tick)
        {
            _ticks = false;
            LookAround(now, effects);
        }
        else if (timer.Id == Replay)
        {
            ReplayHints(now, effects);
            Arm(Replay, _options.HintReplayMicros, effects);
        }
        else
        {
            BeginRepair(now, effects);
            Lookup(new StoreQuery.Deleted(now.Wall - _options.GraceMicros, PurgesInOne), new Awaited.Deleted(), effects);
            ArmRepairs(effects);
        }
    }

    /// <summary>Deadlines, owners that are asked again, hints for those that are silent.</summary>
    private void LookAround(in Instant now, Effects effects)
    {
        foreach (Operation operation in _operations.Values.ToArray())
        {
            if (now.Monotonic >= operation.Deadline)
                Expire(operation, effects);
            if (operation is WriteOperation { Versions.IsEmpty: false } write && !write.HintsSent && now.Monotonic >= write.HintsAt && write.Missing.Any())
                SendHints(write, now);
            if (operation.IsAnswered && now.Monotonic >= operation.Deadline && operation is not WriteOperation { HintsSent: false })
                _operations.Remove(operation.Token);
            else if (now.Monotonic >= operation.AskAgainAt)
                AskAgain(operation, now);
        }

        if (_repair is { } repair && now.Monotonic >= repair.GiveUpAt && repair.DoneAt == 0)
            _repair = null;
        else if (_repair is { DoneAt: 0 } waiting && now.Monotonic >= waiting.AskAgainAt)
            AskAgain(waiting, now, effects);
        if (_operations.Count > 0 || _repair is not null)
            ArmTick(effects);
    }

    private void AskAgain(Operation operation, in Instant now)
    {
        operation.AskAgainAfter *= 2;
        operation.AskAgainAt = now.Monotonic + operation.AskAgainAfter;
        if (operation is ReadOperation read)
        {
            AskOwners(read);
            foreach (ReplicaId owner in read.Repaired.Where(owner => owner != Self && !read.Has.Contains(owner)))
                AddTo(_puts, owner, new Parcel(read.Token, default, read.Key, read.Merged));
        }
        else if (operation is WriteOperation { Versions.IsEmpty: false } write)
        {
            foreach (ReplicaId owner in write.Missing.Where(owner => owner != Self))
                AddTo(_puts, owner, new Parcel(write.Token, default, write.Key, write.Versions));
        }
    }

    private void CheckpointIfDue(Effects effects)
    {
        if (_checkpointing || (_appliedIndex - _checkpointIndex < _options.CheckpointEntries && _appliedBytes < _options.CheckpointBytes))
            return;
        _checkpointing = true;
        _appliedBytes = 0;
        effects.Checkpoint(new CheckpointRequest(_appliedIndex, 1, _hard.Encode(), default, [.. _unapplied.Select(each => each.Batch)]));
    }
}
