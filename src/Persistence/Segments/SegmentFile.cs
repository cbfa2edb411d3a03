using ActorRepl.Protocols.Kernel;
using Microsoft.Win32.SafeHandles;

namespace ActorRepl.Persistence.Segments;

/// <summary>
/// One file of the log, at its full size from the start. What is live in it is counted by the writer; who reads from it
/// pins it, and a pinned one is not given back.
/// </summary>
internal sealed class SegmentFile(string path, SegmentHeader header, SafeFileHandle handle) : IDisposable
{
    private readonly SafeFileHandle _handle = handle;
    private int _users = 1;

    public string Path { get; } = path;

    public SegmentHeader Header { get; } = header;

    public uint Salt { get; } = header.Salt;

    public int Number => Header.Number;

    public int Size => Header.Size;

    /// <summary>Number of the first group in it; 0: it has none yet.</summary>
    public long FirstGroup { get; set; }

    /// <summary>Bytes of records that are neither deleted nor written anew elsewhere.</summary>
    public long LiveBytes { get; set; }

    public int LiveEvents { get; set; }

    /// <summary>Persistence ids whose latest record lies here.</summary>
    public int LiveNames { get; set; }

    public bool IsDead => LiveEvents == 0 && LiveNames == 0;

    /// <summary>Opens a segment for reading and writing; null: it has no valid header of that number, or not that size.</summary>
    public static SegmentFile? Open(string path, int number)
    {
        SafeFileHandle? handle = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
        try
        {
            Span<byte> page = stackalloc byte[SegmentFormat.Page];
            if (RandomAccess.Read(handle, page, 0) < page.Length
                || SegmentHeader.Read(page) is not { } header || header.Number != number || RandomAccess.GetLength(handle) < header.Size)
                return null;
            var segment = new SegmentFile(path, header, handle);
            handle = null;
            return segment;
        }
        finally
        {
            handle?.Dispose();
        }
    }

    public void Write(ReadOnlySpan<byte> bytes, int offset)
    {
        Invariant.That(offset >= SegmentFormat.FirstGroup && offset + bytes.Length <= Size, "a group lies within its segment");
        RandomAccess.Write(_handle, bytes, offset);
    }

    public void Sync() => NativeFile.SyncData(_handle);

    /// <summary>Reads up to the end of <paramref name="into"/> or of the file.</summary>
    public int Read(Span<byte> into, int offset)
    {
        int read = 0;
        while (read < into.Length)
        {
            int got = RandomAccess.Read(_handle, into[read..], offset + read);
            if (got == 0)
                break;
            read += got;
        }

        return read;
    }

    /// <summary>Keeps it open; false: it is closed already.</summary>
    public bool TryPin()
    {
        for (int users = Volatile.Read(ref _users); users > 0;)
        {
            int found = Interlocked.CompareExchange(ref _users, users + 1, users);
            if (found == users)
                return true;
            users = found;
        }

        return false;
    }

    public void Unpin()
    {
        if (Interlocked.Decrement(ref _users) == 0)
            _handle.Dispose();
    }

    /// <summary>True: nobody reads from it, and nobody will once it is out of the log.</summary>
    public bool IsUnpinned => Volatile.Read(ref _users) == 1;

    /// <summary>Closed once the last reader is done.</summary>
    public void Dispose() => Unpin();
}
