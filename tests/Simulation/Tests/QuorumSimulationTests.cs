using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Versions;
using ActorRepl.Simulation.Quorum;
using Xunit.Abstractions;

namespace ActorRepl.Simulation.Tests;

public class QuorumSimulationTests(ITestOutputHelper output)
{
    /// <summary>The command line runs many more, of any base; here the same few each time.</summary>
    [Fact]
    public void Every_rule_holds_through_faults_and_replicas_are_equal_after_them()
    {
        const int seeds = 100;
        (IReadOnlyList<QuorumResult> failures, SortedDictionary<string, long> coverage, _) = QuorumRun.RunSeeds(1_000_000, seeds, null, QuorumRun.DefaultSteps, maxFailures: 1);
        foreach ((string what, long met) in coverage)
            output.WriteLine($"{what}: {met}");
        Assert.True(failures.Count == 0, string.Join('\n', failures.Select(failure => $"{failure.Rule}: {failure.Detail}\n{QuorumRun.Replay(failure, QuorumRun.DefaultSteps)}")));
        Assert.True(coverage["reads judged"] > 10 * seeds && coverage["hints delivered"] > seeds && coverage["purges"] > 0 && coverage["rebuilds"] > 0);
    }

    [Fact]
    public void The_same_seed_is_the_same_history()
    {
        foreach (string profile in QuorumTrial.Profiles)
        {
            QuorumResult first = QuorumTrial.Run(11, profile, QuorumRun.DefaultSteps), again = QuorumTrial.Run(11, profile, QuorumRun.DefaultSteps);
            QuorumResult other = QuorumTrial.Run(12, profile, QuorumRun.DefaultSteps);
            Assert.Equal((profile, first.Hash, first.Steps, first.Rule), (profile, again.Hash, again.Steps, again.Rule));
            Assert.NotEqual(first.Hash, other.Hash);
        }
    }

    /// <summary>A replica gives a write its number, loses its disk and is sent the write by another: the crash that takes that record takes no number that others have.</summary>
    [Fact]
    public void A_crash_takes_back_a_number_only_with_the_record_that_gave_it()
    {
        var dot = new Dot(new VersionSource(new ReplicaId(3)), 4);
        var write = new ClientWrite(Guid.NewGuid(), "key", "value", isDelete: false, VersionVector.Empty);
        WalEntry given = new(1, new WalRecord()), again = new(1, new WalRecord());
        Assert.True(write.Give(dot, given, new HybridTime(7, 0), VersionVector.Of(dot)));
        Assert.False(write.Give(dot, again, new HybridTime(7, 0), VersionVector.Of(dot)));

        write.TakeBack(dot, again);
        Assert.Equal([dot], write.Dots);

        write.TakeBack(dot, given);
        Assert.Empty(write.Dots);
        Assert.Null(write.Times);
        Assert.True(write.Known.IsEmpty);
    }
}
