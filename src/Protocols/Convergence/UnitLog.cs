using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Convergence;

/// <summary>The latest units of each source, without a gap up to what is applied: for members that lack them, be they of this replica or of another that they cannot reach.</summary>
/// <param name="maxBytes">Beyond it the oldest of the largest source go.</param>
internal sealed class UnitLog(long maxBytes)
{
    private const int Overhead = 48;

    private readonly SortedDictionary<VersionSource, SourceUnits> _sources = [];

    private sealed class SourceUnits
    {
        public ShiftList<ReadOnlyMemory<byte>> Units { get; } = new();

        /// <summary>The number before the first one's.</summary>
        public long Floor { get; set; }
        public long Bytes { get; set; }
    }

    public long Bytes { get; private set; }

    public long Count { get; private set; }

    /// <summary>Per source: units up to here are not kept.</summary>
    public VersionVector Floors => VersionVector.Of(_sources.Where(each => each.Value.Floor > 0).Select(each => new Dot(each.Key, each.Value.Floor)));

    public IEnumerable<(VersionSource Source, long Number, ReadOnlyMemory<byte> Unit)> All =>
        _sources.SelectMany(each => each.Value.Units.ToArray().Select((unit, i) => (each.Key, each.Value.Floor + 1 + i, unit)));

    public void Add(VersionSource source, long number, ReadOnlyMemory<byte> unit)
    {
        SourceUnits units = Of(source);
        Invariant.That(number == units.Floor + units.Units.Count + 1, "units of a source are kept without a gap");
        units.Units.Add(unit);
        units.Bytes += unit.Length + Overhead;
        Bytes += unit.Length + Overhead;
        Count++;
        while (Bytes > maxBytes)
            DropFirst(_sources.Values.MaxBy(each => each.Bytes)!);
    }

    /// <summary>All up to here are everywhere.</summary>
    public void Forget(VersionVector stable)
    {
        foreach (Dot last in stable.Last)
        {
            if (_sources.TryGetValue(last.Source, out SourceUnits? units))
            {
                while (units.Floor < last.Counter && units.Units.Count > 0)
                    DropFirst(units);
            }
        }
    }

    /// <summary>What comes next of a source follows this one: what lies between came another way.</summary>
    public void SkipTo(VersionSource source, long number)
    {
        SourceUnits units = Of(source);
        while (units.Units.Count > 0)
            DropFirst(units);
        units.Floor = number;
    }

    /// <summary>Units of a source from a number on, up to about so many bytes, one at least; none: they are not here.</summary>
    public IReadOnlyList<ReadOnlyMemory<byte>> From(VersionSource source, long number, int most)
    {
        if (!_sources.TryGetValue(source, out SourceUnits? units) || number <= units.Floor || number > units.Floor + units.Units.Count)
            return [];
        var part = new List<ReadOnlyMemory<byte>>();
        long bytes = 0;
        for (int i = (int)(number - units.Floor - 1); i < units.Units.Count; i++)
        {
            ReadOnlyMemory<byte> unit = units.Units[i];
            bytes += unit.Length;
            if (part.Count > 0 && bytes > most)
                break;
            part.Add(unit);
        }

        return part;
    }

    public void Clear()
    {
        _sources.Clear();
        (Bytes, Count) = (0, 0);
    }

    private SourceUnits Of(VersionSource source)
    {
        if (!_sources.TryGetValue(source, out SourceUnits? units))
            _sources[source] = units = new SourceUnits();
        return units;
    }

    private void DropFirst(SourceUnits units)
    {
        int bytes = units.Units.RemoveFirst().Length + Overhead;
        units.Floor++;
        units.Bytes -= bytes;
        Bytes -= bytes;
        Count--;
    }
}
