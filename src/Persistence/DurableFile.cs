using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace ActorRepl.Persistence;

/// <summary>Small files that are there whole, or not at all, after a crash.</summary>
internal static partial class DurableFile
{
    private const int Piece = 1 << 20;

    /// <summary>Puts the bytes in the file's place: written beside it, synced, renamed, and the directory synced.</summary>
    public static void Replace(string path, ReadOnlySpan<byte> bytes)
    {
        PutInPlace(path, bytes);
        SyncDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
    }

    /// <summary>As <see cref="Replace"/>, but the directory is left to the caller: until it is synced, a crash may bring back the old one.</summary>
    /// <exception cref="IOException">The old one is still there.</exception>
    public static void PutInPlace(string path, ReadOnlySpan<byte> bytes)
    {
        string beside = path + ".new";
        using (var file = new FileStream(beside, FileMode.Create, FileAccess.Write, FileShare.None))
        {
            file.Write(bytes);
            file.Flush(flushToDisk: true);
        }

        File.Move(beside, path, overwrite: true);
    }

    /// <summary>
    /// Makes a file durable as it is there, whoever wrote it: writes it anew where it is, byte for byte, and syncs that. Pages
    /// whose sync failed once are not written by another one.
    /// </summary>
    public static void WriteAnew(string path)
    {
        using SafeFileHandle file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
        byte[] piece = new byte[Math.Clamp(RandomAccess.GetLength(file), 1, Piece)];
        int read;
        for (long at = 0; (read = RandomAccess.Read(file, piece, at)) > 0; at += read)
            RandomAccess.Write(file, piece.AsSpan(0, read), at);
        RandomAccess.FlushToDisk(file);
    }

    /// <summary>Makes names that were added to, renamed in or removed from a directory durable.</summary>
    public static void SyncDirectory(string directory)
    {
        // NTFS logs its directories itself.
        if (OperatingSystem.IsWindows())
            return;
        const int readOnly = 0;
        int descriptor = Open(directory, readOnly);
        if (descriptor < 0)
            throw new IOException($"cannot open {directory} to sync it: error {Marshal.GetLastPInvokeError()}");
        try
        {
            if (Sync(descriptor) != 0)
                throw new IOException($"cannot sync {directory}: error {Marshal.GetLastPInvokeError()}");
        }
        finally
        {
            _ = Close(descriptor);
        }
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Sync(int descriptor);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int Close(int descriptor);
}
