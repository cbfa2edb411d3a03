using System.CommandLine;
using ActorRepl.Benchmarks.Failover;
using ActorRepl.Fuzz;
using ActorRepl.Hosting.Cluster;

namespace ActorRepl.Benchmarks.Fuzz;

/// <summary>The command <c>fuzz</c>: malformed inputs at the ports of a running node.</summary>
internal static class FuzzCommand
{
    public static Command Build()
    {
        var ports = new Argument<string[]>("PORT") { Description = "redis, http, node; without any, all of them.", Arity = ArgumentArity.ZeroOrMore };
        ports.AcceptOnlyFromAmong("redis", "http", "node");
        var inputs = new Option<long>("--inputs") { Description = "Malformed inputs at each port.", DefaultValueFactory = _ => 1_000_000 };
        var seed = new Option<long>("--seed") { Description = "The same inputs for the same seed.", DefaultValueFactory = _ => 1 };
        var nodeId = new Option<int>("--node") { Description = "Which node.", DefaultValueFactory = _ => 1 };
        var cluster = new Option<string>("--cluster") { Description = "The name of its cluster.", DefaultValueFactory = _ => "actorrepl" };
        var basePort = new Option<int>("--base-port") { Description = "Of the running cluster.", DefaultValueFactory = _ => NodePorts.DefaultBasePort };
        var data = new Option<string?>("--data") { Description = "Of a cluster of 'up --tls', or with passwords: its data directory." };
        var command = new Command("fuzz", "Malformed inputs at the ports of a node that runs: no crash, no hang, memory level, and a client that behaves is served meanwhile.")
            { ports, inputs, seed, nodeId, cluster, basePort, data, FailoverCommands.Json };
        command.SetAction(async (parse, cancellation) =>
        {
            LocalCluster? found = parse.GetValue(data) is { } directory ? await LocalCluster.FindAsync(directory, null, cancellation) : null;
            var node = new NodePorts(found?.File.BasePort ?? parse.GetValue(basePort), parse.GetValue(nodeId));
            var output = new Output(parse.GetValue(FailoverCommands.Json));
            string[] asked = parse.GetValue(ports) is { Length: > 0 } some ? some : ["redis", "http", "node"];
            bool isGood = true;
            foreach (string port in asked)
            {
                output.Progress($"{port} ...");
                Fuzzer fuzzer = found?.File.Tls == true ? OverTls(port, node, found.Access) : port switch
                {
                    "redis" => new Fuzzer(port, node.Redis, node, FuzzCorpus.Redis, perConnection: 20, found?.Access),
                    "http" => new Fuzzer(port, node.Http, node, FuzzCorpus.Http, perConnection: 5, found?.Access),
                    _ => new Fuzzer(port, node.Peers, node, await FuzzCorpus.RecordNodePortAsync(parse.GetValue(cluster)!, node.Peers), perConnection: 1, found?.Access),
                };
                FuzzReport report = await fuzzer.RunAsync((ulong)parse.GetValue(seed), parse.GetValue(inputs));
                output.Result(report);
                isGood &= report.IsGood;
            }

            return isGood ? 0 : 1;
        });
        return command;
    }

    /// <summary>Whoever has no certificate gets no further than the handshake.</summary>
    private static Fuzzer OverTls(string port, NodePorts node, NodeAccess access) => new(
        $"{port}, TLS", port switch { "redis" => node.Redis, "http" => node.Http, _ => node.Peers }, node, [.. FuzzCorpus.Tls, FuzzCorpus.Redis[0], FuzzCorpus.Http[0]], perConnection: 1, access);
}
