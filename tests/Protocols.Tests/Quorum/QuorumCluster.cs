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
        HintAfterMicros = 50 * Instant.Millisecond,
        HintReplayMicros = 1000 * Instant.Second,
        RepairMicros = 100_000 * Instant.Second,
        MaxHintAgeMicros = 3600 * Instant.Second,
        MerkleDepth = 1,
        Tokens = 8,
    };

    public QuorumCluster(QuorumOptions? options = null, int nodes = 3)
    {
        World = new QuorumWorld(seed: 1, options ?? Quiet, nodes);
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

    public QuorumOutcome Put(int node, string key, string value, ReadOnlyMemory<byte> context = default, Guid id = default, Consistency level = default) =>
        Run(node, new QuorumRequest(QuorumOperation.Put, Bytes(key), Bytes(value), context, id, level));

    public QuorumOutcome Delete(int node, string key, ReadOnlyMemory<byte> context = default) => Run(node, new QuorumRequest(QuorumOperation.Delete, Bytes(key), default, context));

    public QuorumOutcome Get(int node, string key, Consistency level = default) => Run(node, new QuorumRequest(QuorumOperation.Get, Bytes(key), Level: level));

    public string[] Values(int node, string key, Consistency level = default) =>
        [.. Get(node, key, level).Reply!.Values.Select(value => Encoding.UTF8.GetString(value.Span))];

    /// <summary>What one replica has, on its disk.</summary>
    public string[] Held(int node, string key) =>
        [.. World[node].Store.VersionsOf(Bytes(key)).Set.Siblings.Select(sibling => sibling.Value.IsTombstone ? "deleted" : Encoding.UTF8.GetString(sibling.Value.Bytes.Span))];

    public long HintBytes(int node) => StoreStanding.Decode(World[node].Store.Query(new StoreQuery.Standing().ToBytes())).HintBytes;

    /// <summary>A key of which exactly these are the owners.</summary>
    public string KeyOwnedBy(params int[] owners)
    {
        var placement = new KeyPlacement(World.Ids, World.Options);
        return Enumerable.Range(0, 10_000).Select(i => $"key{i}").First(key => placement.Of(Bytes(key)).Owners.Select(id => id.Value).Order().SequenceEqual(owners));
    }

    public static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);
}
