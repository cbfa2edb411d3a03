using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Chain;

/// <summary>
/// How a member that has caught up becomes a link (section 3.3 of the paper: a new tail). The tail feeds it; when little is lacking, writes wait
/// for it too, and once it has all that was committed the tail proposes the chain with it. From then until a later view is in force the tail commits
/// nothing that the new one does not have, and promises nobody a lease: the new one may be the only link of the chain after the next.
/// </summary>
public sealed partial class ChainReplica
{
    private const int MostSpliceFailures = 3;

    private Splice? _splice;
    private int _spliceFailures;
    private long _spliceFrom;

    private sealed class Splice(ReplicaId[] ids, long deadline)
    {
        public ReplicaId[] Ids => ids;

        /// <summary>If it is not proposed by then, it is given up for now.</summary>
        public long Deadline => deadline;
        public bool IsProposed { get; set; }

        /// <summary>On this link's monotonic clock: after this, nothing that it promised or was promised counts.</summary>
        public long ProposedAt { get; set; }
    }

    private bool IsSplicing(ReplicaId id) => _splice is { } splice && Array.IndexOf(splice.Ids, id) >= 0;

    /// <summary>Up to here those who are to become links have the log on disk.</summary>
    private long SplicedUpTo
    {
        get
        {
            long least = long.MaxValue;
            if (_splice is { } splice)
            {
                foreach (ReplicaId id in splice.Ids)
                    least = Math.Min(least, FindPeer(id) is { Loss: 0 } && FindDownstream(id) is { } downstream ? downstream.Durable : 0);
            }

            return least;
        }
    }

    /// <summary>In each of a tail's steps.</summary>
    private void ConsiderSplice()
    {
        if (_view.Tail != Self || !IsInForce || _downstreams.Length == 0)
            return;
        if (_splice is null && !BeginSplice())
            return;
        Splice splice = _splice!;
        if (!splice.IsProposed && (_now.Monotonic >= splice.Deadline || IsAnyLinkDead || !Array.TrueForAll(splice.Ids, MayBeLink)))
        {
            GiveUpSplice(splice);
            return;
        }

        if (!splice.IsProposed && (SplicedUpTo < _commit || !ControlAnswers()))
            return;
        bool isGone = splice.IsProposed && NextView() is not null;
        if (isGone || !TryPropose(ChainView.Create(Epoch + 1, [.. _options.Order([.. _view.Links, .. splice.Ids])], _view.Members)) || splice.IsProposed)
            return;
        splice.IsProposed = true;
        splice.ProposedAt = _now.Monotonic;
    }

    /// <summary>Writes have waited for it in vain: the more often in a row, the longer they are left in peace.</summary>
    private void GiveUpSplice(Splice splice)
    {
        if (_now.Monotonic >= splice.Deadline)
        {
            _spliceFrom = _now.Monotonic + (_options.SpliceMicros << _spliceFailures);
            _spliceFailures = Math.Min(_spliceFailures + 1, MostSpliceFailures);
        }

        _splice = null;
    }

    private bool BeginSplice()
    {
        if (_leaves || _change is not null || IsAnyLinkDead || _now.Monotonic < _spliceFrom)
            return false;
        ReplicaId[] ids = [.. _downstreams.Where(HasCaughtUp).Select(downstream => downstream.Id).Where(MayBeLink)];
        if (ids.Length == 0 || !ControlAnswers())
            return false;
        _splice = new Splice(ids, _now.Monotonic + _options.SpliceMicros);
        return true;
    }

    private bool MayBeLink(ReplicaId id) => _view.Find(id) is { ReadOnly: false } && FindPeer(id) is { Loss: 0, Leaves: false, HasAnswered: true } peer && !IsDead(peer);

    private bool HasCaughtUp(Downstream downstream)
    {
        if (downstream.Mode != DownstreamMode.Stream || downstream.Durable == 0 || _commit - downstream.Durable >= _options.CatchUpEntries)
            return false;
        if (_view.Find(downstream.Id) is not { Slow: > 0 and var times })
            return true;
        long wait = _options.RejoinAfterMicros << (Math.Min((int)times, MostSlow) - 1);
        return downstream.KeepsUpSince > 0 && _now.Monotonic - downstream.KeepsUpSince >= wait;
    }
}
