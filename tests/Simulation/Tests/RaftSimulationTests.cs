using ActorRepl.Protocols.Checking;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Simulation.Faults;
using ActorRepl.Simulation.Invariants;
using ActorRepl.Simulation.Run;
using ActorRepl.Simulation.World;
using Xunit.Abstractions;

namespace ActorRepl.Simulation.Tests;

public class RaftSimulationTests(ITestOutputHelper output)
{
    private static readonly RunOptions Raft = new() { Protocol = new SimulatedRaft() };

    /// <summary>The command line runs many more; here a fixed number, from a base that changes with the day.</summary>
    [Fact]
    public void Every_rule_holds_through_faults_and_the_group_serves_again_after_them()
    {
        const int seeds = 300;
        ulong first = (ulong)DateTime.UtcNow.DayOfYear * 1_000_000;
        RunResult result = new Runner(Raft).Run(first, seeds);
        output.WriteLine($"seeds {first} to {first + seeds - 1}: {result.Steps} steps, {result.StepsPerSecond:N0} steps/s");
        foreach (CoverageItem item in Coverage.Items)
            output.WriteLine($"  {item}: {result.Coverage[item]}");
        Assert.True(result.Failures.Count == 0, string.Join('\n', result.Failures.Select(failure => $"{failure.Rule}: {failure.Detail}\n{SimulationCommand.Replay(Raft, failure)}")));
        Assert.True(result.Steps >= seeds * 2_000);
    }

    [Fact]
    public void The_same_seed_is_the_same_history()
    {
        foreach (Profile profile in RaftProfiles.All)
        {
            RunOptions options = Raft with { Profile = profile };
            SeedResult first = SeedRun.Run(options, 11);
            SeedResult again = SeedRun.Run(options, 11);
            SeedResult traced = SeedRun.Run(options, 11, new Trace(TextWriter.Null));
            SeedResult other = SeedRun.Run(options, 12);
            Assert.Equal((profile.Name, first.Hash, first.Steps, first.Rule), (profile.Name, again.Hash, again.Steps, again.Rule));
            Assert.Equal((first.Hash, first.Steps), (traced.Hash, traced.Steps));
            Assert.NotEqual(first.Hash, other.Hash);
        }
    }

    [Fact]
    public void A_history_in_which_one_read_is_wrong_is_caught()
    {
        int caught = 0;
        for (ulong seed = 1; seed <= 20; seed++)
        {
            var world = new SimulatedWorld(Raft.Protocol, seed, RaftProfiles.All[0], null);
            world.Run(2_000);
            Assert.Equal(Linearizability.Linearizable, LinearizabilityChecker.Check(world.History).Verdict);
            if (PlantStaleRead(world.History) && LinearizabilityChecker.Check(world.History).Verdict == Linearizability.NotLinearizable)
                caught++;
        }

        Assert.True(caught >= 15, $"caught {caught} of 20");
    }

    [Fact]
    public void A_command_applied_differently_on_one_replica_is_caught()
    {
        var world = new SimulatedWorld(Raft.Protocol, 1, RaftProfiles.All[0], null);
        var agreement = new MachineAgreement(world.Invariants);
        IStateMachine first = agreement.Observe(world.Replicas[0], new EchoMachine());
        IStateMachine second = agreement.Observe(world.Replicas[1], new EchoMachine());
        first.Apply(new AppliedCommand(1, 5, new byte[] { 1 }));
        first.Apply(new AppliedCommand(3, 5, new byte[] { 3 }));
        second.Apply(new AppliedCommand(1, 5, new byte[] { 1 }));
        Assert.Equal("state machine safety", Assert.Throws<RuleBrokenException>(() => second.Apply(new AppliedCommand(2, 5, new byte[] { 2 }))).Rule);
        Assert.Throws<RuleBrokenException>(() => second.Apply(new AppliedCommand(3, 6, new byte[] { 3 })));
    }

    // A late read is made to return what the key held before a write that had ended long before.
    private static bool PlantStaleRead(List<RecordedOperation> history)
    {
        for (int i = history.Count - 1; i >= 0; i--)
        {
            RecordedOperation late = history[i];
            if (late.Action != RecordedAction.Read || late.IsOutcomeUnknown)
                continue;
            int earlier = history.FindIndex(other => other.Action == RecordedAction.Read && other.Key == late.Key && other.Returned < late.Called && other.Value != late.Value);
            if (earlier < 0)
                continue;
            history[i] = late with { Value = history[earlier].Value };
            return true;
        }

        return false;
    }

    private sealed class EchoMachine : IStateMachine
    {
        public long ApproximateBytes => 0;

        public ReadOnlyMemory<byte> Apply(in AppliedCommand command) => command.Payload;

        public ReadOnlyMemory<byte> Query(ReadOnlyMemory<byte> query) => query;

        public ICheckpointView BeginCheckpoint() => throw new NotSupportedException();

        public void Restore(IEnumerable<ReadOnlyMemory<byte>> segments) => throw new NotSupportedException();
    }
}
