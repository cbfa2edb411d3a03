#nullable enable
using System.Collections.Immutable;
using Akka.Actor;
using Akka.Event;
using Akka.Remote;

namespace Akka.Cluster;

/// <summary>
/// The cluster daemon, /system/cluster: joins, gossips, watches its neighbours and, while this node is the leader, moves
/// members on. State spreads at once when it changes and at leisure when it does not.
/// </summary>
internal sealed partial class ClusterCore : ReceiveActor, IWithTimers
{
    // How many nodes a change is pushed to at once; gossip does the rest.
    private const int Fanout = 4;

    // Gossip rounds left out while all are known to agree.
    private const int QuietRounds = 10;
    private readonly Cluster _cluster;
    private readonly ClusterSettings _settings;
    private readonly UniqueAddress _self;
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly ClusterEventPublisher _publisher;
    private readonly HashSet<UniqueAddress> _confirmedExits = [];
    private Gossip _gossip = Gossip.Empty;
    private Chore[] _chores = [];
    private int _quietRounds;
    private long _disagreeingSince;
    private bool _leaving;

    public ClusterCore(Cluster cluster)
    {
        _cluster = cluster;
        _settings = cluster.Settings;
        _self = cluster.SelfUniqueAddress;
        _publisher = new ClusterEventPublisher(cluster, Context);
        ReceiveJoining();
        ReceiveHeartbeats();
        Receive<GossipEnvelope>(ReceiveGossip);
        Receive<Tick>(tick => tick == Tick.Chores, _ => DoChores());
        Receive<Tick>(tick => tick == Tick.Join, _ => TryJoin());
        Receive<LeaveCommand>(leave => Leave(leave.Address));
        Receive<DownCommand>(down => Down(down.Address));
        Receive<ExitingConfirmed>(ConfirmExit);
        Receive<ExitingDone>(_ => TellExitingDone());
        Receive<SubscribeCommand>(s => _publisher.Subscribe(s.Subscriber, s.Mode, s.To));
        Receive<UnsubscribeCommand>(u => _publisher.Unsubscribe(u.Subscriber, u.To));
        Receive<SendStateCommand>(s => s.Receiver.Tell(_cluster.State));
        Receive<Terminated>(t => _publisher.Unsubscribe(t.ActorRef, null));
    }

    public ITimerScheduler Timers { get; set; } = null!;
    private bool IsMember => _gossip.Has(_self);

    protected override void PreStart()
    {
        // A daemon started anew after a failure would have forgotten its cluster; the node leaves instead.
        if (_cluster.IsTerminated)
        {
            Context.Stop(Self);
            return;
        }
        _chores =
        [
            new Chore(SendHeartbeats, _settings.HeartbeatInterval),
            new Chore(ReapUnreachable, _settings.UnreachableNodesReaperInterval),
            new Chore(GossipToOne, _settings.GossipInterval),
            new Chore(LeaderActions, _settings.LeaderActionsInterval),
        ];
        var pace = _chores.Min(chore => chore.Interval);
        Timers.StartPeriodicTimer(Tick.Chores, Tick.Chores, pace);
        if (!_settings.SeedNodes.IsEmpty)
            JoinSeeds(_settings.SeedNodes);
    }

    protected override void PostStop()
    {
        _publisher.Stop();
        _cluster.Stopped();
    }

    /// <summary>Does what is due. All share one timer: a node with nothing to do wakes up once for all of it.</summary>
    private void DoChores()
    {
        long now = Environment.TickCount64;
        foreach (var chore in _chores.Where(chore => now >= chore.Due))
        {
            if (!IsMember)
                return;
            chore.Due = now + (long)(chore.Interval.TotalMilliseconds * 0.9);
            chore.Do();
        }
    }

