using System.Diagnostics;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace ActorRepl.Benchmarks;

/// <summary>What the disk itself takes: one write and one fdatasync at a time, in a preallocated file that was written before.</summary>
internal static partial class DiskBenchmark
{
    public static void Run(string directory, int bytes, double seconds)
    {
        const long fileBytes = 64 << 20;
        string path = Path.Combine(directory, $"disk-{Environment.ProcessId}");
        byte[] block = new byte[bytes];
        Random.Shared.NextBytes(block);
        try
        {
            using SafeFileHandle file = File.OpenHandle(path, FileMode.Create, FileAccess.Write, preallocationSize: fileBytes);
            byte[] megabyte = new byte[1 << 20];
            for (long at = 0; at < fileBytes; at += megabyte.Length)
                RandomAccess.Write(file, megabyte, at);
            RandomAccess.FlushToDisk(file);
            var latencies = new LatencyHistogram();
            long begin = Stopwatch.GetTimestamp();
            for (long at = 0; Stopwatch.GetElapsedTime(begin).TotalSeconds < seconds; at = (at + bytes) % (fileBytes - bytes))
            {
                long before = Stopwatch.GetTimestamp();
                RandomAccess.Write(file, block, at);
                if (SyncData(file) != 0)
                    throw new IOException($"fdatasync of {path} failed: {Marshal.GetLastPInvokeErrorMessage()}");
                latencies.Add((long)Stopwatch.GetElapsedTime(before).TotalNanoseconds);
            }

            Console.WriteLine($"{bytes} bytes and fdatasync: p50 {latencies.Millis(0.5):F3} ms, p99 {latencies.Millis(0.99):F3} ms, p99.9 {latencies.Millis(0.999):F3} ms, {latencies.Count / seconds:F0} a second");
        }
        finally
        {
            File.Delete(path);
        }
    }

    [LibraryImport("libc", EntryPoint = "fdatasync", SetLastError = true)]
    private static partial int SyncData(SafeFileHandle file);
}
