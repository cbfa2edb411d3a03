using ActorRepl.Hosting.Cluster;

namespace ActorRepl.Hosting.Cli;

/// <summary><c>actorrepl node</c>: one node in this process.</summary>
internal sealed class NodeCommand(NodeLaunch launch, bool logFile, bool detached)
{
    public Task<int> RunAsync() => throw new UserErrorException($"not yet: {launch} {logFile} {detached}");
}
