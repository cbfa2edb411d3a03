using System.CommandLine;
using System.CommandLine.Parsing;
using ActorRepl.Hosting.Cluster;

namespace ActorRepl.Hosting.Cli.Keys;

/// <summary>The command lines of <c>actorrepl scan</c>, <c>watch</c> and <c>export</c>.</summary>
internal sealed class KeysTree(
    Func<(Option<string> Data, Option<int?> BasePort)> where,
    Func<ParseResult, Option<string>, Option<int?>, CancellationToken, Task<LocalCluster>> find)
{
    private const int MostKeys = int.MaxValue;

    public IEnumerable<Command> Build() => [Scan(), Watch(), Export()];

    /// <summary>Ask this node alone.</summary>
    public static Option<int?> Node()
    {
        var node = new Option<int?>("--node") { Description = "Ask this node and no other; without it, whichever answers.", HelpName = "N" };
        node.Validators.Add(result => Check(result, 1, NodePorts.MaxNodes));
        return node;
    }

    /// <summary>Keys of this group, whichever Redis clients see.</summary>
    public static Option<string?> Group() =>
        new("--group") { Description = "Of which group; without it, of the one that Redis clients see.", HelpName = "GROUP" };

    private Command Scan()
    {
        var prefix = new Argument<string>("PREFIX") { Description = "What the keys begin with.", DefaultValueFactory = _ => "" };
        var limit = new Option<int>("--limit") { Description = "How many keys at most; 0: all.", HelpName = "N", DefaultValueFactory = _ => 100 };
        limit.Validators.Add(result => Check(result, 0, MostKeys));
        var after = new Option<string?>("--after") { Description = "Go on where an earlier scan ended; it says how.", HelpName = "MARK" };
        var keys = new Option<bool>("--keys") { Description = "No values." };
        Option<bool> json = Json("Print a JSON object a key, a line each; the last line has \"next\" if there are more.");
        return Command("scan", "Print keys in order, with their values.", [prefix, limit, after, keys, json], (line, _, gateway, group, cancellation) =>
            new ScanCommand(gateway, new ScanOptions(group, line.GetValue(prefix)!, line.GetValue(limit), line.GetValue(after), line.GetValue(keys), line.GetValue(json))).RunAsync(cancellation));
    }

    private Command Watch()
    {
        var prefix = new Argument<string>("PREFIX") { Description = "What the keys begin with.", DefaultValueFactory = _ => "" };
        var key = new Option<bool>("--key") { Description = "PREFIX is a key, and no other one is meant." };
        var after = new Option<string?>("--after") { Description = "Show what came after that change, its \"id\"; without it, what comes from now on.", HelpName = "ID" };
        var count = new Option<int?>("--count") { Description = "How many changes; without it, until Ctrl-C.", HelpName = "N" };
        count.Validators.Add(result => Check(result, 1, MostKeys));
        Option<bool> json = Json("Print a JSON object a change, a line each.");
        return Command("watch", "Print what changes, as it does; goes on at another node where one is lost.", [prefix, key, after, count, json], (line, _, gateway, group, cancellation) =>
            new WatchCommand(gateway, new WatchOptions(group, line.GetValue(prefix)!, line.GetValue(key), line.GetValue(after), line.GetValue(count), line.GetValue(json))).RunAsync(cancellation));
    }

    private Command Export()
    {
        var file = new Argument<string>("FILE") { Description = "Where to; gzipped if it ends in .gz; - is standard output." };
        Option<bool> json = Json("Print JSON: how many keys, of which node, and as of which entry of the log, a shard.");
        return Command("export", "Write a group's keys to a file that 'import' takes; each shard as of one moment.", [file, json], (line, cluster, gateway, group, cancellation) =>
            new ExportCommand(cluster, gateway, new ExportOptions(group, line.GetValue(file)!, line.GetValue(json))).RunAsync(cancellation));
    }

    private Command Command(string name, string description, IEnumerable<Symbol> own, Func<ParseResult, LocalCluster, HttpGateway, string, CancellationToken, Task<int>> run)
    {
        (Option<string> data, Option<int?> basePort) = where();
        var group = new Option<string>("--group") { Description = "Of which group.", HelpName = "GROUP", DefaultValueFactory = _ => "kv" };
        Option<int?> node = Node();
        var token = new Option<string?>("--token") { Description = $"The nodes' bearer token; without it, {HttpGateway.TokenVariable} of the environment.", HelpName = "TOKEN" };
        var command = new Command(name, description) { group, node, token, data, basePort };
        foreach (Symbol symbol in own)
        {
            if (symbol is Argument argument)
                command.Add(argument);
            else
                command.Add((Option)symbol);
        }

        command.SetAction(async (line, cancellation) =>
        {
            LocalCluster cluster = (await find(line, data, basePort, cancellation).ConfigureAwait(false)).Only(line.GetValue(node));
            using var gateway = new HttpGateway(cluster, line.GetValue(token));
            return await run(line, cluster, gateway, line.GetValue(group)!, cancellation).ConfigureAwait(false);
        });
        return command;
    }

    private static Option<bool> Json(string description) => new("--json") { Description = description };

    private static void Check(OptionResult result, int least, int most)
    {
        if (result.Tokens.Count == 1 && int.TryParse(result.Tokens[0].Value, out int value) && (value < least || value > most))
            result.AddError($"{result.Option.Name} is {value}; it must be {least} to {most}");
    }
}
