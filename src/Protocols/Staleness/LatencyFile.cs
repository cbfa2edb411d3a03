using System.Globalization;

namespace ActorRepl.Protocols.Staleness;

/// <summary>
/// Reads latencies from text. A line gives those of one or more of W, A, R and S, in ms:
/// <code>
/// W   = 38% pareto 1.05 1.51, 62% exponential 0.183   # a mixture: least and shape, rate
/// ARS = samples 0.3 0.31 0.35 0.9                     # measured, as many as one likes
/// </code>
/// also <c>constant MS</c>, <c>uniform LEAST MOST</c>, and another line's letter: <c>S = A</c>. What follows # is a comment.
/// </summary>
public static class LatencyFile
{
    private const string Kinds = "WARS";
    private const int MaxSamples = 1_000_000;

    /// <exception cref="InvalidDataException">A line says nothing that can be drawn from, or one of the four is missing; the message names line and cause.</exception>
    public static WarsLatencies Parse(IEnumerable<string> lines)
    {
        var found = new Dictionary<char, Latency>();
        int number = 0;
        foreach (string line in lines)
        {
            number++;
            string text = line.Split('#')[0].Trim();
            if (text.Length == 0)
                continue;
            try
            {
                Read(text, found);
            }
            catch (FormatException wrong)
            {
                throw new InvalidDataException($"line {number}: {wrong.Message}", wrong);
            }
        }

        foreach (char kind in Kinds.Where(kind => !found.ContainsKey(kind)))
            throw new InvalidDataException($"nothing is said of {kind}; a line such as '{kind} = 100% exponential 0.5' must");
        return new WarsLatencies(found['W'], found['A'], found['R'], found['S']);
    }

    private static void Read(string text, Dictionary<char, Latency> found)
    {
        string[] sides = text.Split('=', 2, StringSplitOptions.TrimEntries);
        string kinds = sides[0].ToUpperInvariant();
        if (sides.Length != 2 || kinds.Length == 0 || kinds.Any(kind => !Kinds.Contains(kind, StringComparison.Ordinal)))
            throw new FormatException($"'{text}' must begin with one or more of the letters {Kinds} and '='");
        Latency latency = sides[1].Length == 1
            ? found.GetValueOrDefault(char.ToUpperInvariant(sides[1][0])) ?? throw new FormatException($"'{sides[1]}' is none of the lines above")
            : OfParts(sides[1].Split(',', StringSplitOptions.TrimEntries));
        foreach (char kind in kinds)
        {
            if (!found.TryAdd(kind, latency))
                throw new FormatException($"{kind} was said before");
        }
    }

    private static Latency OfParts(string[] parts)
    {
        if (parts is [var only] && !only.Contains('%', StringComparison.Ordinal))
            return Part(only);
        var shares = new List<(double Share, Latency Part)>();
        foreach (string part in parts)
        {
            string[] words = part.Split('%', 2, StringSplitOptions.TrimEntries);
            if (words.Length != 2)
                throw new FormatException($"'{part}' must begin with its share, such as '38%'");
            shares.Add((Number(words[0], "a share", least: 0) / 100, Part(words[1])));
        }

        double sum = shares.Sum(each => each.Share);
        if (Math.Abs(sum - 1) > 0.001)
            throw new FormatException(string.Create(CultureInfo.InvariantCulture, $"the shares add up to {sum * 100:0.##} %; it must be 100 %"));
        return new Latency.Mixture(shares);
    }

    private static Latency Part(string text)
    {
        string[] words = text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        double[] values = [.. words.Skip(1).Select(word => Number(word, $"a value of '{words[0]}'", least: 0))];
        return (words.FirstOrDefault(), values) switch
        {
            ("constant", [var millis]) => new Latency.Constant(millis),
            ("uniform", [var least, var most]) when least <= most => new Latency.Uniform(least, most),
            ("exponential", [> 0 and var rate]) => new Latency.Exponential(rate),
            ("pareto", [> 0 and var least, > 0 and var shape]) => new Latency.Pareto(least, shape),
            ("samples", { Length: > 0 and <= MaxSamples }) => new Latency.Measured(values),
            _ => throw new FormatException(
                $"'{text}' must be 'constant MS', 'uniform LEAST MOST', 'exponential RATE', 'pareto LEAST SHAPE', or 'samples MS …' with 1 to {MaxSamples} values"),
        };
    }

    private static double Number(string text, string what, double least) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && double.IsFinite(value) && value >= least
            ? value
            : throw new FormatException($"{what} is '{text}'; it must be a number, not below {least}");
}
