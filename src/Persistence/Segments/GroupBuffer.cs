using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Persistence.Segments;

/// <summary>
/// The group that is being filled: records packed one after the other as they will lie on disk, and what each of them will
/// change in the index once they do. One buffer for the life of the writer.
/// </summary>
internal sealed unsafe class GroupBuffer(SegmentIndex index) : IDisposable
{
    private const int Kept = 16 << 20;

    private readonly List<Change> _changes = [];
    private readonly HashSet<JournalName> _touched = [];
    private byte* _memory = (byte*)NativeMemory.AlignedAlloc(256 << 10, SegmentFormat.Page);
    private int _capacity = 256 << 10;
    private int _length = GroupHeader.Size;

    private enum Effect : byte
    {
        Append,
        Move,
        Declare,
        Start,
    }

    public int Records => _changes.Count;

    /// <summary>Bytes that the group will take on disk.</summary>
    public int Length => SegmentFormat.RoundUp(_length);

    public bool IsEmpty => _changes.Count == 0;

    /// <summary>The group with its header, once <see cref="Close"/> has been called.</summary>
    public ReadOnlySpan<byte> Bytes => new(_memory, Length);

    /// <summary>Forgets what is in it; nothing of it happened.</summary>
    public void Clear()
    {
        foreach (JournalName name in _touched)
            name.ResetPending();
        _touched.Clear();
        _changes.Clear();
        _length = GroupHeader.Size;
        if (_capacity > Kept)
            Resize(Kept);
    }

    public Mark Here() => new(_length, _changes.Count);

    /// <summary>The highest number of a persistence id and up to where it is deleted, this group included.</summary>
    public (long Highest, long DeletedTo) Pending(JournalName name)
    {
        Touch(name);
        return (name.Pending.Highest, name.Pending.DeletedTo);
    }

    /// <summary>Takes back what was added since.</summary>
    public void Back(Mark mark)
    {
        for (int i = _changes.Count - 1; i >= mark.Changes; i--)
        {
            if (_changes[i].Name is { } name)
                name.Pending = _changes[i].Before;
        }

        _changes.RemoveRange(mark.Changes, _changes.Count - mark.Changes);
        _length = mark.Length;
    }

    /// <summary>A new event.</summary>
    /// <exception cref="InvalidOperationException">Its number is not above all that were ever written.</exception>
    public void Append(JournalName name, RecordToStore row)
    {
        Invariant.That(row.Seq > 0, "sequence numbers start at 1");
        Touch(name);
        if (row.Seq <= name.Pending.Highest)
            throw new InvalidOperationException(
                $"record {row.Seq} of {name.Name} is refused: its number is taken, the highest is {name.Pending.Highest}");
        if (!name.Pending.Declared)
            Declare(name, name.Pending.DeletedTo);
        var header = new RecordHeader((byte)row.Kind, name.Number, row.Seq, row.Meta.Length, row.Payload.Length, 0);
        Span<byte> target = Add(Effect.Append, name, header with { Content = SegmentRecord.Checksum(header, row.Meta.Span, row.Payload.Span) });
        row.Meta.Span.CopyTo(target);
        row.Payload.Span.CopyTo(target[row.Meta.Length..]);
        name.Pending = name.Pending with { Highest = row.Seq };
    }

    /// <summary>An event that lies elsewhere already, as it was read from there.</summary>
    public void Move(JournalName name, RecordHeader header, ReadOnlySpan<byte> content)
    {
        Touch(name);
        content.CopyTo(Add(Effect.Move, name, header));
    }

