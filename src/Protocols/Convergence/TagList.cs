using ActorRepl.Protocols.Crdt;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Convergence;

/// <summary>What one update did to a value that lets go of something once that is stable.</summary>
/// <param name="By">The update.</param>
/// <param name="Dots">Of a map: the dots that it gave and removed. Of a sequence: the elements that it inserted.</param>
/// <param name="Deleted">Of a sequence: the elements that it deleted.</param>
internal readonly record struct Tag(Dot By, CausalContext Dots, CausalContext Deleted)
{
    /// <summary>update, dots, deleted.</summary>
    public void Write(CrdtWriter writer)
    {
        writer.Dot(By);
        Dots.Write(writer);
        Deleted.Write(writer);
    }

    public static Tag Read(ref CrdtReader reader) => new(reader.Dot(), CausalContext.Read(ref reader), CausalContext.Read(ref reader));

    /// <summary>Passes over one, and says which update's it is.</summary>
    public static Dot Skip(ref CrdtReader reader)
    {
        Dot by = reader.Dot();
        CausalContext.Skip(ref reader);
        CausalContext.Skip(ref reader);
        return by;
    }

    /// <summary>Bytes of the first of them.</summary>
    public static int LengthOf(ReadOnlySpan<byte> tags)
    {
        var reader = new CrdtReader(tags);
        Skip(ref reader);
        return reader.Position;
    }
}

/// <summary>Tags of one value, in the order they came, packed: some twenty bytes each, since there is one for each update that some member lacks.</summary>
internal sealed class TagList
{
    private CrdtWriter _packed = new(32);
    // Of each source the first and the last update that is there: where nothing can be found nothing is looked for.
    private readonly List<Bounds> _bounds = [];

    private readonly record struct Bounds(VersionSource Source, long First, long Last);

    public int Count { get; private set; }

    public int Bytes => _packed.Length;

    /// <summary>As it stands now; what is added or forgotten later does not change it.</summary>
    public ReadOnlyMemory<byte> Packed => _packed.WrittenMemory;

    public IReadOnlyList<Tag> All
    {
        get
        {
            var tags = new Tag[Count];
            var reader = new CrdtReader(_packed.Written);
            for (int i = 0; i < tags.Length; i++)
                tags[i] = Tag.Read(ref reader);
            return tags;
        }
    }

    public void Add(in Tag tag)
    {
        tag.Write(_packed);
        Count++;
        Extend(tag.By);
    }

    /// <summary>An update of one of them is covered by the second vector and not by the first.</summary>
    public bool IsNew(VersionVector before, VersionVector now)
    {
        if (!_bounds.Any(bounds => now[bounds.Source] is var last && last >= bounds.First && last > before[bounds.Source] && bounds.Last > before[bounds.Source]))
            return false;
        var reader = new CrdtReader(_packed.Written);
        while (reader.Remaining > 0)
        {
            Dot by = Tag.Skip(ref reader);
            if (now.Covers(by) && !before.Covers(by))
                return true;
        }

        return false;
    }

    /// <summary>Forgets those of updates that this vector covers, and says how many.</summary>
    public int Forget(VersionVector stable)
    {
        if (!_bounds.Any(bounds => stable[bounds.Source] >= bounds.First))
            return 0;
        var left = new CrdtWriter(32);
        int before = Count;
        Count = 0;
        _bounds.Clear();
        var reader = new CrdtReader(_packed.Written);
        while (reader.Remaining > 0)
        {
            int start = reader.Position;
            Dot by = Tag.Skip(ref reader);
            if (stable.Covers(by))
                continue;
            left.Raw(reader.Since(start));
            Count++;
            Extend(by);
        }

        _packed = left;
        return before - Count;
    }

    private void Extend(Dot by)
    {
        int at = _bounds.FindIndex(bounds => bounds.Source == by.Source);
        if (at < 0)
            _bounds.Add(new Bounds(by.Source, by.Counter, by.Counter));
        else
            _bounds[at] = new Bounds(by.Source, Math.Min(_bounds[at].First, by.Counter), Math.Max(_bounds[at].Last, by.Counter));
    }
}
