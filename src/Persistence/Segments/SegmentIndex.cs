using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Persistence.Segments;

/// <summary>Where a record lies.</summary>
/// <param name="Seq">Its sequence number.</param>
/// <param name="Segment">Number of the segment.</param>
/// <param name="Offset">Of its header in the segment.</param>
/// <param name="Length">Bytes, header included.</param>
internal readonly record struct Place(long Seq, int Segment, int Offset, int Length);

/// <summary>
/// The places of one persistence id's events, by sequence number: appended at one end, deleted at the other. Kept in
/// chunks, so that neither end ever moves what lies between.
/// </summary>
internal sealed class PlaceList
{
    private const int ChunkSize = 256;
    private readonly List<Place[]> _chunks = [];
    private int _start;

    /// <summary>Chunks before this one are gone; the list is tidied when half of it is.</summary>
    private int _firstChunk;

    public int Count { get; private set; }

    public ref Place this[int index]
    {
        get
        {
            Invariant.That((uint)index < (uint)Count, "a place is within its list");
            int at = _start + index;
            return ref _chunks[_firstChunk + at / ChunkSize][at % ChunkSize];
        }
    }

    public void Add(Place place)
    {
        Invariant.That(Count == 0 || this[Count - 1].Seq < place.Seq, "events are in order of their numbers");
        int at = _start + Count;
        if (_firstChunk + at / ChunkSize == _chunks.Count)
            _chunks.Add(new Place[Count == 0 ? 16 : ChunkSize]);
        int chunk = _firstChunk + at / ChunkSize;
        if (at % ChunkSize >= _chunks[chunk].Length)
        {
            Place[] larger = _chunks[chunk];
            Array.Resize(ref larger, ChunkSize);
            _chunks[chunk] = larger;
        }

        _chunks[chunk][at % ChunkSize] = place;
        Count++;
    }

    public void RemoveFirst()
    {
        Invariant.That(Count > 0, "there is a first place");
        Count--;
        if (++_start == ChunkSize || Count == 0)
        {
            _start = 0;
            _chunks[_firstChunk++] = [];
        }

        if (Count == 0 || _firstChunk > 16 && _firstChunk > _chunks.Count / 2)
        {
            _chunks.RemoveRange(0, Count == 0 ? _chunks.Count : _firstChunk);
            _firstChunk = 0;
        }
    }

    /// <summary>The index of the first place whose number is at least <paramref name="seq"/>.</summary>
    public int IndexOf(long seq)
    {
        int low = 0, high = Count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (this[middle].Seq < seq)
                low = middle + 1;
            else
                high = middle;
        }

        return low;
    }
}

/// <summary>A persistence id, and what the log holds of it.</summary>
internal sealed class JournalName(int number, string name)
{
    public int Number { get; } = number;

    public string Name { get; } = name;

    /// <summary>The highest sequence number that was ever written, deleted or not; 0: none.</summary>
    public long Highest { get; set; }

    /// <summary>Up to and with this one events are deleted.</summary>
    public long DeletedTo { get; set; }

    public PlaceList Places { get; } = new();

    /// <summary>The segment that has its latest name record; 0: it has none.</summary>
    public int DeclaredIn { get; set; }

    /// <summary>The highest and the deletion mark as the group that is being filled has them; the writer's own.</summary>
    public (long Highest, long DeletedTo, bool Declared) Pending { get; set; }

    public void ResetPending() => Pending = (Highest, DeletedTo, DeclaredIn > 0);
}

/// <summary>
/// What is durable: persistence ids, their events' places and the segments of the log. Changed by the writer once a group
/// is synced, under its lock; read by anyone under it.
/// </summary>
internal sealed class SegmentIndex
{
    private readonly Dictionary<string, JournalName> _byName = new(StringComparer.Ordinal);
    private readonly List<JournalName?> _byNumber = [];

    public Lock Lock { get; } = new();

    /// <summary>The segments of the log by number; those that hold nothing yet are not in it.</summary>
    public SortedDictionary<int, SegmentFile> Segments { get; } = [];

    public IReadOnlyList<JournalName?> Names => _byNumber;

    /// <summary>Bytes of live records in all segments.</summary>
    public long LiveBytes { get; private set; }

    public JournalName? Find(string name) => _byName.GetValueOrDefault(name);

    public JournalName? Find(int number) => (uint)(number - 1) < (uint)_byNumber.Count ? _byNumber[number - 1] : null;

    public JournalName Add(string name) => Add(_byNumber.Count + 1, name);

    /// <exception cref="StorageDamagedException">The number or the name is another's.</exception>
    public JournalName Add(int number, string name)
    {
        if (number < 1 || Find(number) is not null || number > _byNumber.Count + (1 << 24))
            throw new StorageDamagedException($"persistence id '{name}' has number {number}, which is another's or none");
        while (_byNumber.Count < number)
            _byNumber.Add(null);
        var added = new JournalName(number, name);
        if (!_byName.TryAdd(name, added))
            throw new StorageDamagedException($"persistence id '{name}' has numbers {_byName[name].Number} and {number}");
        return _byNumber[number - 1] = added;
    }

    /// <summary>A persistence id as it was found in the log, with its events in order.</summary>
    /// <exception cref="StorageDamagedException">The number or the name is another's.</exception>
    public void Load(int number, string text, (int Segment, long Highest, long DeletedTo) declared, IEnumerable<Place> places)
    {
        JournalName name = Add(number, text);
        Declare(name, declared.Segment, declared.Highest, declared.DeletedTo);
        foreach (Place place in places)
        {
            name.Places.Add(place);
            Count(place, 1);
        }
    }

    /// <summary>A new event.</summary>
    public void Append(JournalName name, Place place)
    {
        name.Places.Add(place);
        name.Highest = place.Seq;
        Count(place, 1);
    }

    /// <summary>An event was written anew; false: it has been deleted meanwhile.</summary>
    public bool Move(JournalName name, Place to)
    {
        int at = name.Places.IndexOf(to.Seq);
        if (at == name.Places.Count || name.Places[at].Seq != to.Seq)
            return false;
        Count(name.Places[at], -1);
        name.Places[at] = to;
        Count(to, 1);
        return true;
    }

    /// <summary>A name record: what it says holds from now on.</summary>
    public void Declare(JournalName name, int segment, long highest, long deletedTo)
    {
        Invariant.That(highest >= name.Highest && deletedTo >= name.DeletedTo, "what was written and deleted only grows");
        if (Segments.TryGetValue(name.DeclaredIn, out SegmentFile? before))
            before.LiveNames--;
        Segments[segment].LiveNames++;
        (name.DeclaredIn, name.Highest, name.DeletedTo) = (segment, highest, deletedTo);
        while (name.Places.Count > 0 && name.Places[0].Seq <= deletedTo)
        {
            Count(name.Places[0], -1);
            name.Places.RemoveFirst();
        }
    }

    /// <summary>The events of <paramref name="name"/> that lie in a segment before <paramref name="segment"/>.</summary>
    public static IEnumerable<Place> PlacesBefore(JournalName name, int segment)
    {
        for (int i = 0; i < name.Places.Count; i++)
        {
            if (name.Places[i].Segment < segment)
                yield return name.Places[i];
        }
    }

    private void Count(Place place, int sign)
    {
        LiveBytes += sign * place.Length;
        SegmentFile segment = Segments[place.Segment];
        segment.LiveEvents += sign;
        segment.LiveBytes += sign * place.Length;
        Invariant.That(segment.LiveEvents >= 0, "no event is counted out twice");
    }
}