    private void ReceiveGossip(GossipEnvelope envelope)
    {
        if (envelope.To != _self || !IsMember || !_gossip.Has(envelope.From))
            return;
        if (envelope.Gossip.Tombstones.ContainsKey(_self))
        {
            _log.Warning("This node was removed from the cluster while it could not be reached");
            ShutDown();
            return;
        }
        var merged = _gossip.Merge(envelope.Gossip, _self);
        bool theyKnow = merged.IsSameAs(envelope.Gossip) && merged.Seen.IsSubsetOf(envelope.Gossip.Seen);
        bool news = !merged.IsSameAs(_gossip);
        bool newSeen = news || !merged.Seen.SetEquals(_gossip.Seen);
        if (!newSeen && theyKnow)
            return;
        if (!theyKnow)
            SendGossip(envelope.From, merged);
        Become(merged, news);
    }

    /// <summary>Takes a new state: publishes it, spreads it if it is news, and does what it asks of this node.</summary>
    private void Become(Gossip gossip, bool news)
    {
        _gossip = gossip;
        _publisher.Publish(gossip);
        _confirmedExits.RemoveWhere(node => !gossip.Has(node));
        if (news)
            Spread();
        switch (gossip.Find(_self)?.Status)
        {
            case null:
            case MemberStatus.Down:
                ShutDown();
                return;
            case MemberStatus.Exiting when !_leaving:
                _leaving = true;
                _cluster.SelfExiting();
                break;
        }
        LeaderActions();
    }

    private void Change(Gossip gossip)
    {
        if (!ReferenceEquals(gossip, _gossip))
            Become(gossip, news: true);
    }

    private void Spread()
    {
        foreach (var node in RandomPeers(m => !_gossip.Seen.Contains(m.UniqueAddress)).Take(Fanout))
            SendGossip(node.UniqueAddress, _gossip);
    }

    /// <summary>Tells a peer that may not know; when all do, tells one only every now and then.</summary>
    private void GossipToOne()
    {
        var peers = RandomPeers(_ => true);
        var ignorant = peers.FirstOrDefault(m => !_gossip.Seen.Contains(m.UniqueAddress));
        if (ignorant is null && ++_quietRounds < QuietRounds)
            return;
        _quietRounds = 0;
        if ((ignorant ?? peers.FirstOrDefault()) is { } peer)
            SendGossip(peer.UniqueAddress, _gossip);
    }

    private Member[] RandomPeers(Func<Member, bool> which)
    {
        var unreachable = _gossip.Unreachable();
        // One that is down must learn of it.
        var peers = _gossip.Members
            .Where(m => m.UniqueAddress != _self && (!unreachable.Contains(m) || m.Status == MemberStatus.Down) && which(m))
            .ToArray();
        Random.Shared.Shuffle(peers);
        return peers;
    }

    private void SendGossip(UniqueAddress to, Gossip gossip) => Peer(to.Address).Tell(new GossipEnvelope(_self, to, gossip));
    private IActorRef Peer(Address address) => _cluster.PeerAt(address);

    private void Leave(Address address)
    {
        if (_gossip.Find(address) is not { Status: MemberStatus.Joining or MemberStatus.WeaklyUp or MemberStatus.Up } member)
            return;
        Info("Marked address [{0}] as [{1}]", address, MemberStatus.Leaving);
        Change(_gossip.With(member.Copy(MemberStatus.Leaving), _self));
    }

    private void Down(Address address)
    {
        if (_gossip.Find(address) is not { Status: not (MemberStatus.Down or MemberStatus.Removed) } member)
            return;
        Info("Marking node [{0}] as [{1}]", member.UniqueAddress, MemberStatus.Down);
        Change(_gossip.With(member.Copy(MemberStatus.Down), _self));
    }

    private void ConfirmExit(ExitingConfirmed confirmed)
    {
        if (_gossip.Find(confirmed.Node) is not { Status: MemberStatus.Exiting or MemberStatus.Down })
            return;
        _confirmedExits.Add(confirmed.Node);
        LeaderActions();
    }

    /// <summary>This node has finished what it had to do before it goes; who leads may remove it now.</summary>
    private void TellExitingDone()
    {
        foreach (var peer in RandomPeers(m => m.IsActive))
            Peer(peer.Address).Tell(new ExitingConfirmed(_self));
        Sender.Tell(Done.Instance);
    }

