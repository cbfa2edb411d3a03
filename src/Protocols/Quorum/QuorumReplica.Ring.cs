using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Ring;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Quorum;

/// <summary>
/// The ring changes one member at a time, in three steps that the control group keeps as views: writes go to the owners of before and of after and reads to
/// those of before (<see cref="RingPhase.Copying"/>), reads go to those of after (<see cref="RingPhase.Switched"/>), writes too (stable). Of two neighbouring
/// views each reads what the other writes. Two that are further apart never meet: a replica that knows a later one refuses the earlier, and the next is
/// proposed only once those owners of before, of every key, that do not know the present one are too few for a read or a write of the one before (as Cassandra's transactional
/// metadata does it, CEP-21).
/// </summary>
public sealed partial class QuorumReplica
{
    // The same replica is told of the ring no more often than this.
    private const long NoticeMicros = 10 * Instant.Millisecond;
    private const int MostDoublings = 4;

    private readonly Dictionary<ReplicaId, (long Epoch, long At)> _noticed = [];
    private readonly Dictionary<ReplicaId, bool> _beats = [];
    private RingView _view;
    private KeyPlacement _placement;
    // The update of the store that brings this ring: what was taken in an earlier epoch lies before it.
    private long _viewIndex;
    private MemberChange? _change;
    private long _nextBeatAt;
    private long _readySince;
    private byte[] _lastProposed = [];
    private long _proposeNotBefore;
    private int _unanswered;

    private long Epoch => _view.Epoch;

    private sealed class MemberChange(long requestId, Membership target, long deadline)
    {
        public long RequestId => requestId;
        public Membership Target => target;
        public long Deadline => deadline;
    }

    /// <summary>The members whom a reader may ask: all that was acknowledged is with enough of them.</summary>
    private static TokenRing ReadRing(RingView view) => view.Phase == RingPhase.Copying ? view.Before : view.After;

    private IEnumerable<ReplicaId> Peers => ReadRing(_view).Nodes.Select(node => node.Id).Where(id => id != Self);

    private void Point(RingView view)
    {
        _view = view;
        _placement = new KeyPlacement(view, Self);
    }

    private void OnViewChanged(Input.ViewChanged changed, in Instant now, Effects effects)
    {
        RingView view;
        try
        {
            // An empty one: that which the shard was made with.
            view = changed.View.IsEmpty ? _view : RingView.Decode(changed.View);
        }
        catch (InvalidDataException problem)
        {
            effects.Add(new Effect.Report($"the ring of epoch {changed.Epoch} cannot be read: {problem.Message}"));
            return;
        }

        if (_hard.Lost && changed.Epoch >= Epoch && (changed.View.IsEmpty || view.Epoch == changed.Epoch))
            Resume(view, now, effects);
        else if (view.Epoch == changed.Epoch && view.Epoch > Epoch)
            Adopt(view, now, effects);
    }

    /// <summary>What was promised here may be forgotten, and so is counted for nothing in the ring that is in force.</summary>
    private void Resume(RingView view, in Instant now, Effects effects)
    {
        _hard = _hard with { Lost = false };
        bool isOnItsWayIn = view.Phase == RingPhase.Copying && view.Joins == Self;
        if (view.IsMember(Self) && !isOnItsWayIn)
            Rebuild(RebuildReason.Lost, "it may lack what it had acknowledged", effects);
        else
            Update(new StoreUpdate.Rebuild(RebuildReason.Joins));
        Enter(view, now, effects);
    }

    private void Adopt(RingView view, in Instant now, Effects effects)
    {
        Invariant.That(view.Epoch > Epoch && !_hard.Lost, "epochs never go back");
        if (Lacks(view))
            Rebuild(RebuildReason.Lost, $"what it is to have in epoch {view.Epoch} was not all copied", effects);
        Enter(view, now, effects);
    }

