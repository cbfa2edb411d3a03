using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Modes;

namespace ActorRepl.Protocols.PrimaryBackup;

/// <summary>What the primary measures of its followers, the mode that follows from it, and when it takes no commands because too few keep up.</summary>
public sealed partial class PrimaryBackupReplica
{
    private ShardModes? _modes;

    private ReplicaMode Mode => _part == Part.Primary && _modes is { } modes ? modes.Mode : ReplicaMode.None;

    /// <summary>For so long that its backups may have another primary by now, none of those who must has confirmed this one.</summary>
    private bool IsCutOff => _begun && ConfirmedClock is var since && since != long.MaxValue
        && _now.Monotonic - Math.Max(since, _begunAt) > _options.DeadAfterMicros;

    private Rejection? TooFewKeepUp()
    {
        if (_modes is { TakesCommands: false } modes && _begun)
            return new Rejection(RejectReason.NoQuorum, Detail: $"the shard takes no commands at its floor: {modes.Reason}");
        if (_options.MinReplicasToWrite == 0)
            return null;
        int keepUp = _followers.Count(follower => follower.Loss == 0 && follower.HasAnswered && Answers(follower)
            && LagMicros(follower) <= _options.MinReplicasMaxLagMicros);
        return keepUp >= _options.MinReplicasToWrite
            ? null
            : new Rejection(RejectReason.NoQuorum, Detail: $"{keepUp} replicas keep up with the primary; {_options.MinReplicasToWrite} must, to write");
    }

    private long LagMicros(Follower follower)
    {
        if (_log.WallAfter(follower.Match) is not (> 0 and long since))
            return 0;
        long age = Math.Max(0, _now.Wall - since);
        // What it has is not known before its first answer to this primary, which may be young itself.
        return follower.HasAnswered ? age : Math.Min(age, _now.Monotonic - _begunAt);
    }

    /// <summary>With each beat.</summary>
    private void Measure()
    {
        _modes ??= new ShardModes(_options.Modes);
        int voters = _view.VoterCount;
        var sample = new ModeSample(Progress(), _options.PromiseFor(voters - 1, voters), Math.Min(_options.MinReplicasToWrite, voters - 1), _log.LastIndex)
        {
            MayNotLead = IsCutOff,
            DegradedAcks = _degradedAcks,
        };
        foreach (ModeEvent change in _modes.Observe(sample, _now.Monotonic))
            Report(change.ToString());
    }

    private FollowerProgress[] Progress() => _part != Part.Primary ? [] : [.. _followers.Select(ProgressOf)];

    private FollowerProgress ProgressOf(Follower follower) =>
        new(follower.Id, Math.Max(follower.Next - 1, follower.Received), follower.Received, follower.Match, follower.Applied)
        {
            InSync = _view.IsInSync(follower.Id) && follower.Loss == 0,
            LagEntries = _log.LastIndex - follower.Match,
            LagBytes = _log.BytesAfter(follower.Match),
            LagMicros = LagMicros(follower),
            // The beat that is out may yet be answered.
            MissedBeats = (int)Math.Min(int.MaxValue, Math.Max(0, (_now.Monotonic - follower.HeardAt) / _options.HeartbeatMicros - 1)),
            CatchUpMicros = _modes?.CatchUpMicros(follower.Id),
        };
}
