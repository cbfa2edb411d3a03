using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Merkle;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Quorum;

/// <summary>
/// The state of one replica of a quorum group: versions of keys, trees over what it and each peer both own, hints for owners that are away. It belongs to that
/// replica alone: others reach the same versions by other updates, in other orders. Updates commute where they meet, so that this does not matter.
/// <para>Checkpoint: a first segment with what is not keys, then keys and hints: each length (4) and bytes of its update, and the index it last changed at (8).</para>
/// </summary>
public sealed partial class QuorumStore(QuorumOptions options) : IStateMachine
{
    // Of deleted keys that cannot be purged yet, in one look.
    private const int MostLookedAt = 4_096;
    private const int MostUncovered = 4_096;

    private static readonly ReadOnlyMemory<byte> s_nothing = KeyVersions.Empty.ToBytes();

    private readonly Dictionary<UInt128, StoredKey> _keys = [];
    private readonly KeyPrints _prints = new();
    private readonly SortedDictionary<ReplicaId, KeptHints> _hints = [];
    // Deleted keys by the time of their deletion: those that may be purged are found without looking at all the others.
    private readonly SortedSet<(long Since, UInt128 Print)> _deleted = [];
    private readonly SortedDictionary<ReplicaId, long> _synced = [];
    private readonly SortedDictionary<UInt128, PaxosState> _paxos = [];
    private KeyTrees? _trees;
    // Updates whose versions did not know all that was there; the last ones, since who asks asks at once.
    private readonly Queue<long> _uncovered = new();
    private long _forgotten;
    private long _bytes;
    private long _hintBytes;
    private long _floor;
    private long _damaged;

    /// <summary>Keys, those that are deleted and not yet purged among them.</summary>
    public int Count => _keys.Count;

    public long ApproximateBytes => _bytes + _hintBytes + _asideBytes;

    /// <summary>The digest of all that this replica and a peer both own: equal on both once they have the same.</summary>
    public UInt128 RootWith(ReplicaId peer) => _trees?.With(peer).Tree.Root ?? UInt128.Zero;

    public ReadOnlyMemory<byte> Apply(in AppliedCommand command)
    {
        if (command.Wall > 0)
            _aliveAt = command.Wall;
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
                Take(synced);
                break;
            case StoreUpdate.Rebuild rebuild:
                BeginRebuild(rebuild.Reason);
                break;
            case StoreUpdate.Whole:
                EndRebuild(command);
                break;
            case StoreUpdate.Salvage:
                Salvage(command.Index);
                break;
            case StoreUpdate.Aside aside:
                SetAside(aside.Key, aside.Versions);
                break;
            case StoreUpdate.Ring ring:
                Take(ring, command);
                break;
            case StoreUpdate.Copied copied when copied.Epoch == _placement?.View.Epoch:
                _copied.Add((copied.From, copied.Source));
                break;
            case StoreUpdate.Promise promise:
                Take(promise);
                break;
            case StoreUpdate.Accept accept:
                Take(accept.State);
                break;
            case StoreUpdate.Learn learn:
                Learn(learn.State);
                break;
            case StoreUpdate.Floor floor:
                RaiseFloor(floor.Round);
                break;
            case StoreUpdate.Recount:
                Recount();
                break;
        }

