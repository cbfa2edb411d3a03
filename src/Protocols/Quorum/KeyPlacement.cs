using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Ring;

namespace ActorRepl.Protocols.Quorum;

/// <summary>Who owns which key in one epoch, as one member sees it.</summary>
internal sealed class KeyPlacement
{
    private readonly ReplicaId _self;
    // Owners are the same for all tokens between two of either ring.
    private readonly KeyOwners?[] _owners;
    private readonly ulong[] _tokens;

    public KeyPlacement(RingView view, ReplicaId self = default)
    {
        View = view;
        _self = self;
        _tokens = view.IsChanging ? [.. view.Before.Tokens.Concat(view.After.Tokens).Distinct().Order()] : [.. view.After.Tokens];
        _owners = new KeyOwners?[_tokens.Length];
    }

    public RingView View { get; }

    public KeyOwners Of(ReadOnlyMemory<byte> key) => Of(key.Span);

    public KeyOwners Of(ReadOnlySpan<byte> key)
    {
        int at = Array.BinarySearch(_tokens, KeyToken.Of(key));
        at = at < 0 ? ~at : at;
        return At(at == _tokens.Length ? 0 : at);
    }

    /// <summary>Every list of owners that some key has.</summary>
    public IEnumerable<KeyOwners> All => Enumerable.Range(0, _tokens.Length).Select(At);

    private KeyOwners At(int place)
    {
        if (_owners[place] is { } known)
            return known;
        PreferenceList after = View.After.PreferencesOf(_tokens[place], View.Replication);
        PreferenceList before = View.IsChanging ? View.Before.PreferencesOf(_tokens[place], View.Replication) : after;
        return _owners[place] = new KeyOwners(before.Owners, after.Owners, after.StandIns, View.Phase, View.RegionOf, View.RegionOf(_self));
    }
}
