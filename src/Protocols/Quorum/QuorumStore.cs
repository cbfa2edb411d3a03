using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Merkle;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Quorum;

/// <summary>
/// The state of one replica of a quorum group: versions of keys, trees over what it and each peer both own, hints for owners that are away. It belongs to that
/// replica alone: others reach the same versions by other updates, in other orders. Updates commute where they meet, so that this does not matter.
/// <para>Checkpoint: a first segment with what is not keys, then keys and hints: each length (4) and bytes of its update, and the index it last changed at (8).</para>
/// </summary>
public sealed class QuorumStore(int merkleDepth = QuorumOptions.DefaultMerkleDepth) : IStateMachine
{
    private readonly Dictionary<UInt128, Entry> _keys = [];
    private readonly SortedDictionary<ReplicaId, PeerLeaves> _trees = [];
    private readonly SortedDictionary<ReplicaId, Dictionary<UInt128, Hint>> _hints = [];
    private readonly SortedDictionary<ReplicaId, long> _synced = [];
    // While it may lack what it had: the peers it was compared with since.
    private SortedSet<ReplicaId>? _compared;
    private long _bytes;
    private long _hintBytes;

    // The index is that of the log at which it last changed.
    private sealed record Entry(ReadOnlyMemory<byte> Key, KeyVersions Versions, IReadOnlyList<ReplicaId> Peers, long Index)
    {
        public int Bytes => Key.Length + Versions.EncodedSize;
    }

    private sealed record Hint(ReadOnlyMemory<byte> Key, KeyVersions Versions, long Wall)
    {
        public int Bytes => Key.Length + Versions.EncodedSize;
    }

    /// <summary>Keys, those that are deleted and not yet purged among them.</summary>
    public int Count => _keys.Count;

    public long ApproximateBytes => _bytes + _hintBytes;

    /// <summary>The digest of all that this replica and a peer both own: equal on both once they have the same.</summary>
    public UInt128 RootWith(ReplicaId peer) => _trees.TryGetValue(peer, out PeerLeaves? leaves) ? leaves.Tree.Root : UInt128.Zero;

    public ReadOnlyMemory<byte> Apply(in AppliedCommand command)
    {
        switch (StoreUpdate.Decode(command.Payload))
        {
            case StoreUpdate.Merge merge:
                Merge(merge, command.Index);
                break;
            case StoreUpdate.KeepHint hint:
                Keep(hint);
                break;
            case StoreUpdate.DropHint gone:
                Drop(gone);
                break;
            case StoreUpdate.Purge purge:
                Purge(purge);
                break;
            case StoreUpdate.Synced synced:
                _synced[synced.Peer] = synced.Index;
                _compared?.Add(synced.Peer);
                break;
            case StoreUpdate.Rebuild:
                Clear();
                _compared = [];
                break;
        }

        return default;
    }

    public ReadOnlyMemory<byte> Query(ReadOnlyMemory<byte> query)
    {
        switch (StoreQuery.Decode(query))
        {
            case StoreQuery.Keys keys:
                return KeyList.Encode([.. keys.List.Select(key => (key, VersionsOf(key)))]);
            case StoreQuery.Hints hints:
                IEnumerable<Hint> kept = _hints.TryGetValue(hints.Owner, out Dictionary<UInt128, Hint>? all) ? all.Values.OrderBy(hint => hint.Wall) : [];
                return KeyList.Encode(UpTo(hints.MaxBytes, kept.Select(hint => (hint.Key, hint.Versions))));
            case StoreQuery.Prints prints:
                return Covered(prints);
            case StoreQuery.Deleted deleted:
                return KeyList.Encode([.. _keys.Values.Where(entry => entry.Versions.IsDeleted && entry.Versions.Latest.Micros < deleted.Before
                        && entry.Peers.All(peer => _synced.GetValueOrDefault(peer) >= entry.Index))
                    .Take(deleted.Most).Select(entry => (entry.Key, entry.Versions))]);
            case StoreQuery.Compare compare:
                return MerkleComparison.Answer(LeavesWith(compare.Peer), MerkleMessage.Decode(compare.Question)).ToBytes();
            case StoreQuery.Judge judge:
                return Encode(MerkleComparison.Differing(LeavesWith(judge.Peer), (MerkleDigests)MerkleMessage.Decode(judge.Answer)));
            case StoreQuery.Leaf leaf:
                return MerkleComparison.ItemsOf(LeavesWith(leaf.Peer), leaf.Token, leaf.Number, leaf.After).ToBytes();
            default:
                return Standing([.. _hints.Keys]).ToBytes();
        }
    }

