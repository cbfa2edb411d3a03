using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Chain;

/// <summary>
/// Which chain comes next. Every link has all that was acknowledged, so links may go, several at once, and stand in any order; the first that is
/// left proposes it. A link that started again proposes the same chain in a new epoch. Joining is the tail's affair (Splicing).
/// </summary>
public sealed partial class ChainReplica
{
    private IReadOnlyDictionary<ReplicaId, string> _places = new Dictionary<ReplicaId, string>();
    private long _dueSince;
    private long _leavesUntil;

    private bool _leaves => _now.Monotonic < _leavesUntil;

    private bool IsDead(Peer peer) => _now.Monotonic - peer.HeardAt >=
        (Epoch == 0 && !peer.HasAnswered ? Math.Max(_options.FirstAnswerMicros, _options.DeadAfterMicros) : _options.DeadAfterMicros);

    /// <summary>A link that is to be none in the next chain.</summary>
    private bool IsToGo(ReplicaId id) => id == Self ? _leaves && OthersGoOn : FindPeer(id) is not { Loss: 0, Leaves: false } peer || IsDead(peer) || IsTooSlow(peer);

    /// <summary>All other links are there, as far as anybody can know: one that leaves does not leave the chain to those that may be dead.</summary>
    private bool OthersGoOn => Array.TrueForAll(_peers, peer => !peer.IsLink || (peer is { Loss: 0, HasAnswered: true } && _now.Monotonic - peer.HeardAt < 2 * _options.HeartbeatMicros));

    private bool IsAnyLinkDead => Array.Exists(_peers, peer => peer.IsLink && IsDead(peer));

    /// <summary>In each step of a link in which something of it may have changed: is another chain due, and is it this link's turn to say so?</summary>
    private void ConsiderView()
    {
        if (!_viewMayBeDue)
            return;
        _viewMayBeDue = false;
        if (NextView() is not { } next)
        {
            _dueSince = 0;
            EndChangeIfDone();
            return;
        }

        if (_dueSince == 0)
            _dueSince = _now.Monotonic;
        if (_now.Monotonic - _dueSince < PatienceBefore(next))
            return;
        if (TryPropose(next) && _change is { } change)
            change.IsProposed = true;
    }

    /// <summary>The first of the next chain speaks first; and of two halves that do not hear each other, the larger one.</summary>
    private long PatienceBefore(ChainView next)
    {
        if (_change is not null && IsHead)
            return 0;
        int place = Math.Max(0, Array.IndexOf(next.Links, Self)), gone = _view.Links.Length - next.Links.Length;
        return place * 2 * _options.HeartbeatMicros + Math.Max(0, gone - 1) * _options.HeartbeatMicros;
    }

    /// <summary>The view that is due; null: the one in force is as it should be.</summary>
    private ChainView? NextView()
    {
        // A change that leaves nobody who has all does not hold up the chain of now, whose next view ends it.
        IEnumerable<ChainMember> wanted = _change is { } change && CarriesOn(change.Target) ? MembersOf(change.Target) : _view.Members;
        ChainMember[] members = [.. wanted.Select(InNext)];
        ReplicaId[] stay = [.. _view.Links.Where(id => Array.Exists(members, member => member.Id == id && !member.ReadOnly))];
        ReplicaId[] links = [.. InOrder([.. stay.Where(id => !IsToGo(id))])];
        if (links.Length == 0)
            links = [.. stay.Where(id => id == Self)];
        if (links.Length == 0 || (Array.IndexOf(links, Self) < 0 && !OthersGoOn))
            return null;
        bool isSame = links.AsSpan().SequenceEqual(_view.Links) && members.Length == _view.Members.Length
            && Array.TrueForAll(members, member => _view.Find(member.Id) is { } now && (now == member || now with { Slow = 0 } == member));
        // One that was to become a link and is gone: the proposal that binds this tail must be made void.
        bool isStuck = _splice is { IsProposed: true } splice && splice.Ids.Any(id => FindPeer(id) is not { Loss: 0 } peer || IsDead(peer));
        return isSame && !isStuck ? null : ChainView.Create(Epoch + 1, links, members);
    }

