using System.Runtime.CompilerServices;

namespace ActorRepl.Protocols.Crdt;

public abstract partial class Sequence<TItem>
{
    /// <summary>
    /// The items one source inserted, by number from 1; those of deleted elements mean nothing, and of such as were deleted when they came there are none, so that a
    /// few bytes that tell of many cost no more here.
    /// </summary>
    private sealed class ItemBuffer
    {
        // From these numbers on, so many before have no items: ascending.
        private readonly List<(int From, int Missing)> _holes = [];
        private TItem[] _items = [];
        private int _used;

        public int Count { get; private set; }

        /// <summary>Items that take room, those of deleted elements included.</summary>
        public int Stored => _used;

        public ReadOnlySpan<TItem> Items(int first, int count) => _items.AsSpan(PlaceOf(first), count);

        /// <summary>So many more that are deleted.</summary>
        public void Skip(int count)
        {
            Count += count;
            int missing = count + (_holes.Count > 0 ? _holes[^1].Missing : 0);
            if (_holes.Count > 0 && _holes[^1].From == Count - count + 1)
                _holes.RemoveAt(_holes.Count - 1);
            _holes.Add((Count + 1, missing));
        }

        /// <summary>The next has this number; those before it mean nothing any more.</summary>
        public void SkipTo(int number)
        {
            if (number > Count + 1)
                Skip(number - Count - 1);
        }

        public void Append(ReadOnlySpan<TItem> items) => items.CopyTo(Room(items.Length));

        /// <summary>Room for as many items more, to be filled in.</summary>
        public Span<TItem> Room(int count)
        {
            if (_items.Length - _used < count)
                Array.Resize(ref _items, Math.Max(_used + count, _used + _used / 2));
            Count += count;
            _used += count;
            return _items.AsSpan(_used - count, count);
        }

        public Span<TItem> Writable(int first, int count) => _items.AsSpan(PlaceOf(first), count);

        public void Clear(int first, int count)
        {
            if (RuntimeHelpers.IsReferenceOrContainsReferences<TItem>())
                Array.Clear(_items, PlaceOf(first), count);
        }

        private int PlaceOf(int number)
        {
            if (_holes.Count == 0 || number < _holes[0].From)
                return number - 1;
            int low = 0, high = _holes.Count - 1;
            while (low < high)
            {
                int middle = (low + high + 1) >>> 1;
                if (_holes[middle].From <= number)
                    low = middle;
                else
                    high = middle - 1;
            }

            return number - 1 - _holes[low].Missing;
        }
    }
}
