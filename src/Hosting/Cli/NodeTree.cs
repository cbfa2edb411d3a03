using System.CommandLine;
using ActorRepl.Hosting.Cluster;

namespace ActorRepl.Hosting.Cli;

/// <summary>The command lines of <c>actorrepl node drain</c> and <c>node remove</c>.</summary>
internal static class NodeTree
{
    /// <param name="where">Makes the options that say which cluster.</param>
    /// <param name="find">Finds the cluster, by those options.</param>
    public static IEnumerable<Command> Build(
        Func<(Option<string> Data, Option<int?> BasePort)> where,
        Func<ParseResult, Option<string>, Option<int?>, CancellationToken, Task<LocalCluster>> find)
    {
        var undo = new Option<bool>("--undo") { Description = "It is to be kept after all: it takes replicas again." };
        var timeout = new Option<int>("--timeout") { Description = "Seconds to wait; the order stands after them too.", HelpName = "N", DefaultValueFactory = _ => 300 };
        yield return Order("drain", "Have a node's replicas and leaderships move to others, and give it no new ones; returns once it holds none.",
            (commands, id, line, cancellation) => line.GetValue(undo)
                ? commands.KeepAsync(id, cancellation)
                : commands.DrainAsync(id, TimeSpan.FromSeconds(line.GetValue(timeout)), cancellation), undo, timeout);
        yield return Order("remove", "Take a node that holds nothing out of the cluster, for good.",
            (commands, id, line, cancellation) => commands.RemoveAsync(id, TimeSpan.FromSeconds(line.GetValue(timeout)), cancellation), timeout);

        Command Order(string name, string description, Func<NodeCommands, int, ParseResult, CancellationToken, Task<int>> carryOut, params Option[] own)
        {
            (Option<string> data, Option<int?> basePort) = where();
            var id = new Argument<int>("NODE") { Description = "The node's number." };
            var json = new Option<bool>("--json") { Description = "Print JSON." };
            var command = new Command(name, description) { id };
            foreach (Option option in (Option[])[.. own, json, data, basePort])
                command.Add(option);
            command.SetAction(async (line, cancellation) =>
            {
                using var commands = new NodeCommands(await find(line, data, basePort, cancellation).ConfigureAwait(false), line.GetValue(json));
                return await carryOut(commands, line.GetValue(id), line, cancellation).ConfigureAwait(false);
            });
            return command;
        }
    }
}
