using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Merkle;

namespace ActorRepl.Protocols.Quorum;

/// <summary>
/// Trees over what this replica and each of its peers both own. Where all keys have the same owners, as in a group with as many members as copies, all peers have one;
/// a change of a key then costs one path, however many they are.
/// </summary>
/// <param name="depth">Of each tree.</param>
/// <param name="valueOf">The fingerprint of what a key stands at.</param>
/// <param name="sharers">The peers that own every key of this replica; null: there are keys that one peer has and another has not.</param>
internal sealed class KeyTrees(int depth, Func<UInt128, UInt128> valueOf, IReadOnlyList<ReplicaId>? sharers)
{
    private readonly SortedDictionary<ReplicaId, PeerLeaves> _ofPeers = [];
    private readonly PeerLeaves? _ofAll = sharers is null ? null : new PeerLeaves(depth, valueOf);

    public bool IsOne => _ofAll is not null;

    /// <summary>What is kept for a peer; of one that shares nothing, an empty tree.</summary>
    public PeerLeaves With(ReplicaId peer)
    {
        if (_ofAll is not null && sharers!.Contains(peer))
            return _ofAll;
        if (!_ofPeers.TryGetValue(peer, out PeerLeaves? leaves))
            _ofPeers[peer] = leaves = new PeerLeaves(depth, valueOf);
        return leaves;
    }

    public void Add(in MerkleItem item, IReadOnlyList<ReplicaId> peers)
    {
        if (_ofAll is not null)
        {
            _ofAll.Add(item);
            return;
        }

        for (int i = 0; i < peers.Count; i++)
            With(peers[i]).Add(item);
    }

    public void Replace(in MerkleItem before, in MerkleItem after, IReadOnlyList<ReplicaId> peers)
    {
        if (_ofAll is not null)
        {
            _ofAll.Replace(before, after);
            return;
        }

        for (int i = 0; i < peers.Count; i++)
            With(peers[i]).Replace(before, after);
    }

    public void Remove(in MerkleItem item, IReadOnlyList<ReplicaId> peers)
    {
        _ofAll?.Remove(item);
        for (int i = 0; i < peers.Count && _ofAll is null; i++)
            With(peers[i]).Remove(item);
    }

    /// <summary>The key has other owners now: whatever they share with it follows.</summary>
    public void Move(in MerkleItem item, IReadOnlyList<ReplicaId> from, IReadOnlyList<ReplicaId> to)
    {
        if (_ofAll is not null)
            return;
        foreach (ReplicaId gone in from.Except(to))
            With(gone).Remove(item);
        foreach (ReplicaId added in to.Except(from))
            With(added).Add(item);
    }

    public void Forget(ReplicaId peer) => _ofPeers.Remove(peer);

    public IEnumerable<ReplicaId> Peers => _ofAll is not null ? sharers! : _ofPeers.Keys;

    /// <summary>Leaves that differ from those of trees that were counted anew: they have been damaged, or what they stand for has.</summary>
    public int CountDifferent(KeyTrees anew)
    {
        Invariant.That(IsOne == anew.IsOne, "trees are counted anew as they are kept");
        return _ofAll is not null
            ? _ofAll.Tree.LeavesThatDifferFrom(anew._ofAll!.Tree).Count
            : _ofPeers.Sum(each => each.Value.Tree.LeavesThatDifferFrom(anew.With(each.Key).Tree).Count);
    }
}
