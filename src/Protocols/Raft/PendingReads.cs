using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Raft;

/// <summary>
/// Linearizable reads on their way (thesis 6.4): they gather, leave with a heartbeat round that fixes their read index,
/// and are served once a quorum has answered the round and the machine has applied that index.
/// </summary>
internal sealed class PendingReads
{
    private readonly Queue<Round> _rounds = new();
    private List<ClientRequest> _gathering = [];

    public int Waiting { get; private set; }

    /// <summary>Reads that have not left with a round.</summary>
    public bool AnyGathering => _gathering.Count > 0;

    /// <summary>The latest round reads have left with, 0 if none waits.</summary>
    public long LastRound => _rounds.Count > 0 ? _lastRound : 0;
    private long _lastRound;

    public void Add(in ClientRequest read)
    {
        _gathering.Add(read);
        Waiting++;
    }

    /// <summary>All that gathered leaves with this round.</summary>
    public void Depart(long round, long readIndex)
    {
        if (_gathering.Count == 0)
            return;
        _rounds.Enqueue(new Round(round, readIndex, _gathering));
        _lastRound = round;
        _gathering = [];
    }

    /// <summary>The next reads that may be served, null if none may.</summary>
    public IReadOnlyList<ClientRequest>? TakeReady(long confirmedRound, long appliedIndex)
    {
        if (!_rounds.TryPeek(out Round? round) || round.Number > confirmedRound || round.ReadIndex > appliedIndex)
            return null;
        _rounds.Dequeue();
        Waiting -= round.Reads.Count;
        return round.Reads;
    }

    /// <summary>Removes every read the condition holds for; says when the earliest deadline of the others is.</summary>
    public long RemoveWhere(Func<ClientRequest, bool> condition)
    {
        long next = Remove(_gathering, condition);
        foreach (Round round in _rounds)
            next = Math.Min(next, Remove(round.Reads, condition));
        return next;
    }

    private long Remove(List<ClientRequest> reads, Func<ClientRequest, bool> condition)
    {
        Waiting -= reads.RemoveAll(read => condition(read));
        long next = long.MaxValue;
        foreach (ClientRequest read in reads)
            next = Math.Min(next, read.Deadline);
        return next;
    }

    private sealed record Round(long Number, long ReadIndex, List<ClientRequest> Reads);
}
