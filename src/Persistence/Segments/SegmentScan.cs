using System.Buffers.Binary;
using System.Text;

namespace ActorRepl.Persistence.Segments;

/// <summary>Where the log ends.</summary>
/// <param name="Segment">The segment of the last group; the first one if there is none.</param>
/// <param name="Offset">Behind the last group.</param>
/// <param name="Number">Of the last group; 0: there is none.</param>
/// <param name="Checksum">In its header.</param>
/// <param name="LastOffset">Where it begins.</param>
internal readonly record struct LogEnd(int Segment, int Offset, long Number, uint Checksum, int LastOffset);

/// <summary>
/// Reads the log from its first segment to its end, and decides what that is. A group that is not whole is a torn write,
/// and is cut, only if nothing says that it was durable: the header of a later group or seal does, and so does a number
/// of groups that was noted when the store was closed. What was durable and is not whole is damage.
/// </summary>
internal sealed class SegmentScan(IReadOnlyList<SegmentFile> segments, long durableTo)
{
    private readonly Dictionary<int, FoundName> _names = [];
    private readonly List<(RecordHeader Header, int Offset)> _records = [];
    private (int Segment, long Group) _start = (1, 1);

    public LogEnd End { get; private set; }

    /// <summary>Groups read.</summary>
    public long Groups { get; private set; }

    /// <summary>Reads everything.</summary>
    /// <exception cref="StorageDamagedException">Something that was durable is missing or cannot be told any more.</exception>
    public SegmentIndex Read()
    {
        foreach (SegmentFile segment in segments)
            (segment.FirstGroup, segment.LiveBytes, segment.LiveEvents, segment.LiveNames) = (0, 0, 0, 0);
        var windows = segments.Select(segment => new SegmentWindow(segment)).ToArray();
        GroupHeader?[] firsts = [.. windows.Select(First)];
        // A first group that was torn has not taken the place of what the segment before ends with.
        for (int i = windows.Length - 1; i >= 0 && (firsts[i] is not { } first || !IsDurableOrWhole(windows[i], SegmentFormat.FirstGroup, first)); i--)
            firsts[i] = null;

        End = new LogEnd(segments[0].Number, SegmentFormat.FirstGroup, 0, 0, 0);
        for (int i = 0; i < windows.Length; i++)
        {
            if (firsts[i] is not { } first)
                continue;
            if (Groups > 0 && (first.Number != End.Number + 1 || first.Previous != End.Checksum))
                throw Damaged(windows[i], SegmentFormat.FirstGroup, $"group {End.Number + 1} is missing before group {first.Number}");
            long limit = firsts.Skip(i + 1).FirstOrDefault(later => later is not null)?.Number ?? long.MaxValue;
            ReadSegment(windows[i], first, limit);
        }

        // A segment that nothing has been written to holds no group, not even behind a damaged first one.
        for (int i = windows.Length - 1; i >= 0 && firsts[i] is null; i--)
        {
            if (IsProvenBehind(windows[i], 0, End.Number + 1))
                throw Damaged(windows[i], SegmentFormat.FirstGroup, $"group {End.Number + 1} is missing, and later ones are there");
        }

        if (End.Number < durableTo)
            throw new StorageDamagedException($"the log ends with group {End.Number}; it was closed with group {durableTo}");
        return Build();
    }

    private static StorageDamagedException Damaged(SegmentWindow window, int offset, string what) =>
        new($"{window.Segment.Path} is damaged at byte {offset}: {what}");

    private static GroupHeader? First(SegmentWindow window) =>
        window.TryHeader(SegmentFormat.FirstGroup, out GroupHeader header) && header.Kind == GroupKind.Group ? header : null;