    private void Enter(RingView view, in Instant now, Effects effects)
    {
        effects.Add(new Effect.Report($"{view}"));
        // Of what happened in rings that it never heard of, it knows nothing.
        bool givesAway = view.Epoch > Epoch + 1;
        Point(view);
        givesAway |= _placement.All.Any(owners => (owners.Before.Mask & owners.BitOf(Self)) != 0 && (owners.After.Mask & owners.BitOf(Self)) == 0);
        bool gets = view.Phase == RingPhase.Copying && _placement.All.Any(owners => owners.Moves.Any(move => move.To == Self));
        // It may have had them before, and given numbers that it does not know any more.
        if (gets && (_hard.HasGivenAway || givesAway))
            _hard = _hard with { Generation = NewGeneration(), HasGivenAway = givesAway };
        else if (givesAway)
            _hard = _hard with { HasGivenAway = true };
        _source = new VersionSource(Self, _hard.Generation);
        Update(new StoreUpdate.Ring(Self, view));
        _viewIndex = NextIndex - 1;
        _writesHardState = true;
        _repair = null;
        _beats.Clear();
        (_readySince, _nextBeatAt, _proposeNotBefore, _unanswered) = (0, now.Monotonic, 0, 0);
        BeginStreams();
        foreach (Operation operation in InOrder().ToArray())
        {
            operation.Retarget(_placement.Of(operation.Key));
            operation.AskAgainAt = now.Monotonic;
            Watch(operation, now.Monotonic);
        }

        ConsiderChange(now, effects);
        ArmRing(now, effects);
        ArmTick(now, effects);
    }

    // Keys that are read here from now on, and that it has not whole: those of before it has, and those of after once they are copied.
    private bool Lacks(RingView next)
    {
        TokenRing readers = ReadRing(next);
        bool hasAfter = _view.Phase != RingPhase.Copying || HasAll;
        foreach (ulong token in readers.Tokens.Concat(_view.Before.Tokens).Concat(_view.After.Tokens).Distinct())
        {
            if (IsOwner(readers, next) && !IsOwner(_view.Before, _view) && !(hasAfter && IsOwner(_view.After, _view)))
                return true;

            bool IsOwner(TokenRing ring, RingView view) => ring.PreferencesOf(token, view.Replication).Owners.Contains(Self);
        }

        return false;
    }

    /// <summary>False: the message is of another epoch, and what it asks is not done.</summary>
    private bool IsOfThisEpoch(ReplicaId from, QuorumMessage message, in Instant now, Effects effects)
    {
        if (message is ViewNotice notice)
        {
            // One that may have forgotten a later ring believes the control group alone.
            if (notice.View.Epoch > Epoch && !_hard.Lost)
                Adopt(notice.View, now, effects);
            return false;
        }

        if (_hard.Lost)
            return false;
        if (message is ViewAsk)
        {
            _whenDurable.Add((from, new ViewNotice(_view)));
            return false;
        }

        if (message.Epoch == Epoch)
            return true;
        bool isNew = !_noticed.TryGetValue(from, out (long Epoch, long At) last) || last.Epoch != Math.Max(Epoch, message.Epoch);
        if (isNew || now.Monotonic - last.At >= NoticeMicros)
        {
            _noticed[from] = (Math.Max(Epoch, message.Epoch), now.Monotonic);
            _whenDurable.Add((from, message.Epoch < Epoch ? new ViewNotice(_view) : new ViewAsk()));
        }

        return message.IsAnswer;
    }

    // ---- from one view to the next ----

    private void TakeBeat(ReplicaId from, RingBeat beat) => _beats[from] = beat.HasAll || _beats.GetValueOrDefault(from);

    private void RingFired(in Instant now, Effects effects)
    {
        if (_hard.Lost)
            effects.Add(new Effect.AskView());
        else if (_view.IsChanging && now.Monotonic >= _nextBeatAt && _appliedIndex >= _viewIndex)
            Beat(now, effects);
        ExpireChange(now, effects);
        ConsiderNext(now, effects);
        ConsiderChange(now, effects);
        ArmRing(now, effects);
    }

    private void Beat(in Instant now, Effects effects)
    {
        _nextBeatAt = now.Monotonic + _options.RingBeatMicros;
        TakeBeat(Self, new RingBeat(HasAll));
        foreach (ReplicaId member in _view.Members)
        {
            if (member != Self)
                Tell(member, new RingBeat(HasAll), effects);
        }
    }

