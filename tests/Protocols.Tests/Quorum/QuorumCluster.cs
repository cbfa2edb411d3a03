using System.Text;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Merkle;
using ActorRepl.Protocols.Quorum;
using ActorRepl.Simulation.Quorum;

namespace ActorRepl.Protocols.Tests.Quorum;

/// <summary>A group on a calm network, and a client that waits for each answer.</summary>
internal sealed class QuorumCluster
{
    /// <summary>What repairs by itself comes so late that a test sees what it tests alone.</summary>
    public static readonly QuorumOptions Quiet = new()
    {
        GatherMicros = 0,
        HintAfterMicros = 50 * Instant.Millisecond,
        HintReplayMicros = 1000 * Instant.Second,
        RepairMicros = 100_000 * Instant.Second,
        MaxHintAgeMicros = 3600 * Instant.Second,
        MerkleDepth = 1,
        Tokens = 8,
    };

    public QuorumCluster(QuorumOptions? options = null, int nodes = 3, int spares = 0)
    {
        World = new QuorumWorld(seed: 1, options ?? Quiet, nodes, spares);
        World.Start();
        World.RunFor(100 * Instant.Millisecond);
    }

    public QuorumWorld World { get; }

    public QuorumOutcome Run(int node, QuorumRequest request, long patience = 500 * Instant.Millisecond)
    {
        QuorumOutcome? ended = null;
        World.Submit(node, request, patience, outcome => ended = outcome);
        Assert.True(World.RunUntil(() => ended is not null, 10 * Instant.Second), "an operation ends");
        return ended!;
    }

    public QuorumOutcome Put(int node, string key, string value, ReadOnlyMemory<byte> context = default, Guid id = default, ConsistencyLevel level = default) =>
        Run(node, new QuorumRequest(QuorumOperation.Put, Bytes(key), Bytes(value), context, id, level));

    public QuorumOutcome PutAt(int node, string key, string value, byte durableAcks, ConsistencyLevel level) =>
        Run(node, new QuorumRequest(QuorumOperation.Put, Bytes(key), Bytes(value), Level: level, DurableAcks: durableAcks));

    public QuorumOutcome Delete(int node, string key, ReadOnlyMemory<byte> context = default) => Run(node, new QuorumRequest(QuorumOperation.Delete, Bytes(key), default, context));

    public QuorumOutcome Get(int node, string key, ConsistencyLevel level = default) => Run(node, new QuorumRequest(QuorumOperation.Get, Bytes(key), Level: level));

    public string[] Values(int node, string key, ConsistencyLevel level = default)
    {
        QuorumOutcome outcome = Get(node, key, level);
        Assert.True(outcome.Reply is not null, $"a read of {key} by n{node}: {outcome.Why}");
        return [.. outcome.Reply.Values.Select(value => Encoding.UTF8.GetString(value.Span))];
    }

    /// <summary>What one replica has, on its disk.</summary>
    public string[] Held(int node, string key) =>
        [.. World[node].Store.VersionsOf(Bytes(key)).Set.Siblings.Select(sibling => sibling.Value.IsTombstone ? "deleted" : Encoding.UTF8.GetString(sibling.Value.Bytes.Span))];

    public long HintBytes(int node) => Standing(node).HintBytes;

    public StoreStanding Standing(int node) => StoreStanding.Decode(World[node].Store.Query(new StoreQuery.Standing().ToBytes()));

    public QuorumOutcome PutIfAbsent(int node, string key, string value, Guid id = default) =>
        Run(node, new QuorumRequest(QuorumOperation.CompareAndSet, Bytes(key), Bytes(value), Id: id, Condition: QuorumCondition.Absent));

    public QuorumReply PutIfAbsentAtOwner(string key, string value)
    {
        QuorumOutcome outcome = PutIfAbsent(1, key, value);
        return outcome.Reply ?? PutIfAbsent(outcome.Why!.Value.Leader.Value, key, value).Reply!;
    }

    public QuorumOutcome CompareAndSet(int node, string key, string value, ReadOnlyMemory<byte> context) =>
        Run(node, new QuorumRequest(QuorumOperation.CompareAndSet, Bytes(key), Bytes(value), context, Condition: QuorumCondition.Unchanged));

    public QuorumOutcome CompareValue(int node, string key, string value, string expected) =>
        Run(node, new QuorumRequest(QuorumOperation.CompareAndSet, Bytes(key), Bytes(value), Condition: QuorumCondition.Equals, Expected: Bytes(expected)));

    public void ChangeMembers(int node, params int[] members) => 
        Assert.True(ChangeMembers(node, members, 60 * Instant.Second) is { Reply: not null } or { Why: null }, $"{World.Ring}: {string.Join("; ", World.Nodes.Select(each => $"{each.Replica?.Status.Ring} {each.Replica?.IsRebuilding} {string.Join(",", each.Reports.TakeLast(3))}"))}");

    public QuorumOutcome ChangeMembers(int node, int[] members, long patience)
    {
        QuorumOutcome? ended = null;
        byte[] target = new Membership(members.Select(member => new ReplicaId(member))).Encode();
        World.Submit(node, RequestKind.ChangeMembers, target, patience, outcome => ended = outcome);
        Assert.True(World.RunUntil(() => ended is not null, 70 * Instant.Second), "a change ends");
        return ended!;
    }

    /// <summary>A key of which exactly these are the owners.</summary>
    public string KeyOwnedBy(params int[] owners)
    {
        var placement = new KeyPlacement(World.Ring);
        return Enumerable.Range(0, 10_000).Select(i => $"key{i}").First(key => placement.Of(Bytes(key)).All.Select(id => id.Value).Order().SequenceEqual(owners));
    }

    public static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);
}
