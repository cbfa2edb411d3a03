using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using ActorRepl.Hosting.Node;
using ActorRepl.Hosting.Tls;

namespace ActorRepl.Hosting.Cluster;

/// <summary>What a node process is started with.</summary>
/// <param name="Nodes">The nodes the cluster was founded by.</param>
public sealed record NodeLaunch(int Id, int Nodes, string Data, int BasePort, string Cluster, string? Config = null)
{
    /// <summary>Where another node of a running cluster listens for nodes, <c>host:port</c>; null: this one is a founder.</summary>
    public string? Join { get; init; }

    /// <summary>Faults can be put on it: <c>actorrepl.faults.enabled</c>.</summary>
    public bool Faults { get; init; }

    /// <summary>All its ports are encrypted, with the certificates that <c>up --tls</c> made.</summary>
    public bool Tls { get; init; }

    /// <summary>Ports may be open beyond this machine without authentication, where their settings say so, too.</summary>
    public bool AllowUnauthenticated { get; init; }

    /// <summary>Of groups whose settings name none; null: <c>actorrepl.group-defaults.protocol</c>.</summary>
    public string? Protocol { get; init; }

    /// <summary>The node's own directory.</summary>
    public string Directory => Path.Combine(Data, $"node-{Id}");

    public string LogFile => Path.Combine(Directory, "node.log");

    public NodePorts Ports => new(BasePort, Id);

    internal IEnumerable<string> Arguments =>
    [
        "node", "--id", $"{Id}", "--nodes", $"{Nodes}", "--data", Data, "--base-port", $"{BasePort}", "--cluster", Cluster,
        "--log-file", "--detached", .. Config is null ? [] : (string[])["--config", Config], .. Join is null ? [] : (string[])["--join", Join],
        .. Faults ? (string[])["--faults"] : [], .. Tls ? (string[])["--tls"] : [],
        .. AllowUnauthenticated ? (string[])["--allow-unauthenticated"] : [], .. Protocol is null ? [] : (string[])["--protocol", Protocol],
    ];
}

/// <summary>Starts, finds and ends node processes.</summary>
public static partial class NodeProcess
{
    private const int Terminate = 15;
    private const int KillAtOnce = 9;

    /// <summary>
    /// Threads for one kind of work of a node, one at least: what waits together is done together, and fewer are woken for it.
    /// </summary>
    public static int HalfTheCores => Math.Max(1, Environment.ProcessorCount / 2);

    /// <summary>
    /// Starts a node in a session of its own, so that the terminal's Ctrl-C does not reach it. Its log goes to
    /// <see cref="NodeLaunch.LogFile"/>; what it says when it cannot start goes to the process's standard error.
    /// </summary>
    public static Process Start(NodeLaunch launch)
    {
        string assembly = typeof(NodeProcess).Assembly.Location;
        string host = Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet" ? Environment.ProcessPath! : "dotnet";
        var start = new ProcessStartInfo(host) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add(assembly);
        foreach (string argument in launch.Arguments)
            start.ArgumentList.Add(argument);
        // A node runs for long and is busy from its first second: its code is compiled well at once. Commands start faster without.
        start.Environment.TryAdd("DOTNET_TC_QuickJit", "0");
        // What arrives is handled on the thread that waited for it: nothing behind a socket of a node blocks.
        start.Environment.TryAdd("DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS", "1");
        // By default as many wait as there are cores; what came from several nodes at once is then done by as many threads.
        start.Environment.TryAdd("DOTNET_SYSTEM_NET_SOCKETS_THREAD_COUNT", $"{HalfTheCores}");
        // Akka.NET's own transport believes those whom the platform believes: here, the cluster's own authority in place of any other.
        if (launch.Tls && Engine.Name != Engine.Embedded)
            start.Environment["SSL_CERT_FILE"] = LocalCertificates.AuthorityFile(launch.Data);
        Process process = Process.Start(start) ?? throw new UserErrorException($"cannot start {host}");
        process.StandardInput.Close();
        return process;
    }

    /// <summary>True if that process runs and is the node: a process id may meanwhile belong to another.</summary>
    public static bool IsRunning(int pid, int id, string data)
    {
        if (pid <= 0)
            return false;
        try
        {
            string[] words = Encoding.UTF8.GetString(File.ReadAllBytes($"/proc/{pid}/cmdline")).Split('\0');
            return words.Any(word => Path.GetFileName(word) == Path.GetFileName(typeof(NodeProcess).Assembly.Location))
                && Follows(words, "--id", $"{id}") && Follows(words, "--data", data);
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return !OperatingSystem.IsLinux() && IsDotnet(pid);
        }
    }

    /// <summary>Asks a process to stop in order.</summary>
    public static void Stop(int pid) => _ = Signal(pid, Terminate);

    /// <summary>Ends a process on the spot: SIGKILL.</summary>
    public static void Kill(int pid) => _ = Signal(pid, KillAtOnce);

    /// <summary>Makes this process the leader of a session of its own.</summary>
    public static void LeaveTerminal()
    {
        if (!OperatingSystem.IsWindows())
            _ = NewSession();
    }

    private static bool Follows(string[] words, string name, string value)
    {
        int at = Array.IndexOf(words, name);
        return at >= 0 && at + 1 < words.Length && words[at + 1] == value;
    }

    private static bool IsDotnet(int pid)
    {
        try
        {
            using Process process = Process.GetProcessById(pid);
            return process.ProcessName is "dotnet" or "actorrepl";
        }
        catch (ArgumentException)
        {
            return false;
        }
    }

    private static int Signal(int pid, int signal)
    {
        if (!OperatingSystem.IsWindows())
            return SendSignal(pid, signal);
        using Process process = Process.GetProcessById(pid);
        process.Kill();
        return 0;
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int SendSignal(int pid, int signal);

    [LibraryImport("libc", EntryPoint = "setsid", SetLastError = true)]
    private static partial int NewSession();
}
