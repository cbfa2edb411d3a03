using ActorRepl.Simulation.Faults;
using ActorRepl.Simulation.Invariants;
using ActorRepl.Simulation.Run;
using Xunit.Abstractions;

namespace ActorRepl.Simulation.Tests;

public class ChainSimulationTests(ITestOutputHelper output)
{
    private static readonly RunOptions Chain = new() { Protocol = new SimulatedChain() };

    /// <summary>The command line runs many more, of any base; here the same few each time.</summary>
    [Fact]
    public void Every_rule_holds_through_faults_and_the_chain_serves_again_after_them()
    {
        const int seeds = 300;
        ulong first = 1_000_000;
        RunResult result = new Runner(Chain).Run(first, seeds);
        output.WriteLine($"seeds {first} to {first + seeds - 1}: {result.Steps} steps, {result.StepsPerSecond:N0} steps/s");
        foreach (CoverageItem item in Coverage.Items)
            output.WriteLine($"  {item}: {result.Coverage[item]}");
        Assert.True(result.Failures.Count == 0, string.Join('\n', result.Failures.Select(failure => $"{failure.Rule}: {failure.Detail}\n{SimulationCommand.Replay(Chain, failure)}")));
        Assert.True(result.Steps >= seeds * 2_000);
    }

    [Fact]
    public void The_same_seed_is_the_same_history()
    {
        foreach (Profile profile in ChainProfiles.All)
        {
            RunOptions options = Chain with { Profile = profile };
            SeedResult first = SeedRun.Run(options, 11);
            SeedResult again = SeedRun.Run(options, 11);
            SeedResult other = SeedRun.Run(options, 12);
            Assert.Equal((profile.Name, first.Hash, first.Steps, first.Rule), (profile.Name, again.Hash, again.Steps, again.Rule));
            Assert.NotEqual(first.Hash, other.Hash);
        }
    }
}
