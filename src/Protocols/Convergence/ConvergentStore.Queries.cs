using ActorRepl.Protocols.Crdt;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Merkle;

namespace ActorRepl.Protocols.Convergence;

/// <summary>What clients and the protocol ask.</summary>
public sealed partial class ConvergentStore
{
    private const int MostInAnswer = 1 << 20;
    private const long MostHashedBytes = 4L << 20;

    /// <summary>Answers a client's <see cref="CrdtRead"/> by a <see cref="CrdtAnswer"/>, or what the protocol asks.</summary>
    public ReadOnlyMemory<byte> Query(ReadOnlyMemory<byte> query)
    {
        if (query.Length > 0 && query.Span[0] == CrdtRead.Version)
            return Answer(CrdtRead.Decode(query.Span), int.MaxValue);
        switch (StoreQuery.Decode(query))
        {
            case StoreQuery.Standing standing:
                return Standing(standing).ToBytes();
            case StoreQuery.Units units:
                return UnitList.Encode(_units.From(units.Source, units.From, units.MaxBytes));
            case StoreQuery.Read read:
                return Answer(read.Payload);
            case StoreQuery.Freeze freeze:
                return Freeze(freeze);
            case StoreQuery.Hash hash:
                if (Find(hash.Peer, hash.Token) is not { } left)
                    return default;
                left.Hash(_options.HashedAtOnce, MostHashedBytes);
                return Standing(left);
            case StoreQuery.Thaw thaw:
                Thaw(thaw.Peer);
                return default;
            case StoreQuery.Compare compare:
                return Compare(compare);
            case StoreQuery.Judge judge:
                return Encode(MerkleComparison.Differing(_frozen[judge.Peer].Store, (MerkleDigests)MerkleMessage.Decode(judge.Answer)));
            case StoreQuery.Leaf leaf:
                return MerkleComparison.ItemsOf(_frozen[leaf.Peer].Store, leaf.Token, leaf.Number, leaf.After).ToBytes();
            case StoreQuery.States states:
                if (Find(states.Peer, states.Token) is not { IsHashed: true } frozen)
                    return default;
                (int covered, List<ValuePart> list) = frozen.PartsOf(states.Prints, states.Offset, states.MaxBytes);
                return (byte[])[.. BitConverter.GetBytes(covered), .. PartList.Encode(list)];
            case StoreQuery.Settle settle:
                _frozen[settle.Peer].Store.Settle(settle.Prints, PartList.Decode(settle.Brought.Span));
                return default;
            case var unknown:
                throw new InvariantViolationException($"the store answers every query; {unknown.GetType().Name} is new to it");
        }
    }

    private StoreStanding Standing(StoreQuery.Standing asked)
    {
        var outcomes = new List<Outcome>();
        for (int i = _outcomes.Count - 1; i >= 0 && _outcomes[i].Index >= asked.From; i--)
        {
            if (_outcomes[i].Index <= asked.To)
                outcomes.Add(_outcomes[i]);
        }

        outcomes.Reverse();
        return new StoreStanding(_source, _vector, _units.Floors, _stable, _known, _isRebuilding, _tagged.Count > 0 || _units.Bytes > 0, _unreadable,
            new StoreKeeps(_units.Count, _units.Bytes, _tags, _values.Count), outcomes);
    }

    private byte[] Answer(ReadOnlyMemory<byte> payload)
    {
        try
        {
            return StoreAnswer.Ok(Answer(CrdtRead.Decode(payload.Span), _options.MaxAnswerBytes));
        }
        catch (OverflowException)
        {
            // Several replicas have counted, each within bounds.
            return StoreAnswer.Refused("a counter's value does not fit into 64 bits");
        }
        catch (Exception wrong) when (wrong is InvalidDataException or OperationRefusedException)
        {
            return StoreAnswer.Refused(wrong.Message);
        }
    }

    /// <summary>One answer after the other is written, and none is begun that has no room any more.</summary>
    private byte[] Answer(CrdtRead read, int mostBytes)
    {
        CrdtWriter writer = CrdtAnswer.Begin(Feed, _feed.Position, read.Queries.Count);
        foreach (CrdtQuery query in read.Queries)
        {
            Answer(query, mostBytes - writer.Length).Write(writer);
            if (writer.Length > mostBytes)
                throw TooLong();
        }

        return writer.ToArray();
    }

