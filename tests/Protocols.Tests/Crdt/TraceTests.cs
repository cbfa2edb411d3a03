using ActorRepl.Protocols.Crdt;

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
        {
            text.Delete(patch.Position, patch.Deleted);
            text.Insert(History<GCounter>.Source(0), patch.Position, patch.Inserted);
        }

        Assert.Equal(trace.EndContent, text.ToString());
    }

    [SharedDataFact]
    public void A_text_typed_by_two_people_at_once_ends_the_same_on_both()
    {
        EditTrace trace = EditTrace.Load(Path.Combine(SharedData.Folder!, "friendsforever.json.gz"));
        TwoReplicas replicas = TwoReplicas.Replay(trace);
        Assert.Equal(trace.EndContent, replicas.First.ToString());
        Assert.Equal(trace.EndContent, replicas.Second.ToString());
        Laws.Same(replicas.First, replicas.Second);
    }
}
