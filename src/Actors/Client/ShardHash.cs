using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Placement;

namespace ActorRepl.Actors.Client;

/// <summary>
/// Maps keys to shards: CRC-32C of the key's bytes, modulo the number of shards. Where keys are placed by braces and one has a part in them, as in
/// <c>{user:7}:name</c>, that part alone decides (the first such, if it is not empty: Redis Cluster's rule), so keys can be kept together.
/// Stable: it is part of the data format, and a group's number of shards and its rule are fixed when it is made.
/// </summary>
public static class ShardHash
{
    public static int ShardOf(ReadOnlySpan<byte> key, int shards, KeyPlacement placement)
    {
        Invariant.That(shards > 0, "a group has at least one shard");
        return (int)(Crc32C.Compute(placement == KeyPlacement.Braces ? Tag(key) : key) % (uint)shards);
    }

    private static ReadOnlySpan<byte> Tag(ReadOnlySpan<byte> key)
    {
        int open = key.IndexOf((byte)'{');
        if (open < 0)
            return key;
        int length = key[(open + 1)..].IndexOf((byte)'}');
        return length > 0 ? key.Slice(open + 1, length) : key;
    }
}
