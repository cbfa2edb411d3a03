using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Crdt;

/// <summary>For the elements of one source: in which leaf the run lies that holds an element. Ascending by the first number of each run, in bounded pages.</summary>
internal sealed class RunIndex
{
    private const int PageCapacity = 64;

    private readonly List<Page> _pages = [];

    /// <summary>The leaf whose run holds this number; it must be that of an element.</summary>
    public RunLeaf Find(int number)
    {
        Page page = _pages[PageOf(number)];
        return page.Leaves[page.IndexOf(number)];
    }

    /// <summary>The leaf of the last run that begins at or before this number; null: none does.</summary>
    public RunLeaf? FindFloor(int number)
    {
        int at = PageOf(number);
        return at < 0 ? null : _pages[at].Leaves[_pages[at].IndexOf(number)];
    }

    /// <summary>Where the first run begins that does so after this number; <see cref="int.MaxValue"/>: none does.</summary>
    public int NextAfter(int number)
    {
        int at = PageOf(number);
        int index = at < 0 ? -1 : _pages[at].IndexOf(number);
        if (at >= 0 && index + 1 < _pages[at].Count)
            return _pages[at].Firsts[index + 1];
        return at + 1 < _pages.Count ? _pages[at + 1].Firsts[0] : int.MaxValue;
    }

    /// <summary>A run that begins here lies in this leaf, be it new or moved.</summary>
    public void Set(int first, RunLeaf leaf)
    {
        if (_pages.Count == 0)
            _pages.Add(new Page());
        int at = Math.Max(0, PageOf(first));
        Page page = _pages[at];
        int index = page.IndexOf(first);
        if (index >= 0 && page.Firsts[index] == first)
        {
            page.Leaves[index] = leaf;
            return;
        }

        if (page.Count == PageCapacity)
        {
            // One that grows at its end leaves full pages behind.
            Page next = page.Split(at == _pages.Count - 1 && index == PageCapacity - 1 ? PageCapacity : PageCapacity / 2);
            _pages.Insert(at + 1, next);
            if (index + 1 > page.Count || next.Count == 0)
            {
                index -= page.Count;
                page = next;
            }
        }

        page.Insert(index + 1, first, leaf);
    }

    public void Remove(int first)
    {
        int at = PageOf(first);
        Page page = _pages[at];
        int index = page.IndexOf(first);
        Invariant.That(index >= 0 && page.Firsts[index] == first, "a run that goes was in the index");
        page.RemoveAt(index);
        if (page.Count == 0)
            _pages.RemoveAt(at);
    }

    /// <summary>The last page that begins at or before this number; -1: none.</summary>
    private int PageOf(int number)
    {
        int low = 0, high = _pages.Count;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            if (_pages[middle].Firsts[0] <= number)
                low = middle + 1;
            else
                high = middle;
        }

        return low - 1;
    }

    private sealed class Page
    {
        public readonly int[] Firsts = new int[PageCapacity];
        public readonly RunLeaf[] Leaves = new RunLeaf[PageCapacity];
        public int Count;

        /// <summary>The last run that begins at or before this number; -1: none.</summary>
        public int IndexOf(int number)
        {
            int found = Firsts.AsSpan(0, Count).BinarySearch(number);
            return found >= 0 ? found : ~found - 1;
        }

        public void Insert(int at, int first, RunLeaf leaf)
        {
            Array.Copy(Firsts, at, Firsts, at + 1, Count - at);
            Array.Copy(Leaves, at, Leaves, at + 1, Count - at);
            (Firsts[at], Leaves[at]) = (first, leaf);
            Count++;
        }

        public void RemoveAt(int at)
        {
            Count--;
            Array.Copy(Firsts, at + 1, Firsts, at, Count - at);
            Array.Copy(Leaves, at + 1, Leaves, at, Count - at);
            Leaves[Count] = null!;
        }

        public Page Split(int from)
        {
            var next = new Page { Count = Count - from };
            Array.Copy(Firsts, from, next.Firsts, 0, next.Count);
            Array.Copy(Leaves, from, next.Leaves, 0, next.Count);
            Array.Clear(Leaves, from, next.Count);
            Count = from;
            return next;
        }
    }
}
