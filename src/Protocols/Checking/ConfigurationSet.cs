namespace ActorRepl.Protocols.Checking;

/// <summary>
/// A set of configurations: bits that say which operations are done, and a state. Open addressing over one array of
/// words, so that millions of them cost little memory and no objects.
/// </summary>
internal sealed class ConfigurationSet(int words)
{
    private readonly int _stride = words + 1;
    private ulong[] _configurations = new ulong[(words + 1) * 64];
    private int[] _slots = NewSlots(128);

    public int Count { get; private set; }

    /// <summary>Adds a configuration; false: it was there.</summary>
    public bool Add(ReadOnlySpan<ulong> done, int state)
    {
        int slot = Find(done, state);
        if (_slots[slot] >= 0)
            return false;
        if ((Count + 1) * _stride > _configurations.Length)
            Array.Resize(ref _configurations, checked(_configurations.Length * 2));
        Span<ulong> place = _configurations.AsSpan(Count * _stride, _stride);
        done.CopyTo(place);
        place[^1] = (ulong)state;
        _slots[slot] = Count++;
        if (Count * 2 > _slots.Length)
            Grow();
        return true;
    }

    private int Find(ReadOnlySpan<ulong> done, int state)
    {
        int mask = _slots.Length - 1;
        for (int slot = Hash(done, (ulong)state) & mask; ; slot = (slot + 1) & mask)
        {
            if (_slots[slot] < 0)
                return slot;
            ReadOnlySpan<ulong> there = _configurations.AsSpan(_slots[slot] * _stride, _stride);
            if (there[^1] == (ulong)state && there[..^1].SequenceEqual(done))
                return slot;
        }
    }

    private void Grow()
    {
        _slots = NewSlots(_slots.Length * 2);
        int mask = _slots.Length - 1;
        for (int number = 0; number < Count; number++)
        {
            ReadOnlySpan<ulong> there = _configurations.AsSpan(number * _stride, _stride);
            int slot = Hash(there[..^1], there[^1]) & mask;
            while (_slots[slot] >= 0)
                slot = (slot + 1) & mask;
            _slots[slot] = number;
        }
    }

    private static int Hash(ReadOnlySpan<ulong> done, ulong state)
    {
        ulong hash = state * 0x9E3779B97F4A7C15;
        foreach (ulong word in done)
        {
            hash = (hash ^ word) * 0xD6E8FEB86659FD93;
            hash ^= hash >> 32;
        }

        return (int)(hash & int.MaxValue);
    }

    private static int[] NewSlots(int count)
    {
        int[] slots = new int[count];
        Array.Fill(slots, -1);
        return slots;
    }
}
