using System.Buffers;

namespace ActorRepl.Hosting.Redis;

/// <summary>
/// What a gateway holds for all its clients together: commands that have not come whole, transactions, results, and replies that are not
/// taken. Small buffers are free, so that clients who behave are served however much the others make it hold.
/// </summary>
internal sealed class HeldBytes(long most)
{
    /// <summary>The largest buffer that is not counted.</summary>
    public const int FreeBytes = 64 * 1024;

    private long _held;

    /// <summary>Bytes of the buffers that count.</summary>
    public long Held => Volatile.Read(ref _held);

    /// <summary>A buffer of at least so many bytes; null: all that may be held is. From any thread.</summary>
    public byte[]? TryRent(int bytes)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(bytes);
        if (buffer.Length <= FreeBytes || Interlocked.Add(ref _held, buffer.Length) <= most)
            return buffer;
        Return(buffer);
        return null;
    }

    /// <summary>Counts what is held in other ways; false: all that may be held is. From any thread.</summary>
    public bool TryTake(int bytes)
    {
        if (Interlocked.Add(ref _held, bytes) <= most)
            return true;
        Give(bytes);
        return false;
    }

    public void Give(int bytes)
    {
        if (bytes != 0)
            Interlocked.Add(ref _held, -bytes);
    }

    public void Return(byte[] buffer)
    {
        if (buffer.Length > FreeBytes)
            Interlocked.Add(ref _held, -buffer.Length);
        ArrayPool<byte>.Shared.Return(buffer);
    }
}
