using System.CommandLine;
using ActorRepl.Hosting.Faults;

namespace ActorRepl.Hosting.Cli;

/// <summary>The command line of <c>actorrepl fault</c>.</summary>
internal static class FaultTree
{
    /// <param name="where">Makes the options that say which cluster.</param>
    /// <param name="find">Finds the cluster, by those options.</param>
    public static Command Build(
        Func<(Option<string> Data, Option<int?> BasePort)> where,
        Func<ParseResult, Option<string>, Option<int?>, CancellationToken, Task<Cluster.LocalCluster>> find)
    {
        var node = new Argument<int>("NODE") { Description = "The number of the node that is given the fault." };
        var fault = new Command("fault", "Put faults on the links and the disk of a running node: what the cluster makes of them can be seen.") { node };

        Command Kind(string name, string description, Func<ParseResult, FaultOrder>? order, params Symbol[] own)
        {
            (Option<string> data, Option<int?> basePort) = where();
            var json = new Option<bool>("--json") { Description = "Print JSON." };
            var command = new Command(name, description);
            foreach (Symbol symbol in (Symbol[])[.. own, json, data, basePort])
            {
                if (symbol is Argument argument)
                    command.Add(argument);
                else
                    command.Add((Option)symbol);
            }

            command.SetAction(async (line, cancellation) =>
            {
                if (order?.Invoke(line).Mistake() is { } mistake)
                {
                    Terminal.Problem(mistake);
                    return ExitCode.Usage;
                }

                var commands = new FaultCommands(await find(line, data, basePort, cancellation).ConfigureAwait(false), line.GetValue(node), line.GetValue(json));
                return order is not null ? await commands.SetAsync(order(line), cancellation).ConfigureAwait(false)
                    : name == "clear" ? await commands.ClearAsync(cancellation).ConfigureAwait(false)
                    : await commands.ListAsync(cancellation).ConfigureAwait(false);
            });
            return command;
        }

        foreach (Command command in Links(Kind).Concat(Disk(Kind)))
            fault.Add(command);
        fault.Add(Kind("list", "Show the faults that are in force.", null));
        fault.Add(Kind("clear", "End all faults of the node; what was damaged stays damaged.", null));
        return fault;
    }

    private delegate Command MakeKind(string name, string description, Func<ParseResult, FaultOrder>? order, params Symbol[] own);

    private static IEnumerable<Command> Links(MakeKind kind)
    {
        var to = new Option<int?>("--to") { Description = "Only what it sends to this node; without it, to every other.", HelpName = "NODE" };
        Option<string?> lasts = For();
        var time = new Argument<string>("TIME") { Description = "How much later messages leave, such as 100ms." };
        var jitter = new Option<string?>("--jitter") { Description = "More or less by up to this, drawn for each message; their order is kept.", HelpName = "TIME" };
        yield return kind(FaultOrder.Delay, "Its messages to other nodes leave later.", line => new FaultOrder(
            FaultOrder.Delay, line.GetValue(to), line.GetValue(time), line.GetValue(jitter), null, 1, line.GetValue(lasts)), time, jitter, to, lasts);

        var share = new Argument<string>("PROBABILITY") { Description = "Of a message to be lost, such as 0.2 or 20%." };
        yield return kind(FaultOrder.Drop, "Some of its messages to other nodes are lost.", line => new FaultOrder(
            FaultOrder.Drop, line.GetValue(to), line.GetValue(share), null, null, 1, line.GetValue(lasts)), share, to, lasts);
        yield return kind(FaultOrder.Cut, "None of its messages reach other nodes; theirs reach it.", line => new FaultOrder(
            FaultOrder.Cut, line.GetValue(to), null, null, null, 1, line.GetValue(lasts)), to, lasts);
    }

    private static IEnumerable<Command> Disk(MakeKind kind)
    {
        Option<string?> lasts = For();
        var time = new Argument<string>("TIME") { Description = "How much longer each sync takes, such as 200ms." };
        yield return kind(FaultOrder.SlowSync, "Its disk takes longer to sync.", line => new FaultOrder(
            FaultOrder.SlowSync, null, line.GetValue(time), null, null, 1, line.GetValue(lasts)), time, lasts);
        yield return kind(FaultOrder.SyncError, "The next sync of its disk fails.", line => new FaultOrder(
            FaultOrder.SyncError, null, null, null, null, 1, line.GetValue(lasts)), lasts);
        yield return kind(FaultOrder.Full, "Its disk has no space for new events.", line => new FaultOrder(
            FaultOrder.Full, null, null, null, null, 1, line.GetValue(lasts)), lasts);

        var shard = new Argument<string>("SHARD") { Description = "GROUP/SHARD, such as kv/0." };
        var record = new Option<int>("--record") { Description = "Which durable record, from the newest, 1, backwards.", HelpName = "N", DefaultValueFactory = _ => 1 };
        yield return kind(FaultOrder.BitFlip, "A bit of a durable record turns over on its disk; found when it is read.", line => new FaultOrder(
            FaultOrder.BitFlip, null, null, null, line.GetValue(shard), line.GetValue(record), null), shard, record);
    }

    private static Option<string?> For() => new("--for") { Description = "It ends by itself after this, such as 10s; without it, when it is cleared.", HelpName = "TIME" };
}
