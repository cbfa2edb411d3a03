namespace ActorRepl.Protocols.Crdt;

/// <summary>
/// Between which elements a run was most likely inserted, told from the order of all runs alone: the nearest that the source can have seen, which are its
/// own of lower number and those of others. Where one source wrote everything that is always right, so nothing needs to be stored.
/// </summary>
internal static class RunNeighbours
{
    /// <summary>Runs of each source that lie before (after) the one looked at and are lower than all of that source in between, the nearest last.</summary>
    public sealed class Nearest(int sources)
    {
        private readonly List<int>?[] _open = new List<int>?[sources];
        private int _last = -1;
        private int _lastOfOther = -1;

        /// <summary>The runs of a source, of which all higher than a number are let go; returns how many.</summary>
        public int Pop(ReadOnlySpan<Run> runs, int source, int first)
        {
            List<int> open = _open[source] ??= [];
            int before = open.Count;
            while (open.Count > 0 && runs[open[^1]].First > first)
                open.RemoveAt(open.Count - 1);
            return before - open.Count;
        }

        /// <summary>The nearest run of a source that is left, after letting go of some; -1: none.</summary>
        public int Top(int source, int letGo = 0)
        {
            List<int> open = _open[source] ??= [];
            if (letGo >= open.Count)
                return -1;
            open.RemoveRange(open.Count - letGo, letGo);
            return open[^1];
        }

        /// <summary>The nearest run of any source but this one; -1: none.</summary>
        public int Other(ReadOnlySpan<Run> runs, int source) => _last < 0 || runs[_last].Source != source ? _last : _lastOfOther;

        /// <summary>Goes on to the next run, this one being behind.</summary>
        public void Push(ReadOnlySpan<Run> runs, int at)
        {
            _lastOfOther = Other(runs, runs[at].Source);
            _last = at;
            (_open[runs[at].Source] ??= []).Add(at);
        }
    }

    /// <summary>For each run, the element before its first one.</summary>
    public static ElementId[] Left(ReadOnlySpan<Run> runs, int sources)
    {
        var nearest = new Nearest(sources);
        var left = new ElementId[runs.Length];
        for (int i = 0; i < runs.Length; i++)
        {
            nearest.Pop(runs, runs[i].Source, runs[i].First);
            int at = Math.Max(nearest.Top(runs[i].Source), nearest.Other(runs, runs[i].Source));
            left[i] = at < 0 ? ElementId.None : new ElementId(runs[at].Source, runs[at].End - 1);
            nearest.Push(runs, i);
        }

        return left;
    }

    /// <summary>For each run, the element after it.</summary>
    public static ElementId[] Right(ReadOnlySpan<Run> runs, int sources)
    {
        var nearest = new Nearest(sources);
        var right = new ElementId[runs.Length];
        for (int i = runs.Length - 1; i >= 0; i--)
        {
            nearest.Pop(runs, runs[i].Source, runs[i].First);
            int own = nearest.Top(runs[i].Source), other = nearest.Other(runs, runs[i].Source);
            int at = own < 0 ? other : other < 0 ? own : Math.Min(own, other);
            right[i] = at < 0 ? ElementId.None : runs[at].FirstId;
            nearest.Push(runs, i);
        }

        return right;
    }
}
