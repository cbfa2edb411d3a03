using ActorRepl.Simulation.Convergence;
using Xunit.Abstractions;

namespace ActorRepl.Simulation.Tests;

public class ConvergentSimulationTests(ITestOutputHelper output)
{
    /// <summary>The command line runs many more, of any base; here the same few each time.</summary>
    [Fact]
    public void Every_rule_holds_through_faults_and_replicas_are_equal_after_them()
    {
        const int seeds = 120;
        (IReadOnlyList<ConvergentResult> failures, SortedDictionary<string, long> coverage, _) = ConvergentRun.RunSeeds(1_000_000, seeds, null, ConvergentRun.DefaultSteps, maxFailures: 1);
        foreach ((string what, long met) in coverage)
            output.WriteLine($"{what}: {met}");
        Assert.True(failures.Count == 0, string.Join('\n', failures.Select(failure => $"{failure.Rule}: {failure.Detail}\n{ConvergentRun.Replay(failure, ConvergentRun.DefaultSteps)}")));
        Assert.True(coverage["units"] > 100 * seeds && coverage["joins"] > seeds && coverage["rebuilt"] > 20 && coverage["stable"] > 20 * seeds && coverage["member changes"] > 5);
    }

    [Fact]
    public void The_same_seed_is_the_same_history()
    {
        foreach (string profile in ConvergentTrial.Profiles)
        {
            ConvergentResult first = ConvergentTrial.Run(11, profile, ConvergentRun.DefaultSteps), again = ConvergentTrial.Run(11, profile, ConvergentRun.DefaultSteps);
            ConvergentResult other = ConvergentTrial.Run(12, profile, ConvergentRun.DefaultSteps);
            Assert.Equal((profile, first.Hash, first.Steps, first.Rule), (profile, again.Hash, again.Steps, again.Rule));
            Assert.NotEqual(first.Hash, other.Hash);
        }
    }
}
