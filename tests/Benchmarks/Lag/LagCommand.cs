using System.CommandLine;
using ActorRepl.Benchmarks.Failover;

namespace ActorRepl.Benchmarks.Lag;

/// <summary>The command <c>lag</c>.</summary>
internal static class LagCommand
{
    public static Command Build()
    {
        var rate = new Option<double>("--rate") { Description = "Writes a second.", DefaultValueFactory = _ => 5000 };
        var steady = new Option<double>("--seconds") { Description = "Seconds for which the lag of healthy followers is looked at.", DefaultValueFactory = _ => 30 };
        var away = new Option<double>("--away") { Description = "Seconds for which a follower's node is down (SIGKILL); 0: none goes.", DefaultValueFactory = _ => 60 };
        var connections = new Option<int>("--connections") { Description = "Over which the writes come.", DefaultValueFactory = _ => 16 };
        var size = new Option<int>("--size") { Description = "Bytes of a value.", DefaultValueFactory = _ => 256 };
        var keys = new Option<int>("--keys") { Description = "Keys that are written, at random.", DefaultValueFactory = _ => 100_000 };
        var command = new Command("lag", "How late the followers of a primary-backup group are at a steady rate, and how fast one catches up that was away.")
            { rate, steady, away, connections, size, keys, FailoverCommands.BasePort, FailoverCommands.Config, FailoverCommands.Json };
        command.SetAction(async (parse, stop) =>
        {
            var output = new Output(parse.GetValue(FailoverCommands.Json));
            var options = new LagOptions(parse.GetValue(rate), parse.GetValue(steady), parse.GetValue(away), parse.GetValue(connections), parse.GetValue(size),
                parse.GetValue(keys), parse.GetValue(FailoverCommands.BasePort), parse.GetValue(FailoverCommands.Config));
            output.Result(await new LagBenchmark(options, output).RunAsync(stop));
        });
        return command;
    }
}
