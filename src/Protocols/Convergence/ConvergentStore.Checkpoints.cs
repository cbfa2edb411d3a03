using ActorRepl.Protocols.Crdt;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Machines;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Convergence;

/// <summary>
/// The state in segments. The first: version (1), source, vectors, flags, position. Each further one: kind (1), then items of that kind, each with its length before it.
/// </summary>
public sealed partial class ConvergentStore
{
    private const byte SegmentVersion = 2;

    private enum ItemKind : byte
    {
        /// <summary>key length, key, version, state.</summary>
        Value = 1,

        /// <summary>source, number, unit.</summary>
        Unit = 2,

        /// <summary>As a <see cref="PartList"/> of one.</summary>
        Staged = 3,

        /// <summary>key, <see cref="Tag"/>.</summary>
        Tagged = 4,

        /// <summary>id (16), dot.</summary>
        Recent = 5,

        /// <summary>source.</summary>
        Latest = 6,

        /// <summary>key, version, bytes of the whole state, where this part of it begins, part; in order.</summary>
        Part = 7,
    }

    // Of a large value whose parts are being read.
    private readonly CrdtWriter _restored = new(0);

    public ICheckpointView BeginCheckpoint() => new CheckpointView(
        _values.Freeze(), Header(), Items([.. _units.All], [.. _staged], [.. _tagged.Select(each => (each.Key, each.Value.Packed))], [.. _recentOrder.Select(id => (id, _recent[id]))], [.. _latest.Values]));

    public void Restore(IEnumerable<ReadOnlyMemory<byte>> segments)
    {
        Clear();
        _restored.Truncate(0);
        bool isFirst = true;
        foreach (ReadOnlyMemory<byte> segment in segments)
        {
            if (isFirst)
                ReadHeader(segment.Span);
            else
                ReadItems(segment);
            isFirst = false;
        }

        if (isFirst)
            throw new InvalidDataException("a checkpoint of a CRDT store has at least one segment");
        if (_restored.Length > 0)
            throw new InvalidDataException($"a checkpoint of a CRDT store ends after {_restored.Length} bytes of a value that has more");
    }

    private byte[] Header()
    {
        var writer = new CrdtWriter();
        writer.Byte(SegmentVersion);
        writer.Byte((byte)((_isRebuilding ? 1 : 0) | (_source.Replica.IsNone ? 0 : 2)));
        if (!_source.Replica.IsNone)
            writer.Source(_source);
        foreach (VersionVector vector in (ReadOnlySpan<VersionVector>)[_vector, _told, _stable, _toldStable, _known, _units.Floors])
            Vectors.Write(writer, vector);
        _limits.Write(writer);
        writer.Unsigned((ulong)_feed.Position);
        writer.Unsigned((ulong)_unreadable);
        return writer.ToArray();
    }

    private void ReadHeader(ReadOnlySpan<byte> bytes)
    {
        var reader = new CrdtReader(bytes);
        byte version = reader.Byte();
        if (version != SegmentVersion)
            throw new InvalidDataException($"a checkpoint of a CRDT store has version {version}; this build reads {SegmentVersion}");
        long flags = reader.Within(0, 3, "flags");
        _isRebuilding = (flags & 1) != 0;
        _source = (flags & 2) != 0 ? reader.Source() : default;
        _vector = Vectors.Read(ref reader);
        _told = Vectors.Read(ref reader);
        _stable = Vectors.Read(ref reader);
        _toldStable = Vectors.Read(ref reader);
        _known = Vectors.Read(ref reader);
        foreach (Dot floor in Vectors.Read(ref reader).Last)
            _units.SkipTo(floor.Source, floor.Counter);
        _limits = new StoreUpdate.Limits((int)reader.Within(1, int.MaxValue, "a limit"), (int)reader.Within(1, int.MaxValue, "a limit"), reader.Within(1, long.MaxValue, "a limit"));
        _feed.Restart(reader.Within(0, long.MaxValue, "a position"));
        _unreadable = reader.Within(0, long.MaxValue, "a count");
        reader.End();
    }

    /// <summary>Encoded by who writes them, and not while the store waits: all of it stays as it is.</summary>
    private static IEnumerable<(ItemKind Kind, byte[] Bytes)> Items(
        (VersionSource Source, long Number, ReadOnlyMemory<byte> Unit)[] units, ValuePart[] staged, (CrdtKey Key, ReadOnlyMemory<byte> Tags)[] tagged, (Guid Id, Dot Unit)[] recent, VersionSource[] latest)
    {
        foreach ((VersionSource source, long number, ReadOnlyMemory<byte> unit) in units)
        {
            var writer = new CrdtWriter(unit.Length + 24);
            writer.Dot(new Dot(source, number));
            writer.Raw(unit.Span);
            yield return (ItemKind.Unit, writer.ToArray());
        }

        foreach (ValuePart part in staged)
            yield return (ItemKind.Staged, PartList.Encode([part]));
        foreach ((CrdtKey key, ReadOnlyMemory<byte> tags) in tagged)
        {
            for (int at = 0, next; at < tags.Length; at = next)
            {
                next = at + Tag.LengthOf(tags.Span[at..]);
                var writer = new CrdtWriter(64);
                key.Write(writer);
                writer.Raw(tags.Span[at..next]);
                yield return (ItemKind.Tagged, writer.ToArray());
            }
        }

        foreach ((Guid id, Dot unit) in recent)
        {
            var writer = new CrdtWriter(32);
            id.TryWriteBytes(writer.Raw(16));
            writer.Dot(unit);
            yield return (ItemKind.Recent, writer.ToArray());
        }

        foreach (VersionSource source in latest)
        {
            var writer = new CrdtWriter(16);
            writer.Source(source);
            yield return (ItemKind.Latest, writer.ToArray());
        }
    }

