using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace ActorRepl.Persistence.Segments;

/// <summary>Linux's own calls for a log whose file does not change its size, with the platform's on other systems.</summary>
internal static partial class NativeFile
{
    private const int Interrupted = 4; // EINTR
    private const int NoSpace = 28; // ENOSPC
    private const int Quota = 122; // EDQUOT
    private const int WindowsDiskFull = unchecked((int)0x80070070);

    /// <summary>Waits until the file's data is on disk; its times need not be.</summary>
    /// <exception cref="IOException">What became of it is unknown, and asking again would not tell.</exception>
    public static void SyncData(SafeFileHandle file)
    {
        if (!OperatingSystem.IsLinux())
        {
            RandomAccess.FlushToDisk(file);
            return;
        }

        while (DataSync(file) != 0)
        {
            int error = Marshal.GetLastPInvokeError();
            if (error != Interrupted)
                throw new IOException($"fdatasync failed: {Marshal.GetPInvokeErrorMessage(error)}", error);
        }
    }

    /// <summary>Takes space for the file ahead, where the file system can.</summary>
    /// <exception cref="IOException">There is none.</exception>
    public static void Allocate(SafeFileHandle file, long bytes)
    {
        if (!OperatingSystem.IsLinux() || Allocate(file, 0, 0, bytes) == 0)
            return;
        int error = Marshal.GetLastPInvokeError();
        // What the file system cannot do ahead, writing zeros does.
        if (error is NoSpace or Quota)
            throw new IOException(Marshal.GetPInvokeErrorMessage(error), error);
    }

    public static bool IsNoSpace(IOException e) => e.HResult is NoSpace or Quota or WindowsDiskFull;

    [LibraryImport("libc", EntryPoint = "fdatasync", SetLastError = true)]
    private static partial int DataSync(SafeFileHandle file);

    [LibraryImport("libc", EntryPoint = "fallocate", SetLastError = true)]
    private static partial int Allocate(SafeFileHandle file, int mode, long offset, long length);
}
