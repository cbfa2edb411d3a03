using System.CommandLine;
using System.Text;
using ActorRepl.Hosting.Cli.Keys;
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
            string command = string.Join(' ', CommandPath(parsed).Reverse());
            await Console.Error.WriteLineAsync($"See 'actorrepl {command}{(command.Length > 0 ? " " : "")}--help'.").ConfigureAwait(false);
            return ExitCode.Usage;
        }

        // A cluster and a node hear signals themselves, and take the time they need to stop.
        using Interruption? interruption = string.Join(' ', CommandPath(parsed)) is "up" or "node" ? null : new Interruption();
        try
        {
            var configuration = new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null };
            return await parsed.InvokeAsync(configuration, interruption?.Token ?? CancellationToken.None).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (interruption is { Token.IsCancellationRequested: true })
        {
            await Console.Error.WriteLineAsync("actorrepl: interrupted").ConfigureAwait(false);
            return Interruption.ExitCode;
        }
        catch (UserErrorException wrong)
        {
            await Console.Error.WriteLineAsync($"actorrepl: {wrong.Message}").ConfigureAwait(false);
            return wrong.IsUsage ? ExitCode.Usage : ExitCode.Failure;
        }
        catch (Exception failed) when (failed is IOException or UnauthorizedAccessException)
        {
            // A file or a pipe that cannot be read or written, wherever that came to light.
            await Console.Error.WriteLineAsync($"actorrepl: {failed.Message}").ConfigureAwait(false);
            return ExitCode.Failure;
        }
    }

    /// <summary>What is wrong; a word nobody knows is the cause of what else is missing.</summary>
    private static IEnumerable<string> Explain(ParseResult parsed)
    {
        string[] unknown = [.. parsed.UnmatchedTokens.Select(token => $"Unrecognized command or argument '{token}'.")];
        return unknown.Length > 0 ? unknown : parsed.Errors.Select(error => UsageText.Plain(error.Message, parsed.CommandResult)).Distinct();
    }

    private static IEnumerable<string> CommandPath(ParseResult parsed)
    {
        for (var result = parsed.CommandResult; result.Command is not RootCommand; result = (System.CommandLine.Parsing.CommandResult)result.Parent!)
            yield return result.Command.Name;
    }

    private static RootCommand Build()
    {
        RootCommand root = Root();
        // Of the names of help, those that no other command here has would only be in the way of completion.
        foreach (Option help in root.Options.Where(option => option is System.CommandLine.Help.HelpOption))
        {
            foreach (string alias in (string[])["-?", "/?", "/h"])
                help.Aliases.Remove(alias);
        }

        return root;
    }

    private static RootCommand Root()
    {
        RootCommand root = Commands();
        foreach (Command command in new KeysTree(Where, FindAsync).Build())
            root.Add(command);
        return root;
    }

    private static RootCommand Commands() => new("Replicated state on actors: a cluster of node processes on this machine, and commands to it.")
    {
        Up(), Node(), Down(), Status(), Get(), Put(), Delete(), Import(), Kill(), Restart(), Members(), Transfer(), Nodes(), VerifyCommand.Build(Where, FindAsync), RepairCommand.Build(Where, FindAsync), FaultTree.Build(Where, FindAsync), LostTree.Build(), PlanTree.Build(), CompletionTree.Build(), TopTree.Build(Where, FindAsync),
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
        Option<bool> faults = Faults(), tls = Tls("Encrypt all ports, with certificates that are made in the data directory."), open = AllowUnauthenticated();
        Option<string?> protocol = Protocol();
        return new Command("up", "Start a cluster of node processes on 127.0.0.1 and show how it is. Ctrl-C stops it.") { nodes, data, basePort, detach, config, cluster, faults, protocol, tls, open }
            .Runs((line, _) => new UpCommand(new UpOptions(line.GetValue(nodes), Path.GetFullPath(line.GetValue(data)!), line.GetValue(basePort),
                line.GetValue(detach), FullPath(line.GetValue(config)), line.GetValue(cluster)!, line.GetValue(faults), line.GetValue(protocol), line.GetValue(tls), line.GetValue(open))).RunAsync());
    }

    private static Command Node()
    {
        var id = new Option<int>("--id") { Description = "The number of this node, from 1.", HelpName = "N", Required = true };
        id.Validators.Add(result => Check(result, 1, NodePorts.MaxNodes));
        Option<int> nodes = Limited("--nodes", "How many nodes the cluster was founded by, 1 to 9.", 3, 1, NodePorts.MaxNodes);
        Option<string> data = Data();
        Option<int> basePort = Limited("--base-port", "As of 'up'.", NodePorts.DefaultBasePort, 1, NodePorts.MaxBasePort);
        Option<string?> config = Config();
        Option<string> cluster = ClusterName();
        var join = new Option<string?>("--join") { Description = "Join the running cluster of the node that listens for other nodes there.", HelpName = "HOST:PORT" };
        Option<bool> faults = Faults(), tls = Tls("Encrypt all ports, with the certificates that 'up --tls' made."), open = AllowUnauthenticated();
        Option<string?> protocol = Protocol();
        var logFile = new Option<bool>("--log-file") { Description = "Log to node.log in the node's directory, not to the terminal." };
        var detached = new Option<bool>("--detached") { Description = "Leave the terminal's session.", Hidden = true };
        var command = new Command("node", "Run one node of a cluster in this process.") { id, nodes, data, basePort, config, cluster, join, faults, protocol, tls, open, logFile, detached, NodeAdd() };
        foreach (Command order in NodeTree.Build(Where, FindAsync))
            command.Add(order);
        return command.Runs((line, _) =>
            {
                var launch = new NodeLaunch(line.GetValue(id), line.GetValue(nodes), Path.GetFullPath(line.GetValue(data)!), line.GetValue(basePort),
                    line.GetValue(cluster)!, FullPath(line.GetValue(config))) { Join = line.GetValue(join), Faults = line.GetValue(faults), Protocol = line.GetValue(protocol), Tls = line.GetValue(tls), AllowUnauthenticated = line.GetValue(open) };
                return new NodeCommand(launch, line.GetValue(logFile), line.GetValue(detached)).RunAsync();
            });
    }

    private static Command NodeAdd()
    {
        (Option<string> data, Option<int?> basePort) = Where();
        Option<int> count = Limited("--count", "How many.", 1, 1, NodePorts.MaxNodes);
        Option<bool> json = Json();
        return new Command("add", "Start one more node of the running cluster; it holds nothing until it is given something.") { data, basePort, count, json }
            .Runs(async (line, cancellation) =>
                await ProcessCommands.AddAsync(await FindAsync(line, data, basePort, cancellation), line.GetValue(count), line.GetValue(json), cancellation));
    }

    private static Command Members() => new("members", "Who holds a group's shards: list, add, remove, promote.")
    {
        MembersList(),
        MembersOrder("add", "Give a group's shards more members, or other ones in place of some; returns once they are in force.", mayReplace: true),
        MembersOrder("remove", "Take nodes out of a group's shards; a shard that would have too few replicas gets another node."),
        MembersOrder("promote", "Make learners voters."),
    };

    private static Command MembersList()
    {
        (Option<string> data, Option<int?> basePort) = Where();
        var group = new Argument<string>("GROUP");
        Option<int?> shard = Shard();
        Option<bool> json = Json();
        return new Command("list", "Show leader, voters, learners and witnesses of every shard.") { group, shard, json, data, basePort }
            .Runs(async (line, cancellation) =>
            {
                using var commands = new MembersCommands(await FindAsync(line, data, basePort, cancellation));
                return await commands.ListAsync(line.GetValue(group)!, line.GetValue(shard), line.GetValue(json), cancellation);
            });
    }

    private static Command MembersOrder(string name, string description, bool mayReplace = false)
    {
        (Option<string> data, Option<int?> basePort) = Where();
        var group = new Argument<string>("GROUP");
        var nodes = new Argument<int[]>("NODE") { Description = "Node numbers.", Arity = mayReplace ? ArgumentArity.ZeroOrMore : ArgumentArity.OneOrMore };
        Option<int?> shard = Shard();
        Option<bool> json = Json();
        Option<int> timeout = Limited("--timeout", "Seconds to wait; the order stands after them too.", 300, 1, 86_400);
        var command = new Command(name, description) { group, nodes, shard, json, timeout, data, basePort };
        var learner = new Option<bool>("--learner") { Description = "They hold the state and are not counted." };
        var witness = new Option<bool>("--witness") { Description = "They are counted and hold no state." };
        var replace = new Option<string[]>("--replace") { Description = "NEW takes the place of OLD.", HelpName = "OLD=NEW", Arity = ArgumentArity.OneOrMore };
        var fewer = new Option<bool>("--allow-fewer") { Description = "Fewer replicas than the group declares will do." };
        if (mayReplace)
        {
            foreach (Option option in (Option[])[learner, witness, replace])
                command.Add(option);
            command.Validators.Add(result =>
            {
                if (result.GetValue(learner) && result.GetValue(witness))
                    result.AddError("--learner and --witness exclude each other");
                if (result.GetValue(nodes) is not { Length: > 0 } && result.GetValue(replace) is not { Length: > 0 })
                    result.AddError("name nodes to add, or --replace OLD=NEW");
                if (result.GetValue(replace)?.FirstOrDefault(text => Pair(text) is null) is { } wrong)
                    result.AddError($"--replace is '{wrong}'; it must be OLD=NEW, two node numbers");
            });
        }
        else if (name == "remove")
        {
            command.Add(fewer);
        }

        return command.Runs(async (line, cancellation) =>
        {
            using var commands = new MembersCommands(await FindAsync(line, data, basePort, cancellation));
            (int, int?)[] all = [.. (line.GetValue(nodes) ?? []).Select(node => (node, (int?)null)), .. (mayReplace ? line.GetValue(replace) ?? [] : []).Select(text => Pair(text)!.Value)];
            string role = mayReplace && line.GetValue(learner) ? "learner" : mayReplace && line.GetValue(witness) ? "witness" : "voter";
            return await commands.OrderAsync(
                new MembersOrder(name, line.GetValue(group)!, all, role, line.GetValue(shard), name == "remove" && line.GetValue(fewer),
                    TimeSpan.FromSeconds(line.GetValue(timeout)), line.GetValue(json)), cancellation);
        });
    }

    private static Command Transfer()
    {
        (Option<string> data, Option<int?> basePort) = Where();
        var group = new Argument<string>("GROUP");
        var shard = new Argument<string>("SHARD") { Description = "A shard's number, or 'all'." };
        var node = new Argument<int?>("NODE") { Description = "Who is to lead; without it, whoever is best.", Arity = ArgumentArity.ZeroOrOne };
        shard.Validators.Add(result =>
        {
            string text = result.Tokens[0].Value;
            if (text != "all" && !(int.TryParse(text, out int number) && number >= 0))
                result.AddError($"SHARD is '{text}'; it must be a number from 0, or 'all'");
        });
        var force = new Option<bool>("--force") { Description = "Primary-backup: NODE leads with what it has, though nobody can know whether that is all; says what may be lost, and asks." };
        var yes = new Option<bool>("--yes") { Description = "With --force: do not ask." };
        Option<bool> json = Json();
        var command = new Command("transfer", "Have another voter lead a shard, now and whenever it can.") { group, shard, node, force, yes, json, data, basePort };
        command.Validators.Add(result =>
        {
            if (result.GetValue(force) && result.GetValue(node) is null)
                result.AddError("--force needs NODE, the one that is to lead");
            if (result.GetValue(yes) && !result.GetValue(force))
                result.AddError("--yes is for --force");
        });
        return command.Runs(async (line, cancellation) =>
        {
            LocalCluster cluster = await FindAsync(line, data, basePort, cancellation);
            int? number = line.GetValue(shard) == "all" ? null : int.Parse(line.GetValue(shard)!, System.Globalization.CultureInfo.InvariantCulture);
            if (line.GetValue(force))
                return await TakeOverCommand.RunAsync(cluster, line.GetValue(group)!, number, line.GetValue(node)!.Value, line.GetValue(yes), line.GetValue(json), cancellation);
            using var commands = new MembersCommands(cluster);
            return await commands.TransferAsync(line.GetValue(group)!, number, line.GetValue(node), line.GetValue(json), cancellation);
        });
    }

    private static Command Nodes()
    {
        (Option<string> data, Option<int?> basePort) = Where();
        Option<bool> json = Json();
        return new Command("nodes", "Show the nodes of the cluster: where they are, how they are, what they hold and lead.") { json, data, basePort }
            .Runs(async (line, cancellation) =>
            {
                using var commands = new MembersCommands(await FindAsync(line, data, basePort, cancellation));
                return await commands.NodesAsync(line.GetValue(json), cancellation);
            });
    }

    private static Option<int?> Shard() => new("--shard") { Description = "Only this shard; without it, all of the group.", HelpName = "K" };

    private static (int Old, int? New)? Pair(string text) =>
        text.Split('=') is [var old, var by] && int.TryParse(old, out int one) && int.TryParse(by, out int other) ? (one, other) : null;

    private static Command Down()
    {
        (Option<string> data, Option<int?> basePort) = Where();
        Option<bool> json = Json();
        return new Command("down", "Stop the cluster in order.") { data, basePort, json }
            .Runs(async (line, cancellation) => await ProcessCommands.DownAsync(await FindAsync(line, data, basePort, cancellation), line.GetValue(json)));
    }

    private static Command Kill()
    {
        (Option<string> data, Option<int?> basePort) = Where();
        var id = new Argument<int>("N") { Description = "The node's number." };
        Option<bool> json = Json();
        return new Command("kill", "End a node on the spot, by SIGKILL.") { id, data, basePort, json }
            .Runs(async (line, cancellation) => await ProcessCommands.KillAsync(await FindAsync(line, data, basePort, cancellation), line.GetValue(id), line.GetValue(json)));
    }

    private static Command Restart()
    {
        (Option<string> data, Option<int?> basePort) = Where();
        var id = new Argument<int>("N") { Description = "The node's number." };
        Option<bool> json = Json();
        return new Command("restart", "Start a node again, after stopping it in order if it runs; returns once it is ready.") { id, data, basePort, json }
            .Runs(async (line, cancellation) =>
                await ProcessCommands.RestartAsync(await FindAsync(line, data, basePort, cancellation), line.GetValue(id), line.GetValue(json), cancellation));
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
        var read = new Option<string?>("--read")
        {
            Description = "Who may answer and how old the answer may be, in words apart by commas, such as secondary-preferred,500ms or nearest,stale; without it, the primary.", HelpName = "WORDS",
        };
        read.Validators.Add(result => CheckWords(result, words => Redis.ReadText.Parse(words)));
        Option<bool> json = Json();
        Option<int?> node = KeysTree.Node();
        Option<string?> group = KeysTree.Group();
        return new Command("get", "Print the value of a key; fails if there is none.") { key, read, group, node, data, basePort, json }
            .Runs(async (line, cancellation) => await WithKeysAsync((await FindAsync(line, data, basePort, cancellation)).Only(line.GetValue(node)), line.GetValue(group),
                keys => keys.GetAsync(line.GetValue(key)!, line.GetValue(read), line.GetValue(json), cancellation)));
    }

    private static Command Put()
    {
        (Option<string> data, Option<int?> basePort) = Where();
        var key = new Argument<string>("KEY");
        var value = new Argument<string>("VALUE");
        var ack = new Option<string?>("--ack")
        {
            Description = "When it counts as done, in words apart by commas, such as semi-sync:1,applied,500ms,refuse; without it, as the group says.", HelpName = "WORDS",
        };
        ack.Validators.Add(result => CheckWords(result, words => Redis.WriteTerms.Parse(words)));
        Option<bool> json = Json();
        Option<int?> node = KeysTree.Node();
        Option<string?> group = KeysTree.Group();
        return new Command("put", "Give a key a value; returns once it is done.") { key, value, ack, group, node, data, basePort, json }
            .Runs(async (line, cancellation) => await WithKeysAsync((await FindAsync(line, data, basePort, cancellation)).Only(line.GetValue(node)), line.GetValue(group),
                keys => keys.PutAsync(line.GetValue(key)!, line.GetValue(value)!, line.GetValue(ack), line.GetValue(json), cancellation)));
    }

    /// <summary>Keys of a group that is named go over HTTP, which has all groups; those of the one that Redis clients see as they do.</summary>
    private static async Task<int> WithKeysAsync(LocalCluster cluster, string? group, Func<KeyCommands, Task<int>> run)
    {
        using HttpGateway? gateway = group is null ? null : new HttpGateway(cluster, token: null);
        return await run(new KeyCommands(cluster, gateway is null ? null : new GroupKeys(gateway, group!)));
    }

    private static void CheckWords(System.CommandLine.Parsing.OptionResult result, Action<string> parse)
    {
        try
        {
            if (result.Tokens.Count == 1)
                parse(result.Tokens[0].Value);
        }
        catch (FormatException wrong)
        {
            result.AddError($"{result.Option.Name} is '{result.Tokens[0].Value}': {wrong.Message}");
        }
    }

    private static Command Delete()
    {
        (Option<string> data, Option<int?> basePort) = Where();
        var keys = new Argument<string[]>("KEY") { Arity = ArgumentArity.OneOrMore };
        Option<bool> json = Json();
        Option<int?> node = KeysTree.Node();
        Option<string?> group = KeysTree.Group();
        return new Command("del", "Remove keys; prints how many there were.") { keys, group, node, data, basePort, json }
            .Runs(async (line, cancellation) => await WithKeysAsync((await FindAsync(line, data, basePort, cancellation)).Only(line.GetValue(node)), line.GetValue(group),
                all => all.DeleteAsync(line.GetValue(keys)!, line.GetValue(json), cancellation)));
    }

    private static Command Import()
    {
        (Option<string> data, Option<int?> basePort) = Where();
        var file = new Argument<string>("FILE") { Description = "JSON lines, one {\"key\": …, \"value\": …} a line; may be gzipped. - is standard input." };
        var goOn = new Option<bool>("--continue-on-error", "--keep-going") { Description = "Pass over bad lines; they are still reported and the command still fails." };
        var report = new Option<string?>("--report") { Description = "Write every line that was not stored, and why, to FILE as JSON lines.", HelpName = "FILE" };
        Option<bool> json = Json();
        Option<string?> group = KeysTree.Group();
        return new Command("import", "Store the records of a file: a string value as its text, any other value as its JSON, byte for byte.")
            { file, goOn, report, group, json, data, basePort }
            .Runs(async (line, cancellation) =>
                await new Import.ImportCommand(new Import.ImportOptions(line.GetValue(file)!, line.GetValue(goOn), FullPath(line.GetValue(report)), line.GetValue(json)) { Group = line.GetValue(group) })
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

    private static Option<bool> Tls(string description) => new("--tls") { Description = description };

    private static Option<bool> AllowUnauthenticated() =>
        new("--allow-unauthenticated") { Description = "Let ports be open beyond this machine to whoever asks, where their settings say so, too." };

    private static Option<bool> Faults() => new("--faults") { Description = "Let 'actorrepl fault' put faults on links and disks, for tests." };

    private static Option<string?> Protocol()
    {
        string[] known = [.. ActorRepl.Hosting.Node.NodeSettings.Protocols.Keys];
        var option = new Option<string?>("--protocol") { Description = $"The protocol of groups whose settings name none: {string.Join(" or ", known)}. Fixed once there is data.", HelpName = "NAME" };
        option.CompletionSources.Add(known);
        option.Validators.Add(result =>
        {
            if (result.Tokens.Count == 1 && !known.Contains(result.Tokens[0].Value))
                result.AddError($"--protocol is '{result.Tokens[0].Value}'; it must be {string.Join(" or ", known)}");
        });
        return option;
    }

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
