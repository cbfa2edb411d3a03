using System.CommandLine;
using System.Text;
using ActorRepl.Hosting.Cluster;

namespace ActorRepl.Hosting.Cli;

/// <summary>The commands of <c>actorrepl</c> and their options.</summary>
public static class CommandTree
{
    /// <summary>Runs a command line and returns its exit code; what is wrong is said in one line on standard error.</summary>
    public static async Task<int> RunAsync(string[] args)
    {
        ParseResult parsed = Build().Parse(args);
        if (parsed.Errors.Count > 0)
        {
            foreach (string error in Explain(parsed))
                await Console.Error.WriteLineAsync($"actorrepl: {error}").ConfigureAwait(false);
            string command = string.Join(' ', CommandPath(parsed));
            await Console.Error.WriteLineAsync($"See 'actorrepl {command}{(command.Length > 0 ? " " : "")}--help'.").ConfigureAwait(false);
            return ExitCode.Usage;
        }

        try
        {
            // Commands end by themselves when they are told to: none is cut off after a fixed time.
            var configuration = new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null };
            return await parsed.InvokeAsync(configuration).ConfigureAwait(false);
        }
        catch (UserErrorException wrong)
        {
            await Console.Error.WriteLineAsync($"actorrepl: {wrong.Message}").ConfigureAwait(false);
            return ExitCode.Failure;
        }
    }

    /// <summary>What is wrong; a word nobody knows is the cause of what else is missing.</summary>
    private static IEnumerable<string> Explain(ParseResult parsed)
    {
        string[] unknown = [.. parsed.UnmatchedTokens.Select(token => $"Unrecognized command or argument '{token}'.")];
        return unknown.Length > 0 ? unknown : parsed.Errors.Select(error => error.Message).Distinct();
    }

    private static IEnumerable<string> CommandPath(ParseResult parsed)
    {
        for (var result = parsed.CommandResult; result.Command is not RootCommand; result = (System.CommandLine.Parsing.CommandResult)result.Parent!)
            yield return result.Command.Name;
    }

    private static RootCommand Build() => new("Replicated state on actors: a cluster of node processes on this machine, and commands to it.")
    {
        Up(), Node(), Down(), Status(), Get(), Put(), Delete(), Import(), Kill(), Restart(),
    };

    private static Command Up()
    {
        Option<int> nodes = Limited("--nodes", "How many nodes, 1 to 9.", 3, 1, NodePorts.MaxNodes);
        Option<string> data = Data();
        Option<int> basePort = Limited("--base-port", "P: node i serves Redis clients on P+i, HTTP on P+100+i, other nodes on P+200+i.",
            NodePorts.DefaultBasePort, 1, NodePorts.MaxBasePort);
        var detach = new Option<bool>("--detach") { Description = "Return once every node is ready, and leave the nodes running." };
        Option<string?> config = Config();
        Option<string> cluster = ClusterName();
        return new Command("up", "Start a cluster of node processes on 127.0.0.1 and show how it is. Ctrl-C stops it.") { nodes, data, basePort, detach, config, cluster }
            .Runs((line, _) => new UpCommand(new UpOptions(line.GetValue(nodes), Path.GetFullPath(line.GetValue(data)!), line.GetValue(basePort),
                line.GetValue(detach), FullPath(line.GetValue(config)), line.GetValue(cluster)!)).RunAsync());
    }

    private static Command Node()
    {
        var id = new Option<int>("--id") { Description = "The number of this node, from 1.", HelpName = "N", Required = true };
        id.Validators.Add(result => Check(result, 1, NodePorts.MaxNodes));
        Option<int> nodes = Limited("--nodes", "How many nodes the cluster has, 1 to 9.", 3, 1, NodePorts.MaxNodes);
        Option<string> data = Data();
        Option<int> basePort = Limited("--base-port", "As of 'up'.", NodePorts.DefaultBasePort, 1, NodePorts.MaxBasePort);
        Option<string?> config = Config();
        Option<string> cluster = ClusterName();
        var logFile = new Option<bool>("--log-file") { Description = "Log to node.log in the node's directory, not to the terminal." };
        var detached = new Option<bool>("--detached") { Description = "Leave the terminal's session.", Hidden = true };
        return new Command("node", "Run one node of a cluster in this process.") { id, nodes, data, basePort, config, cluster, logFile, detached }
            .Runs((line, _) =>
            {
                var launch = new NodeLaunch(line.GetValue(id), line.GetValue(nodes), Path.GetFullPath(line.GetValue(data)!), line.GetValue(basePort),
                    line.GetValue(cluster)!, FullPath(line.GetValue(config)));
                return new NodeCommand(launch, line.GetValue(logFile), line.GetValue(detached)).RunAsync();
            });
    }

    private static Command Down()
    {
        (Option<string> data, Option<int?> basePort) = Where();
        return new Command("down", "Stop the cluster in order.") { data, basePort }
            .Runs(async (line, cancellation) => await ProcessCommands.DownAsync(await FindAsync(line, data, basePort, cancellation)));
    }

    private static Command Kill()
    {
        (Option<string> data, Option<int?> basePort) = Where();
        var id = new Argument<int>("N") { Description = "The node's number." };
        return new Command("kill", "End a node on the spot, by SIGKILL.") { id, data, basePort }
            .Runs(async (line, cancellation) => await ProcessCommands.KillAsync(await FindAsync(line, data, basePort, cancellation), line.GetValue(id)));
    }

    private static Command Restart()
    {
        (Option<string> data, Option<int?> basePort) = Where();
        var id = new Argument<int>("N") { Description = "The node's number." };
        return new Command("restart", "Start a node again, after stopping it in order if it runs; returns once it is ready.") { id, data, basePort }
            .Runs(async (line, cancellation) =>
                await ProcessCommands.RestartAsync(await FindAsync(line, data, basePort, cancellation), line.GetValue(id), cancellation));
    }

    private static Command Status()
    {
        (Option<string> data, Option<int?> basePort) = Where();
        Option<bool> json = Json();
        return new Command("status", "Show every node and shard: role, term, commit, applied, lag, health.") { data, basePort, json }
            .Runs(async (line, cancellation) =>
                await StatusCommand.RunAsync(await FindAsync(line, data, basePort, cancellation), line.GetValue(json), cancellation));
    }

    private static Command Get()
    {
        (Option<string> data, Option<int?> basePort) = Where();
        var key = new Argument<string>("KEY");
        Option<bool> json = Json();
        return new Command("get", "Print the value of a key; fails if there is none.") { key, data, basePort, json }
            .Runs(async (line, cancellation) => await new KeyCommands(await FindAsync(line, data, basePort, cancellation))
                .GetAsync(line.GetValue(key)!, line.GetValue(json), cancellation));
    }

    private static Command Put()
    {
        (Option<string> data, Option<int?> basePort) = Where();
        var key = new Argument<string>("KEY");
        var value = new Argument<string>("VALUE");
        return new Command("put", "Give a key a value; returns once a majority of nodes has it on disk.") { key, value, data, basePort }
            .Runs(async (line, cancellation) => await new KeyCommands(await FindAsync(line, data, basePort, cancellation))
                .PutAsync(line.GetValue(key)!, line.GetValue(value)!, cancellation));
    }

    private static Command Delete()
    {
        (Option<string> data, Option<int?> basePort) = Where();
        var keys = new Argument<string[]>("KEY") { Arity = ArgumentArity.OneOrMore };
        return new Command("del", "Remove keys; prints how many there were.") { keys, data, basePort }
            .Runs(async (line, cancellation) => await new KeyCommands(await FindAsync(line, data, basePort, cancellation))
                .DeleteAsync(line.GetValue(keys)!, cancellation));
    }

    private static Command Import()
    {
        (Option<string> data, Option<int?> basePort) = Where();
        var file = new Argument<string>("FILE") { Description = "JSON lines, one {\"key\": …, \"value\": …} a line; may be gzipped." };
        var keepGoing = new Option<bool>("--keep-going") { Description = "Pass over bad lines; they are still reported and the command still fails." };
        return new Command("import", "Store the records of a file: a string value as its text, any other value as its JSON, byte for byte.")
            { file, keepGoing, data, basePort }
            .Runs(async (line, cancellation) =>
                await new Import.ImportCommand(line.GetValue(file)!, line.GetValue(keepGoing))
                    .RunAsync(() => FindAsync(line, data, basePort, cancellation), cancellation));
    }

    private static Task<LocalCluster> FindAsync(ParseResult line, Option<string> data, Option<int?> basePort, CancellationToken cancellation)
    {
        // With a base port alone, a cluster in the default directory does not get in the way of the one on those ports.
        return LocalCluster.FindAsync(line.GetValue(data)!, line.GetValue(basePort), cancellation);
    }

    private static (Option<string> Data, Option<int?> BasePort) Where()
    {
        var basePort = new Option<int?>("--base-port") { Description = "The base port of the cluster, in place of its data directory." };
        basePort.Validators.Add(result => Check(result, 1, NodePorts.MaxBasePort));
        return (Data(), basePort);
    }

    private static Option<string> Data() =>
        new("--data") { Description = "The directory of the cluster's data.", HelpName = "DIR", DefaultValueFactory = _ => "./data" };

    private static Option<bool> Json() => new("--json") { Description = "Print JSON." };

    private static Option<string?> Config() =>
        new("--config") { Description = "A HOCON file whose settings replace the defaults of hocon/reference.conf.", HelpName = "FILE" };

    private static Option<string> ClusterName() =>
        new("--cluster") { Description = "The name of the cluster; a data directory belongs to one.", HelpName = "NAME", DefaultValueFactory = _ => "actorrepl" };

    private static Option<int> Limited(string name, string description, int value, int least, int most)
    {
        var option = new Option<int>(name) { Description = description, HelpName = "N", DefaultValueFactory = _ => value };
        option.Validators.Add(result => Check(result, least, most));
        return option;
    }

    private static void Check(System.CommandLine.Parsing.OptionResult result, int least, int most)
    {
        if (result.Tokens.Count == 1 && int.TryParse(result.Tokens[0].Value, out int value) && (value < least || value > most))
            result.AddError($"{result.Option.Name} is {value}; it must be {least} to {most}");
    }

    private static string? FullPath(string? path) => path is null ? null : Path.GetFullPath(path);

    private static Command Runs(this Command command, Func<ParseResult, CancellationToken, Task<int>> action)
    {
        command.SetAction(action);
        return command;
    }
}
