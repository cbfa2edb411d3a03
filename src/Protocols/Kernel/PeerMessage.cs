namespace ActorRepl.Protocols.Kernel;

/// <summary>A message between two replicas of one shard. Immutable; each protocol defines and encodes its own.</summary>
public abstract class PeerMessage
{
    /// <summary>The exact number of bytes <see cref="Encode"/> writes.</summary>
    public abstract int EncodedSize { get; }

    public abstract void Encode(ref ByteWriter writer);

    /// <summary>One of many small messages that say, again and again, that a replica is there: a host may send those of all its shards together.</summary>
    public virtual bool IsBeat => false;

    public byte[] ToBytes()
    {
        byte[] bytes = GC.AllocateUninitializedArray<byte>(EncodedSize);
        var writer = new ByteWriter(bytes);
        Encode(ref writer);
        Invariant.That(writer.Position == bytes.Length, "a message is as long as it says");
        return bytes;
    }
}
