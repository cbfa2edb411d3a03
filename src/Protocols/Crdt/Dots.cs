using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Crdt;

/// <summary>
/// The dots of one element, ascending; nearly always one, which needs no array. Immutable. The dot store <em>DotSet</em> of Almeida et al. 2018
/// </summary>
internal readonly struct Dots
{
    private readonly Dot _only;
    private readonly Dot[]? _many;

    public Dots(in Dot only) => _only = only;

    private Dots(Dot[] many)
    {
        if (many.Length == 1)
            _only = many[0];
        else if (many.Length > 1)
            _many = many;
    }

    public bool IsEmpty => _many is null && _only.Counter == 0;

    public int Count => _many?.Length ?? (_only.Counter == 0 ? 0 : 1);

    public Dot this[int index] => _many is null ? _only : _many[index];

    /// <summary>What is in both, and what is in one and the other has not seen: what the other has seen and no longer has was removed there.</summary>
    public static Dots Join(Dots mine, Dots theirs, CausalContext myContext, CausalContext theirContext)
    {
        if (mine.Count == 1 && theirs.Count == 1 && mine._only == theirs._only)
            return mine;
        if (theirs.IsEmpty && mine.Count == 1)
            return theirContext.Contains(mine._only) ? default : mine;
        if (mine.IsEmpty && theirs.Count == 1)
            return myContext.Contains(theirs._only) ? default : theirs;
        var joined = new List<Dot>(mine.Count + theirs.Count);
        int i = 0, j = 0;
        while (i < mine.Count || j < theirs.Count)
        {
            int order = i == mine.Count ? 1 : j == theirs.Count ? -1 : mine[i].CompareTo(theirs[j]);
            Dot dot = order <= 0 ? mine[i] : theirs[j];
            if (order == 0 || !(order < 0 ? theirContext : myContext).Contains(dot))
                joined.Add(dot);
            i += order <= 0 ? 1 : 0;
            j += order >= 0 ? 1 : 0;
        }

        return new Dots([.. joined]);
    }

    public void CoverBy(CausalContext context)
    {
        for (int i = 0; i < Count; i++)
            context.Add(this[i]);
    }

    public void Write(CrdtWriter writer)
    {
        writer.Count(Count);
        for (int i = 0; i < Count; i++)
            writer.Dot(this[i]);
    }

    public static Dots Read(ref CrdtReader reader)
    {
        var dots = new Dot[reader.Count("dots", minimumSize: 3)];
        for (int i = 0; i < dots.Length; i++)
        {
            dots[i] = reader.Dot();
            if (i > 0 && dots[i] <= dots[i - 1])
                throw reader.Wrong($"dots ascend; {dots[i]} follows {dots[i - 1]}");
        }

        return new Dots(dots);
    }
}
