using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Ring;

namespace ActorRepl.Protocols.Quorum;

/// <summary>Which members of a group own a key: the ring that all of them make, each for itself, of the members' numbers.</summary>
internal sealed class KeyPlacement
{
    private readonly TokenRing _ring;
    private readonly RingReplication _replication;
    // Owners are the same for all tokens between two of the ring.
    private readonly PreferenceList?[] _lists;
    private readonly ulong[] _tokens;

    public KeyPlacement(IReadOnlyList<ReplicaId> members, QuorumOptions options)
    {
        _ring = members.Order().Aggregate(TokenRing.Empty, (ring, id) => TokenAllocator.Join(ring, id, options.RegionOf(id), options.RackOf(id), options.Tokens));
        _replication = new RingReplication(_ring.Nodes.Select(node => node.Region).Distinct().Order(StringComparer.Ordinal)
            .ToDictionary(region => region, region => options.Copies.GetValueOrDefault(region, options.Replicas)));
        _tokens = [.. _ring.Tokens];
        _lists = new PreferenceList?[_tokens.Length];
    }

    public PreferenceList Of(ReadOnlyMemory<byte> key)
    {
        ulong token = KeyToken.Of(key.Span);
        int at = Array.BinarySearch(_tokens, token);
        at = (at < 0 ? ~at : at) % _tokens.Length;
        return _lists[at] ??= _ring.PreferencesOf(_tokens[at], _replication);
    }
}
