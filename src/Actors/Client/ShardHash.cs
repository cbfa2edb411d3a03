using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Actors.Client;

/// <summary>
/// Maps keys to shards: CRC-32C of the key's bytes, modulo the number of shards. Stable: it is part of the data format,
/// and a group's number of shards is fixed when it is made.
/// </summary>
public static class ShardHash
{
    public static int ShardOf(ReadOnlySpan<byte> key, int shards)
    {
        Invariant.That(shards > 0, "a group has at least one shard");
        return (int)(Crc32C.Compute(key) % (uint)shards);
    }
}
