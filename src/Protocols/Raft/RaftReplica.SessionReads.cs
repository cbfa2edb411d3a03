using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Log;

namespace ActorRepl.Protocols.Raft;

/// <summary>
/// Reads of sessions: any replica answers that has applied what the session has seen. A follower waits for that for half of the time
/// the read has; a leader makes sure that it leads, and so has everything there is: what is not in its log then is lost.
/// </summary>
public sealed partial class RaftReplica
{
    private readonly SessionReads _sessionReads = new();

    private enum Seen
    {
        Yes,
        NotYet,
        Lost,
    }

    /// <summary>Whether the machine's history has that position, as far as terms are still known.</summary>
    private Seen HasSeen(LogPosition position)
    {
        if (position.Index > _applied)
            return Seen.NotYet;
        // Terms in a log do not go back: an entry of a later term than the last one applied is not below it.
        bool lost = position.Term > _log.TermAt(_applied)
            || (position.Index >= _log.BaseIndex && position.Index > 0 && _log.TermAt(position.Index) != position.Term);
        return lost ? Seen.Lost : Seen.Yes;
    }

    private void WaitForSession(in ClientRequest read)
    {
        long patience = SessionReads.PatienceOf(read, _now.Monotonic);
        _earliestDeadline = Math.Min(_earliestDeadline, patience);
        _sessionReads.Add(read with { Deadline = patience });
    }

    private void ServeSessionReads()
    {
        List<ClientRequest>? served = null;
        while (_sessionReads.TakeReady(_applied) is { } read)
        {
            if (HasSeen(read.AtLeast) == Seen.Yes)
                (served ??= []).Add(read);
            else
                Reject(read.Id, HistoryLost(read.AtLeast));
        }

        if (served is not null)
            _effects.Add(new Effect.Serve(served));
    }

    /// <summary>Of reads that were confirmed by the leader: refuses those of sessions that have seen what is not in this history.</summary>
    private protected override IReadOnlyList<ClientRequest> WithoutLost(IReadOnlyList<ClientRequest> reads)
    {
        if (!reads.Any(IsLost))
            return reads;
        foreach (ClientRequest read in reads.Where(IsLost))
            Reject(read.Id, HistoryLost(read.AtLeast));
        return [.. reads.Where(read => !IsLost(read))];
    }

    private bool IsLost(ClientRequest read) => read.Kind == RequestKind.SessionRead && HasSeen(read.AtLeast) != Seen.Yes;

    private long ExpireSessionReads(long now) => _sessionReads.RemoveWhere(read =>
    {
        if (read.Deadline > now)
            return false;
        Reject(read.Id, new Rejection(RejectReason.TooStale, Leader: _leader, Detail: $"{Self} has applied {_applied}, the session has seen {read.AtLeast}"));
        return true;
    });

    private void RejectSessionReads() => _sessionReads.RemoveWhere(read =>
    {
        Reject(read.Id, new Rejection(RejectReason.NotLeader, Leader: _leader));
        return true;
    });

    private Rejection HistoryLost(LogPosition position) =>
        new(RejectReason.HistoryLost, Leader: _leader, Detail: $"the session has seen {position}, which is not in the history of {Self} up to {_applied}");
}
