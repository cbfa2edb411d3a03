using System.CommandLine;
using ActorRepl.Benchmarks.Failover;

namespace ActorRepl.Benchmarks.Chain;

/// <summary>The commands <c>chain-lengths</c>, <c>chain-reads</c> and <c>chain-kills</c>.</summary>
internal static class ChainCommands
{
    private static readonly Option<int> Rounds = new("--rounds") { Description = "How often everything is measured, in turns.", DefaultValueFactory = _ => 2 };
    private static readonly Option<double> WarmUp = new("--warm-up") { Description = "Seconds before each measurement.", DefaultValueFactory = _ => 3 };
    private static readonly Option<double> Seconds = new("--seconds") { Description = "Seconds of each measurement.", DefaultValueFactory = _ => 6 };

    public static IEnumerable<Command> All => [Lengths(), Reads(), Kills()];

    private static Command Lengths()
    {
        var longest = new Option<int>("--longest") { Description = "Links of the longest chain.", DefaultValueFactory = _ => 5 };
        var plot = new Option<string?>("--plot") { Description = "Where to write a plot of the latencies, an SVG file." };
        var command = new Command("chain-lengths", "How long a write takes in a chain of 1 to 5 links, nothing else under way.")
            { longest, Rounds, WarmUp, Seconds, plot, FailoverCommands.BasePort, FailoverCommands.Config, FailoverCommands.Json };
        command.SetAction(async (parse, stop) =>
        {
            var output = new Output(parse.GetValue(FailoverCommands.Json));
            output.Result(await new LengthBenchmark(new LengthOptions(parse.GetValue(longest), parse.GetValue(Rounds), parse.GetValue(WarmUp), parse.GetValue(Seconds),
                parse.GetValue(FailoverCommands.BasePort), parse.GetValue(plot), parse.GetValue(FailoverCommands.Config)), output).RunAsync(stop));
        });
        return command;
    }

    private static Command Reads()
    {
        var share = new Option<double>("--share") { Description = "The part of one core that each node has.", DefaultValueFactory = _ => 0.3 };
        var connections = new Option<int>("--connections") { Description = "To each of three nodes, each with one command under way.", DefaultValueFactory = _ => 128 };
        var load = new Option<string>("--load") { Description = "95 % reads of many keys (reads), half writes of one key (writes), or both.", DefaultValueFactory = _ => "both" };
        var command = new Command("chain-reads", "A chain of which every link answers reads beside one of which only the tail does, each node with the same share of a core.")
            { share, connections, load, Rounds, WarmUp, Seconds, FailoverCommands.BasePort, FailoverCommands.Config, FailoverCommands.Json };
        command.SetAction(async (parse, stop) =>
        {
            var output = new Output(parse.GetValue(FailoverCommands.Json));
            output.Result(await new ApportionedBenchmark(new ApportionedOptions(parse.GetValue(share), parse.GetValue(connections), parse.GetValue(WarmUp), parse.GetValue(Seconds),
                parse.GetValue(Rounds), parse.GetValue(load)!, parse.GetValue(FailoverCommands.BasePort), parse.GetValue(FailoverCommands.Config)), output).RunAsync(stop));
        });
        return command;
    }

    private static Command Kills()
    {
        var kills = new Option<int>("--kills") { Description = "How often a link is killed (SIGKILL) and started again, at each place of the chain.", DefaultValueFactory = _ => 4 };
        var writers = new Option<int>("--writers") { Description = "Clients, each with one write under way.", DefaultValueFactory = _ => 8 };
        var command = new Command("chain-kills", "How long a shard takes no write when the head, the middle or the tail of its chain is killed.")
            { kills, writers, FailoverCommands.BasePort, FailoverCommands.Config, FailoverCommands.Json };
        command.SetAction(async (parse, stop) =>
        {
            var output = new Output(parse.GetValue(FailoverCommands.Json));
            output.Result(await new LinkKillBenchmark(new LinkKillOptions(parse.GetValue(kills), parse.GetValue(writers),
                parse.GetValue(FailoverCommands.BasePort), parse.GetValue(FailoverCommands.Config)), output).RunAsync(stop));
        });
        return command;
    }
}
