using ActorRepl.Protocols.Crdt;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Tests.Crdt;

/// <summary>Replays what two people typed at once: each on a replica of their own, which merges the other's changes as the parents of each transaction say.</summary>
public sealed class TwoReplicas
{
    private readonly EditTrace _trace;
    private readonly SequenceDelta<char>[] _deltas;
    private readonly Text[] _texts = [new(), new()];
    private readonly bool[][] _has;

    private TwoReplicas(EditTrace trace)
    {
        _trace = trace;
        _deltas = new SequenceDelta<char>[trace.Transactions.Count];
        _has = [new bool[_deltas.Length], new bool[_deltas.Length]];
    }

    public Text First => _texts[0];

    public Text Second => _texts[1];

    public static TwoReplicas Replay(EditTrace trace)
    {
        var replicas = new TwoReplicas(trace);
        for (int i = 0; i < trace.Transactions.Count; i++)
            replicas.Type(i);
        int[] all = [.. Enumerable.Range(0, trace.Transactions.Count)];
        replicas.MergeUpTo(0, all);
        replicas.MergeUpTo(1, all);
        return replicas;
    }

    private void Type(int index)
    {
        EditTrace.Transaction transaction = _trace.Transactions[index];
        int author = transaction.Author;
        MergeUpTo(author, transaction.Parents);
        foreach (EditTrace.Patch patch in transaction.Patches)
        {
            _texts[author].Delete(patch.Position, patch.Deleted);
            _texts[author].Insert(new VersionSource(new ReplicaId(1 + author)), patch.Position, patch.Inserted);
        }

        _deltas[index] = _texts[author].TakeDelta();
        _has[author][index] = true;
    }

    private void MergeUpTo(int replica, IReadOnlyList<int> transactions)
    {
        var missing = new SortedSet<int>();
        var ask = new Stack<int>(transactions);
        while (ask.TryPop(out int transaction))
        {
            if (_has[replica][transaction] || !missing.Add(transaction))
                continue;
            foreach (int parent in _trace.Transactions[transaction].Parents)
                ask.Push(parent);
        }

        foreach (int transaction in missing)
        {
            if (!_texts[replica].TryMerge(_deltas[transaction]))
                throw new InvalidOperationException($"replica {replica} has not what transaction {transaction} refers to");
            _has[replica][transaction] = true;
        }
    }
}
