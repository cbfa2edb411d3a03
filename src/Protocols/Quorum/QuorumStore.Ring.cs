using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Merkle;

namespace ActorRepl.Protocols.Quorum;

/// <summary>The store and the ring: with whom each key is shared, what moves, and what is not this replica's any more.</summary>
public sealed partial class QuorumStore
{
    // Of the change that is under way: whose part has come from which source.
    private readonly SortedSet<(ReplicaId From, ReplicaId Source)> _copied = [];
    private readonly Dictionary<KeyOwners, IReadOnlyList<ReplicaId>> _peers = [];
    private KeyPlacement? _placement;
    private ReplicaId _self;

    /// <summary>The other owners of a key, with each of whom a tree is kept; null: this replica is none.</summary>
    private IReadOnlyList<ReplicaId>? PeersOf(ReadOnlyMemory<byte> key)
    {
        Invariant.That(_placement is not null, "the ring is told before there are keys");
        KeyOwners owners = _placement.Of(key);
        if (_peers.TryGetValue(owners, out IReadOnlyList<ReplicaId>? known))
            return known;
        if (!owners.Contains(_self))
            return null;
        return _peers[owners] = [.. owners.All.Where(id => id != _self).Order()];
    }

    private void PointTo(ReplicaId self, RingView view)
    {
        _self = self;
        _placement = new KeyPlacement(view, self);
        _peers.Clear();
        _trees ??= NewTrees();
    }

    private KeyTrees Trees => _trees ?? throw new InvariantViolationException("the ring is told before there are keys");

    private KeyTrees NewTrees() => new(options.MerkleDepth, print => _keys[print].Print, Sharers());

    /// <summary>The peers, if all keys that this replica owns have the same owners; null: they have not.</summary>
    private ReplicaId[]? Sharers()
    {
        KeyOwners[] own = [.. _placement!.All.Where(owners => owners.Contains(_self))];
        return own.Length > 0 && Array.TrueForAll(own, owners => owners.All.Length == own[0].All.Length && owners.All.All(own[0].Contains)) ? [.. own[0].All.Where(id => id != _self).Order()] : null;
    }

    private void Fill(KeyTrees trees)
    {
        foreach ((UInt128 print, StoredKey entry) in _keys)
            trees.Add(new MerkleItem(print, entry.Print), entry.Peers);
    }

    private void Take(StoreUpdate.Ring ring, in AppliedCommand command)
    {
        bool isFirst = _placement is null;
        PointTo(ring.Self, ring.View);
        _copied.Clear();
        if (isFirst)
            return;
        foreach ((UInt128 print, StoredKey entry) in _keys.ToArray())
        {
            if (PeersOf(entry.Key) is { } peers && !IsToBeFilled(entry.Key))
                Share(print, entry, peers, command.Index);
            else
                GiveUp(print, entry, command);
        }

        foreach ((UInt128 print, PaxosState state) in _paxos.ToArray())
        {
            if (PeersOf(state.Key) is null)
                _paxos.Remove(print);
        }

        ReaddressHints(command);
        foreach (ReplicaId gone in Trees.Peers.Where(peer => !ring.View.IsMember(peer)).ToArray())
            Trees.Forget(gone);
        KeyTrees trees = NewTrees();
        if (!trees.IsOne && !Trees.IsOne)
            return;
        Fill(trees);
        _trees = trees;
    }

    // It had the key in an earlier ring, and has not heard that it gave it away: since then deletions may have been forgotten.
    private bool IsToBeFilled(ReadOnlyMemory<byte> key) =>
        _placement!.View.Phase == RingPhase.Copying && Array.Exists(_placement.Of(key).Moves, move => move.To == _self);

    private void Share(UInt128 print, StoredKey entry, IReadOnlyList<ReplicaId> peers, long index)
    {
        if (entry.Peers.SequenceEqual(peers))
            return;
        Trees.Move(new MerkleItem(print, entry.Print), entry.Peers, peers);
        // With whoever is added it has not been compared yet.
        bool isWider = peers.Except(entry.Peers).Any();
        _keys[print] = entry.With(peers, isWider ? index : entry.Index);
    }

    // What it alone may have goes to the owners of now, as hints do; what is older, anti-entropy has brought them.
    private void GiveUp(UInt128 print, StoredKey entry, in AppliedCommand command)
    {
        Remove(print, entry.Checked());
        HintToOwners(entry.Key, entry.Versions, command.Wall);
    }

