using System.Globalization;
using System.Text;

namespace ActorRepl.Benchmarks.Chain;

/// <summary>The latency of a write by the length of the chain, drawn as SVG.</summary>
internal static class LengthPlot
{
    private const int Width = 560, Height = 320, Left = 56, Right = 110, Top = 24, Bottom = 44;

    public static string Of(LengthReport report)
    {
        double most = Nice(report.Rows.Max(row => row.P99));
        int lengths = report.Rows.Count;
        double X(double length) => Left + (Width - Left - Right) * (lengths == 1 ? 0.5 : (length - 1) / (lengths - 1));
        double Y(double millis) => Height - Bottom - (Height - Top - Bottom) * millis / most;

        var svg = new StringBuilder();
        void Say(FormattableString line) => svg.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');
        Say($"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {Width} {Height}\" font-family=\"sans-serif\" font-size=\"12\">");
        Say($"<rect width=\"{Width}\" height=\"{Height}\" fill=\"#ffffff\"/>");
        for (int tick = 0; tick <= 4; tick++)
        {
            double millis = most * tick / 4;
            Say($"<line x1=\"{Left}\" x2=\"{Width - Right}\" y1=\"{Y(millis):0.#}\" y2=\"{Y(millis):0.#}\" stroke=\"#dddddd\"/>");
            Say($"<text x=\"{Left - 6}\" y=\"{Y(millis) + 4:0.#}\" text-anchor=\"end\">{millis:0.##}</text>");
        }

        foreach (LengthRow row in report.Rows)
            Say($"<text x=\"{X(row.Length):0.#}\" y=\"{Height - Bottom + 18}\" text-anchor=\"middle\">{row.Length}</text>");
        Say($"<text x=\"{(Left + Width - Right) / 2}\" y=\"{Height - 8}\" text-anchor=\"middle\">links of the chain</text>");
        Say($"<text x=\"{Left - 40}\" y=\"{Top - 8}\">write latency, ms</text>");
        Line("p50", "#1f5fa8", row => row.P50);
        Line("p99", "#b5482a", row => row.P99);
        Say($"</svg>");
        return svg.ToString();

        void Line(string name, string colour, Func<LengthRow, double> of)
        {
            string points = string.Join(' ', report.Rows.Select(row => string.Create(CultureInfo.InvariantCulture, $"{X(row.Length):0.#},{Y(of(row)):0.#}")));
            Say($"<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>");
            foreach (LengthRow row in report.Rows)
                Say($"<circle cx=\"{X(row.Length):0.#}\" cy=\"{Y(of(row)):0.#}\" r=\"3\" fill=\"{colour}\"><title>{row.Length} links: {of(row):0.00} ms</title></circle>");
            LengthRow last = report.Rows[^1];
            Say($"<text x=\"{X(last.Length) + 8:0.#}\" y=\"{Y(of(last)) + 4:0.#}\" fill=\"{colour}\">{name} {of(last):0.00} ms</text>");
        }
    }

    /// <summary>The next of 1, 2, 4, 5, 10, 20 … that is no less.</summary>
    private static double Nice(double most)
    {
        double unit = Math.Pow(10, Math.Floor(Math.Log10(Math.Max(most, 0.01))));
        foreach (double step in (double[])[1, 2, 4, 5, 10])
        {
            if (unit * step >= most)
                return unit * step;
        }

        return unit * 10;
    }
}
