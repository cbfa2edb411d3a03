using System.Diagnostics;
using ActorRepl.Protocols.Convergence;
using ActorRepl.Protocols.Kernel;
using Xunit.Abstractions;

namespace ActorRepl.Protocols.Tests.Convergence;

public class HealingTests(ITestOutputHelper output)
{
    /// <summary>Half of the keys were changed on either side of a cut. CRDT_HEAL_KEYS says how many; 100,000 are to be equal within 5 s.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Keys_that_were_changed_on_both_sides_of_a_cut_are_equal_soon_after_it_heals(bool byTrees)
    {
        int keys = int.TryParse(Environment.GetEnvironmentVariable("CRDT_HEAL_KEYS"), out int given) ? given : 5_000;
        var group = new ConvergentCluster(new ConvergentOptions { MaxRetainedBytes = byTrees ? 10_000 : 64 << 20 });
        group.World.Isolate(3);
        int left = 0;
        for (int i = 0; i < keys; i++)
        {
            left++;
            group.World.Submit(i % 2 == 0 ? 1 : 3, RequestKind.Command, new CrdtUpdate(new CrdtKey(CrdtType.Counter, $"counter:{i}"), new CrdtOperation.Add(1)).ToBytes(), 60 * Instant.Second, outcome =>
            {
                Assert.NotNull(outcome.Reply);
                left--;
            });
            if (i % 5_000 == 4_999)
                Assert.True(group.World.RunUntil(() => left == 0, 60 * Instant.Second));
        }

        Assert.True(group.World.RunUntil(() => left == 0, 60 * Instant.Second));
        group.World.HealNetwork();
        long from = group.World.Time, clock = Stopwatch.GetTimestamp();
        Assert.True(group.World.RunUntil(() => group.World.MemberNodes.All(node => node.Store.Count == keys && node.Store.Vector.Equals(group.World[1].Store.Vector)), 30 * Instant.Second));
        TimeSpan spent = Stopwatch.GetElapsedTime(clock);
        output.WriteLine($"{keys:N0} keys, {(byTrees ? "by trees" : "by streams")}: {(group.World.Time - from) / 1000.0:N0} ms of the replicas' time, {spent.TotalMilliseconds:N0} ms of one thread's for all three");
        Assert.True(group.IsEven);
        Assert.True(group.World.Time - from < 5 * Instant.Second);
    }
}
