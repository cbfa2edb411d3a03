using System.CommandLine;
using ActorRepl.Benchmarks.Failover;
using ActorRepl.Hosting.Cluster;

namespace ActorRepl.Benchmarks.Connections;

/// <summary>The command <c>connections</c>: what idle clients, and clients that never read, cost a node and those who work.</summary>
internal static class ConnectionsCommand
{
    public static Command Build()
    {
        var idle = new Option<int>("--idle") { Description = "Connections that have said one word and say no more.", DefaultValueFactory = _ => 5_000 };
        var active = new Option<int>("--active") { Description = "Connections that ask and wait, one GET of 256 bytes after another, as --read says.", DefaultValueFactory = _ => 1_000 };
        var deaf = new Option<int>("--deaf") { Description = "Connections that ask for 100 KB again and again and never read.", DefaultValueFactory = _ => 50 };
        var seconds = new Option<int>("--seconds") { Description = "Of each step.", DefaultValueFactory = _ => 8 };
        var read = new Option<string>("--read") { Description = "The words of READ.", DefaultValueFactory = _ => "nearest,stale" };
        var data = new Option<string>("--data") { Description = "The data directory of the running cluster.", DefaultValueFactory = _ => "./data" };
        var nodeId = new Option<int>("--node") { Description = "Which node.", DefaultValueFactory = _ => 1 };
        var command = new Command("connections", "Memory of a node, and latency of the clients that work, beside idle clients and clients that never read.") { idle, active, deaf, seconds, read, data, nodeId };
        command.SetAction(async (parse, cancellation) =>
        {
            LocalCluster cluster = await LocalCluster.FindAsync(parse.GetValue(data)!, null, cancellation);
            var options = new ConnectionsOptions(parse.GetValue(idle), parse.GetValue(active), parse.GetValue(deaf), TimeSpan.FromSeconds(parse.GetValue(seconds)), parse.GetValue(read)!);
            await new ConnectionsBenchmark(cluster.Access, new NodePorts(cluster.File.BasePort, parse.GetValue(nodeId)), options, new Output(json: false)).RunAsync(cancellation);
            return 0;
        });
        return command;
    }
}