    private void ShutDown()
    {
        if (_gossip.Find(_self) is { Status: MemberStatus.Down })
            foreach (var peer in RandomPeers(m => m.IsActive))
                Peer(peer.Address).Tell(new ExitingConfirmed(_self));
        Context.Stop(Self);
    }

    /// <summary>As leader, and once all agree, lets joining members in and leaving ones out.</summary>
    private void LeaderActions()
    {
        if (_gossip.Leader(_self)?.UniqueAddress != _self)
            return;
        if (!_gossip.IsConverged(_self))
        {
            LetInWeakly();
            return;
        }
        _disagreeingSince = 0;
        var next = _gossip;
        if (EnoughMembers())
        {
            int upNumber = next.Members.Where(m => m.UpNumber != Member.NotYetUp).Select(m => m.UpNumber).DefaultIfEmpty(0).Max();
            foreach (var member in next.Members.Where(m => m.Status is MemberStatus.Joining or MemberStatus.WeaklyUp))
                next = MoveOn(next, member.CopyUp(++upNumber));
        }
        foreach (var member in next.Members.Where(m => m.Status == MemberStatus.Leaving))
            next = MoveOn(next, member.Copy(MemberStatus.Exiting));
        var unreachable = next.Unreachable();
        var gone = next.Members
            .Where(m => m.Status is MemberStatus.Exiting or MemberStatus.Down && m.UniqueAddress != _self)
            .Where(m => unreachable.Contains(m) || _confirmedExits.Contains(m.UniqueAddress))
            .ToList();
        if (gone.Count > 0)
        {
            Info("Leader is removing {0}", string.Join(", ", gone));
            next = next.Without(gone, _self);
        }
        Change(next);
    }

    private Gossip MoveOn(Gossip gossip, Member member)
    {
        Info("Leader is moving node [{0}] to [{1}]", member.Address, member.Status);
        return gossip.With(member, _self);
    }

    private void LetInWeakly()
    {
        if (!_settings.AllowWeaklyUpMembers)
            return;
        long now = Environment.TickCount64;
        if (_disagreeingSince == 0)
            _disagreeingSince = now;
        if (now - _disagreeingSince < _settings.WeaklyUpAfter.TotalMilliseconds || !EnoughMembers())
            return;
        var unreachable = _gossip.Unreachable();
        var next = _gossip;
        foreach (var member in _gossip.Members.Where(m => m.Status == MemberStatus.Joining && !unreachable.Contains(m)))
            next = MoveOn(next, member.Copy(MemberStatus.WeaklyUp));
        Change(next);
    }

    private bool EnoughMembers()
    {
        var present = _gossip.Members.Where(m => m.Status is not (MemberStatus.Down or MemberStatus.Exiting)).ToList();
        return present.Count >= _settings.MinNrOfMembers
            && _settings.MinNrOfMembersOfRole.All(role => present.Count(m => m.HasRole(role.Key)) >= role.Value);
    }

    private void Info(string format, params object[] args)
    {
        if (_settings.LogInfo)
            _log.Info("Cluster Node [" + _self.Address + "] - " + format, args);
    }

    private enum Tick
    {
        Chores,
        Join,
    }

    /// <summary>Something to be done every now and then.</summary>
    private sealed class Chore(Action what, TimeSpan interval)
    {
        public Action Do { get; } = what;
        public TimeSpan Interval { get; } = interval;
        public long Due { get; set; }
    }

    internal sealed record JoinCommand(Address Address);
    internal sealed record JoinSeedsCommand(ImmutableList<Address> Seeds);
    internal sealed record LeaveCommand(Address Address);
    internal sealed record DownCommand(Address Address);
    internal sealed record ExitingDone;
    internal sealed record SubscribeCommand(IActorRef Subscriber, ClusterEvent.SubscriptionInitialStateMode Mode, ImmutableHashSet<Type> To);
    internal sealed record UnsubscribeCommand(IActorRef Subscriber, Type? To);
    internal sealed record SendStateCommand(IActorRef Receiver);
}
