using System.Globalization;
using System.Text.Json.Serialization;
using ActorRepl.Protocols.Staleness;

namespace ActorRepl.Hosting.Cli;

/// <summary><c>actorrepl plan staleness</c>: a table, and a plot in characters.</summary>
internal static class StalenessCommand
{
    private const int PlotColumns = 61;
    private const int MostRows = 13;

    private static readonly double[] Times = [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000];
    private static readonly double[] Shares = [0.5, 0.95, 0.99, 0.999];
    private static readonly double[] Steps = [0.002, 0.005, 0.01, 0.02, 0.05, 0.1];
    private static readonly int[] Versions = [1, 2, 3, 5, 10];

    public static int Run(StalenessQuestion question, string file, bool json)
    {
        StalenessModel model = StalenessModel.Run(question, Read(file));
        if (json)
        {
            Terminal.Json(Report(model), StalenessJson.Default.StalenessReport);
            return ExitCode.Success;
        }

        bool overlaps = question.Read + question.Write > question.Replicas;
        Terminal.Line($"n={question.Replicas} r={question.Read} w={question.Write}: "
            + (overlaps ? "each read meets each write, so every read finds the last one" : "reads and writes may miss each other")
            + $" ({question.Trials.ToString("N0", CultureInfo.InvariantCulture)} trials, seed {question.Seed})");
        Terminal.Line("");
        Terminal.Table(["ms since commit", "P(consistent)"], [.. Shown(model).Select(time => (string[])[Text(time), Percent(model.ConsistentAfter(time))])]);
        Terminal.Line("");
        foreach (string line in Plot(model))
            Terminal.Line(line);
        Terminal.Line("");
        Terminal.Table(["share", "consistent after ms", "read ms", "write ms"],
            [.. Shares.Select(share => (string[])[Percent(share), Text(model.MillisUntil(share)), Text(model.ReadLatency(share)), Text(model.WriteLatency(share))])]);
        Terminal.Line("");
        Terminal.Table(["within versions", "P at least"], [.. Versions.Select(count => (string[])[$"{count}", Percent(model.WithinVersions(count))])]);
        return ExitCode.Success;
    }

    private static WarsLatencies Read(string file)
    {
        try
        {
            return LatencyFile.Parse(File.ReadLines(file));
        }
        catch (InvalidDataException wrong)
        {
            throw new UserErrorException($"{file}: {wrong.Message}");
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new UserErrorException($"{file} cannot be read: {failure.Message}");
        }
    }

    private static StalenessReport Report(StalenessModel model) => new(
        model.Question.Replicas, model.Question.Read, model.Question.Write, model.Question.Trials, model.Question.Seed,
        [.. Shown(model).Select(time => new StalenessPoint(time, model.ConsistentAfter(time)))],
        [.. Shares.Select(share => new StalenessQuantile(share, model.MillisUntil(share), model.ReadLatency(share), model.WriteLatency(share)))],
        [.. Versions.Select(count => new StalenessVersions(count, model.WithinVersions(count)))]);

    // As long as there is something to see: up to the first time that all but one in 10,000 are consistent at.
    private static IEnumerable<double> Shown(StalenessModel model)
    {
        int enough = Array.FindIndex(Times, time => model.ConsistentAfter(time) >= 0.9999);
        return enough < 0 ? Times : Times[..(enough + 1)];
    }

    /// <summary>P(consistent) over time, linear in both.</summary>
    private static IEnumerable<string> Plot(StalenessModel model)
    {
        double end = Math.Max(1, Math.Ceiling(model.MillisUntil(0.995)));
        double[] values = [.. Enumerable.Range(0, PlotColumns).Select(column => model.ConsistentAfter(end * column / (PlotColumns - 1)))];
        // The finest scale that has room down to the lowest value.
        double step = Steps.First(each => values[0] > 1 - each * (MostRows - 0.5) || each == Steps[^1]);
        int[] rows = [.. values.Select(value => (int)Math.Round((1 - value) / step))];
        for (int row = 0; row <= Math.Max(rows[0], 5); row++)
            yield return $"{Percent(1 - row * step),9} |{string.Concat(rows.Select(at => at == row ? '*' : ' ')).TrimEnd()}";
        yield return $"{"",9} +{new string('-', PlotColumns)}";
        yield return $"{"",9}  0{(Text(end) + " ms").PadLeft(PlotColumns - 1)}";
    }

    private static string Percent(double share) => (share * 100).ToString("0.00##", CultureInfo.InvariantCulture) + " %";

    private static string Text(double value) => value.ToString("0.##", CultureInfo.InvariantCulture);
}

internal sealed record StalenessReport(
    int N, int R, int W, int Trials, ulong Seed, IReadOnlyList<StalenessPoint> Consistent, IReadOnlyList<StalenessQuantile> Quantiles, IReadOnlyList<StalenessVersions> WithinVersions);

/// <summary>The probability that a read so many ms after a write's commit finds it.</summary>
internal sealed record StalenessPoint(double Millis, double Probability);

/// <summary>Of this share of operations: after how many ms reads are consistent, and what a read and a write need at most.</summary>
internal sealed record StalenessQuantile(double Share, double ConsistentMillis, double ReadMillis, double WriteMillis);

/// <summary>The least probability that a read finds one of the last so many versions.</summary>
internal sealed record StalenessVersions(int Versions, double Probability);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(StalenessReport))]
internal sealed partial class StalenessJson : JsonSerializerContext;