    private void ReadSegment(SegmentWindow window, GroupHeader first, long limit)
    {
        int offset = SegmentFormat.FirstGroup;
        // Where the next segment begins with a number that this one reaches too, the next one has it again, durable.
        for (GroupHeader group = first; group.Number < limit;)
        {
            int next = offset + group.Length;
            bool follows = next < window.Segment.Size && window.TryHeader(next, out GroupHeader after)
                && IsProofOf(after, group) || group.Number + 1 == limit || group.Number <= durableTo;
            if (!follows && !IsWhole(window, offset, group))
            {
                if (!IsProvenBehind(window, offset, group.Number))
                    return;
            }

            Take(window, offset, group);
            if (offset == SegmentFormat.FirstGroup)
                window.Segment.FirstGroup = group.Number;
            End = new LogEnd(window.Segment.Number, next, group.Number, group.Checksum, offset);
            Groups++;
            offset = next;
            if (group.Number + 1 == limit)
                return;
            if (offset < window.Segment.Size && window.TryHeader(offset, out GroupHeader following) && following.Kind == GroupKind.Group)
            {
                if (following.Number != group.Number + 1 || following.Previous != group.Checksum)
                    throw Damaged(window, offset, $"group {following.Number} is in the place of group {group.Number + 1}");
                group = following;
            }
            else if (limit != long.MaxValue || IsProvenBehind(window, offset, group.Number + 1))
            {
                throw Damaged(window, offset, $"group {group.Number + 1} is missing, and later ones are there");
            }
            else
            {
                return;
            }
        }
    }

    private static bool IsProofOf(GroupHeader after, GroupHeader group) =>
        after.Previous == group.Checksum && after.Number == group.Number + (after.Kind == GroupKind.Group ? 1 : 0);

    /// <summary>Something behind this place in the segment says that the group of that number was durable.</summary>
    private static bool IsProvenBehind(SegmentWindow window, int offset, long number)
    {
        for (offset += SegmentFormat.Page; offset < window.Segment.Size; offset += SegmentFormat.Page)
        {
            if (window.TryHeader(offset, out GroupHeader header) && header.Number + (header.Kind == GroupKind.Seal ? 1 : 0) > number)
                return true;
        }

        return false;
    }

    private bool IsDurableOrWhole(SegmentWindow window, int offset, GroupHeader group) =>
        group.Number <= durableTo || IsWhole(window, offset, group) || IsProvenBehind(window, offset, group.Number);

    /// <summary>Every byte of the group is what was written.</summary>
    private bool IsWhole(SegmentWindow window, int offset, GroupHeader group)
    {
        if (!TryRecords(window, offset, group))
            return false;
        ReadOnlySpan<byte> bytes = window.Read(offset, group.Length);
        foreach ((RecordHeader header, int at) in _records)
        {
            if (SegmentRecord.Checksum(header, bytes.Slice(at + RecordHeader.Size, header.Length - RecordHeader.Size)) != header.Content)
                return false;
        }

        return true;
    }

    /// <summary>Finds the group's records; false: not all of their headers are what was written.</summary>
    private bool TryRecords(SegmentWindow window, int offset, GroupHeader group)
    {
        _records.Clear();
        if (group.Length < SegmentFormat.Page || group.Length % SegmentFormat.Page != 0 || group.Length > window.Segment.Size - offset)
            return false;
        ReadOnlySpan<byte> bytes = window.Read(offset, group.Length);
        if (bytes.Length < group.Length)
            return false;
        uint salt = RecordHeader.GroupSalt(window.Segment.Salt, group.Number);
        int at = GroupHeader.Size;
        for (int i = 0; i < group.Records; i++)
        {
            if (!RecordHeader.TryRead(bytes[at..], salt, out RecordHeader header))
                return false;
            _records.Add((header, at));
            at += header.Length;
        }

        return true;
    }

