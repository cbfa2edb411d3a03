using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Modes;
using FsCheck;
using FsCheck.Fluent;

namespace ActorRepl.Protocols.Tests.Modes;

public class LagHistogramTests
{
    [Fact]
    public void A_quantile_is_at_most_a_bucket_above_the_true_one() =>
        Prop.ForAll(ArbMap.Default.ArbFor<ulong>(), seed =>
        {
            var random = new DeterministicRandom(seed);
            long[] lags = [.. Enumerable.Range(0, 1 + (int)random.Next(2_000)).Select(_ => random.Next(1L << (int)(1 + random.Next(36))))];
            var histogram = new LagHistogram();
            foreach (long lag in lags)
                histogram.Add(lag);
            Array.Sort(lags);
            foreach (int perThousand in (int[])[1, 500, 950, 990, 999, 1000])
            {
                long exact = lags[(lags.Length * perThousand + 999) / 1000 - 1], found = histogram.Quantile(perThousand);
                Assert.InRange(found, exact, exact + exact / 16 + 1);
            }

            Assert.Equal(lags.Length, histogram.Count);
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Without_lags_every_quantile_is_none() => Assert.Equal(0, new LagHistogram().Quantile(999));

    [Fact]
    public void Lags_of_any_length_are_counted()
    {
        var histogram = new LagHistogram();
        histogram.Add(-5);
        histogram.Add(long.MaxValue);
        Assert.Equal((2, (1L << 36) - 1), (histogram.Count, histogram.MaxMicros));
    }

    [Fact]
    public void Recent_lags_forget_what_is_two_windows_old()
    {
        var recent = new RecentLag(windowMicros: Instant.Second);
        for (long now = 0; now < Instant.Second; now += 10 * Instant.Millisecond)
            recent.Add(3 * Instant.Second, now);
        Assert.False(recent.Quantiles().Meets(LagQuantiles.Targets));
        for (long now = Instant.Second; now < 3 * Instant.Second; now += 10 * Instant.Millisecond)
            recent.Add(Instant.Millisecond, now);
        LagQuantiles quantiles = recent.Quantiles();
        Assert.True(quantiles.Meets(LagQuantiles.Targets), quantiles.ToString());
        Assert.InRange(quantiles.Count, 100, 200);
    }
}