    /// <summary>The next view of a change that is on its way, once it may be; the first member speaks first.</summary>
    private void ConsiderNext(in Instant now, Effects effects)
    {
        if (!_view.IsChanging || _hard.Lost || !MayGoOn())
        {
            _readySince = 0;
            return;
        }

        if (_readySince == 0)
            _readySince = now.Monotonic;
        int rank = _view.Members.TakeWhile(id => id != Self).Count();
        if (now.Monotonic - _readySince >= rank * _options.RingBeatMicros)
            Propose(_view.Phase == RingPhase.Copying ? _view.Switch() : _view.Finish(), now, effects);
    }

    private bool MayGoOn()
    {
        foreach (KeyOwners owners in _placement.All)
        {
            ulong known = 0;
            foreach (ReplicaId id in _beats.Keys)
                known |= owners.BitOf(id);
            if (!owners.Before.HasMajorityOfEachHeard(known) || !owners.Before.AreFewerThanAsked(_options.Read, _options.Write, owners.Before.Mask & ~known))
                return false;
            if (_view.Phase == RingPhase.Copying && !owners.Moves.All(move => _beats.GetValueOrDefault(move.To)))
                return false;
        }

        return true;
    }

    private void Propose(RingView next, in Instant now, Effects effects)
    {
        byte[] bytes = next.Encode();
        bool isNew = !bytes.AsSpan().SequenceEqual(_lastProposed);
        if (!isNew && now.Monotonic < _proposeNotBefore)
            return;
        if (isNew)
            _unanswered = 0;
        _lastProposed = bytes;
        // Each is an entry of the control group's log: less and less often.
        _proposeNotBefore = now.Monotonic + (_options.RingBeatMicros << Math.Min(++_unanswered, MostDoublings));
        effects.Add(new Effect.Report($"proposes {next}"));
        effects.Add(new Effect.ProposeView(Epoch, bytes));
    }

    // ---- members ----

    private void TakeChange(in ClientRequest request, in Instant now, Effects effects)
    {
        Membership target;
        try
        {
            target = Membership.Decode(request.Payload);
        }
        catch (InvalidDataException problem)
        {
            effects.Add(new Effect.Reject(request.Id, Invalid(problem.Message)));
            return;
        }

        Rejection? why = target.Learners.Count + target.Witnesses.Count > 0 ? Invalid("all members of a ring are voters")
            : _hard.Lost || !_view.IsMember(Self) ? new Rejection(RejectReason.Unavailable, Detail: "this replica is not on the ring")
            : _change is { } other ? new Rejection(RejectReason.Overloaded, Detail: $"another change of members is under way: {other.Target}")
            : null;
        if (why is { } reason)
        {
            effects.Add(new Effect.Reject(request.Id, reason));
            return;
        }

        _change = new MemberChange(request.Id, target, request.Deadline);
        ConsiderChange(now, effects);
        ArmRing(now, effects);
    }

    private void ConsiderChange(in Instant now, Effects effects)
    {
        if (_change is not { } change || _hard.Lost)
            return;
        if (_view.IsChanging)
        {
            if (_view.Phase == RingPhase.Copying && change.Target.Voters.SequenceEqual(_view.Before.Nodes.Select(node => node.Id)))
                Propose(_view.TakeBack(), now, effects);
            return;
        }

        ReplicaId joins = change.Target.Voters.FirstOrDefault(id => !_view.IsMember(id)), leaves = _view.Members.FirstOrDefault(id => !change.Target.Voters.Contains(id));
        if (!joins.IsNone)
            Propose(_view.Join(joins, _options), now, effects);
        else if (!leaves.IsNone)
            Propose(_view.Leave(leaves), now, effects);
        else
            EndChange(null, effects);
    }

    private void ExpireChange(in Instant now, Effects effects)
    {
        if (_change is { } change && now.Monotonic >= change.Deadline)
            EndChange(new Rejection(RejectReason.NoQuorum, OutcomeUnknown: true, Detail: $"the ring is at {_view}; the rest goes on when it is asked for again"), effects);
    }

    private void EndChange(Rejection? why, Effects effects)
    {
        long request = _change!.RequestId;
        _change = null;
        effects.Add(why is { } reason ? new Effect.Reject(request, reason) : new Effect.Reply(request, default));
    }
}
