using ActorRepl.Hosting.Cluster;
using ActorRepl.Hosting.Logging;
using ActorRepl.Hosting.Node;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace ActorRepl.Hosting.Cli;

/// <summary><c>actorrepl node</c>: one node in this process.</summary>
internal sealed class NodeCommand(NodeLaunch launch, bool logFile, bool detached)
{
    public async Task<int> RunAsync()
    {
        if (detached)
            NodeProcess.LeaveTerminal();
        NodeSettings settings = NodeSettings.Load(launch);
        launch.Ports.CheckFree();
        using RollingFile? file = logFile ? OpenLog(settings) : null;
        using var logger = new LineLoggerProvider(file, settings.LogLevel);
        AppDomain.CurrentDomain.UnhandledException += (_, crash) => file?.Write($"{DateTime.UtcNow:O} CRASH {crash.ExceptionObject}\n");

        await using WebApplication app = NodeHost.Build(settings, logger);
        await StartAsync(app, file).ConfigureAwait(false);
        if (!logFile)
            Terminal.Line($"node {launch.Id}: redis 127.0.0.1:{launch.Ports.Redis}, http 127.0.0.1:{launch.Ports.Http}, {Engine.Description}");
        var node = app.Services.GetRequiredService<NodeService>();
        if (!logFile && node.Waiting.Length > 0)
            Terminal.Line($"node {launch.Id} waits: {node.Waiting}");
        await app.WaitForShutdownAsync().ConfigureAwait(false);
        return node.Failure is null ? ExitCode.Success : throw new UserErrorException(node.Failure.Message);
    }

    /// <summary>A node that cannot start says why in one line; the log has the rest.</summary>
    private async Task StartAsync(WebApplication app, RollingFile? file)
    {
        try
        {
            await app.StartAsync().ConfigureAwait(false);
        }
        catch (Exception failure) when (failure is not OutOfMemoryException)
        {
            file?.Write($"{DateTime.UtcNow:yyyy-MM-ddTHH:mm:ss.fffZ} ERROR cannot start: {failure}\n");
            throw failure as UserErrorException ?? new UserErrorException($"node {launch.Id} cannot start: {failure.Message.ReplaceLineEndings(" ")}");
        }
    }

    private RollingFile OpenLog(NodeSettings settings)
    {
        try
        {
            Directory.CreateDirectory(launch.Directory);
            return new RollingFile(launch.LogFile, settings.LogFileBytes, settings.LogFiles);
        }
        catch (Exception denied) when (denied is IOException or UnauthorizedAccessException)
        {
            throw new UserErrorException($"the data directory {launch.Directory} cannot be used: {denied.Message}");
        }
    }
}