    /// <summary>A key's versions as they are now.</summary>
    public KeyVersions VersionsOf(ReadOnlyMemory<byte> key) => _keys.TryGetValue(MerkleItem.Fingerprint(key.Span), out Entry? entry) ? entry.Versions : KeyVersions.Empty;

    public ICheckpointView BeginCheckpoint() => new View(
        Standing([]).ToBytes(),
        [
            .. _keys.Values.Select(entry => ((StoreUpdate)new StoreUpdate.Merge(entry.Key, entry.Versions, entry.Peers), entry.Index)),
            .. _hints.SelectMany(owner => owner.Value.Values.Select(hint => ((StoreUpdate)new StoreUpdate.KeepHint(owner.Key, hint.Key, hint.Versions, hint.Wall), 0L))),
        ]);

    public void Restore(IEnumerable<ReadOnlyMemory<byte>> segments)
    {
        Clear();
        _hints.Clear();
        _hintBytes = 0;
        StoreStanding? standing = null;
        foreach (ReadOnlyMemory<byte> segment in segments)
        {
            if (standing is null)
            {
                standing = StoreStanding.Decode(segment);
                continue;
            }

            var reader = new ByteReader(segment);
            while (reader.Remaining > 0)
            {
                ReadOnlyMemory<byte> update = reader.Bytes();
                Apply(new AppliedCommand(reader.Int64(), 0, update));
            }
        }

        if (standing is null)
            throw new InvalidDataException("a checkpoint of a quorum store has at least one segment");
        _compared = standing.Compared is { } compared ? [.. compared] : null;
        foreach ((ReplicaId peer, long index) in standing.Synced)
            _synced[peer] = index;
    }

    private StoreStanding Standing(IReadOnlyList<ReplicaId> owners) => new(_hintBytes, _synced, owners, _compared is null ? null : [.. _compared]);

    private void Merge(StoreUpdate.Merge merge, long index)
    {
        UInt128 print = MerkleItem.Fingerprint(merge.Key.Span);
        Entry? before = _keys.GetValueOrDefault(print);
        if (before is null && merge.OnlyIfThere)
            return;
        KeyVersions versions = before is null ? merge.Versions.Copied() : before.Versions.Merge(merge.Versions);
        if (before is not null && ReferenceEquals(versions, before.Versions))
            return;
        var after = new Entry(before?.Key ?? merge.Key.ToArray(), before is null ? versions : versions.Copied(), before?.Peers ?? merge.Peers, index);
        _keys[print] = after;
        _bytes += after.Bytes - (before?.Bytes ?? 0);
        var item = new MerkleItem(print, MerkleItem.Fingerprint(after.Versions.ToBytes()));
        foreach (ReplicaId peer in after.Peers)
            LeavesWith(peer).Set(item);
    }

    private void Purge(StoreUpdate.Purge purge)
    {
        UInt128 print = MerkleItem.Fingerprint(purge.Key.Span);
        if (!_keys.TryGetValue(print, out Entry? entry) || !entry.Versions.Set.Clock.Equals(purge.Clock))
            return;
        _keys.Remove(print);
        _bytes -= entry.Bytes;
        foreach (ReplicaId peer in entry.Peers)
            LeavesWith(peer).Remove(print);
    }

