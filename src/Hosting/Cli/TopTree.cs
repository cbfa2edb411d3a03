using System.CommandLine;
using ActorRepl.Hosting.Cluster;

namespace ActorRepl.Hosting.Cli;

/// <summary>The command line of <c>actorrepl top</c>.</summary>
internal static class TopTree
{
    private const int MostSeconds = 3600;

    public static Command Build(
        Func<(Option<string> Data, Option<int?> BasePort)> where,
        Func<ParseResult, Option<string>, Option<int?>, CancellationToken, Task<LocalCluster>> find)
    {
        (Option<string> data, Option<int?> basePort) = where();
        var interval = new Option<int>("--interval") { Description = "Seconds between two looks.", HelpName = "S", DefaultValueFactory = _ => 1 };
        interval.Validators.Add(result =>
        {
            if (result.Tokens.Count == 1 && int.TryParse(result.Tokens[0].Value, out int seconds) && seconds is < 1 or > MostSeconds)
                result.AddError($"--interval is {result.Tokens[0].Value}; it must be 1 to {MostSeconds}");
        });
        var count = new Option<int?>("--count") { Description = "How many looks; without it, until Ctrl-C.", HelpName = "N" };
        count.Validators.Add(result =>
        {
            if (result.Tokens.Count == 1 && int.TryParse(result.Tokens[0].Value, out int looks) && looks < 1)
                result.AddError($"--count is {result.Tokens[0].Value}; it must be at least 1");
        });
        var json = new Option<bool>("--json") { Description = "Print JSON, one line a look." };
        var command = new Command("top", "Watch nodes and shards: writes a second, lag, CPU, memory, what is wrong.") { interval, count, json, data, basePort };
        command.SetAction(async (line, cancellation) =>
            await new TopCommand(await find(line, data, basePort, cancellation).ConfigureAwait(false), TimeSpan.FromSeconds(line.GetValue(interval)), line.GetValue(count), line.GetValue(json))
                .RunAsync(cancellation).ConfigureAwait(false));
        return command;
    }
}
