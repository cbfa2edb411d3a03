using System.Text;
using ActorRepl.Protocols.Convergence;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Simulation.Convergence;

namespace ActorRepl.Protocols.Tests.Convergence;

/// <summary>A group on a calm network, and a client that waits for each answer.</summary>
internal sealed class ConvergentCluster
{
    public ConvergentCluster(ConvergentOptions? options = null, int members = 3)
    {
        World = new ConvergentWorld(seed: 1, options ?? new ConvergentOptions(), members, spares: 1);
        World.Start();
        World.RunFor(Instant.Second);
    }

    public ConvergentWorld World { get; }

    public ConvergentOutcome Run(int node, RequestKind kind, byte[] payload, long patience = 500 * Instant.Millisecond)
    {
        ConvergentOutcome? ended = null;
        World.Submit(node, kind, payload, patience, outcome => ended = outcome);
        Assert.True(World.RunUntil(() => ended is not null, 10 * Instant.Second), "a request ends");
        return ended!;
    }

    public CrdtResult Update(int node, CrdtUpdate update)
    {
        ConvergentOutcome outcome = Run(node, RequestKind.Command, update.ToBytes());
        Assert.True(outcome.Reply is not null, outcome.Why?.Detail);
        return CrdtResult.Decode(outcome.Reply);
    }

    public CrdtResult Update(int node, CrdtKey key, CrdtOperation operation) => Update(node, new CrdtUpdate(key, operation));

    public Rejection Refused(int node, CrdtUpdate update) => Run(node, RequestKind.Command, update.ToBytes()).Why!.Value;

    public CrdtData Read(int node, CrdtQuery query, ConsistencyLevel level = default)
    {
        ConvergentOutcome outcome = Run(node, RequestKind.Read, new CrdtRead(query, level).ToBytes());
        Assert.True(outcome.Reply is not null, outcome.Why?.Detail);
        return CrdtAnswer.Decode(outcome.Reply).Views[0].Data;
    }

    public long Number(int node, CrdtKey key, ConsistencyLevel level = default) => ((CrdtData.Number)Read(node, new CrdtQuery.Whole(key), level)).Value;

    public string Text(int node, CrdtKey key) => ((CrdtData.Text)Read(node, new CrdtQuery.Whole(key))).Value;

    public string[] Elements(int node, CrdtKey key, ConsistencyLevel level = default) =>
        [.. ((CrdtData.Elements)Read(node, new CrdtQuery.Whole(key), level)).List.Select(element => Encoding.UTF8.GetString(element.Span))];

    public bool IsEven => World.MemberNodes.All(node => node.IsUp && !node.Replica!.IsRebuilding && node.Store.Vector.Equals(World[1].Store.Vector) && node.Store.Root() == World[1].Store.Root());

    public void UntilEven() => Assert.True(World.RunUntil(() => IsEven, 30 * Instant.Second), "all members have the same");

    public static CrdtOperation.Insert Insert(string element) => new(Encoding.UTF8.GetBytes(element));

    public static CrdtOperation.Remove Remove(string element) => new(Encoding.UTF8.GetBytes(element));
}
