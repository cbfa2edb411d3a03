using ActorRepl.Protocols.Crdt;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Tests.Crdt;

/// <summary>What people really typed comes out as they saw it.</summary>
public class TraceTests
{
    [SharedDataFact]
    public void A_paper_typed_by_one_person_ends_as_it_did()
    {
        EditTrace trace = EditTrace.Load(Path.Combine(SharedData.Folder!, "automerge-paper.json.gz"));
        var text = new Text();
        foreach (EditTrace.Patch patch in trace.Transactions.SelectMany(transaction => transaction.Patches))
            Apply(text, History<GCounter>.Source(0), patch);
        Assert.Equal(trace.EndContent, text.ToString());
    }

    [SharedDataFact]
    public void A_text_typed_by_two_people_at_once_ends_the_same_on_both()
    {
        EditTrace trace = EditTrace.Load(Path.Combine(SharedData.Folder!, "friendsforever.json.gz"));
        Text[] replicas = [new(), new()];
        var deltas = new SequenceDelta<char>[trace.Transactions.Count];
        HashSet<int>[] merged = [[], []];
        for (int i = 0; i < deltas.Length; i++)
        {
            EditTrace.Transaction transaction = trace.Transactions[i];
            MergeUpTo(transaction.Author, transaction.Parents);
            foreach (EditTrace.Patch patch in transaction.Patches)
                Apply(replicas[transaction.Author], History<GCounter>.Source(transaction.Author), patch);
            deltas[i] = replicas[transaction.Author].TakeDelta();
            merged[transaction.Author].Add(i);
        }

        MergeUpTo(0, [.. Enumerable.Range(0, deltas.Length)]);
        MergeUpTo(1, [.. Enumerable.Range(0, deltas.Length)]);
        Assert.Equal(trace.EndContent, replicas[0].ToString());
        Assert.Equal(trace.EndContent, replicas[1].ToString());

        void MergeUpTo(int replica, IReadOnlyList<int> transactions)
        {
            var missing = new SortedSet<int>();
            var ask = new Stack<int>(transactions);
            while (ask.TryPop(out int transaction))
            {
                if (merged[replica].Contains(transaction) || !missing.Add(transaction))
                    continue;
                foreach (int parent in trace.Transactions[transaction].Parents)
                    ask.Push(parent);
            }

            foreach (int transaction in missing)
            {
                Assert.True(replicas[replica].TryMerge(deltas[transaction]));
                merged[replica].Add(transaction);
            }
        }
    }

    internal static void Apply(Text text, VersionSource source, in EditTrace.Patch patch)
    {
        text.Delete(patch.Position, patch.Deleted);
        text.Insert(source, patch.Position, patch.Inserted);
    }
}
