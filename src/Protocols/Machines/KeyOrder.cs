namespace ActorRepl.Protocols.Machines;

/// <summary>
/// The order of a partition's keys: made when it is first asked for, and kept up from then on, so who never asks pays nothing. Many keys are put in
/// order on another thread, from a frozen view, and what changes meanwhile is brought in afterwards; until then there is no order to be had, and lists are
/// picked out of all keys (<see cref="KeyPartition.Pick"/>). What a list says is the same either way.
/// </summary>
internal sealed class KeyOrder
{
    /// <summary>Keys that are put in order on the spot: about a millisecond.</summary>
    internal const int OnTheSpot = 2048;

    // Changes that are remembered while keys are being put in order; beyond it the order is given up, and begun anew when it is asked for again.
    private const int MostSince = 200_000;

    // One partition at a time in a process: it takes a core.
    private static readonly SemaphoreSlim Turn = new(1);

    private readonly List<(byte[] Key, bool Added)> _since = [];
    private SortedKeys? _sorted;
    private Task<SortedKeys>? _sorting;

    /// <summary>So much changed while it was being made that it was begun anew: it may never come.</summary>
    public bool WasGivenUp { get; private set; }

    public long ApproximateBytes => (_sorted?.ApproximateBytes ?? 0) + _since.Count * 64L;

    /// <summary>Null: it is being made.</summary>
    /// <param name="count">How many keys there are.</param>
    /// <param name="freeze">A view of them, which is released once it has been read.</param>
    public SortedKeys? TryGet(int count, Func<KeyPartition.View> freeze)
    {
        if (_sorted is not null)
            return _sorted;
        if (_sorting is null)
        {
            KeyPartition.View view = freeze();
            if (count <= OnTheSpot)
                return _sorted = Sort(view, count);
            _sorting = SortAsync(view, count);
            return null;
        }

        if (!_sorting.IsCompleted)
            return null;
        SortedKeys sorted = _sorting.GetAwaiter().GetResult();
        foreach ((byte[] key, bool added) in _since)
        {
            if (added)
                sorted.Add(key);
            else
                sorted.Remove(key);
        }

        _since.Clear();
        _since.TrimExcess();
        _sorting = null;
        WasGivenUp = false;
        return _sorted = sorted;
    }

    public void Add(ReadOnlySpan<byte> key)
    {
        if (_sorted is not null)
            _sorted.Add(key);
        else
            Note(key, added: true);
    }

    public void Remove(ReadOnlySpan<byte> key)
    {
        if (_sorted is not null)
            _sorted.Remove(key);
        else
            Note(key, added: false);
    }

    public void Clear()
    {
        _sorted = null;
        GiveUp();
    }

    private void Note(ReadOnlySpan<byte> key, bool added)
    {
        if (_sorting is null)
            return;
        if (_since.Count < MostSince)
        {
            _since.Add((key.ToArray(), added));
            return;
        }

        WasGivenUp = true;
        GiveUp();
    }

    /// <summary>Who sorts goes on to its end, and nobody looks at what it has.</summary>
    private void GiveUp()
    {
        _sorting = null;
        _since.Clear();
    }

    private static async Task<SortedKeys> SortAsync(KeyPartition.View view, int count)
    {
        try
        {
            // From here on it is on the thread pool, also where nobody had the turn.
            await Turn.WaitAsync().ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
            try
            {
                return Sort(view, count);
            }
            finally
            {
                Turn.Release();
            }
        }
        finally
        {
            view.Release();
        }
    }

    private static SortedKeys Sort(KeyPartition.View view, int count)
    {
        SortedKeys sorted = SortedKeys.Of(view.Pairs().Select(pair => pair.Key.ToArray()), count);
        view.Release();
        return sorted;
    }
}
