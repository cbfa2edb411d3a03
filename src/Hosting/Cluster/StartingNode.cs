using System.Diagnostics;
using System.Text;
using ActorRepl.Hosting.Status;

namespace ActorRepl.Hosting.Cluster;

/// <summary>A node process that has been started, from its first moment until it is ready or has said why not.</summary>
public sealed class StartingNode : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    // Of a thousand shards, all but a few say nothing new.
    private const int FewReasons = 3;

    private readonly StringBuilder _said = new();

    public StartingNode(NodeLaunch launch)
    {
        Launch = launch;
        Process = NodeProcess.Start(launch);
        Process.OutputDataReceived += Keep;
        Process.ErrorDataReceived += Keep;
        Process.BeginOutputReadLine();
        Process.BeginErrorReadLine();
    }

    public NodeLaunch Launch { get; }

    public Process Process { get; }

    /// <summary>Waits until the node says it is ready.</summary>
    /// <exception cref="UserErrorException">It ended, or takes too long; the message is what it said.</exception>
    public async Task ReadyAsync(Action<NodeReport> progress, CancellationToken cancellation)
    {
        using var client = new NodeStatusClient(TimeSpan.FromSeconds(5), NodeAccess.Of(Launch));
        var waited = Stopwatch.StartNew();
        while (true)
        {
            if (Process.HasExited)
                throw new UserErrorException(await EndAsync(cancellation).ConfigureAwait(false));
            NodeReport report = await client.ReportAsync(Launch.Ports, cancellation).ConfigureAwait(false);
            if (report.Status is { } status && status.Node.Pid == Process.Id)
            {
                progress(report);
                if (status.Ready)
                    return;
            }

            if (waited.Elapsed > Patience)
            {
                string? reason = report.Status is null ? report.State == "starting" ? report.Error : "it does not answer" : Few(report.Status.NotReady);
                throw new UserErrorException($"node {Launch.Id} is not ready after {Patience.TotalSeconds} s: {reason}; its log is {Launch.LogFile}");
            }

            await Task.Delay(100, cancellation).ConfigureAwait(false);
        }
    }

    private static string Few(IReadOnlyList<string> reasons) =>
        string.Join("; ", reasons.Take(FewReasons)) + (reasons.Count > FewReasons ? $"; and {reasons.Count - FewReasons} more" : "");

    /// <summary>Lets go of the process; it runs on.</summary>
    public void Dispose() => Process.Dispose();

    private async Task<string> EndAsync(CancellationToken cancellation)
    {
        await Process.WaitForExitAsync(cancellation).ConfigureAwait(false);
        string said;
        lock (_said)
            said = _said.ToString().Trim();
        const string prefix = "actorrepl: ";
        if (said.StartsWith(prefix, StringComparison.Ordinal) && !said.Contains('\n'))
            return said[prefix.Length..];
        return $"node {Launch.Id} ended with code {Process.ExitCode} before it was ready; its log is {Launch.LogFile}{(said.Length > 0 ? $"\n{said}" : "")}";
    }

    private void Keep(object sender, DataReceivedEventArgs line)
    {
        const int enough = 8192;
        lock (_said)
        {
            if (line.Data is { } text && _said.Length < enough)
                _said.AppendLine(text);
        }
    }
}
