using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Modes;

namespace ActorRepl.Protocols.PrimaryBackup;

/// <summary>What the primary measures of its followers, the mode that follows from it, and when it takes no commands because too few keep up.</summary>
public sealed partial class PrimaryBackupReplica
{
    // Whoever sent the request on looks for the one that may be the primary by now, until the deadline.
    private static readonly Rejection CutOff = new(RejectReason.Unavailable, Detail: "no backup confirms that this is still the primary");

    private ShardModes? _modes;

    // While nobody leads, whoever would says so: stale reads are all there is.
    private ReplicaMode Mode => _part switch
    {
        Part.Primary => _modes?.Mode ?? ReplicaMode.None,
        Part.Claimant => ReplicaMode.Floor,
        _ => ReplicaMode.None,
    };

    private string ModeReason => _part switch
    {
        Part.Primary => _modes?.Reason ?? "",
        Part.Claimant when _claim!.ByRight => $"nobody leads: {Self} waits for a view in which it does",
        Part.Claimant when IsEntitled => $"nobody leads: {Self} takes over",
        Part.Claimant => $"nobody leads: {(_sealed ? _claim!.Seals.Count + 1 : 0)} backups have sealed epoch {Epoch}; it takes {_view.SealsToTakeOver}",
        _ => "",
    };

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

    private long LagMicros(Follower follower) =>
        _log.WallAfter(follower.Reached) is > 0 and var since ? Math.Max(0, _now.Wall - since) : 0;

    /// <summary>With each beat.</summary>
    private void Measure()
    {
        _modes ??= new ShardModes(_options.Modes);
        // All is well only with every member in sync that can be; what a command asks for may be less.
        int wanted = _view.Members.Count(member => member.IsEligible && member.Id != Self);
        int least = Math.Min(wanted, Math.Max(_options.MinReplicasToWrite, _options.Modes.FloorReplicas));
        var sample = new ModeSample(Progress(), wanted, least, _log.LastIndex)
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
            IsEligible = _view.Find(follower.Id) is { IsEligible: true },
            LagEntries = _log.LastIndex - follower.Reached,
            LagBytes = _log.BytesAfter(follower.Reached),
            LagMicros = LagMicros(follower),
            // The beat that is out may yet be answered.
            MissedBeats = (int)Math.Min(int.MaxValue, Math.Max(0, (_now.Monotonic - follower.HeardAt) / _options.HeartbeatMicros - 1)),
            CatchUpMicros = _modes?.CatchUpMicros(follower.Id),
        };
}