    private void ReadItems(ReadOnlyMemory<byte> segment)
    {
        var reader = new ByteReader(segment);
        var kind = (ItemKind)reader.Byte();
        while (reader.Remaining > 0)
            ReadItem(kind, reader.Bytes());
    }

    /// <summary>A value that does not fit into one segment comes in parts, one after the other.</summary>
    private void ReadPart(ref CrdtReader reader, ReadOnlyMemory<byte> bytes)
    {
        ReadOnlySpan<byte> key = reader.Raw(reader.Count("bytes of a key"));
        long version = reader.Within(0, long.MaxValue, "a version"), total = reader.Within(1, int.MaxValue, "the bytes of a value");
        if (reader.Within(0, total, "where a part begins") is var offset && offset != _restored.Length)
            throw new InvalidDataException($"a part of a value in a checkpoint begins at byte {offset}; {_restored.Length} were read before it");
        _restored.Raw(bytes.Span[reader.Position..]);
        if (_restored.Length < total)
            return;
        _values.Restore(key, _restored.Written, version);
        _restored.Truncate(0);
    }

    private void ReadItem(ItemKind kind, ReadOnlyMemory<byte> bytes)
    {
        var reader = new CrdtReader(bytes.Span);
        switch (kind)
        {
            case ItemKind.Value:
                ReadOnlySpan<byte> key = reader.Raw(reader.Count("bytes of a key"));
                long version = reader.Within(0, long.MaxValue, "a version");
                _values.Restore(key, bytes.Span[reader.Position..], version);
                break;
            case ItemKind.Part:
                ReadPart(ref reader, bytes);
                break;
            case ItemKind.Unit:
                Dot unit = reader.Dot();
                _units.Add(unit.Source, unit.Counter, bytes[reader.Position..].ToArray());
                break;
            case ItemKind.Staged:
                _staged.AddRange(PartList.Decode(bytes.Span));
                break;
            case ItemKind.Tagged:
                CrdtKey tagged = CrdtKey.Read(ref reader);
                AddTag(tagged, Tag.Read(ref reader));
                break;
            case ItemKind.Recent:
                var id = new Guid(reader.Raw(16));
                _recent[id] = reader.Dot();
                _recentOrder.Enqueue(id);
                break;
            case ItemKind.Latest:
                VersionSource source = reader.Source();
                _latest[source.Replica] = source;
                break;
            default:
                throw new InvalidDataException($"unknown items {(byte)kind} in a checkpoint of a CRDT store");
        }
    }

    private sealed class CheckpointView(KeyTable.View values, byte[] header, IEnumerable<(ItemKind Kind, byte[] Bytes)> items) : ICheckpointView
    {
        public IEnumerable<ReadOnlyMemory<byte>> Segments(int maxBytes)
        {
            yield return header;
            var segment = new SegmentWriter();
            // Values before what is told of them.
            foreach ((ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> state, KeyStamp stamp) in values.Pairs())
            {
                // Where half a segment is not enough.
                for (int offset = 0, most = Math.Max(1, maxBytes / 2 - key.Length); state.Length > most && offset < state.Length; offset += most)
                {
                    if (segment.Add(ItemKind.Part, Part(key, stamp.Version, state, offset, Math.Min(most, state.Length - offset)), maxBytes) is { } before)
                        yield return before;
                }

                if (state.Length > Math.Max(1, maxBytes / 2 - key.Length))
                    continue;
                var writer = new CrdtWriter(key.Length + state.Length + 16);
                writer.Count(key.Length);
                writer.Raw(key.Span);
                writer.Unsigned((ulong)stamp.Version);
                writer.Raw(state.Span);
                if (segment.Add(ItemKind.Value, writer.Written, maxBytes) is { } full)
                    yield return full;
            }

            foreach ((ItemKind kind, byte[] bytes) in items)
            {
                if (segment.Add(kind, bytes, maxBytes) is { } full)
                    yield return full;
            }

            if (segment.Take() is { } last)
                yield return last;
        }

        private static byte[] Part(ReadOnlyMemory<byte> key, long version, ReadOnlyMemory<byte> state, int offset, int length)
        {
            var writer = new CrdtWriter(key.Length + length + 32);
            writer.Count(key.Length);
            writer.Raw(key.Span);
            writer.Unsigned((ulong)version);
            writer.Count(state.Length);
            writer.Count(offset);
            writer.Raw(state.Span.Slice(offset, length));
            return writer.ToArray();
        }

        /// <summary>The values: all else belongs to this replica alone.</summary>
        public StateChecksum Checksum() =>
            values.Pairs().Aggregate(default(StateChecksum), (sum, pair) => sum.Add(pair.Key.Span, pair.Value.Span));

        public void Dispose() => values.Release();
    }

    /// <summary>Gathers items of one kind at a time.</summary>
    private sealed class SegmentWriter
    {
        private readonly CrdtWriter _writer = new(4096);
        private ItemKind _kind;

        /// <summary>Adds an item, and gives the segment before it, where this one does not fit there.</summary>
        public byte[]? Add(ItemKind kind, ReadOnlySpan<byte> item, int maxBytes)
        {
            byte[]? full = _writer.Length > 0 && (kind != _kind || _writer.Length + sizeof(int) + item.Length > maxBytes) ? Take() : null;
            if (_writer.Length == 0)
                _writer.Byte((byte)(_kind = kind));
            System.Buffers.Binary.BinaryPrimitives.WriteInt32LittleEndian(_writer.Raw(sizeof(int)), item.Length);
            _writer.Raw(item);
            return full;
        }

        public byte[]? Take()
        {
            if (_writer.Length == 0)
                return null;
            byte[] taken = _writer.ToArray();
            _writer.Truncate(0);
            return taken;
        }
    }
}
