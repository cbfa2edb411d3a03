using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Crdt;

/// <summary>A place in the tree: a run, or the end of a leaf.</summary>
internal struct RunPlace(RunLeaf leaf, int at)
{
    public RunLeaf Leaf = leaf;
    public int At = at;

    public readonly ref Run Run => ref Leaf.Runs[At];

    public readonly bool IsAtEnd => At == Leaf.Count;
}

/// <summary>
/// The runs of a sequence in its order, in a balanced tree (B+) with the count of visible elements below each node: finding an element by its index, or
/// by its id, and putting a run anywhere each cost the logarithm of the number of runs. Edits near the last one skip the way down.
/// </summary>
internal sealed class RunTree
{
    private readonly List<RunIndex> _indexes = [];
    private RunNode _root;
    private RunLeaf? _lastLeaf;
    private int _lastStart;

    public RunTree()
    {
        First = new RunLeaf();
        _root = First;
    }

    public RunLeaf First { get; }

    /// <summary>Elements that are not deleted.</summary>
    public int Visible { get; private set; }

    public int RunCount { get; private set; }

    public RunPlace Start => new(First, 0);

    public void AddSource() => _indexes.Add(new RunIndex());

    /// <summary>The run that holds the visible element of this index, and which of its elements that is.</summary>
    public RunPlace Find(int index, out int offset)
    {
        Invariant.That(index >= 0 && index < Visible, "an index that is looked for lies in the sequence");
        if (_lastLeaf is null || index < _lastStart || index >= _lastStart + _lastLeaf.Visible)
            Descend(index);
        RunLeaf leaf = _lastLeaf!;
        int left = index - _lastStart;
        for (int at = 0; ; at++)
        {
            int visible = leaf.Runs[at].Visible;
            if (left < visible)
            {
                offset = left;
                return new RunPlace(leaf, at);
            }

            left -= visible;
        }
    }

    /// <summary>The run that holds an element, and which of its elements that is.</summary>
    public RunPlace Find(ElementId id, out int offset)
    {
        RunLeaf leaf = _indexes[id.Source].Find(id.Number);
        for (int at = 0; at < leaf.Count; at++)
        {
            if (leaf.Runs[at].Contains(id))
            {
                offset = id.Number - leaf.Runs[at].First;
                return new RunPlace(leaf, at);
            }
        }

        throw new InvariantViolationException("the index of runs names the leaf of every element");
    }

    /// <summary>The same of an element that may have been let go of; false: it was.</summary>
    public bool TryFind(ElementId id, out RunPlace place, out int offset)
    {
        (place, offset) = (default, 0);
        if (_indexes[id.Source].FindFloor(id.Number) is not { } leaf)
            return false;
        for (int at = 0; at < leaf.Count; at++)
        {
            if (leaf.Runs[at].Contains(id))
            {
                (place, offset) = (new RunPlace(leaf, at), id.Number - leaf.Runs[at].First);
                return true;
            }
        }

        return false;
    }

    /// <summary>The number of the first run of a source that begins after this one; <see cref="int.MaxValue"/>: none does.</summary>
    public int NextAfter(ushort source, int number) => _indexes[source].NextAfter(number);

    /// <summary>The place of the run that begins with this element, parted from those before it.</summary>
    public RunPlace FindStart(ElementId id)
    {
        RunPlace place = Find(id, out int offset);
        return offset == 0 ? place : Split(place, offset);
    }

    /// <summary>The place after an element, parted from those that follow in its run.</summary>
    public RunPlace FindAfter(ElementId id)
    {
        RunPlace place = Find(id, out int offset);
        if (offset + 1 < place.Run.Length)
            return Split(place, offset + 1);
        place.At++;
        return place;
    }

    /// <summary>The same place, at a run where there is one; false: nothing follows.</summary>
    public static bool Normalize(ref RunPlace place)
    {
        while (place.IsAtEnd)
        {
            if (place.Leaf.Next is not { } next)
                return false;
            place = new RunPlace(next, 0);
        }

        return true;
    }

    /// <summary>Which of two elements comes first: below 0, 0 or above 0.</summary>
    public int Compare(ElementId left, ElementId right)
    {
        RunPlace a = Find(left, out int offsetA), b = Find(right, out int offsetB);
        if (a.Leaf == b.Leaf)
            return a.At != b.At ? a.At.CompareTo(b.At) : offsetA.CompareTo(offsetB);
        RunNode nodeA = a.Leaf, nodeB = b.Leaf;
        while (nodeA.Parent != nodeB.Parent)
            (nodeA, nodeB) = (nodeA.Parent!, nodeB.Parent!);
        return nodeA.Slot.CompareTo(nodeB.Slot);
    }

    /// <summary>Puts a run before a place, into the run that ends there where it is more of that one.</summary>
    public void Insert(RunPlace place, in Run run)
    {
        if (place.At > 0 && place.Leaf.Runs[place.At - 1].MergesWith(run))
            Extend(new RunPlace(place.Leaf, place.At - 1), run.Length);
        else
        {
            Put(ref place, run);
            AddVisible(place.Leaf, run.Visible);
        }
    }

    /// <summary>More elements at the end of a run.</summary>
    public void Extend(RunPlace place, int length)
    {
        place.Run.Length += length;
        if (!place.Run.IsDeleted)
            AddVisible(place.Leaf, length);
    }