    private OperationRefusedException TooLong() => new($"the answer has more than {_options.MaxAnswerBytes} bytes, which is the most: ask for a page or a range");

    private CrdtView Answer(CrdtQuery query, int room)
    {
        switch (query)
        {
            case CrdtQuery.Types types:
                return new CrdtView(0, new CrdtData.Keys([.. Enumerable.Range(1, (int)CrdtKey.LastType).Select(type => new CrdtKey((CrdtType)type, types.Name)).Where(key => _values.Contains(key))]));
            case CrdtQuery.Keys keys:
                return new CrdtView(0, new CrdtData.Keys(KeysAfter(keys.After, Math.Min(keys.Most, MostInAnswer), room)));
            case CrdtQuery.Changes changes:
                return new CrdtView(_feed.Position, _feed.Since(changes.Feed == Feed ? changes.Since : -1, Math.Clamp(changes.Most, 1, MostInAnswer)));
            default:
                CrdtKey key = KeyOf(query);
                object value = _values.Get(key, out long version);
                ValueType type = ValueType.Of(key.Type);
                if (type.LeastBytes(value, query, room) > room)
                    throw TooLong();
                return new CrdtView(version, query is CrdtQuery.Whole && value is BoundedCounter bounded ? BoundedCounterType.View(bounded, _source) : type.Answer(value, query));
        }
    }

    private List<CrdtKey> KeysAfter(CrdtKey? after, int most, long room)
    {
        var keys = new List<CrdtKey>();
        foreach (CrdtKey key in _values.KeysAfter(after, most))
        {
            room -= key.Name.Length;
            if (room < 0)
                throw TooLong();
            keys.Add(key);
        }

        return keys;
    }

    private static CrdtKey KeyOf(CrdtQuery query) => query switch
    {
        CrdtQuery.Whole whole => whole.Key,
        CrdtQuery.Contains contains => contains.Key,
        CrdtQuery.Count count => count.Key,
        CrdtQuery.Page page => page.Key,
        CrdtQuery.Range range => range.Key,
        CrdtQuery.Field field => field.Key,
        _ => throw new InvariantViolationException($"{query.GetType().Name} is about no key"),
    };

    private byte[] Freeze(StoreQuery.Freeze freeze)
    {
        // Asked again: what was told of it holds for it as it was then.
        if (Find(freeze.Peer, freeze.Token) is { } known)
            return Standing(known);
        Thaw(freeze.Peer);
        // What this replica compares itself is settled as values come, and so shared with nobody.
        bool isShared = freeze.Peer != _source.Replica;
        FrozenStore? frozen = isShared ? _frozen.Where(each => each.Key != _source.Replica).Select(each => each.Value.Store).FirstOrDefault(store => store.Vector.Equals(_vector) && store.Stable.Equals(_stable)) : null;
        if (frozen is null)
        {
            Dictionary<CrdtKey, ReadOnlyMemory<byte>> tags = _tagged.ToDictionary(each => each.Key, each => each.Value.Packed);
            frozen = new FrozenStore(_values.Freeze(), tags, _options.MerkleDepth, _vector, _stable);
            frozen.Hash(_options.HashedAtOnce, MostHashedBytes);
        }

        frozen.Users++;
        _frozen[freeze.Peer] = (freeze.Token, frozen);
        return Standing(frozen);
    }

    private void Thaw(ReplicaId peer)
    {
        if (_frozen.Remove(peer, out (long Token, FrozenStore Store) old) && --old.Store.Users == 0)
            old.Store.Dispose();
    }

    private static byte[] Standing(FrozenStore frozen)
    {
        var writer = new CrdtWriter();
        Vectors.Write(writer, frozen.Vector);
        Vectors.Write(writer, frozen.Stable);
        writer.Byte(frozen.IsHashed ? (byte)1 : (byte)0);
        return writer.ToArray();
    }

    private ReadOnlyMemory<byte> Compare(StoreQuery.Compare compare)
    {
        try
        {
            return Find(compare.Peer, compare.Token) is { IsHashed: true } frozen ? MerkleComparison.Answer(frozen, MerkleMessage.Decode(compare.Question)).ToBytes() : default;
        }
        catch (InvalidDataException)
        {
            // No question about such a tree: whoever asks it gives up.
            return default;
        }
    }

    private FrozenStore? Find(ReplicaId peer, long token) => _frozen.TryGetValue(peer, out (long Token, FrozenStore Store) frozen) && frozen.Token == token ? frozen.Store : null;

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
}
