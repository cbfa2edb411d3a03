using ActorRepl.Protocols.Kernel;
using ActorRepl.Simulation.Faults;
using ActorRepl.Simulation.Invariants;
using ActorRepl.Simulation.Run;
using Xunit.Abstractions;

namespace ActorRepl.Simulation.Tests;

public class PrimaryBackupSimulationTests(ITestOutputHelper output)
{
    private static readonly RunOptions PrimaryBackup = new() { Protocol = new SimulatedPrimaryBackup() };

    /// <summary>The command line runs many more, of any base; here the same few each time.</summary>
    [Fact]
    public void Every_rule_holds_through_faults_and_the_group_serves_again_after_them()
    {
        const int seeds = 300;
        ulong first = 1_000_000;
        RunResult result = new Runner(PrimaryBackup).Run(first, seeds);
        output.WriteLine($"seeds {first} to {first + seeds - 1}: {result.Steps} steps, {result.StepsPerSecond:N0} steps/s");
        foreach (CoverageItem item in Coverage.Items)
            output.WriteLine($"  {item}: {result.Coverage[item]}");
        Assert.True(result.Failures.Count == 0, string.Join('\n', result.Failures.Select(failure => $"{failure.Rule}: {failure.Detail}\n{SimulationCommand.Replay(PrimaryBackup, failure)}")));
        Assert.True(result.Steps >= seeds * 2_000);
    }

    [Fact]
    public void The_same_seed_is_the_same_history()
    {
        foreach (Profile profile in PrimaryBackupProfiles.All)
        {
            RunOptions options = PrimaryBackup with { Profile = profile };
            SeedResult first = SeedRun.Run(options, 11);
            SeedResult again = SeedRun.Run(options, 11);
            SeedResult other = SeedRun.Run(options, 12);
            Assert.Equal((profile.Name, first.Hash, first.Steps, first.Rule), (profile.Name, again.Hash, again.Steps, again.Rule));
            Assert.NotEqual(first.Hash, other.Hash);
        }
    }

    [Fact]
    public void A_book_of_entries_knows_which_history_a_position_is_in()
    {
        const ulong one = 2, other = 4;
        var book = new EntryBook();
        EntryBook.Entry? Match(LogPosition at, uint content, long previousTerm, ulong replica) => book.Match(at, EntryKind.Command, content, previousTerm, replica);
        Match(new(0, 1), 1, 0, one)!.Durable = one;
        Match(new(0, 2), 2, 0, one)!.Durable = one;
        Match(new(1, 2), 3, 0, other)!.Durable = other;
        Match(new(1, 3), 4, 1, other)!.Durable = other;
        Assert.True(book.Contains(new(1, 3), new(0, 1)));
        Assert.True(book.Contains(new(1, 3), default));
        Assert.False(book.Contains(new(1, 3), new(0, 2)));
        Assert.False(book.Contains(new(0, 2), new(1, 3)));
        Assert.Null(Match(new(1, 2), 9, 0, one));
        Assert.Null(Match(new(1, 3), 4, 0, one));
        // One that nobody else saw and that was never on disk is gone with its replica's crash.
        Assert.NotNull(Match(new(2, 4), 5, 1, one));
        Assert.NotNull(Match(new(2, 4), 6, 1, one));
        Assert.Null(Match(new(2, 4), 7, 1, other));
    }
}