    /// <summary>Parts a run; returns the place of its second part.</summary>
    public RunPlace Split(RunPlace place, int offset)
    {
        Run second = place.Run.From(offset);
        place.Run.Length = offset;
        place.At++;
        // Where the leaf is parted too, it counts what it holds: the second part is in no run meanwhile.
        bool isFull = place.Leaf.Count == RunLeaf.Capacity;
        if (isFull)
            AddVisible(place.Leaf, -second.Visible);
        Put(ref place, second);
        if (isFull)
            AddVisible(place.Leaf, second.Visible);
        return place;
    }

    /// <summary>Marks elements of one run as deleted, and joins them with deleted neighbours that they are more of.</summary>
    public void Delete(RunPlace place, int offset, int count)
    {
        if (offset > 0)
            place = Split(place, offset);
        if (count < place.Run.Length)
        {
            RunPlace rest = Split(place, count);
            // Making room may have moved both to another leaf.
            place = rest.At > 0 ? new RunPlace(rest.Leaf, rest.At - 1) : Find(new ElementId(rest.Run.Source, rest.Run.First - 1), out _);
        }

        place.Run.IsDeleted = true;
        AddVisible(place.Leaf, -place.Run.Length);
        MergeWithNext(place);
        if (place.At > 0)
            MergeWithNext(new RunPlace(place.Leaf, place.At - 1));
    }

    /// <summary>Puts a run at the end, as it is.</summary>
    public void Append(ref RunPlace end, in Run run)
    {
        Put(ref end, run);
        end.Leaf.Visible += run.Visible;
        if (end.Leaf.Parent is { } parent)
            RaiseFrom(parent, end.Leaf.Slot, run.Visible);
        Visible += run.Visible;
        end.At++;
    }

    private void MergeWithNext(RunPlace place)
    {
        if (place.At + 1 >= place.Leaf.Count || !place.Run.MergesWith(place.Leaf.Runs[place.At + 1]))
            return;
        ref Run next = ref place.Leaf.Runs[place.At + 1];
        _indexes[next.Source].Remove(next.First);
        place.Run.Length += next.Length;
        place.Leaf.RemoveAt(place.At + 1);
        RunCount--;
    }

    private void Descend(int index)
    {
        RunNode node = _root;
        int start = 0;
        while (node is RunBranch branch)
        {
            int slot = 0;
            while (index - start >= branch.Visible[slot])
                start += branch.Visible[slot++];
            node = branch[slot];
        }

        (_lastLeaf, _lastStart) = ((RunLeaf)node, start);
    }

    /// <summary>Puts a run into the leaf, parting the leaf where it is full; the place stays that of the run. Counts are the caller's.</summary>
    private void Put(ref RunPlace place, in Run run)
    {
        if (place.Leaf.Count == RunLeaf.Capacity)
            MakeRoom(ref place);
        place.Leaf.Insert(place.At, run);
        _indexes[run.Source].Set(run.First, place.Leaf);
        RunCount++;
    }

    private void MakeRoom(ref RunPlace place)
    {
        RunLeaf full = place.Leaf;
        var next = new RunLeaf { Next = full.Next };
        full.Next = next;
        // What grows at its end leaves full leaves behind.
        int kept = place.At == full.Count && next.Next is null ? full.Count : full.Count / 2;
        next.Count = full.Count - kept;
        Array.Copy(full.Runs, kept, next.Runs, 0, next.Count);
        full.Count = kept;
        foreach (ref readonly Run moved in next.Runs.AsSpan(0, next.Count))
            _indexes[moved.Source].Set(moved.First, next);
        next.CountVisible();
        full.Visible -= next.Visible;
        InsertAfter(full, next, full.Visible, next.Visible);
        _lastLeaf = null;
        if (place.At > kept || (place.At == kept && next.Count == 0))
            place = new RunPlace(next, place.At - kept);
    }

    private void InsertAfter(RunNode node, RunNode next, int visible, int nextVisible)
    {
        if (node.Parent is not { } parent)
        {
            var root = new RunBranch();
            root.Insert(0, node, visible);
            root.Insert(1, next, nextVisible);
            _root = root;
            return;
        }

        parent.Visible[node.Slot] = visible;
        if (parent.Count == RunBranch.Capacity)
        {
            var sibling = new RunBranch();
            parent.MoveTo(sibling, node.Slot == parent.Count - 1 ? parent.Count - 1 : parent.Count / 2);
            RunBranch home = node.Parent!;
            home.Insert(node.Slot + 1, next, nextVisible);
            InsertAfter(parent, sibling, SumOf(parent), SumOf(sibling));
            return;
        }

        parent.Insert(node.Slot + 1, next, nextVisible);
    }

    private static int SumOf(RunBranch branch) => branch.Visible.AsSpan(0, branch.Count) is var counts ? Sum(counts) : 0;

    private static int Sum(ReadOnlySpan<int> counts)
    {
        int sum = 0;
        foreach (int count in counts)
            sum += count;
        return sum;
    }

    private void AddVisible(RunLeaf leaf, int change)
    {
        if (change == 0)
            return;
        leaf.Visible += change;
        if (leaf.Parent is { } parent)
            RaiseFrom(parent, leaf.Slot, change);
        Visible += change;
        if (leaf != _lastLeaf)
            _lastLeaf = null;
    }

    private static void RaiseFrom(RunBranch branch, int slot, int change)
    {
        for (RunBranch? node = branch; node is not null; (slot, node) = (node.Slot, node.Parent))
            node.Visible[slot] += change;
    }
}
