namespace Akka.Remote;

/// <summary>
/// The sender's side of a connection's table of strings: what is sent often travels once and is a small number from then on.
/// The table is bounded; a full one gives its slots out again, oldest first, and the new definition tells the receiver.
/// </summary>
internal sealed class SlotTable<T>(IEqualityComparer<T>? comparer = null)
    where T : notnull
{
    /// <summary>Slots in a table; the receiver refuses a number beyond it.</summary>
    public const int Capacity = 4096;
    private readonly Dictionary<T, int> _slots = new(comparer);
    private readonly List<T> _held = [];
    private int _oldest;

    /// <summary>The slot of <paramref name="key"/>; true if it was already defined on this connection.</summary>
    public bool TryGet(T key, out int slot) => _slots.TryGetValue(key, out slot);

    /// <summary>Gives <paramref name="key"/> a slot, which must then be defined to the receiver.</summary>
    public int Add(T key)
    {
        int slot;
        if (_held.Count < Capacity)
        {
            slot = _held.Count;
            _held.Add(key);
        }
        else
        {
            slot = _oldest;
            _oldest = (_oldest + 1) % Capacity;
            _slots.Remove(_held[slot]);
            _held[slot] = key;
        }
        _slots.Add(key, slot);
        return slot;
    }
}

/// <summary>The receiver's side of a <see cref="SlotTable{T}"/>.</summary>
internal sealed class DefinedSlots<T>
    where T : class
{
    private T?[] _slots = new T?[16];

    public void Define(int slot, T value)
    {
        if ((uint)slot >= SlotTable<string>.Capacity)
            throw new RemoteTransportException($"table slot {slot} defined; the limit is {SlotTable<string>.Capacity}");
        if (slot >= _slots.Length)
            Array.Resize(ref _slots, Math.Max(slot + 1, _slots.Length * 2));
        _slots[slot] = value;
    }

    public T this[int slot] =>
        (uint)slot < (uint)_slots.Length && _slots[slot] is { } value
            ? value
            : throw new RemoteTransportException($"table slot {slot} used before it was defined");
}
