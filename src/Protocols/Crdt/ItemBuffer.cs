using System.Runtime.CompilerServices;

namespace ActorRepl.Protocols.Crdt;

public abstract partial class Sequence<TItem>
{
    /// <summary>The items one source inserted, by number from 1; those of deleted elements mean nothing.</summary>
    private sealed class ItemBuffer
    {
        private TItem[] _items = [];

        public int Count { get; private set; }

        public ReadOnlySpan<TItem> Items(int first, int count) => _items.AsSpan(first - 1, count);

        public void Append(ReadOnlySpan<TItem> items) => items.CopyTo(Room(items.Length));

        /// <summary>Room for as many items more, to be filled in.</summary>
        public Span<TItem> Room(int count)
        {
            if (_items.Length - Count < count)
                Array.Resize(ref _items, Math.Max(Count + count, Count + Count / 2));
            Count += count;
            return _items.AsSpan(Count - count, count);
        }

        public Span<TItem> Writable(int first, int count) => _items.AsSpan(first - 1, count);

        public void Clear(int first, int count)
        {
            if (RuntimeHelpers.IsReferenceOrContainsReferences<TItem>())
                Array.Clear(_items, first - 1, count);
        }
    }
}
