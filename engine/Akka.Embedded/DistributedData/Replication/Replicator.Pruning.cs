using Akka.Actor;
using Akka.Cluster;

namespace Akka.DistributedData.Replication;

/// <summary>
/// Giving the parts of removed nodes to others. The leader waits until all have what the node had sent, and marks each value; when
/// all have seen the mark it moves the part to itself and marks the value as pruned, so that others drop the part.
/// </summary>
internal sealed partial class Replicator
{
    /// <summary>Nodes that were removed, and when by <see cref="_reachableClock"/>.</summary>
    private readonly Dictionary<UniqueAddress, TimeSpan> _removed = [];

    /// <summary>Runs only while every member is reachable.</summary>
    private TimeSpan _reachableClock;
    private TimeSpan _clockReadAt = Context.System.Scheduler.MonotonicClock;
    private bool _isUp;

    /// <summary>One member is enough to prune: the lowest that is up.</summary>
    private bool IsLeader => _isUp && (_nodes.Count == 0 || SelfNode.CompareTo(_nodes.Values.Min()) < 0);

    private void AdvanceReachableClock()
    {
        TimeSpan now = Context.System.Scheduler.MonotonicClock;
        if (_unreachable.Count == 0) _reachableClock += now - _clockReadAt;
        _clockReadAt = now;
    }

    private void OnPruningTick()
    {
        if (_unreachable.Count > 0) return;
        if (IsLeader)
        {
            FindRemovedNodes();
            StartPruning();
        }

        FinishPruning();
        ForgetObsoletePruning();
    }

    /// <summary>Nodes that values speak of and that are no members: they were removed before this node came.</summary>
    private void FindRemovedNodes()
    {
        var strangers = _entries.Values.Select(entry => entry.Envelope.Data).OfType<IRemovedNodePruning>()
            .SelectMany(data => data.ModifiedByNodes).Where(node => node != SelfNode && !IsKnown(node));
        foreach (UniqueAddress node in strangers) _removed.TryAdd(node, _reachableClock);
    }

    private void StartPruning()
    {
        foreach ((UniqueAddress removed, TimeSpan at) in _removed)
        {
            if (_reachableClock - at <= _settings.MaxPruningDissemination) continue;
            foreach ((string key, DataEnvelope envelope) in Values())
            {
                bool isMine = envelope.Pruning.GetValueOrDefault(removed) is PruningDone
                    || (envelope.Pruning.GetValueOrDefault(removed) is PruningStarted started && started.Owner == SelfNode);
                if (!isMine && envelope.NeedsPruningFrom(removed)) Set(key, envelope.StartPruning(removed, SelfNode));
            }
        }
    }

    private void FinishPruning()
    {
        DateTime obsoleteAt = DateTime.UtcNow + _settings.PruningMarkerTimeToLive;
        Address[] others = [.. AllNodes];
        foreach ((string key, DataEnvelope envelope) in Values())
        {
            var pruned = envelope;
            foreach ((UniqueAddress removed, PruningState state) in envelope.Pruning)
            {
                if (state is PruningStarted started && started.Owner == SelfNode && started.Seen.IsSupersetOf(others))
                    pruned = pruned.Prune(removed, SelfNode, obsoleteAt);
            }

            if (!ReferenceEquals(pruned, envelope)) Set(key, pruned);
        }
    }

    private void ForgetObsoletePruning()
    {
        DateTime now = DateTime.UtcNow;
        foreach ((string key, DataEnvelope envelope) in Values())
        {
            var obsolete = envelope.Pruning.Where(entry => entry.Value is PruningDone done && done.ObsoleteAt <= now).Select(entry => entry.Key);
            var left = envelope.Pruning.RemoveRange(obsolete);
            if (left != envelope.Pruning) Set(key, envelope with { Pruning = left });
        }
    }

    private KeyValuePair<string, DataEnvelope>[] Values() => [.. _entries.Select(entry => KeyValuePair.Create(entry.Key, entry.Value.Envelope))];
}