        return default;
    }

    public ReadOnlyMemory<byte> Query(ReadOnlyMemory<byte> query)
    {
        switch (StoreQuery.Decode(query))
        {
            case StoreQuery.Keys keys:
                return Find(keys.List);
            case StoreQuery.Clocks clocks:
                return Clocks(clocks.List);
            case StoreQuery.Uncovered uncovered:
                return UncoveredList.Encode(_forgotten, _uncovered.Where(index => index >= uncovered.From));
            case StoreQuery.Paxos paxos:
                return FindPaxos(paxos.List);
            case StoreQuery.Unfinished unfinished:
                return PaxosList.Encode([.. _paxos.Values.Where(state => !state.Accepted.IsNone && state.Accepted.Round < unfinished.Before).Take(unfinished.Most)]);
            case StoreQuery.Stream stream:
                return Slice(stream).ToBytes();
            case StoreQuery.Hints hints:
                return KeyList.Encode(UpTo(hints.MaxBytes, HintsFor(hints.Owner).Select(hint => (hint.Key, WithOwn(hint)))));
            case StoreQuery.Prints prints:
                return Covered(prints);
            case StoreQuery.Deleted deleted:
                return ToPurge(deleted).ToBytes();
            case StoreQuery.Compare compare:
                return MerkleComparison.Answer(Trees.With(compare.Peer), MerkleMessage.Decode(compare.Question)).ToBytes();
            case StoreQuery.Judge judge:
                return Encode(MerkleComparison.Differing(Trees.With(judge.Peer), (MerkleDigests)MerkleMessage.Decode(judge.Answer)));
            case StoreQuery.Leaf leaf:
                return MerkleComparison.ItemsOf(Trees.With(leaf.Peer), leaf.Token, leaf.Number, leaf.After).ToBytes();
            default:
                return Standing([.. _hints.Keys]).ToBytes();
        }
    }

    /// <summary>A key's versions as they are now.</summary>
    public KeyVersions VersionsOf(ReadOnlyMemory<byte> key) => _keys.TryGetValue(_prints.Of(key), out StoredKey entry) ? entry.Versions : KeyVersions.Empty;

    public ICheckpointView BeginCheckpoint() => new View(
        Standing([]).ToBytes(),
        [.. _keys.Values.Select(entry => entry.Checked())],
        [
            .. _paxos.Values.Select(state => ((StoreUpdate)new StoreUpdate.Learn(state), 0L)),
            .. _aside.Values.Select(each => ((StoreUpdate)new StoreUpdate.Aside(each.Key, each.Versions), 0L)),
            .. _hints.SelectMany(owner => owner.Value.InOrder.Select(hint => ((StoreUpdate)new StoreUpdate.KeepHint(owner.Key, hint.Key, hint.Versions, hint.Wall), 0L))),
        ]);

    public void Restore(IEnumerable<ReadOnlyMemory<byte>> segments)
    {
        Clear();
        DropAside();
        _hints.Clear();
        (_hintBytes, _floor, _placement, _trees) = (0, 0, null, null);
        StoreStanding? standing = null;
        foreach (ReadOnlyMemory<byte> segment in segments)
        {
            if (standing is null)
            {
                standing = StoreStanding.Decode(segment);
                if (standing.View is not null)
                    PointTo(standing.Self, standing.View);
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
        RestoreRebuild(standing);
        _copied.UnionWith(standing.Copied);
        (_floor, _damaged) = (standing.Floor, standing.Damaged);
        foreach ((ReplicaId peer, long index) in standing.Synced)
            _synced[peer] = index;
    }

    private StoreStanding Standing(IReadOnlyList<ReplicaId> owners) => new(_hintBytes, _synced, owners, _compared is null ? null : [.. _compared])
    {
        View = _placement?.View,
        Self = _self,
        Copied = [.. _copied],
        Floor = _floor,
        Paxos = _paxos.Count,
        Keys = _keys.Count,
        Damaged = _damaged,
        Reason = _reason,
        Lacking = [.. _lacking],
        HasSalvaged = _hasSalvaged,
        Aside = _aside.Count,
        AliveAt = _aliveAt,
        Hints = _hints.Values.Sum(kept => kept.Count),
        OldestHint = _hints.Count == 0 ? 0 : _hints.Values.Min(kept => kept.OldestWall),
    };

    /// <summary>The clocks alone, as they lie here.</summary>
    private byte[] Clocks(IReadOnlyList<ReadOnlyMemory<byte>> keys)
    {
        var found = new ReadOnlyMemory<byte>[keys.Count];
        int size = 0;
        for (int i = 0; i < found.Length; i++)
        {
            found[i] = KeyVersions.ClockIn(DataOf(keys[i]));
            size += found[i].Length;
        }

        byte[] bytes = new byte[size];
        var writer = new ByteWriter(bytes);
        foreach (ReadOnlyMemory<byte> clock in found)
            writer.Raw(clock.Span);
        return bytes;
    }

    /// <summary>As a <see cref="KeyList"/>.</summary>
    private byte[] Find(IReadOnlyList<ReadOnlyMemory<byte>> keys)
    {
        var found = new ReadOnlyMemory<byte>[keys.Count];
        int size = sizeof(int);
        for (int i = 0; i < found.Length; i++)
        {
            found[i] = DataOf(keys[i]);
            size += sizeof(int) + keys[i].Length + found[i].Length;
        }

        byte[] bytes = new byte[size];
        var writer = new ByteWriter(bytes);
        writer.Int32(found.Length);
        for (int i = 0; i < found.Length; i++)
        {
            writer.Bytes(keys[i].Span);
            writer.Raw(found[i].Span);
        }

        return bytes;
    }

    private ReadOnlyMemory<byte> DataOf(ReadOnlyMemory<byte> key) => _keys.TryGetValue(_prints.Of(key), out StoredKey entry) ? entry.Checked().Data : s_nothing;

    private void Merge(StoreUpdate.Merge merge, long index)
    {
        UInt128 print = _prints.Of(merge.Key);
        bool isThere = _keys.TryGetValue(print, out StoredKey before);
        if (!isThere && (merge.OnlyIfThere || PeersOf(merge.Key) is null))
            return;
        KeyVersions? known = isThere ? before.Checked().Versions : null;
        if (known is not null && !merge.Versions.Descends(known))
            RememberUncovered(index);
        KeyVersions versions = known is null ? merge.Versions : known.Merge(merge.Versions);
        if (ReferenceEquals(versions, known))
            return;
        var after = new StoredKey(merge.Key.Span, isThere ? before.Peers : PeersOf(merge.Key)!, index, versions);
        _keys[print] = after;
        _bytes += after.Bytes - (isThere ? before.Bytes : 0);
        if (isThere)
            ForgetDeleted(print, before);
        if (after.Deleted >= 0)
            _deleted.Add((after.Deleted, print));
        var item = new MerkleItem(print, after.Print);
        if (isThere)
            Trees.Replace(new MerkleItem(print, before.Print), item, after.Peers);
        else
            Trees.Add(item, after.Peers);
        if (_paxos.Count > 0)
            Conclude(print, versions.Committed);
    }

    private void RememberUncovered(long index)
    {
        _uncovered.Enqueue(index);
        if (_uncovered.Count > MostUncovered)
            _forgotten = _uncovered.Dequeue();
    }

    private void Purge(StoreUpdate.Purge purge)
    {
        UInt128 print = _prints.Of(purge.Key);
        if (!_keys.TryGetValue(print, out StoredKey entry) || entry.Deleted < 0 || entry.Checked().Versions is not { } versions || !versions.Set.Clock.Equals(purge.Clock))
            return;
        // That these attempts are of the past is forgotten with the key: they are refused with all others of their time.
        RaiseFloor(versions.Committed.IsNone ? 0 : versions.Committed.Round + 1);
        Remove(print, entry);
        // What it has deleted is not handed to anybody any more.
        foreach (ReplicaId owner in _hints.Keys.ToArray())
            Drop(new StoreUpdate.DropHint(owner, purge.Key, purge.Clock));
    }

    internal IEnumerable<Hint> HintsFor(ReplicaId owner) => _hints.GetValueOrDefault(owner)?.InOrder ?? [];

    // An owner that keeps a hint knows what has become of it since: a value that is deleted is not delivered without its deletion, which the other may have forgotten.
    private KeyVersions WithOwn(Hint hint)
    {
        KeyVersions versions = hint.Versions;
        if (!_keys.TryGetValue(hint.Print, out StoredKey entry))
            return versions;
        KeyVersions own = entry.Checked().Versions;
        return own.Set.Clock.Descends(versions.Set.Clock) ? own : versions.Merge(own);
    }

    private void Remove(UInt128 print, StoredKey entry)
    {
        _keys.Remove(print);
        _bytes -= entry.Bytes;
        ForgetDeleted(print, entry);
        Trees.Remove(new MerkleItem(print, entry.Print), entry.Peers);
    }

    private void ForgetDeleted(UInt128 print, StoredKey entry)
    {
        if (entry.Deleted >= 0)
            _deleted.Remove((entry.Deleted, print));
    }

    /// <summary>Those that every other owner knows, from where the last look ended: what waits for an owner that is away is not looked at each time.</summary>
    private DeletedKeys ToPurge(StoreQuery.Deleted asked)
    {
        var found = new List<(ReadOnlyMemory<byte>, KeyVersions)>();
        if (asked.After >= asked.Before)
            return new DeletedKeys(0, found);
        int looked = 0;
        long last = asked.After;
        foreach ((long since, UInt128 print) in _deleted.GetViewBetween((asked.After, UInt128.Zero), (asked.Before - 1, UInt128.MaxValue)))
        {
            if ((++looked > MostLookedAt || found.Count >= asked.Most) && since > last)
                return new DeletedKeys(since, found);
            last = since;
            StoredKey entry = _keys[print];
            if (entry.Peers.All(peer => _synced.GetValueOrDefault(peer) >= entry.Index))
                found.Add((entry.Key, entry.Checked().Versions));
        }

        return new DeletedKeys(0, found);
    }

    private void Keep(StoreUpdate.KeepHint hint)
    {
        if (!_hints.TryGetValue(hint.Owner, out KeptHints? kept))
            _hints[hint.Owner] = kept = new KeptHints();
        UInt128 print = _prints.Of(hint.Key);
        Hint? before = kept.Find(print);
        var after = new Hint(print, new KeptVersions(before?.Key ?? hint.Key.ToArray(), before?.Versions.Merge(hint.Versions) ?? hint.Versions), before?.Wall ?? hint.Wall);
        kept.Set(after);
        _hintBytes += after.Bytes - (before?.Bytes ?? 0);
    }

    private void Drop(StoreUpdate.DropHint gone)
    {
        UInt128 print = _prints.Of(gone.Key);
        // What was added to it since was not delivered.
        if (_hints.GetValueOrDefault(gone.Owner) is { } kept && kept.Find(print) is { } hint && gone.Clock.Descends(hint.Versions.Set.Clock))
            Drop(gone.Owner, kept, hint);
    }

    private void Drop(ReplicaId owner, KeptHints kept, Hint hint)
    {
        kept.Remove(hint.Print);
        _hintBytes -= hint.Bytes;
        if (kept.Count == 0)
            _hints.Remove(owner);
    }

    private void Clear()
    {
        _keys.Clear();
        _deleted.Clear();
        _trees = _trees is null ? null : NewTrees();
        _synced.Clear();
        _copied.Clear();
        _paxos.Clear();
        _uncovered.Clear();
        _bytes = 0;
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
            if (!_keys.TryGetValue(prints.List[covered], out StoredKey entry))
                continue;
            bytes += entry.Bytes;
            if (part.Count > 0 && bytes > prints.MaxBytes)
                break;
            part.Add((entry.Key, entry.Checked().Versions));
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

    // Entries do not change: what is in them is taken out on the thread that writes.
    private sealed class View(byte[] standing, StoredKey[] keys, IReadOnlyList<(StoreUpdate Update, long Index)> others) : ICheckpointView
    {
        private IEnumerable<(StoreUpdate Update, long Index)> Items =>
            keys.Select(entry => ((StoreUpdate)new StoreUpdate.Merge(entry.Key, entry.Checked().Versions), entry.Index)).Concat(others);

        public IEnumerable<ReadOnlyMemory<byte>> Segments(int maxBytes)
        {
            yield return standing;
            var segment = new List<byte>();
            foreach ((StoreUpdate update, long index) in Items)
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

        /// <summary>Of keys and their versions alone: replicas that have the same keys have the same, whatever hints and promises each keeps.</summary>
        public StateChecksum Checksum()
        {
            StateChecksum sum = default;
            foreach (StoredKey entry in keys)
                sum = sum.Add(entry.Key.Span, entry.Checked().Data.Span);
            return sum;
        }

        public void Dispose()
        {
        }
    }
}
