using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Log;

/// <summary>Another replica's question how far it must have applied (ReadIndex, Ongaro's thesis 6.4). The token names it and is only echoed.</summary>
internal readonly record struct IndexQuestion(ReplicaId From, long Token);

/// <summary>
/// Linearizable reads on their way (ReadIndex), in three stages. They gather; they travel, all that gathered together,
/// until their read index is confirmed: at a leader with a round of heartbeats, elsewhere with a question to the leader;
/// then they wait for the machine to apply that index. Questions of other replicas travel along.
/// </summary>
internal sealed class PendingReads
{
    // More rounds than this at once: no round is confirmed for a while, and some are in vain.
    private const int ManyRounds = 16;

    private Queue<Party> _travelling = new();
    private readonly Queue<(long Index, List<ClientRequest> Reads)> _confirmed = new();
    private List<ClientRequest> _gathering = [];
    private List<IndexQuestion> _asking = [];

    /// <summary>Reads in all stages.</summary>
    public int Waiting { get; private set; }

    /// <summary>Something has not left yet.</summary>
    public bool AnyGathering => _gathering.Count > 0 || _asking.Count > 0;

    /// <summary>Neither reads nor questions in any stage.</summary>
    public bool IsEmpty => Waiting == 0 && !AnyGathering && !AnyTravelling;

    /// <summary>Rounds, or questions, that are out.</summary>
    public int Rounds => _travelling.Count;

    public bool AnyTravelling => _travelling.Count > 0;

    /// <summary>Something travels, and nobody waits for any of it.</summary>
    public bool TravelsInVain => AnyTravelling && _travelling.All(party => party.Reads.Count == 0);

    /// <summary>The latest round, or question, that something travels with, 0 if none does.</summary>
    public long LastDeparted => _travelling.Count > 0 ? _lastDeparted : 0;
    private long _lastDeparted;

    public void Add(in ClientRequest read)
    {
        _gathering.Add(read);
        Waiting++;
    }

    /// <summary>A replica has one question at a time: a later one takes the place of an earlier.</summary>
    public void Add(in IndexQuestion question)
    {
        ReplicaId from = question.From;
        _asking.RemoveAll(other => other.From == from);
        _asking.Add(question);
    }

    /// <summary>
    /// All that gathered leaves with this round, or question. What travels stays bounded however long no round is confirmed: of a replica's questions
    /// the latest, with the first round that it left with, and nothing that nobody waits for.
    /// </summary>
    public void Depart(long number, long readIndex)
    {
        if (_asking.Count > 0 && AnyTravelling)
            ReplaceQuestions();
        if (!AnyGathering)
            return;
        if (_travelling.Count >= ManyRounds)
            _travelling = new Queue<Party>(_travelling.Where(party => party.Reads.Count > 0 || party.Questions.Count > 0));
        _travelling.Enqueue(new Party(number, readIndex, _gathering, _asking));
        _lastDeparted = number;
        _gathering = [];
        _asking = [];
    }

    /// <summary>What left with a round up to this one is confirmed. Returns the next questions to answer, null at the end.</summary>
    public (long Index, IReadOnlyList<IndexQuestion> Questions)? Confirm(long round)
    {
        if (!_travelling.TryPeek(out Party? party) || party.Number > round)
            return null;
        _travelling.Dequeue();
        if (party.Reads.Count > 0)
            _confirmed.Enqueue((party.ReadIndex, party.Reads));
        return (party.ReadIndex, party.Questions);
    }

    /// <summary>The question is answered. False: it is not the one that is out.</summary>
    public bool Answered(long token, long readIndex)
    {
        if (!_travelling.TryPeek(out Party? party) || party.Number != token)
            return false;
        _travelling.Dequeue();
        if (party.Reads.Count > 0)
            _confirmed.Enqueue((readIndex, party.Reads));
        return true;
    }

    /// <summary>The next reads that may be served, null if none may.</summary>
    public IReadOnlyList<ClientRequest>? TakeReady(long appliedIndex)
    {
        (long Index, List<ClientRequest> Reads) next;
        while (_confirmed.TryPeek(out next) && next.Reads.Count == 0)
            _confirmed.Dequeue();
        if (_confirmed.Count == 0 || next.Index > appliedIndex)
            return null;
        _confirmed.Dequeue();
        Waiting -= next.Reads.Count;
        return next.Reads;
    }

    /// <summary>What travels is back among what gathers, in its order; questions of others are dropped: they are asked again.</summary>
    public void Recall()
    {
        var gathering = new List<ClientRequest>();
        while (_travelling.TryDequeue(out Party? party))
            gathering.AddRange(party.Reads);
        gathering.AddRange(_gathering);
        _gathering = gathering;
        _asking.Clear();
    }

    /// <summary>As <see cref="Recall"/>, and what is confirmed too: its index may be of a history that is lost.</summary>
    public void RecallAll()
    {
        var confirmed = new List<ClientRequest>();
        while (_confirmed.TryDequeue(out (long Index, List<ClientRequest> Reads) next))
            confirmed.AddRange(next.Reads);
        Recall();
        _gathering = [.. confirmed, .. _gathering];
    }

    /// <summary>Removes every read whose index is not confirmed and for which the condition holds.</summary>
    public void RemoveUnconfirmed(Func<ClientRequest, bool> condition)
    {
        Remove(_gathering, condition);
        foreach (Party party in _travelling)
            Remove(party.Reads, condition);
    }

    /// <summary>Removes every read the condition holds for; says when the earliest deadline of the others is.</summary>
    public long RemoveWhere(Func<ClientRequest, bool> condition)
    {
        long next = Remove(_gathering, condition);
        foreach (Party party in _travelling)
            next = Math.Min(next, Remove(party.Reads, condition));
        foreach ((_, List<ClientRequest> reads) in _confirmed)
            next = Math.Min(next, Remove(reads, condition));
        return next;
    }

    private void ReplaceQuestions()
    {
        foreach (Party party in _travelling)
            _asking.RemoveAll(party.Questions.Contains);
        foreach (Party party in _travelling)
            party.Questions.RemoveAll(earlier => _asking.Exists(question => question.From == earlier.From));
    }

    private long Remove(List<ClientRequest> reads, Func<ClientRequest, bool> condition)
    {
        Waiting -= reads.RemoveAll(read => condition(read));
        long next = long.MaxValue;
        foreach (ClientRequest read in reads)
            next = Math.Min(next, read.Deadline);
        return next;
    }

    private sealed record Party(long Number, long ReadIndex, List<ClientRequest> Reads, List<IndexQuestion> Questions);
}
