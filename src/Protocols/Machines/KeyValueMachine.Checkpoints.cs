using System.Buffers;
using System.Buffers.Binary;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Machines;

/// <summary>
/// The state in segments. Version 2: the log's time in ms and the last version (8 bytes each), then keys: key, value, which of the next
/// two there are (1 byte), version, expiry (8 bytes each). Version 1, which is read: key, value.
/// </summary>
public sealed partial class KeyValueMachine
{
    private const byte SegmentVersion = 2, SegmentWithoutStamps = 1;
    private const byte HasVersion = 1, HasExpiry = 2;
    private const int SegmentHeader = 1 + 2 * sizeof(long);
    private const int MostBesideKey = 10 + 1 + 2 * sizeof(long);

    public ICheckpointView BeginCheckpoint() => new CheckpointView(_table.Freeze(), _clock, _lastVersion);

    public void Restore(IEnumerable<ReadOnlyMemory<byte>> segments)
    {
        _table.Clear();
        _expiries.Clear();
        (_clock, _lastVersion) = (0, 0);
        foreach (ReadOnlyMemory<byte> segment in segments)
        {
            var reader = new ByteReader(segment);
            byte version = reader.Byte();
            if (version is not (SegmentVersion or SegmentWithoutStamps))
                throw new InvalidDataException($"a key-value segment has version {version}; this build reads {SegmentWithoutStamps} and {SegmentVersion}");
            if (version == SegmentVersion)
                (_clock, _lastVersion) = (reader.Int64(), reader.Int64());
            while (reader.Remaining > 0)
            {
                ReadOnlySpan<byte> key = KeyValueCodec.ReadBytes(ref reader).Span;
                ReadOnlySpan<byte> value = KeyValueCodec.ReadBytes(ref reader).Span;
                KeyStamp stamp = version == SegmentVersion ? ReadStamp(ref reader) : default;
                _table.Set(key, value, stamp);
                _expiries.Move(key, from: 0, stamp.ExpiresAt);
                _longestValue = Math.Max(_longestValue, value.Length);
            }
        }

        _history.Restart(_lastVersion);
    }

    /// <summary>A checkpoint of a machine that has one key.</summary>
    internal static byte[] SegmentOf(ReadOnlySpan<byte> key, KeyValueEntry entry)
    {
        var segment = new ArrayBufferWriter<byte>(SegmentHeader + MostBesideKey + key.Length + entry.Value.Length);
        KeyValueCodec.WriteByte(segment, SegmentVersion);
        KeyValueCodec.WriteInt64(segment, 0);
        KeyValueCodec.WriteInt64(segment, 0);
        KeyValueCodec.WriteBytes(segment, key);
        KeyValueCodec.WriteBytes(segment, entry.Value.Span);
        WriteStamp(segment, new KeyStamp(entry.Version, entry.ExpiresAt));
        return segment.WrittenSpan.ToArray();
    }

    private static KeyStamp ReadStamp(ref ByteReader reader)
    {
        byte flags = reader.Byte();
        if (flags > (HasVersion | HasExpiry))
            throw new InvalidDataException($"unknown flags {flags} of a key at byte {reader.Position - 1}");
        long version = (flags & HasVersion) != 0 ? reader.Int64() : 0;
        return new KeyStamp(version, (flags & HasExpiry) != 0 ? reader.Int64() : 0);
    }

    private static void WriteStamp(ArrayBufferWriter<byte> segment, in KeyStamp stamp)
    {
        KeyValueCodec.WriteByte(segment, (byte)((stamp.Version != 0 ? HasVersion : 0) | (stamp.ExpiresAt != 0 ? HasExpiry : 0)));
        if (stamp.Version != 0)
            KeyValueCodec.WriteInt64(segment, stamp.Version);
        if (stamp.ExpiresAt != 0)
            KeyValueCodec.WriteInt64(segment, stamp.ExpiresAt);
    }

    private sealed class CheckpointView(KeyTable.View view, long clock, long lastVersion) : ICheckpointView, IKeyValueView
    {
        public IEnumerable<KeyValueExported> Keys() =>
            view.Pairs().Where(pair => !HasEnded(pair.Stamp, clock)).Select(pair => new KeyValueExported(pair.Key, pair.Value, pair.Stamp.Version, pair.Stamp.ExpiresAt));

        public IEnumerable<ReadOnlyMemory<byte>> Segments(int maxBytes)
        {
            var segment = new ArrayBufferWriter<byte>();
            if (clock != 0 || lastVersion != 0)
                Begin(segment);
            foreach ((ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value, KeyStamp stamp) in view.Pairs())
            {
                if (segment.WrittenCount > SegmentHeader && segment.WrittenCount + key.Length + value.Length + MostBesideKey > maxBytes)
                {
                    yield return segment.WrittenSpan.ToArray();
                    segment.ResetWrittenCount();
                }

                if (segment.WrittenCount == 0)
                    Begin(segment);
                KeyValueCodec.WriteBytes(segment, key.Span);
                KeyValueCodec.WriteBytes(segment, value.Span);
                WriteStamp(segment, stamp);
            }

            if (segment.WrittenCount > 0)
                yield return segment.WrittenSpan.ToArray();
        }

        // Where a pair lies in the table depends on the table's own seed, and on what was there before.
        public StateChecksum Checksum()
        {
            StateChecksum sum = default;
            byte[] beside = new byte[2 * sizeof(long)];
            foreach ((ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value, KeyStamp stamp) in view.Pairs())
            {
                BinaryPrimitives.WriteInt64LittleEndian(beside, stamp.Version);
                BinaryPrimitives.WriteInt64LittleEndian(beside.AsSpan(sizeof(long)), stamp.ExpiresAt);
                sum = sum.Add(key.Span, value.Span, beside);
            }

            return sum;
        }

        public void Dispose() => view.Release();

        private void Begin(ArrayBufferWriter<byte> segment)
        {
            KeyValueCodec.WriteByte(segment, SegmentVersion);
            KeyValueCodec.WriteInt64(segment, clock);
            KeyValueCodec.WriteInt64(segment, lastVersion);
        }
    }
}
