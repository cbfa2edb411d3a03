using ActorRepl.Protocols.Staleness;
using Xunit.Abstractions;

namespace ActorRepl.Protocols.Tests.Staleness;

/// <summary>Figures of Bailis et al., VLDB 2012.</summary>
public class StalenessTests(ITestOutputHelper output)
{
    private static StalenessModel Model(WarsLatencies latencies, int r, int w, int n = 3) => StalenessModel.Run(new StalenessQuestion(n, r, w), latencies);

    [Fact]
    public void Section_5_6_LinkedIn_on_SSD_is_consistent_almost_at_once()
    {
        // "97.4% probability of consistent reads immediately after commit", and five nines after five ms.
        StalenessModel model = Model(PaperDistributions.LinkedInSsd, 1, 1);
        Assert.InRange(model.ConsistentAfter(0), 0.964, 0.984);
        Assert.InRange(model.ConsistentAfter(5), 0.99995, 1);
    }

    [Fact]
    public void Section_5_6_LinkedIn_on_disks_is_not()
    {
        // "only a 43.9% probability of consistency immediately following write commit and 92.5% probability 10 ms after".
        StalenessModel model = Model(PaperDistributions.LinkedInDisk, 1, 1);
        Assert.InRange(model.ConsistentAfter(0), 0.429, 0.449);
        Assert.InRange(model.ConsistentAfter(10), 0.915, 0.935);
    }

    [Fact]
    public void Section_5_6_Yammer_has_a_long_tail()
    {
        // "an 89.3% chance of consistency immediately following commit", and 99.9 % only after 1,364 ms.
        StalenessModel model = Model(PaperDistributions.Yammer, 1, 1);
        Assert.InRange(model.ConsistentAfter(0), 0.883, 0.903);
        Assert.InRange(model.MillisUntil(0.999), 1_250, 1_480);
    }

    public static readonly TheoryData<string, int, int, double, double, double> Table4 = new()
    {
        // 99.9th percentiles of reads and writes, and the time until 99.9 % of reads are consistent, ms.
        { "ssd", 1, 1, 0.66, 0.66, 1.85 },
        { "ssd", 1, 2, 0.66, 1.63, 1.79 },
        { "ssd", 2, 1, 1.63, 0.65, 0 },
        { "ssd", 2, 2, 1.62, 1.64, 0 },
        { "disk", 1, 1, 0.66, 10.99, 45.5 },
        { "disk", 1, 2, 0.65, 20.97, 43.3 },
        { "disk", 2, 1, 1.63, 10.9, 13.6 },
        { "disk", 2, 2, 1.64, 20.96, 0 },
        { "yammer", 1, 1, 5.58, 10.83, 1_364 },
        { "yammer", 1, 2, 5.61, 427.12, 1_352 },
        { "yammer", 2, 1, 32.6, 10.73, 202 },
        { "yammer", 2, 2, 33.18, 428.11, 0 },
    };

    [Theory]
    [MemberData(nameof(Table4))]
    public void Table_4_latency_and_staleness_of_partial_quorums(string name, int r, int w, double read, double write, double stale)
    {
        WarsLatencies latencies = name switch { "ssd" => PaperDistributions.LinkedInSsd, "disk" => PaperDistributions.LinkedInDisk, _ => PaperDistributions.Yammer };
        StalenessModel model = Model(latencies, r, w);
        output.WriteLine($"{name} R={r} W={w}: read {model.ReadLatency(0.999):F2} ({read}), write {model.WriteLatency(0.999):F2} ({write}), 99.9 % after {model.MillisUntil(0.999):F2} ({stale})");
        Near(read, model.ReadLatency(0.999), percent: 10);
        Near(write, model.WriteLatency(0.999), percent: 10);
        // Its fits are printed with two or three digits, and a heavy tail at 99.9 % moves much with the last of them.
        Near(stale, model.MillisUntil(0.999), percent: 15);
    }

