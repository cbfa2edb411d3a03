#nullable enable
using System.Collections.Immutable;
using Akka.Actor;
using Akka.Event;
using Akka.Remote;

namespace Akka.Cluster;

/// <summary>How a node finds out that another cannot be reached.</summary>
internal sealed partial class ClusterCore
{
    private readonly Dictionary<UniqueAddress, long> _watchedSince = [];

    private DefaultFailureDetectorRegistry<Address> FailureDetector => _cluster.FailureDetector;

    private void ReceiveHeartbeats()
    {
        Receive<Heartbeat>(heartbeat => Peer(heartbeat.From).Tell(new HeartbeatRsp(_self)));
        Receive<HeartbeatRsp>(response =>
        {
            // The answer of a later incarnation says nothing about the member.
            if (_watchedSince.ContainsKey(response.From))
                FailureDetector.Heartbeat(response.From.Address);
        });
    }

    private void SendHeartbeats()
    {
        var neighbours = Neighbours();
        foreach (var gone in _watchedSince.Keys.Except(neighbours.Select(m => m.UniqueAddress)).ToList())
        {
            _watchedSince.Remove(gone);
            FailureDetector.Remove(gone.Address);
        }
        long now = Environment.TickCount64;
        foreach (var neighbour in neighbours)
        {
            var node = neighbour.UniqueAddress;
            if (_watchedSince.TryAdd(node, now))
                FailureDetector.Remove(node.Address);
            else if (now - _watchedSince[node] >= _settings.HeartbeatExpectedResponseAfter.TotalMilliseconds
                && !FailureDetector.IsMonitoring(node.Address))
                // From here on silence counts, even if no heartbeat was ever answered.
                FailureDetector.Heartbeat(node.Address);
            Peer(node.Address).Tell(new Heartbeat(_self.Address));
        }
    }

    /// <summary>The members that follow this one in the ring of addresses.</summary>
    private List<Member> Neighbours() =>
        _gossip.Members
            .Where(m => m.CompareTo(new Member(_self, 0, MemberStatus.Up, [])) > 0)
            .Concat(_gossip.Members)
            .Where(m => m.UniqueAddress != _self)
            .Distinct()
            .Take(_settings.MonitoredByNrOfMembers)
            .ToList();

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
