using System.Diagnostics;

namespace ActorRepl.Benchmarks.Failover;

/// <summary>Processes that keep a core each busy. They end with this object, or with the process that made it.</summary>
internal sealed class BusyProcesses(int count) : IDisposable
{
    /// <summary>The command of this program that runs <see cref="Spin"/>.</summary>
    public const string Command = "busy";

    private readonly Process[] _processes = [.. Enumerable.Range(0, count).Select(_ => Start())];

    /// <summary>Never rests until standard input is closed.</summary>
    public static void Spin()
    {
        Task closed = Task.Run(() => Console.In.ReadToEnd());
        while (!closed.IsCompleted)
            Thread.SpinWait(1000);
    }

    public void Dispose()
    {
        foreach (Process process in _processes)
        {
            process.StandardInput.Close();
            process.WaitForExit();
            process.Dispose();
        }
    }

    private static Process Start()
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardInput = true };
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet")
            start.ArgumentList.Add(typeof(BusyProcesses).Assembly.Location);
        start.ArgumentList.Add(Command);
        return Process.Start(start)!;
    }
}
