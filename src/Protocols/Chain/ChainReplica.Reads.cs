using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Log;

namespace ActorRepl.Protocols.Chain;

/// <summary>
/// Reads. The tail serves strong reads from what it has applied, on its lease or after a round of beats. With apportioned reads every link does
/// (CRAQ, section 2.3): at once if its lease holds and nothing that the read touches is on its way, else it asks the tail which version is
/// committed and waits until that is applied here. Eventual reads take what is applied; with a bound, if it is known to be no older.
/// </summary>
public sealed partial class ChainReplica
{
    private readonly SessionReads _sessionReads = new();
    private readonly DirtyKeys? _dirty;

    /// <summary>Any command that is under way may end any key; so it is taken to be until the machine has applied something and says otherwise.</summary>
    private bool _endsWithTime = true;

    private protected override ReplicaId Answerer => Tail;

    private protected override bool IsAnswerer => IsTail;

    private protected override PeerMessage Question(long token) => new VersionQuery(Epoch, token);

    private protected override PeerMessage AnswerTo(long token, long index) => new VersionReply(Epoch, token, index);

    private bool MayServeStrongly => IsTail || (_options.ApportionedReads && _view.IsLink(Self));

    private Rejection? WhyNoRead(in ClientRequest read)
    {
        bool isStrong = read.Kind is RequestKind.Read or RequestKind.FollowerRead;
        if (read.Kind == RequestKind.Read && !MayServeStrongly)
            return new Rejection(RejectReason.NotLeader, Leader: Tail, Detail: "the tail answers strong reads");
        if (isStrong && Tail.IsNone)
            return new Rejection(RejectReason.NotLeader);
        if (isStrong && IsCutOff)
            return CutOff;
        return read.Kind == RequestKind.BoundedRead && Tail.IsNone && !IsFresh(read.MaxStaleness)
            ? new Rejection(RejectReason.TooStale, Detail: "no tail says how old the state here is")
            : null;
    }

    private protected override bool IsServedAtOnce(in ClientRequest request) => request.Kind switch
    {
        RequestKind.StaleRead => true,
        RequestKind.BoundedRead => IsFresh(request.MaxStaleness),
        RequestKind.SessionRead => _applied >= request.AtLeast.Index,
        RequestKind.Read or RequestKind.FollowerRead => IsCleanHere(request.Payload),
        _ => false,
    };

    /// <summary>The version here is the only one there is: every acknowledged write is in the log of every link.</summary>
    private bool IsCleanHere(ReadOnlyMemory<byte> query) =>
        _dirty is not null && _options.LeaseReads && !IsTail && HoldsLease(_now.Monotonic)
        && (!_endsWithTime || _applied == _log.LastIndex) && _dirty.IsClean(query);

    /// <summary>Whether what is applied here holds everything that was acknowledged so long ago, as far as is known.</summary>
    private bool IsFresh(long maxStaleness)
    {
        if (!IsTail)
            return IsFreshByAnswer(maxStaleness);
        return IsInForce && _applied >= _commit && ConfirmedClock is > 0 and var since && (since == long.MaxValue || _now.Monotonic - since <= maxStaleness);
    }

    // ---- at the tail ----

    private void BeginReadRound()
    {
        if (!_reads.AnyGathering || !IsInForce)
            return;
        if (ConfirmedClock == long.MaxValue || (_options.LeaseReads && HoldsLease(_now.Monotonic)))
            _reads.Depart(0, _commit);
        else if (_reads.LastDeparted <= ConfirmedClock && _splice is not { IsProposed: true })
        {
            SendBeats(wantsAnswer: true);
            DepartReads();
        }
    }

    private void DepartReads()
    {
        if (IsTail && IsInForce)
            _reads.Depart(_clock, _commit);
    }

    // ---- elsewhere ----

    /// <summary>The chain is another: what this replica may not answer any more is sent on.</summary>
    private void ReturnReads()
    {
        if (_reads.IsEmpty)
            return;
        RejectReads(read => read.Kind == RequestKind.Read && !MayServeStrongly && _view.Tail != Self, "the tail answers strong reads");
    }

    // ---- everywhere ----

    private void ServeReads()
    {
        if (IsInstalling)
            return;
        ServeConfirmedReads();
        List<ClientRequest>? ready = null;
        while (_sessionReads.Waiting > 0 && _sessionReads.TakeReady(_applied) is { } read)
            (ready ??= []).Add(read);
        if (ready is not null)
            _effects.Add(new Effect.Serve(ready));
    }

    private long ExpireReads(long now)
    {
        long next = ExpireConfirmedReads(now);
        return Math.Min(next, _sessionReads.RemoveWhere(read =>
        {
            if (read.Deadline > now)
                return false;
            Reject(read.Id, new Rejection(RejectReason.TooStale, Leader: Tail, Detail: $"only entry {_applied} is applied here; the session has seen {read.AtLeast}"));
            return true;
        }));
    }
}
