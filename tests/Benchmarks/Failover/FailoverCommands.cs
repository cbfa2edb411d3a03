using System.CommandLine;

namespace ActorRepl.Benchmarks.Failover;

/// <summary>The commands <c>failover</c> and <c>false-failover</c>.</summary>
internal static class FailoverCommands
{
    private static readonly Option<int> Writers = new("--writers") { Description = "Clients, each with one write under way.", DefaultValueFactory = _ => 16 };
    internal static readonly Option<int?> BasePort = new("--base-port") { Description = "Node i listens on this + i, + 100 + i and + 200 + i; left out: where nobody listens." };
    private static readonly Option<string> Protocol = new("--protocol") { Description = "The group's: raft or primary-backup.", DefaultValueFactory = _ => "raft" };
    internal static readonly Option<string?> Config = new("--config") { Description = "HOCON that replaces settings of the nodes: the text itself." };
    internal static readonly Option<bool> Json = new("--json") { Description = "The result as JSON; progress goes to standard error." };

    public static IEnumerable<Command> All => [Failover(), FalseFailover(), Busy()];

    private static Command Failover()
    {
        var kills = new Option<int>("--kills") { Description = "How often a node that leads is killed (SIGKILL) and started again.", DefaultValueFactory = _ => 50 };
        var graceful = new Option<bool>("--graceful") { Description = "Nodes are told to stop (SIGTERM) instead." };
        var stops = new Option<int>("--stops") { Description = "How often, with --graceful.", DefaultValueFactory = _ => 20 };
        var transfers = new Option<int?>("--transfers") { Description = "Nothing ends: a shard's leadership is transferred so often, to another node in turns." };
        var command = new Command("failover", "How long a leader's shards take no write when its process is killed or stopped, or it hands over: three node processes under load.")
            { kills, graceful, stops, transfers, Writers, BasePort, Protocol, Config, Json };
        command.SetAction(async (parse, stop) =>
        {
            var output = new Output(parse.GetValue(Json));
            var benchmark = new FailoverBenchmark(Options(parse), output);
            output.Result(await (parse.GetValue(transfers) is { } count ? benchmark.TransferAsync(count, stop)
                : parse.GetValue(graceful) ? benchmark.StopAsync(parse.GetValue(stops), stop)
                : benchmark.KillAsync(parse.GetValue(kills), stop)));
        });
        return command;
    }

    private static Command FalseFailover()
    {
        var minutes = new Option<double>("--minutes") { Description = "How long.", DefaultValueFactory = _ => 10 };
        var command = new Command("false-failover", "How often leaders change though no node fails: every core busy, and leaders' nodes stopped for 200 ms.")
            { minutes, Writers, BasePort, Protocol, Config, Json };
        command.SetAction(async (parse, stop) =>
        {
            var output = new Output(parse.GetValue(Json));
            output.Result(await new FalseFailoverBenchmark(Options(parse), output).RunAsync(parse.GetValue(minutes), stop));
        });
        return command;
    }

    private static Command Busy()
    {
        var command = new Command(BusyProcesses.Command, "Keeps one core busy until standard input is closed.") { Hidden = true };
        command.SetAction(_ => BusyProcesses.Spin());
        return command;
    }

    private static FailoverOptions Options(ParseResult parse) => new(parse.GetValue(Writers), parse.GetValue(BasePort), parse.GetValue(Protocol)!, parse.GetValue(Config));
}