    /// <summary>
    /// Links of one region together, as the options say or, if those say nothing, as the head has heard of all of them: two that have heard different
    /// things must not propose in turns.
    /// </summary>
    private IEnumerable<ReplicaId> InOrder(IReadOnlyList<ReplicaId> links)
    {
        if (_options.Regions.Count > 0)
            return _options.Order(links);
        return _view.Head == Self && links.All(id => _places.GetValueOrDefault(id) is { Length: > 0 }) ? links.GroupBy(id => _places[id]).SelectMany(region => region) : links;
    }

    private void OnPlaces(IReadOnlyDictionary<ReplicaId, string> regions)
    {
        _places = regions;
        _viewMayBeDue = true;
    }

    private ChainMember InNext(ChainMember member)
    {
        Peer? peer = FindPeer(member.Id);
        bool isSlow = peer is { IsLink: true } && IsTooSlow(peer) && !IsDead(peer);
        return member with
        {
            Pardon = peer is { Loss: not 0 } ? peer.Loss : member.Pardon,
            Slow = isSlow ? (byte)Math.Min(member.Slow + 1, MostSlow) : HasProvenItself(peer) ? (byte)0 : member.Slow,
        };
    }

    /// <summary>A link that started again may have forgotten what it promised in this epoch: it waits for the next, and asks for it.</summary>
    private void ConsiderReturn()
    {
        if (_isActive || _loss != 0 || !_view.IsLink(Self))
            return;
        TryPropose(ChainView.Create(Epoch + 1, _view.Links, _view.Members));
    }

    /// <summary>A later view is in force.</summary>
    private void ConcludeProposal()
    {
        _viewMayBeDue = true;
        _dueSince = _unanswered = 0;
        _lastProposed = [];
        Disarm(ProposalTimer);
        EndSwitchover();
        if (_change is not { } change)
            return;
        if (_view.Membership!.Equals(change.Target))
            EndChange(null);
        else if (!Orders)
            EndChange(new Rejection(RejectReason.NotLeader, Leader: Head, Detail: "another is the head now, and the members have not changed"));
        else if (!CarriesOn(change.Target))
            EndChange(NobodyCarriesOn(change.Target));
        else
            change.IsProposed = false;
    }

    // ---- members ----

    private IEnumerable<ChainMember> MembersOf(Membership target) => target.Members
        .Select(id => (_view.Find(id) ?? new ChainMember(id)) with { ReadOnly = target.Learners.Contains(id) });

    private protected override Rejection? WhyNoMembers(Membership next, long deadline) => CarriesOn(next) ? null : NobodyCarriesOn(next);

    /// <summary>A chain of these members would begin with a link that has all.</summary>
    private bool CarriesOn(Membership members) => Array.Exists(_view.Links, id => members.Voters.Contains(id) && !IsToGo(id));

    private static Rejection NobodyCarriesOn(Membership members) =>
        new(RejectReason.NoQuorum, Detail: $"none of {string.Join(", ", members.Voters)} is a link now: a chain goes on only with one that has all");

    /// <summary>What holds for changes and transfers alike.</summary>
    private protected override Rejection? WhyNoControl(in ClientRequest request)
    {
        if (request.Deadline <= _now.Monotonic)
            return new Rejection(RejectReason.NoQuorum, Detail: "the deadline had passed before the request was taken");
        if (!IsHead)
            return new Rejection(RejectReason.NotLeader, Leader: Head == Self ? ReplicaId.None : Head);
        return _switchover is { } switchover ? new Rejection(RejectReason.NotLeader, Leader: switchover.To, Detail: "the head is being handed over") : null;
    }

    private void CancelControl(HashSet<long> ids)
    {
        CancelChange(ids);
        if (_switchover is { } switchover && ids.Contains(switchover.RequestId))
            switchover.RequestId = 0;
    }

    private long ExpireControl(long now)
    {
        long next = ExpireSwitchover(now);
        return Math.Min(next, ExpireChange(now, "the control group did not answer in time"));
    }
}
