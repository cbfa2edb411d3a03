using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Spectre.Console;

namespace ActorRepl.Hosting.Cli;

/// <summary>Plain lines where output is redirected, colours and moving progress on a terminal.</summary>
internal static class Terminal
{
    public static bool IsInteractive => !Console.IsOutputRedirected && AnsiConsole.Profile.Capabilities.Ansi;

    public static void Line(string text) => Console.Out.WriteLine(text);

    public static void Json<T>(T report, JsonTypeInfo<T> type) => Line(JsonSerializer.Serialize(report, type));

    public static void Problem(string text) => Console.Error.WriteLine($"actorrepl: {text}");

    /// <summary>What is worth knowing and no part of the output.</summary>
    public static void Note(string text) => Console.Error.WriteLine(text);

    /// <summary>A table on a terminal, columns of text elsewhere.</summary>
    public static void Table(IReadOnlyList<string> headings, IReadOnlyList<IReadOnlyList<string>> rows)
    {
        if (IsInteractive)
        {
            AnsiConsole.Write(Picture(headings, rows));
            return;
        }

        int[] widths = [.. headings.Select((heading, i) => rows.Select(row => row[i].Length).Append(heading.Length).Max())];
        foreach (IReadOnlyList<string> row in rows.Prepend(headings))
            Line(string.Join("  ", row.Select((cell, i) => cell.PadRight(widths[i]))).TrimEnd());
    }

    /// <summary>A table with borders and colours, for a terminal.</summary>
    public static Table Picture(IReadOnlyList<string> headings, IReadOnlyList<IReadOnlyList<string>> rows)
    {
        var table = new Table().Border(TableBorder.Rounded);
        foreach (string heading in headings)
            table.AddColumn(new TableColumn(Markup.Escape(heading)).NoWrap());
        foreach (IReadOnlyList<string> row in rows)
            table.AddRow([.. row.Select(cell => new Text(cell, Colour(cell)))]);
        return table;
    }

    private static Style Colour(string cell) => cell switch
    {
        "leader" or "primary" or "ready" or "running" or "target" => new Style(Color.Green),
        "down" or "storage-failed" or "floor" => new Style(Color.Red),
        "candidate" or "starting" or "storage-full" or "degraded" or "recovery" => new Style(Color.Yellow),
        _ => Style.Plain,
    };
}
