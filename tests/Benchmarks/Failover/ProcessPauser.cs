using System.Diagnostics;
using System.Runtime.InteropServices;

namespace ActorRepl.Benchmarks.Failover;

/// <summary>
/// Stops processes for a moment (SIGSTOP, SIGCONT), on a thread that goes before all others where the system allows it: on a
/// busy machine a pause would last longer than meant.
/// </summary>
internal sealed partial class ProcessPauser(TimeSpan pause)
{
    // By their numbers on Linux.
    private const int StopSignal = 19;
    private const int ContinueSignal = 18;
    private const int ThreadPriority = 0;
    private const int Foremost = -20;

    public int Count { get; private set; }

    /// <summary>As it was, not as it was meant.</summary>
    public TimeSpan Longest { get; private set; }

    public async Task PauseAsync(int process)
    {
        TimeSpan paused = await Task.Factory.StartNew(() => Pause(process), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        Count++;
        Longest = paused > Longest ? paused : Longest;
    }

    private TimeSpan Pause(int process)
    {
        _ = SetPriority(ThreadPriority, 0, Foremost); // of this thread alone, which ends with the pause
        long began = Stopwatch.GetTimestamp();
        if (SendSignal(process, StopSignal) != 0)
            throw new InvalidOperationException($"process {process} cannot be stopped: it has ended");
        Thread.Sleep(pause);
        _ = SendSignal(process, ContinueSignal);
        return Stopwatch.GetElapsedTime(began);
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int SendSignal(int pid, int signal);

    [LibraryImport("libc", EntryPoint = "setpriority", SetLastError = true)]
    private static partial int SetPriority(int which, int who, int priority);
}
