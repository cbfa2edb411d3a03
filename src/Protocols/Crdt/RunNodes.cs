using System.Runtime.CompilerServices;

namespace ActorRepl.Protocols.Crdt;

/// <summary>A node of the tree of runs.</summary>
internal abstract class RunNode
{
    public RunBranch? Parent;

    /// <summary>Which child of its parent it is.</summary>
    public int Slot;
}

/// <summary>Some neighbouring runs.</summary>
internal sealed class RunLeaf : RunNode
{
    public const int Capacity = 32;

    public readonly Run[] Runs = new Run[Capacity];

    public int Count;

    /// <summary>Elements in it that are not deleted.</summary>
    public int Visible;

    public RunLeaf? Next;

    public void Insert(int at, in Run run)
    {
        Array.Copy(Runs, at, Runs, at + 1, Count - at);
        Runs[at] = run;
        Count++;
    }

    public void RemoveAt(int at)
    {
        Count--;
        Array.Copy(Runs, at + 1, Runs, at, Count - at);
    }

    public void CountVisible()
    {
        Visible = 0;
        for (int i = 0; i < Count; i++)
            Visible += Runs[i].Visible;
    }
}

/// <summary>Some neighbouring nodes, all of one height, and how many elements in each are not deleted.</summary>
internal sealed class RunBranch : RunNode
{
    public const int Capacity = 32;

    public readonly int[] Visible = new int[Capacity];
    private Children _children;

    public int Count;

    public RunNode this[int slot] => _children[slot];

    public void Insert(int at, RunNode child, int visible)
    {
        for (int i = Count; i > at; i--)
            Put(i, _children[i - 1], Visible[i - 1]);
        Put(at, child, visible);
        Count++;
    }

    /// <summary>Moves the children from here on to an empty branch.</summary>
    public void MoveTo(RunBranch target, int from)
    {
        for (int i = from; i < Count; i++)
        {
            target.Insert(target.Count, _children[i], Visible[i]);
            _children[i] = null!;
        }

        Count = from;
    }

    private void Put(int slot, RunNode child, int visible)
    {
        _children[slot] = child;
        Visible[slot] = visible;
        child.Parent = this;
        child.Slot = slot;
    }

    [InlineArray(Capacity)]
    private struct Children
    {
        private RunNode _first;
    }
}
