using ActorRepl.Simulation.Figure16;
using Xunit.Abstractions;

namespace ActorRepl.Simulation.Tests;

/// <summary>Figure 16 of the Raft paper, with its own numbers; fixed seeds, so the outcome does not vary.</summary>
public class Figure16Tests(ITestOutputHelper output)
{
    private Downtimes Measure(int min, int max, int trials = 1_000)
    {
        Downtimes result = Downtimes.Measure(new TimeoutRange(min, max, trials), seed: 1);
        output.WriteLine($"{result.Range}, seed 1: median {result.PercentileMillis(50):F0}, mean {result.MeanMillis:F0}, worst {result.WorstMillis:F0} ms");
        return result;
    }

    [Fact]
    public void The_broadcast_time_is_15_ms() => Assert.InRange(new LatencyModel().BroadcastMicros(10_000, seed: 1), 14_500, 15_500);

    [Fact]
    public void Without_randomness_leader_election_consistently_took_longer_than_10_seconds_due_to_many_split_votes() =>
        Assert.True(Measure(150, 150, trials: 40).ShareAbove(10_000) > 0.8);

    [Fact]
    public void Adding_just_5_ms_of_randomness_helps_significantly_resulting_in_a_median_downtime_of_287_ms() =>
        Assert.InRange(Measure(150, 155).PercentileMillis(50), 287 * 0.8, 287 * 1.2);

    [Fact]
    public void With_50_ms_of_randomness_the_worst_case_completion_time_over_1000_trials_was_513_ms() =>
        Assert.InRange(Measure(150, 200).WorstMillis, 513 * 0.8, 513 * 1.2);

    [Fact]
    public void With_an_election_timeout_of_12_to_24_ms_it_takes_only_35_ms_on_average_to_elect_a_leader_and_the_longest_trial_took_152_ms()
    {
        Downtimes result = Measure(12, 24);
        Assert.InRange(result.MeanMillis, 35 * 0.8, 35 * 1.2);
        Assert.InRange(result.WorstMillis, 152 * 0.7, 152 * 1.3);
    }
}
