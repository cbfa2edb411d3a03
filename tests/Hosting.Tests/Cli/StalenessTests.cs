using System.Text.Json;
using ActorRepl.Hosting.Tests.Support;

namespace ActorRepl.Hosting.Tests.Cli;

/// <summary><c>actorrepl plan staleness</c>, from a file to a table, a plot and JSON.</summary>
public sealed class StalenessTests : IDisposable
{
    // Bailis et al. 2012, table 3: LinkedIn's disks.
    private const string Disks = "W = 38% pareto 1.05 1.51, 62% exponential 0.183\nARS = 91.22% pareto 0.235 10, 8.78% exponential 1.66\n";

    private readonly TempDirectory _directory = new();

    [Fact]
    public async Task A_table_and_a_plot_show_the_paper_s_figures()
    {
        CommandResult result = await RunAsync(Disks);
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        string[] lines = result.Output.Split('\n');
        Assert.StartsWith("n=3 r=1 w=1: reads and writes may miss each other", lines[0], StringComparison.Ordinal);
        // 43.9 % at once and 92.5 % after 10 ms, says the paper.
        Assert.Contains(lines, line => line.StartsWith("0   ", StringComparison.Ordinal) && line.Contains(" 43.", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.StartsWith("10  ", StringComparison.Ordinal) && line.Contains(" 92.", StringComparison.Ordinal));
        Assert.Equal(61, lines.Where(line => line.Contains('|', StringComparison.Ordinal)).Sum(line => line.Count(c => c == '*')));
    }

    [Fact]
    public async Task Json_says_the_same()
    {
        using JsonDocument json = JsonDocument.Parse((await RunAsync(Disks, "--r", "2", "--w", "1", "--json")).Output);
        Assert.Equal(2, json.RootElement.GetProperty("r").GetInt32());
        double[] probabilities = [.. json.RootElement.GetProperty("consistent").EnumerateArray().Select(point => point.GetProperty("probability").GetDouble())];
        Assert.Equal(probabilities.Order(), probabilities);
        Assert.InRange(probabilities[^1], 0.9999, 1);
        Assert.InRange(json.RootElement.GetProperty("quantiles")[3].GetProperty("consistentMillis").GetDouble(), 12, 16);
    }

    [Fact]
    public async Task What_is_wrong_in_the_file_is_said_with_its_line()
    {
        CommandResult wrong = await RunAsync("WAR = constant 1\nS = fast\n");
        Assert.Equal(1, wrong.ExitCode);
        Assert.Contains("line 2: 'fast' must be 'constant MS'", wrong.Error, StringComparison.Ordinal);
        CommandResult missing = await CommandLine.RunAsync("plan", "staleness", "--latency", Path.Combine(_directory.Path, "none"));
        Assert.Equal(1, missing.ExitCode);
        Assert.Contains("cannot be read", missing.Error, StringComparison.Ordinal);
    }

    public void Dispose() => _directory.Dispose();

    private Task<CommandResult> RunAsync(string file, params string[] more) =>
        CommandLine.RunAsync(["plan", "staleness", "--latency", _directory.File("latency.txt", file), "--trials", "50000", .. more]);
}