    private void Keep(StoreUpdate.KeepHint hint)
    {
        if (!_hints.TryGetValue(hint.Owner, out Dictionary<UInt128, Hint>? kept))
            _hints[hint.Owner] = kept = [];
        UInt128 print = MerkleItem.Fingerprint(hint.Key.Span);
        Hint? before = kept.GetValueOrDefault(print);
        var after = new Hint(hint.Key.ToArray(), (before?.Versions.Merge(hint.Versions) ?? hint.Versions).Copied(), before?.Wall ?? hint.Wall);
        kept[print] = after;
        _hintBytes += after.Bytes - (before?.Bytes ?? 0);
    }

    private void Drop(StoreUpdate.DropHint gone)
    {
        UInt128 print = MerkleItem.Fingerprint(gone.Key.Span);
        // What was added to it since was not delivered.
        if (!_hints.TryGetValue(gone.Owner, out Dictionary<UInt128, Hint>? kept) || !kept.TryGetValue(print, out Hint? hint) || !gone.Clock.Descends(hint.Versions.Set.Clock))
            return;
        kept.Remove(print);
        _hintBytes -= hint.Bytes;
        if (kept.Count == 0)
            _hints.Remove(gone.Owner);
    }

    private void Clear()
    {
        _keys.Clear();
        _trees.Clear();
        _synced.Clear();
        _bytes = 0;
    }

    private PeerLeaves LeavesWith(ReplicaId peer)
    {
        if (!_trees.TryGetValue(peer, out PeerLeaves? leaves))
            _trees[peer] = leaves = new PeerLeaves(merkleDepth);
        return leaves;
    }

    // At least one, so that a key larger than the limit is not passed over for ever.
    private static List<(ReadOnlyMemory<byte>, KeyVersions)> UpTo(int maxBytes, IEnumerable<(ReadOnlyMemory<byte> Key, KeyVersions Versions)> all)
    {
        var part = new List<(ReadOnlyMemory<byte>, KeyVersions)>();
        long bytes = 0;
        foreach ((ReadOnlyMemory<byte> key, KeyVersions versions) in all)
        {
            bytes += key.Length + versions.EncodedSize;
            if (part.Count > 0 && bytes > maxBytes)
                break;
            part.Add((key, versions));
        }

        return part;
    }

    private byte[] Covered(StoreQuery.Prints prints)
    {
        var part = new List<(ReadOnlyMemory<byte>, KeyVersions)>();
        long bytes = 0;
        int covered = 0;
        for (; covered < prints.List.Count; covered++)
        {
            if (!_keys.TryGetValue(prints.List[covered], out Entry? entry))
                continue;
            bytes += entry.Bytes;
            if (part.Count > 0 && bytes > prints.MaxBytes)
                break;
            part.Add((entry.Key, entry.Versions));
        }

        return [.. BitConverter.GetBytes(covered), .. KeyList.Encode(part)];
    }

    private static byte[] Encode(IReadOnlyList<MerkleNode> nodes)
    {
        byte[] bytes = new byte[nodes.Count * 2 * sizeof(int)];
        var writer = new ByteWriter(bytes);
        foreach (MerkleNode node in nodes)
        {
            writer.Int32(node.Level);
            writer.Int32(node.Number);
        }

        return bytes;
    }

    private sealed class View(byte[] standing, IReadOnlyList<(StoreUpdate Update, long Index)> items) : ICheckpointView
    {
        public IEnumerable<ReadOnlyMemory<byte>> Segments(int maxBytes)
        {
            yield return standing;
            var segment = new List<byte>();
            foreach ((StoreUpdate update, long index) in items)
            {
                byte[] bytes = update.ToBytes();
                if (segment.Count > 0 && segment.Count + sizeof(int) + bytes.Length + sizeof(long) > maxBytes)
                {
                    yield return segment.ToArray();
                    segment.Clear();
                }

                segment.AddRange(BitConverter.GetBytes(bytes.Length));
                segment.AddRange(bytes);
                segment.AddRange(BitConverter.GetBytes(index));
            }

            if (segment.Count > 0)
                yield return segment.ToArray();
        }

        public void Dispose()
        {
        }
    }
}