    [Fact]
    public void Section_3_1_versions_that_a_read_is_behind()
    {
        // N = 3, R = W = 1: a third of reads find the last write, 1 − (2/3)^k one of the last k; strict quorums always.
        StalenessModel model = Model(PaperDistributions.LinkedInSsd, 1, 1);
        Assert.Equal(1 / 3.0, model.WithinVersions(1), 9);
        Assert.Equal(1 - Math.Pow(2 / 3.0, 5), model.WithinVersions(5), 9);
        Assert.Equal(1, Model(PaperDistributions.LinkedInSsd, 2, 2).WithinVersions(1), 9);
    }

    [Theory]
    [InlineData(3, 2, 2)]
    [InlineData(3, 1, 3)]
    [InlineData(5, 3, 3)]
    public void Quorums_that_overlap_are_always_consistent(int n, int r, int w) => Assert.Equal(1, Model(PaperDistributions.Yammer, r, w, n).ConsistentAfter(0));

    [Fact]
    public void Probability_never_falls_with_time_and_the_same_seed_gives_the_same()
    {
        StalenessModel model = Model(PaperDistributions.LinkedInDisk, 1, 1), again = Model(PaperDistributions.LinkedInDisk, 1, 1);
        double last = 0;
        for (double t = 0; t < 200; t += 0.5)
        {
            Assert.InRange(model.ConsistentAfter(t), last, 1);
            Assert.Equal(model.ConsistentAfter(t), again.ConsistentAfter(t));
            last = model.ConsistentAfter(t);
        }

        Assert.True(model.ConsistentAfter(model.MillisUntil(0.9)) >= 0.9);
    }

    [Theory]
    [InlineData("W = 38% pareto 1 1", "line 1: the shares add up to 38 %; it must be 100 %")]
    [InlineData("X = constant 1", "line 1: 'X = constant 1' must begin with one or more of the letters WARS and '='")]
    [InlineData("W = pareto 1", "line 1: 'pareto 1' must be 'constant MS'")]
    [InlineData("W = pareto one 2", "line 1: a value of 'pareto' is 'one'; it must be a number, not below 0")]
    [InlineData("W = exponential 0", "line 1: 'exponential 0' must be")]
    [InlineData("W = samples", "line 1: 'samples' must be")]
    [InlineData("W = constant 1, constant 2", "line 1: 'constant 1' must begin with its share")]
    [InlineData("S = Q", "line 1: 'Q' is none of the lines above")]
    [InlineData("WW = constant 1", "line 1: W was said before")]
    [InlineData("WAR = constant 1", "nothing is said of S; a line such as 'S = 100% exponential 0.5' must")]
    public void A_file_that_says_nothing_sensible_is_refused_by_line(string line, string message) =>
        Assert.StartsWith(message, Assert.Throws<InvalidDataException>(() => LatencyFile.Parse([line])).Message, StringComparison.Ordinal);

    [Fact]
    public void A_file_may_hold_samples_comments_and_lines_that_refer_to_others()
    {
        WarsLatencies latencies = LatencyFile.Parse(["# measured", "", "w = samples 1 2 3 # ms", "AR = uniform 1 1", "S = A"]);
        StalenessModel model = StalenessModel.Run(new StalenessQuestion(1, 1, 1, 1_000), latencies);
        Assert.Equal((2, 4, 2), (model.WriteLatency(0), model.WriteLatency(1), model.ReadLatency(1)));
    }

    [Theory]
    [InlineData(0, 1, 1, "n is 0; it must be 1 to 63")]
    [InlineData(3, 4, 1, "r is 4 and w is 1; each must be 1 to n (3)")]
    public void A_group_that_cannot_be_is_refused(int n, int r, int w, string message) =>
        Assert.Equal(message, Assert.Throws<ArgumentException>(() => Model(PaperDistributions.LinkedInSsd, r, w, n)).Message);

    private static void Near(double paper, double here, double percent) => Assert.InRange(here, paper * (1 - percent / 100) - 0.02, paper * (1 + percent / 100) + 0.02);
}
