namespace ActorRepl.Protocols.Convergence;

/// <summary>A list that grows at its end, loses its first, and is read anywhere.</summary>
internal sealed class ShiftList<T>
{
    private const int LeastToShift = 1_024;

    private readonly List<T> _items = [];
    private int _head;

    public int Count => _items.Count - _head;

    public T this[int index] => _items[_head + index];

    public void Add(T item) => _items.Add(item);

    public T RemoveFirst()
    {
        T first = _items[_head];
        _items[_head++] = default!;
        if (_head == _items.Count || (_head >= LeastToShift && _head > _items.Count / 2))
        {
            _items.RemoveRange(0, _head);
            _head = 0;
        }

        return first;
    }

    public T[] ToArray() => _items.GetRange(_head, Count).ToArray();

    public void Clear()
    {
        _items.Clear();
        _head = 0;
    }
}
