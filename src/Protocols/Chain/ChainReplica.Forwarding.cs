using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Chain;

/// <summary>
/// A write on its way (section 2 of the paper): down the chain at once, while each disk writes; with it, and after it, how far the log is on every disk so
/// far; at the tail that is every disk of the chain, which commits it; and the acknowledgement back up. A new successor is asked where the logs part.
/// </summary>
public sealed partial class ChainReplica
{
    private Downstream[] _downstreams = [];

    /// <summary>Up to here the log is known to be that of this epoch's head; who is not the head forwards no more than this.</summary>
    private long _verified;

    /// <summary>Up to here all links before this one have the log on disk.</summary>
    private long _upstreamSettled;

    /// <summary>And this one, too.</summary>
    private long _settled;
    private long _ackedUp;

    private long Verified => Orders ? _log.LastIndex : _verified;

    // Twice a head's limit: what a head could still take, others must be able to follow.
    private bool IsLogFull => _log.Bytes > 2 * _options.MaxLogBytes;

    /// <summary>The first entry of an epoch is in the tail's hand: all links are in it, and what came before is known.</summary>
    private bool IsInForce => _commit > 0 && _log.TermAt(_commit) == Epoch;

    // ---- the head ----

    private void BeginToOrder()
    {
        Disarm(QuestionTimer);
        Propose(EntryKind.NoOp, [default]);
    }

    // ---- down ----

    private void PointDownstream()
    {
        ReplicaId[] next = !_view.IsLink(Self) ? []
            : _view.Tail == Self ? [.. _view.Followers.Select(member => member.Id)]
            : [_view.SuccessorOf(Self)];
        _downstreams = [.. next.Select(id => new Downstream(id, _log.LastIndex))];
    }

    private Downstream? FindDownstream(ReplicaId id)
    {
        foreach (Downstream downstream in _downstreams)
        {
            if (downstream.Id == id)
                return downstream;
        }

        return null;
    }

    private bool IsFollower(Downstream downstream) => !_view.IsLink(downstream.Id);

    /// <summary>Sends what is lacking, as far as the window allows: to a link all there is, to a follower only what is committed.</summary>
    private void Feed(Downstream downstream)
    {
        bool isFollower = IsFollower(downstream);
        if (!Acts || FindPeer(downstream.Id) is not { Loss: 0 } || (isFollower && !IsInForce))
            return;
        long last = isFollower && !IsSplicing(downstream.Id) ? Math.Min(_commit, Verified) : Verified;
        // Nothing is known of this log itself yet.
        if (last < Math.Max(1, _log.BaseIndex))
            return;
        // A link has whatever is committed; a late answer may not know it.
        if (!isFollower)
            downstream.Has(Math.Min(_commit, last));
        if (downstream.Mode == DownstreamMode.Probe)
            downstream.ProbeUpTo(last);
        while (downstream.Mode == DownstreamMode.Stream
            ? downstream.Next <= last && downstream.InFlightMessages < _options.MaxInFlightMessages && downstream.InFlightBytes < _options.MaxInFlightBytes
            : !downstream.Probing)
        {
            if (downstream.Next <= _log.BaseIndex)
            {
                OfferCheckpoint(downstream);
                return;
            }

            Forward forward = Build(downstream.Next, downstream.Mode == DownstreamMode.Stream ? last : 0);
            Send(downstream.Id, forward);
            downstream.Sent(forward.LastIndex, forward.EncodedSize);
            downstream.ToldSettled = _settled;
        }
    }

    private Forward Build(long next, long last)
    {
        EntryBatch[] batches = next > last ? [] : _log.Take(next, _options.MaxBatchBytes);
        if (batches.Length > 0 && batches[^1].LastIndex > last)
            batches = [.. batches.Where(batch => batch.FirstIndex <= last).Select(batch => batch.Slice(batch.FirstIndex, Math.Min(batch.LastIndex, last)))];
        return new Forward(Epoch, new LogPosition(_log.TermAt(next - 1), next - 1), _settled, _commit, batches);
    }

    private void OnForward(ReplicaId from, Forward forward)
    {
        bool isMine = _view.IsLink(Self) ? from == _view.PredecessorOf(Self) : from == _view.Tail;
        // What a link says that it has in an epoch it has until that is over: so it takes nothing before the epoch itself is on its disk.
        if (!isMine || _loss != 0 || IsInstalling || (_view.IsLink(Self) && !Acts) || (IsLogFull && forward.Batches.Count > 0))
            return;
        if (!Meets(forward))
        {
            Send(from, Mismatch(forward));
            return;
        }

        foreach (EntryBatch batch in forward.Batches)
            Merge(batch);
        _verified = Math.Max(_verified, forward.LastIndex);
        OnSettled(from, forward.Settled);
        if (!_view.IsLink(Self))
        {
            FollowCommit(forward.Commit);
            SendWhenDurable(from, new ForwardReply(Epoch, ForwardOutcome.Durable, _loss, forward.LastIndex, default));
        }
        else if (forward.Batches.Count == 0)
        {
            Send(from, new ForwardReply(Epoch, ForwardOutcome.Matches, _loss, forward.LastIndex, default));
        }
    }

    /// <summary>Whether what is forwarded continues an entry that is here.</summary>
    private bool Meets(Forward forward)
    {
        if (forward.Previous.Index >= _log.BaseIndex)
            return _log.Matches(forward.Previous.Index, forward.Previous.Term);
        foreach (EntryBatch batch in forward.Batches)
        {
            if (batch.FirstIndex <= _log.BaseIndex && _log.BaseIndex <= batch.LastIndex)
                return true;
        }

        return false;
    }