    private void HintToOwners(ReadOnlyMemory<byte> key, KeyVersions versions, long wall)
    {
        if (versions.SinceMicros < wall - options.MaxHintAgeMicros)
            return;
        foreach (ReplicaId owner in _placement!.Of(key).All)
        {
            if (owner != _self && _hintBytes + key.Length + versions.EncodedSize <= options.MaxHintBytes)
                Keep(new StoreUpdate.KeepHint(owner, key, versions, wall));
        }
    }

    // For somebody who is an owner no more: those who are get it.
    private void ReaddressHints(in AppliedCommand command)
    {
        foreach ((ReplicaId owner, KeptHints hints) in _hints.ToArray())
        {
            foreach (Hint hint in hints.InOrder.ToArray())
            {
                if (_placement!.Of(hint.Key).Contains(owner))
                    continue;
                Drop(owner, hints, hint);
                if (PeersOf(hint.Key) is not null)
                    Merge(new StoreUpdate.Merge(hint.Key, hint.Versions, IsOldDeletion(hint.Versions, command.Wall)), command.Index);
                HintToOwners(hint.Key, hint.Versions, command.Wall);
            }
        }
    }

    private bool IsOldDeletion(KeyVersions versions, long wall) => versions.IsDeleted && versions.SinceMicros < wall - options.GraceMicros;

    private bool Moves(ReadOnlyMemory<byte> key, StoreQuery.Stream stream) =>
        stream.From == stream.To ? PeersOf(key)?.Contains(stream.To) == true : Array.IndexOf(_placement!.Of(key).Moves, new KeyMove(stream.To, stream.From)) >= 0;

    private StreamSlice Slice(StoreQuery.Stream stream)
    {
        if (_placement is null)
            return new StreamSlice(StreamPart.End, 0, 0, 0, _floor, KeyList.Encode([]));
        return stream.Part == StreamPart.Paxos ? PaxosSlice(stream) : KeySlice(stream);
    }

    private StreamSlice PaxosSlice(StoreQuery.Stream stream)
    {
        var part = new List<PaxosState>();
        long bytes = 0;
        UInt128 last = stream.After;
        foreach ((UInt128 print, PaxosState state) in _paxos)
        {
            if ((print <= stream.After && stream.After != 0) || !Moves(state.Key, stream))
                continue;
            bytes += state.EncodedSize;
            if (part.Count > 0 && bytes > stream.MaxBytes)
                return new StreamSlice(StreamPart.Paxos, last, 0, 0, _floor, PaxosList.Encode(part));
            part.Add(state);
            last = print;
        }

        StreamPart next = stream.From == stream.To ? StreamPart.End : StreamPart.Keys;
        return new StreamSlice(next, 0, 0, 0, _floor, PaxosList.Encode(part));
    }

    private StreamSlice KeySlice(StoreQuery.Stream stream)
    {
        PeerLeaves leaves = Trees.With(stream.To);
        var part = new List<(ReadOnlyMemory<byte>, KeyVersions)>();
        long bytes = 0, total = 0, totalBytes = 0;
        if (stream.After == 0)
        {
            foreach (UInt128 print in leaves.After(0))
            {
                if (!Moves(_keys[print].Key, stream))
                    continue;
                total++;
                totalBytes += _keys[print].Bytes;
            }
        }

        UInt128 last = stream.After;
        foreach (UInt128 print in leaves.After(stream.After))
        {
            StoredKey entry = _keys[print];
            if (!Moves(entry.Key, stream))
                continue;
            bytes += entry.Bytes;
            if (part.Count > 0 && bytes > stream.MaxBytes)
                return new StreamSlice(StreamPart.Keys, last, total, totalBytes, _floor, KeyList.Encode(part));
            part.Add((entry.Key, entry.Checked().Versions));
            last = print;
        }

        return new StreamSlice(StreamPart.End, last, total, totalBytes, _floor, KeyList.Encode(part));
    }

    /// <summary>
    /// Silent damage: of trees, whose leaves that differ from the data are counted, and which are those of the data again; or of the data, which are read from the disk
    /// again, because nothing of this memory is to be believed.
    /// </summary>
    /// <exception cref="DamagedMemoryException">Some key is not what was put here.</exception>
    private void Recount()
    {
        foreach (StoredKey entry in _keys.Values)
            entry.Checked();
        KeyTrees anew = NewTrees();
        Fill(anew);
        _damaged += Trees.CountDifferent(anew);
        _trees = anew;
    }
}