    private void Take(SegmentWindow window, int offset, GroupHeader group)
    {
        if (!TryRecords(window, offset, group))
            throw Damaged(window, offset, $"group {group.Number} was durable, and what is in it cannot be told");
        ReadOnlySpan<byte> bytes = window.Read(offset, group.Length);
        foreach ((RecordHeader header, int at) in _records)
        {
            ReadOnlySpan<byte> content = bytes.Slice(at + RecordHeader.Size, header.Length - RecordHeader.Size);
            if (header.Kind >= LogRecordKind.Name && SegmentRecord.Checksum(header, content) != header.Content)
                throw Damaged(window, offset + at, "a record of the log's own is not what was written");
            switch (header.Kind)
            {
                case LogRecordKind.Name:
                    Found(header.Name).Declare(window.Segment.Number, header.Seq, BinaryPrimitives.ReadInt64LittleEndian(content),
                        Encoding.UTF8.GetString(content[header.MetaLength..]));
                    break;
                case LogRecordKind.Start:
                    _start = ((int)header.Seq, BinaryPrimitives.ReadInt64LittleEndian(content));
                    break;
                case < LogRecordKind.Name:
                    Found(header.Name).Add(new Place(header.Seq, window.Segment.Number, offset + at, header.Length));
                    break;
                default:
                    throw Damaged(window, offset + at, $"a record is of kind {header.Kind}, which this build does not know");
            }
        }
    }

    private FoundName Found(int number)
    {
        if (!_names.TryGetValue(number, out FoundName? name))
            _names.Add(number, name = new FoundName());
        return name;
    }

    private SegmentIndex Build()
    {
        int first = _start.Segment;
        if (first < segments[0].Number)
            throw new StorageDamagedException($"segment {first} to {segments[0].Number - 1} of the log is missing, or has no valid header");
        long group = segments.Where(segment => segment.Number >= first).Select(segment => segment.FirstGroup).FirstOrDefault(number => number > 0);
        if (Groups > 0 && group != _start.Group)
            throw new StorageDamagedException($"the log begins with group {group} in segment {first}; it must begin with group {_start.Group}");
        var index = new SegmentIndex();
        foreach (SegmentFile segment in segments.Where(segment => segment.Number >= first))
            index.Segments.Add(segment.Number, segment);
        foreach ((int number, FoundName name) in _names)
        {
            if (name.Text is null || name.Segment < first)
                throw new StorageDamagedException($"persistence id {number} is missing, and there are events of it");
            List<Place> live = name.Live(first);
            index.Load(number, name.Text, (name.Segment, name.Highest, name.DeletedTo), live);
        }

        return index;
    }

    private sealed class FoundName
    {
        private readonly List<Place> _places = [];
        private bool _inOrder = true;

        public string? Text { get; private set; }

        public int Segment { get; private set; }

        public long Highest { get; private set; }

        public long DeletedTo { get; private set; }

        public void Declare(int segment, long highest, long deletedTo, string text)
        {
            if (Text is not null && Text != text)
                throw new StorageDamagedException($"persistence id '{Text}' has become '{text}'");
            (Text, Segment, Highest, DeletedTo) = (text, segment, Math.Max(Highest, highest), Math.Max(DeletedTo, deletedTo));
        }

        public void Add(Place place)
        {
            _inOrder &= _places.Count == 0 || _places[^1].Seq < place.Seq;
            _places.Add(place);
        }

        /// <summary>The events that are not deleted, in order; of one that was written anew, the later place.</summary>
        public List<Place> Live(int firstSegment)
        {
            var live = new List<Place>(_places.Count);
            // Only what was written anew is out of order.
            if (!_inOrder)
                _places.Sort((a, b) => (a.Seq, a.Segment, a.Offset).CompareTo((b.Seq, b.Segment, b.Offset)));
            foreach (Place place in _places)
            {
                if (place.Seq <= DeletedTo)
                    continue;
                if (live.Count > 0 && live[^1].Seq == place.Seq)
                    live[^1] = place;
                else
                    live.Add(place);
            }

            if (live.Exists(place => place.Segment < firstSegment))
                throw new StorageDamagedException($"an event of persistence id '{Text}' lies before segment {firstSegment}, the first of the log");
            if (live.Count > 0)
                Highest = Math.Max(Highest, live[^1].Seq);
            return live;
        }
    }
}
