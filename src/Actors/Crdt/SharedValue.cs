using ActorRepl.Protocols.Crdt;

namespace ActorRepl.Actors.Crdt;

/// <summary>
/// A value that threads share, and nobody changes any more. It belongs to one of them at a time all the same: what reads a text remembers where it has
/// been.
/// </summary>
internal sealed class SharedValue<T>(T value) where T : class, ICrdt<T>
{
    private readonly Lock _lock = new();

    public TResult Read<TResult>(Func<T, TResult> read)
    {
        lock (_lock)
            return read(value);
    }

    public T Copy()
    {
        lock (_lock)
            return value.Copy();
    }

    /// <summary>A copy with the other merged into it.</summary>
    public T Merged(SharedValue<T> other)
    {
        T copy = Copy();
        other.MergeInto(copy);
        return copy;
    }

    public byte[] Encode()
    {
        lock (_lock)
            return CrdtCodec.Encode(value);
    }

    private void MergeInto(T target)
    {
        lock (_lock)
            target.Merge(value);
    }
}
