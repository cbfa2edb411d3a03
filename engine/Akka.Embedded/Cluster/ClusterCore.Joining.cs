#nullable enable
using System.Collections.Immutable;
using Akka.Actor;
using Akka.Event;

namespace Akka.Cluster;

/// <summary>How a node finds the cluster and is let in.</summary>
internal sealed partial class ClusterCore
{
    private static readonly TimeSpan RetryInterval = TimeSpan.FromMilliseconds(500);

    private ImmutableList<Address> _seeds = [];
    private readonly HashSet<Address> _refusals = [];
    private Address? _joining;
    private long _searchingSince;
    private long _joiningSince;

    private void ReceiveJoining()
    {
        Receive<JoinCommand>(join => StartJoin(join.Address));
        Receive<JoinSeedsCommand>(join => JoinSeeds(join.Seeds));
        Receive<InitJoin>(_ => Sender.Tell(IsMember && _gossip.Find(_self) is { Status: not (MemberStatus.Down or MemberStatus.Exiting) }
            ? new InitJoinAck(_self.Address)
            : new InitJoinNack(_self.Address)));
        Receive<InitJoinAck>(ack =>
        {
            if (!IsMember && _joining is null && _seeds.Contains(ack.Address))
                StartJoin(ack.Address);
        });
        Receive<InitJoinNack>(nack =>
        {
            _refusals.Add(nack.Address);
            BeFirstIfNoneElseIs();
        });
        Receive<Join>(LetIn);
        Receive<Welcome>(BeWelcomed);
    }

    private void JoinSeeds(ImmutableList<Address> seeds)
    {
        if (IsMember || seeds.IsEmpty)
            return;
        _seeds = seeds;
        _joining = null;
        _refusals.Clear();
        _searchingSince = Environment.TickCount64;
        if (seeds[0] == _self.Address && seeds.All(seed => seed == _self.Address))
        {
            StartJoin(_self.Address);
            return;
        }
        TryJoin();
    }

    private void StartJoin(Address address)
    {
        if (IsMember)
            return;
        if (address == _self.Address)
        {
            Timers.Cancel(Tick.Join);
            var self = new Member(_self, Member.NotYetUp, MemberStatus.Joining, _settings.Roles);
            Info("Node [{0}] is JOINING itself (with roles [{1}]) and forming new cluster", address, string.Join(", ", _settings.Roles));
            Become(Gossip.Empty.With(self, _self), news: true);
            return;
        }
        _joining = address;
        _joiningSince = Environment.TickCount64;
        TryJoin();
    }

    /// <summary>Asks again, until somebody lets this node in.</summary>
    private void TryJoin()
    {
        if (IsMember)
        {
            Timers.Cancel(Tick.Join);
            return;
        }
        Timers.StartSingleTimer(Tick.Join, Tick.Join, RetryInterval < _settings.SeedNodeTimeout ? RetryInterval : _settings.SeedNodeTimeout);
        long now = Environment.TickCount64;
        if (_joining is not null
            && !_seeds.IsEmpty
            && _settings.RetryUnsuccessfulJoinAfter is { } limit
            && now - _joiningSince > limit.TotalMilliseconds)
        {
            _log.Warning("Joining [{0}] failed; asking the seed nodes again", _joining);
            _joining = null;
            _refusals.Clear();
            _searchingSince = now;
        }
        if (_joining is not null)
        {
            Peer(_joining).Tell(new Join(_self, _settings.Roles));
            return;
        }
        if (now - _searchingSince >= _settings.SeedNodeTimeout.TotalMilliseconds)
        {
            if (_seeds[0] == _self.Address)
            {
                StartJoin(_self.Address);
                return;
            }
            _searchingSince = now;
            _log.Warning("Couldn't join seed nodes [{0}] yet; still trying", string.Join(", ", _seeds));
        }
        foreach (var seed in _seeds.Where(seed => seed != _self.Address))
            Peer(seed).Tell(new InitJoin());
    }

    /// <summary>The first seed node forms the cluster when every other seed says that it has none.</summary>
    private void BeFirstIfNoneElseIs()
    {
        if (!IsMember && _joining is null && !_seeds.IsEmpty && _seeds[0] == _self.Address
            && _seeds.All(seed => seed == _self.Address || _refusals.Contains(seed)))
            StartJoin(_self.Address);
    }

    private void LetIn(Join join)
    {
        if (_gossip.Find(_self) is not { Status: MemberStatus.Joining or MemberStatus.WeaklyUp or MemberStatus.Up })
            return;
        if (join.Node.Address.System != _self.Address.System || join.Node == _self || _gossip.Tombstones.ContainsKey(join.Node))
            return;
        if (_gossip.Find(join.Node.Address) is not { } known)
        {
            Info("Node [{0}] is JOINING, roles [{1}]", join.Node.Address, string.Join(", ", join.Roles));
            FailureDetector.Remove(join.Node.Address);
            Change(_gossip.With(new Member(join.Node, Member.NotYetUp, MemberStatus.Joining, join.Roles), _self));
        }
        else if (known.UniqueAddress != join.Node)
        {
            ReplaceIncarnation(known);
            return;
        }
        Sender.Tell(new Welcome(_self, _gossip));
    }

    /// <summary>
    /// A node that joins at the address of a member proves that the member is gone: it is down and out of reach. The new
    /// incarnation keeps asking and is let in once the old one is removed.
    /// </summary>
    private void ReplaceIncarnation(Member old)
    {
        var unreachable = _gossip.Observations.GetValueOrDefault(_self, Observation.None).Unreachable;
        if (old.Status == MemberStatus.Down && unreachable.Contains(old.UniqueAddress))
            return;
        Info("New incarnation of existing member [{0}] is trying to join; the existing one will be removed", old);
        Change(_gossip.With(old.Copy(MemberStatus.Down), _self).Observed(_self, unreachable.Add(old.UniqueAddress)));
    }

    private void BeWelcomed(Welcome welcome)
    {
        if (IsMember || !welcome.Gossip.Has(_self))
            return;
        Timers.Cancel(Tick.Join);
        Info("Welcome from [{0}]", welcome.From.Address);
        Become(Gossip.Empty.Merge(welcome.Gossip, _self), news: true);
        SendGossip(welcome.From, _gossip);
    }
}
