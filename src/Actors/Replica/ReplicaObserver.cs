using ActorRepl.Actors.Messages;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Modes;

namespace ActorRepl.Actors.Replica;

/// <summary>What one replica's status comes to over time: metrics, and how far its followers have lagged lately.</summary>
internal sealed class ReplicaObserver(string group, int shard, ReplicaId self)
{
    private const long IntervalMicros = 100 * Instant.Millisecond;

    private readonly Dictionary<ReplicaId, RecentLag> _lags = [];
    private readonly KeyValuePair<string, object?>[] _tags = [new("group", group), new("shard", shard), new("node", self.Value)];
    private ReplicaStatus? _last;
    private ReplicaId _lastLeader;
    private long _observedAt = -IntervalMicros;

    /// <summary>Of each follower, over the last minute or two; empty where this replica does not lead, or its protocol does not measure.</summary>
    public IReadOnlyList<FollowerLag> Lags => [.. _lags.Select(lag => new FollowerLag(lag.Key, lag.Value.Quantiles())).OrderBy(lag => lag.Follower)];

    /// <summary>Takes a status; ten a second are enough, others are passed over.</summary>
    public void Observe(ReplicaStatus status, long now)
    {
        if (now - _observedAt < IntervalMicros)
            return;
        _observedAt = now;
        CountFailover(status);
        bool leads = status.Leader == self, led = _last is { } last && last.Leader == self && last.Term == status.Term;
        if (leads && led)
        {
            Count(ReplicaMeter.Committed, status.CommitIndex - _last!.CommitIndex);
            Count(ReplicaMeter.Degraded, status.DegradedAcks - _last.DegradedAcks);
        }

        if (leads)
            ObserveFollowers(status, now);
        else
            _lags.Clear();
        ReplicaMeter.Modes.Set((group, shard, self), status.Mode);
        ObserveRing(status);
        ObserveSpread(status);
        _last = status;
    }

    /// <summary>The replica ends.</summary>
    public void Stop()
    {
        ReplicaMeter.Modes.Set((group, shard, self), ReplicaMode.None);
        foreach (ReplicaGauges gauge in (ReplicaGauges[])[ReplicaMeter.Hints, ReplicaMeter.HintCount, ReplicaMeter.HintAge, ReplicaMeter.Share, ReplicaMeter.Incoming, ReplicaMeter.KeptUpdates, ReplicaMeter.KeptBytes, ReplicaMeter.Unseen, ReplicaMeter.Tags])
            gauge.Set((group, shard, self), null);
    }

    private void ObserveRing(ReplicaStatus status)
    {
        if (status.Repair is not { } repair)
            return;
        Count(ReplicaMeter.Repaired, repair.KeysExchanged - (_last?.Repair?.KeysExchanged ?? 0));
        Count(ReplicaMeter.Compared, repair.KeysCompared - (_last?.Repair?.KeysCompared ?? 0));
        Count(ReplicaMeter.Ahead, repair.RefusedAsAhead - (_last?.Repair?.RefusedAsAhead ?? 0));
        ReplicaMeter.Hints.Set((group, shard, self), repair.HintsBytes);
        ReplicaMeter.HintCount.Set((group, shard, self), repair.Hints);
        ReplicaMeter.HintAge.Set((group, shard, self), (repair.OldestHintMicros ?? 0) / Instant.Second);
        ReplicaMeter.Share.Set((group, shard, self), status.Ring?.Share);
        ReplicaMeter.Incoming.Set((group, shard, self), status.Ring is { } ring ? ring.Ranges - ring.RangesDone : null);
    }

    private void ObserveSpread(ReplicaStatus status)
    {
        if (status.Spread is not { } spread)
            return;
        SpreadProgress? before = _last?.Spread;
        Count(ReplicaMeter.Refused, spread.Refused - (before?.Refused ?? 0));
        // Of those before this start it was told then.
        Count(ReplicaMeter.Unreadable, before is null ? 0 : spread.Unreadable - before.Unreadable);
        Count(ReplicaMeter.Nonsense, spread.Nonsense - (before?.Nonsense ?? 0));
        ReplicaMeter.KeptUpdates.Set((group, shard, self), spread.KeptUpdates);
        ReplicaMeter.KeptBytes.Set((group, shard, self), spread.KeptBytes);
        ReplicaMeter.Unseen.Set((group, shard, self), spread.Members.Where(member => member.Heard).Select(member => member.Lacks).DefaultIfEmpty().Max());
        ReplicaMeter.Tags.Set((group, shard, self), spread.Tags);
    }

    private void CountFailover(ReplicaStatus status)
    {
        if (status.Leader.IsNone)
            return;
        if (status.Leader == self && !_lastLeader.IsNone && _lastLeader != self)
            Count(ReplicaMeter.Failovers, 1);
        _lastLeader = status.Leader;
    }

    private void ObserveFollowers(ReplicaStatus status, long now)
    {
        foreach (ReplicaId gone in _lags.Keys.Where(id => status.Progress.All(follower => follower.Id != id)).ToArray())
            _lags.Remove(gone);
        foreach (FollowerProgress follower in status.Progress)
        {
            if (!_lags.TryGetValue(follower.Id, out RecentLag? lag))
                _lags.Add(follower.Id, lag = new RecentLag());
            lag.Add(follower.LagMicros, now);
            ReplicaMeter.Lag.Record(follower.LagMicros / (double)Instant.Second, [.. _tags, new("follower", follower.Id.Value)]);
        }
    }

    private void Count(System.Diagnostics.Metrics.Counter<long> counter, long by)
    {
        if (by > 0)
            counter.Add(by, _tags);
    }
}
