using System.CommandLine;

namespace ActorRepl.Hosting.Cli;

/// <summary>The command line of <c>actorrepl lost</c>.</summary>
internal static class LostTree
{
    public static Command Build() => new("lost", "What failovers took out of logs and set aside: writes that were acknowledged as Async, or never.") { List(), Show() };

    private static Command List()
    {
        Option<string> data = Data();
        Option<bool> json = Json();
        var command = new Command("list", "Show the files, of all nodes in a data directory; the nodes need not run.") { data, json };
        command.SetAction(line => LostCommands.List(Path.GetFullPath(line.GetValue(data)!), line.GetValue(json)));
        return command;
    }

    private static Command Show()
    {
        Option<string> data = Data();
        Option<bool> json = Json();
        var file = new Argument<string>("FILE") { Description = "A path, or a name as 'lost list' shows it." };
        var command = new Command("show", "Print the entries of a file, one a line.") { file, data, json };
        command.SetAction(line => LostCommands.Show(Path.GetFullPath(line.GetValue(data)!), line.GetValue(file)!, line.GetValue(json)));
        return command;
    }

    private static Option<string> Data() =>
        new("--data") { Description = "The directory of the cluster's data.", HelpName = "DIR", DefaultValueFactory = _ => "./data" };

    private static Option<bool> Json() => new("--json") { Description = "Print JSON." };
}