    /// <summary>Writes down a persistence id, with its highest number, and that events up to <paramref name="deletedTo"/> are gone.</summary>
    public void Declare(JournalName name, long deletedTo)
    {
        Touch(name);
        int text = Encoding.UTF8.GetByteCount(name.Name);
        byte[] bytes = new byte[sizeof(long) + text];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, deletedTo);
        Encoding.UTF8.GetBytes(name.Name, bytes.AsSpan(sizeof(long)));
        Own(Effect.Declare, name, new RecordHeader(LogRecordKind.Name, name.Number, name.Pending.Highest, sizeof(long), text, 0), bytes, deletedTo);
        name.Pending = name.Pending with { DeletedTo = deletedTo, Declared = true };
    }

    /// <summary>Writes down a persistence id as it is.</summary>
    public void Declare(JournalName name)
    {
        Touch(name);
        Declare(name, name.Pending.DeletedTo);
    }

    /// <summary>Writes down that the log begins with this segment, and there with this group.</summary>
    public void Start(int segment, long group)
    {
        Span<byte> meta = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(meta, group);
        Own(Effect.Start, null, new RecordHeader(LogRecordKind.Start, 0, segment, meta.Length, 0, 0), meta, 0);
    }

    /// <summary>Fills in what depends on where the group will lie.</summary>
    public GroupHeader Close(uint segmentSalt, int offset, long number, uint previous)
    {
        uint salt = RecordHeader.GroupSalt(segmentSalt, number);
        int at = GroupHeader.Size;
        for (int i = 0; i < _changes.Count; i++)
            at += RecordHeader.Seal(new Span<byte>(_memory + at, _length - at), salt);
        Invariant.That(at == _length, "the records fill the group");
        new Span<byte>(_memory + _length, Length - _length).Clear();
        return new GroupHeader(GroupKind.Group, number, previous, Length, _changes.Count, 0)
            .Write(new Span<byte>(_memory, GroupHeader.Size), segmentSalt, offset);
    }

    /// <summary>The group is durable at this place: the index takes its changes over. Under the index's lock.</summary>
    /// <returns>The segment that the log begins with now; 0: no change.</returns>
    public int Publish(int segment, int offset)
    {
        int start = 0;
        foreach (Change change in CollectionsMarshal.AsSpan(_changes))
        {
            var place = new Place(change.Seq, segment, offset + change.Offset, change.Length);
            switch (change.Effect)
            {
                case Effect.Append:
                    index.Append(change.Name!, place);
                    break;
                case Effect.Move:
                    index.Move(change.Name!, place);
                    break;
                case Effect.Declare:
                    index.Declare(change.Name!, segment, change.Seq, change.DeletedTo);
                    break;
                default:
                    start = (int)change.Seq;
                    break;
            }
        }

        return start;
    }

    public void Dispose()
    {
        NativeMemory.AlignedFree(_memory);
        _memory = null;
    }

    private void Touch(JournalName name)
    {
        if (_touched.Add(name))
            name.ResetPending();
    }

    private Span<byte> Add(Effect effect, JournalName? name, RecordHeader header, long deletedTo = 0)
    {
        if (_capacity - _length < header.Length + SegmentFormat.Page)
            Resize(Math.Max(checked(_capacity * 2), checked(_length + header.Length + 2 * SegmentFormat.Page)));
        header.Write(new Span<byte>(_memory + _length, RecordHeader.Size));
        var content = new Span<byte>(_memory + _length + RecordHeader.Size, header.Length - RecordHeader.Size);
        _changes.Add(new Change(effect, name, header.Seq, _length, header.Length, deletedTo, name?.Pending ?? default));
        _length += header.Length;
        return content;
    }

    private void Own(Effect effect, JournalName? name, RecordHeader header, ReadOnlySpan<byte> content, long deletedTo) =>
        content.CopyTo(Add(effect, name, header with { Content = SegmentRecord.Checksum(header, content) }, deletedTo));

    private void Resize(int capacity)
    {
        byte* memory = (byte*)NativeMemory.AlignedAlloc((nuint)capacity, SegmentFormat.Page);
        new ReadOnlySpan<byte>(_memory, _length).CopyTo(new Span<byte>(memory, capacity));
        NativeMemory.AlignedFree(_memory);
        _memory = memory;
        _capacity = capacity;
    }

    public readonly record struct Mark(int Length, int Changes);

    private readonly record struct Change(
        Effect Effect, JournalName? Name, long Seq, int Offset, int Length, long DeletedTo, (long Highest, long DeletedTo, bool Declared) Before);
}
