using ActorRepl.Protocols.Merkle;
using ActorRepl.Protocols.Ring;

namespace ActorRepl.Protocols.Quorum;

/// <summary>Fingerprints of keys that were asked for lately: an operation needs that of its key several times, and one costs more than the lookup that it is for.</summary>
internal sealed class KeyPrints
{
    private const int Places = 1_024;
    private const int MaxKeyBytes = 64;

    private readonly (byte[]? Key, UInt128 Print)[] _known = new (byte[]?, UInt128)[Places];

    public UInt128 Of(ReadOnlyMemory<byte> key) => Of(key.Span);

    public UInt128 Of(ReadOnlySpan<byte> key)
    {
        if (key.Length > MaxKeyBytes)
            return MerkleItem.Fingerprint(key);
        ref (byte[]? Key, UInt128 Print) known = ref _known[KeyToken.Of(key) % Places];
        if (known.Key is null || !key.SequenceEqual(known.Key))
            known = (key.ToArray(), MerkleItem.Fingerprint(key));
        return known.Print;
    }
}
