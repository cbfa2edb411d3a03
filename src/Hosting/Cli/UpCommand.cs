using System.Diagnostics;
using System.Runtime.InteropServices;
using ActorRepl.Hosting.Cluster;
using ActorRepl.Hosting.Node;
using ActorRepl.Hosting.Status;
using ActorRepl.Hosting.Tls;
using Spectre.Console;

namespace ActorRepl.Hosting.Cli;

/// <param name="Data">Absolute, as is <paramref name="Config"/>.</param>
internal sealed record UpOptions(int Nodes, string Data, int BasePort, bool Detach, string? Config, string Cluster, bool Faults = false, string? Protocol = null, bool Tls = false, bool AllowUnauthenticated = false);

/// <summary><c>actorrepl up</c>: starts the nodes, shows the cluster forming, then waits for the end.</summary>
internal sealed class UpCommand(UpOptions options)
{
    public async Task<int> RunAsync()
    {
        LocalCluster cluster = Prepare();
        using var stop = new CancellationTokenSource();
        using IDisposable signals = OnSignals(stop);
        StartingNode[] nodes = [.. Enumerable.Range(1, options.Nodes).Select(id => Start(cluster, id))];
        try
        {
            await ReadyAsync(nodes, stop.Token).ConfigureAwait(false);
            foreach (NodeReport node in await StatusCommand.ReportAsync(cluster, stop.Token).ConfigureAwait(false))
                Terminal.Line(StatusCommand.Summary(node));
        }
        catch (Exception failed) when (failed is UserErrorException or OperationCanceledException)
        {
            await cluster.StopAsync(ProcessCommands.StopPatience).ConfigureAwait(false);
            if (failed is UserErrorException)
                throw;
            Terminal.Line("stopped");
            return ExitCode.Failure;
        }

        if (options.Detach)
        {
            Array.ForEach(nodes, node => node.Dispose());
            return ExitCode.Success;
        }

        Terminal.Line($"running on {Engine.Description}, data in {options.Data}; Ctrl-C stops all");
        return await WatchAsync(cluster, nodes, stop.Token).ConfigureAwait(false);
    }

    /// <summary>Checks everything that can be checked before anything changes.</summary>
    private LocalCluster Prepare()
    {
        ClusterFile? before = ClusterFile.Read(options.Data);
        if (before is not null)
        {
            var old = new LocalCluster(options.Data, before);
            if (old.AnyRunning)
                throw new UserErrorException($"the cluster in {options.Data} is already running, on base port {before.BasePort}; 'actorrepl down' stops it, 'actorrepl node add' adds a node");
            if (before.Nodes.Count > options.Nodes)
                throw new UserErrorException($"the data in {options.Data} is of {before.Nodes.Count} nodes, not {options.Nodes}; use --nodes {before.Nodes.Count} or another --data");
            if (before.Cluster != options.Cluster)
                throw new UserErrorException($"the data in {options.Data} is of cluster '{before.Cluster}', not '{options.Cluster}'");
        }

        for (int id = 1; id <= options.Nodes; id++)
            new NodePorts(options.BasePort, id).CheckFree();
        if (options.Tls)
            MakeCertificates();
        ActorRepl.Hosting.Node.NodeSettings.Load(new NodeLaunch(1, before?.Founders ?? before?.Nodes.Count ?? options.Nodes, options.Data, options.BasePort, options.Cluster, options.Config) { Protocol = options.Protocol ?? before?.Protocol, Tls = options.Tls, AllowUnauthenticated = options.AllowUnauthenticated });
        try
        {
            Directory.CreateDirectory(options.Data);
            int founders = before?.Founders ?? before?.Nodes.Count ?? options.Nodes;
            var file = new ClusterFile(
                options.Cluster, options.BasePort, [.. Enumerable.Range(1, options.Nodes).Select(id => new ClusterNode(id, 0))], options.Config, founders, options.Faults, options.Protocol ?? before?.Protocol, options.Tls, options.AllowUnauthenticated);
            file.Write(options.Data);
            return new LocalCluster(options.Data, file);
        }
        catch (Exception denied) when (denied is IOException or UnauthorizedAccessException)
        {
            throw new UserErrorException($"the data directory {options.Data} cannot be used: {denied.Message}");
        }
    }

    private void MakeCertificates()
    {
        try
        {
            LocalCertificates.Ensure(options.Data, options.Cluster);
        }
        catch (Exception denied) when (denied is IOException or UnauthorizedAccessException)
        {
            throw new UserErrorException($"the certificates in {options.Data} cannot be made: {denied.Message}");
        }
    }

    private static StartingNode Start(LocalCluster cluster, int id)
    {
        var node = new StartingNode(cluster.Launch(id));
        cluster.Started(id, node.Process.Id);
        return node;
    }

    private static async Task ReadyAsync(StartingNode[] nodes, CancellationToken cancellation)
    {
        var phases = new UpProgress(nodes.Length);
        Task all = AllOrFirstFailureAsync(nodes.Select(node => node.ReadyAsync(phases.Report, cancellation)));
        if (Terminal.IsInteractive)
            await AnsiConsole.Status().StartAsync(phases.Phase, context => phases.ShowAsync(all, phase => context.Status(Markup.Escape(phase)))).ConfigureAwait(false);
        else
            await phases.ShowAsync(all, Terminal.Line).ConfigureAwait(false);
        await all.ConfigureAwait(false);
    }

    private static async Task AllOrFirstFailureAsync(IEnumerable<Task> tasks)
    {
        await foreach (Task done in Task.WhenEach(tasks).ConfigureAwait(false))
            await done.ConfigureAwait(false);
    }

    /// <summary>Waits for a signal, or until no node is left; says when one ends.</summary>
    private static async Task<int> WatchAsync(LocalCluster cluster, StartingNode[] nodes, CancellationToken stop)
    {
        var running = nodes.ToDictionary(node => node.Launch.Id, node => node.Process);
        while (!stop.IsCancellationRequested)
        {
            foreach ((int id, Process process) in running.Where(pair => pair.Value.HasExited).ToArray())
            {
                running.Remove(id);
                cluster.Refresh();
                if (process.ExitCode != 0)
                    Terminal.Problem($"node {id} (process {process.Id}) ended with code {process.ExitCode}; 'actorrepl restart {id}' starts it again");
            }

            cluster.Refresh();
            if (running.Count == 0 && !cluster.AnyRunning)
            {
                Terminal.Line("no node is left");
                return nodes.All(node => node.Process.ExitCode == 0) ? ExitCode.Success : ExitCode.Failure;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(300), stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        Terminal.Line("stopping");
        IReadOnlyList<int> killed = await cluster.StopAsync(ProcessCommands.StopPatience).ConfigureAwait(false);
        foreach (int id in killed)
            Terminal.Problem($"node {id} did not stop in time and was killed");
        Terminal.Line("stopped");
        return killed.Count == 0 ? ExitCode.Success : ExitCode.Failure;
    }

    private static SignalRegistrations OnSignals(CancellationTokenSource stop) => new(stop);

    private sealed class SignalRegistrations : IDisposable
    {
        private readonly PosixSignalRegistration[] _registrations;

        public SignalRegistrations(CancellationTokenSource stop)
        {
            _registrations =
            [
                .. new[] { PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP }.Select(signal => PosixSignalRegistration.Create(signal, context =>
                {
                    context.Cancel = true;
                    stop.Cancel();
                })),
            ];
        }

        public void Dispose() => Array.ForEach(_registrations, registration => registration.Dispose());
    }
}
