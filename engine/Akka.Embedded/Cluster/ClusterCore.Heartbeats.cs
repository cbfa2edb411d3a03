#nullable enable
using System.Collections.Immutable;
using Akka.Actor;
using Akka.Event;
using Akka.Remote;

namespace Akka.Cluster;

/// <summary>How a node finds out that another cannot be reached: each tells its predecessors in the ring of addresses that it is up.</summary>
internal sealed partial class ClusterCore
{
    private readonly Dictionary<UniqueAddress, long> _watchedSince = [];

    private DefaultFailureDetectorRegistry<Address> FailureDetector => _cluster.FailureDetector;

    private void ReceiveHeartbeats() =>
        Receive<Heartbeat>(heartbeat =>
        {
            // The heartbeat of a later incarnation says nothing about the member.
            if (_watchedSince.ContainsKey(heartbeat.From))
                FailureDetector.Heartbeat(heartbeat.From.Address);
        });

    private void SendHeartbeats()
    {
        var heartbeat = new Heartbeat(_self);
        foreach (var watcher in Neighbours(_gossip.Members.Reverse()))
            Peer(watcher.Address).Tell(heartbeat);

        var watched = Neighbours(_gossip.Members).Select(m => m.UniqueAddress).ToHashSet();
        foreach (var gone in _watchedSince.Keys.Except(watched).ToList())
        {
            _watchedSince.Remove(gone);
            FailureDetector.Remove(gone.Address);
        }
        long now = Environment.TickCount64;
        foreach (var node in watched)
        {
            if (_watchedSince.TryAdd(node, now))
                FailureDetector.Remove(node.Address);
            else if (now - _watchedSince[node] >= _settings.HeartbeatExpectedResponseAfter.TotalMilliseconds
                && !FailureDetector.IsMonitoring(node.Address))
                // From here on silence counts, even if no heartbeat ever came.
                FailureDetector.Heartbeat(node.Address);
        }
    }

    /// <summary>The members that follow this one in a ring, up to the number that watch each member.</summary>
    private IEnumerable<Member> Neighbours(IEnumerable<Member> ring)
    {
        var members = ring.ToList();
        int here = members.FindIndex(m => m.UniqueAddress == _self);
        return members.Skip(here + 1).Concat(members.Take(here)).Take(_settings.MonitoredByNrOfMembers);
    }

    private void ReapUnreachable()
    {
        var before = _gossip.Observations.GetValueOrDefault(_self, Observation.None).Unreachable;
        var unreachable = _watchedSince.Keys
            .Where(node => !FailureDetector.IsAvailable(node.Address))
            .Union(before.Where(IsOnTheWayOut))
            .Where(_gossip.Has)
            .ToImmutableHashSet();
        if (unreachable.SetEquals(before))
            return;
        foreach (var node in unreachable.Except(before))
            _log.Warning("Cluster Node [{0}] - Marking node as UNREACHABLE [{1}]", _self.Address, _gossip.Find(node));
        foreach (var node in before.Except(unreachable))
            Info("Marking node as REACHABLE [{0}]", node);
        Change(_gossip.Observed(_self, unreachable));
    }

    // A member that is down stays out of reach, although a new incarnation may answer at its address.
    private bool IsOnTheWayOut(UniqueAddress node) => _gossip.Find(node) is { Status: MemberStatus.Down };
}