    /// <summary>Says where to try next: the last entry here that is no later in term than the sender's, or where the log begins.</summary>
    private ForwardReply Mismatch(Forward forward)
    {
        long nearest = Math.Max(_log.BaseIndex, _log.LastIndexOfTermUpTo(forward.Previous.Index, forward.Previous.Term));
        return new ForwardReply(Epoch, ForwardOutcome.Mismatch, _loss, forward.Previous.Index, new LogPosition(_log.TermAt(nearest), nearest));
    }

    /// <summary>Adds what of a batch is not there yet, in place of what conflicts with it.</summary>
    private void Merge(EntryBatch batch)
    {
        long first = Math.Max(batch.FirstIndex, _log.BaseIndex + 1);
        // Same index and same epoch: the same log up to there.
        long same = _log.LastIndexOfTermUpTo(batch.LastIndex, batch.Term);
        if (same >= first && _log.TermAt(same) == batch.Term)
            first = same + 1;
        if (first > batch.LastIndex)
            return;
        if (first <= _log.LastIndex)
            Truncate(first);
        AppendToLog(batch.Slice(first, batch.LastIndex));
    }

    /// <summary>A later head does not have these entries: they were on some disks of the chain and not on all, so nobody was told of them.</summary>
    private void Truncate(long from)
    {
        Invariant.That(!Orders, "a head's own log is the history");
        Invariant.That(from > _verified, "what was forwarded in an epoch is never taken back in it");
        Invariant.That(from > _commit && from > _applying, "what every link had is never taken back");
        _log.TruncateFrom(from);
        _durable.Truncated(from);
        _record.Truncate(from);
    }

    private void OnForwardReply(ReplicaId from, ForwardReply reply)
    {
        if (FindDownstream(from) is not { } downstream || FindPeer(from) is not { Loss: 0 } || reply.Loss != 0)
            return;
        if (reply.Outcome == ForwardOutcome.Mismatch)
        {
            LogPosition nearest = reply.Nearest;
            long shared = _log.LastIndexOfTermUpTo(Math.Min(nearest.Index, _log.LastIndex), nearest.Term);
            downstream.Mismatched(reply.Index, Math.Max(0, shared), isLink: !IsFollower(downstream));
            return;
        }

        long known = Math.Min(reply.Index, _log.LastIndex);
        downstream.Matches(known, isDurable: reply.Outcome == ForwardOutcome.Durable);
        if (reply.Outcome == ForwardOutcome.Durable)
            downstream.Acknowledged(known);
    }

    /// <summary>What a downstream says of itself with a beat: what was lost on its way is sent again.</summary>
    private void CheckDownstream(ReplicaId from, Beat beat)
    {
        if (!Acts || FindDownstream(from) is not { } downstream || beat.Loss != 0)
            return;
        if (downstream.Mode == DownstreamMode.Stream)
        {
            downstream.Matches(Math.Min(beat.Verified, _log.LastIndex), isDurable: false);
            if (IsFollower(downstream))
            {
                downstream.Matches(Math.Min(beat.Durable, _log.LastIndex), isDurable: true);
                downstream.Acknowledged(beat.Durable);
            }
        }

        downstream.Check(beat.Verified, _log.LastIndex);
    }

    // ---- settled, and committed ----

    private void OnSettled(ReplicaId from, long index)
    {
        if (from == _view.PredecessorOf(Self) && _view.IsLink(Self))
            _upstreamSettled = Math.Max(_upstreamSettled, index);
    }

    /// <summary>How far the log is on the disks of this link and all before it; at the tail, that is committed.</summary>
    private void Settle()
    {
        if (_now.Monotonic < _settleFrom || IsInstalling)
            return;
        long mine = Math.Min(Verified, _durable.LastIndex);
        _settled = Math.Max(_settled, _view.Head == Self ? mine : Math.Min(mine, _upstreamSettled));
        if (_view.Tail != Self)
            return;
        // Of whatever epoch it is: every link has it, and this epoch's head.
        _commit = Math.Max(_commit, Math.Min(_settled, SplicedUpTo));
    }

    private void OnAck(ReplicaId from, long index)
    {
        if (!_view.IsLink(Self) || from != _view.SuccessorOf(Self) || !_isActive)
            return;
        FollowCommit(index);
        FindDownstream(from)?.Acknowledged(Math.Min(index, Verified));
    }

    private void FollowCommit(long index)
    {
        if (_loss == 0 && Math.Min(index, Verified) is var known && known > _commit)
            _commit = known;
    }

    /// <summary>What is new for the neighbours and has not gone along with entries.</summary>
    private void TellUpAndDown()
    {
        if (!Acts)
            return;
        ReplicaId successor = _view.SuccessorOf(Self), predecessor = _view.PredecessorOf(Self);
        if (!successor.IsNone && FindDownstream(successor) is { } downstream && downstream.ToldSettled < _settled)
        {
            downstream.ToldSettled = _settled;
            Send(successor, new Settled(Epoch, _settled));
        }

        if (!predecessor.IsNone && _ackedUp < _commit)
        {
            _ackedUp = _commit;
            Send(predecessor, new ChainAck(Epoch, _commit));
        }
    }

    // ---- applying ----

    private protected override void OnApplied(Input.Applied applied)
    {
        base.OnApplied(applied);
        _endsWithTime = applied.EndsWithTime;
        _dirty?.Applied(applied.Index);
        ContinueSwitchover();
    }

    private void ApplyCommitted()
    {
        if (IsInstalling)
            return;
        while (_applying < _commit)
            Apply(_log.Part(_applying + 1, _commit));
    }
}
