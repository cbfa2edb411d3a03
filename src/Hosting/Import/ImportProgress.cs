using System.Diagnostics;
using System.Globalization;
using ActorRepl.Hosting.Cli;
using Spectre.Console;

namespace ActorRepl.Hosting.Import;

/// <summary>Shows how far an import is: a bar with rate and time left on a terminal, a line now and then elsewhere.</summary>
internal sealed class ImportProgress(ImportFile file, ImportTally tally)
{
    private static readonly TimeSpan LineEvery = TimeSpan.FromSeconds(5);
    private readonly Stopwatch _time = Stopwatch.StartNew();

    public async Task ShowAsync(Task import)
    {
        if (Terminal.IsInteractive)
            await BarAsync(import).ConfigureAwait(false);
        else
            await LinesAsync(import).ConfigureAwait(false);
    }

    /// <summary>Records acknowledged, and how fast so far.</summary>
    public string Rate =>
        string.Create(CultureInfo.InvariantCulture, $"{tally.Acknowledged:N0} acknowledged, {tally.Acknowledged / Math.Max(_time.Elapsed.TotalSeconds, 0.001):N0}/s");

    public TimeSpan Elapsed => _time.Elapsed;

    private Task BarAsync(Task import) => AnsiConsole.Progress()
        .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn())
        .StartAsync(async context =>
        {
            ProgressTask bar = context.AddTask(Rate);
            while (!import.IsCompleted)
            {
                bar.Description = Rate;
                bar.Value = 100 * file.Share;
                await Task.WhenAny(import, Task.Delay(100)).ConfigureAwait(false);
            }

            bar.Description = Rate;
            bar.Value = 100 * file.Share;
        });

    private async Task LinesAsync(Task import)
    {
        while (await Task.WhenAny(import, Task.Delay(LineEvery)).ConfigureAwait(false) != import)
        {
            double share = file.Share;
            double left = share > 0 ? _time.Elapsed.TotalSeconds * (1 - share) / share : 0;
            Terminal.Line(share == 0 ? Rate : string.Create(CultureInfo.InvariantCulture, $"{100 * share:N0} %, {Rate}, about {left:N0} s left"));
        }
    }
}
