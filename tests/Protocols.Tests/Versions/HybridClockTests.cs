using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Versions;
using FsCheck;
using FsCheck.Fluent;

namespace ActorRepl.Protocols.Tests.Versions;

/// <summary>Kulkarni, Demirbas, Madappa, Avva and Leone, "Logical physical clocks", OPODIS 2014.</summary>
public class HybridClockTests
{
    private const long MaxSkew = 500;

    [Fact]
    public void Counter_rises_while_the_wall_clock_stands_and_returns_to_0_when_it_moves()
    {
        var clock = new HybridClock(MaxSkew);
        Assert.Equal(new HybridTime(10, 0), Tick(clock, 10));
        Assert.Equal(new HybridTime(10, 1), Tick(clock, 10));
        Assert.Equal(new HybridTime(10, 2), Tick(clock, 4));
        Assert.Equal(new HybridTime(11, 0), Tick(clock, 11));
    }

    [Fact]
    public void Figure_4_a_message_carries_a_node_that_is_behind_along()
    {
        // Node 0 at 10 sends to 1 at 1, which sends to 2 at 2, which sends to 3 at 3; then 3 comes to its own at 11.
        var nodes = Enumerable.Range(0, 4).Select(_ => new HybridClock(MaxSkew)).ToArray();
        HybridTime at = Tick(nodes[0], 10);
        at = Observe(nodes[1], at, 1);
        Assert.Equal(new HybridTime(10, 1), at);
        at = Tick(nodes[1], 2);
        Assert.Equal(new HybridTime(10, 2), at);
        at = Observe(nodes[2], at, 2);
        Assert.Equal(new HybridTime(10, 3), at);
        at = Observe(nodes[3], Tick(nodes[2], 3), 3);
        Assert.Equal(new HybridTime(10, 5), at);
        Assert.Equal(new HybridTime(11, 0), Tick(nodes[3], 11));
    }

    [Fact]
    public void A_time_further_ahead_than_the_bound_is_refused_said_and_forgotten()
    {
        var clock = new HybridClock(MaxSkew);
        Tick(clock, 1_000);
        Assert.False(clock.TryObserve(new HybridTime(1_000 + MaxSkew + 1, 0), At(1_000), out _, out long skew));
        Assert.Equal(MaxSkew + 1, skew);
        Assert.Equal(new HybridTime(1_001, 0), Tick(clock, 1_001));
        Assert.Equal(new HybridTime(1_500, 8), Observe(clock, new HybridTime(1_000 + MaxSkew, 7), 1_001));
    }

    [Fact]
    public void The_error_that_the_wall_clock_admits_is_allowed_for()
    {
        var clock = new HybridClock(MaxSkew);
        Assert.True(clock.TryObserve(new HybridTime(1_600, 0), new Instant(0, 1_000, WallError: 100), out _, out _));
        Assert.False(clock.TryObserve(new HybridTime(1_601, 0), new Instant(0, 1_000, WallError: 100), out _, out _));
    }

    [Fact]
    public void A_wall_clock_that_is_set_back_beyond_the_bound_gives_no_time_until_it_is_near_again()
    {
        var clock = new HybridClock(MaxSkew);
        clock.Restore(new HybridTime(5_000, 3));
        Assert.False(clock.TryTick(At(4_000), out _, out long skew));
        Assert.Equal(1_000, skew);
        Assert.Equal(new HybridTime(5_000, 4), Tick(clock, 4_500));
    }

    [Fact]
    public void Theorem_1_what_happened_before_has_the_lower_time_and_theorem_2_no_time_is_far_from_a_clock() =>
        Prop.ForAll(ArbMap.Default.ArbFor<ulong>(), seed => RandomHistory(new DeterministicRandom(seed))).QuickCheckThrowOnFailure();

    private static void RandomHistory(DeterministicRandom random)
    {
        var clocks = Enumerable.Range(0, 3).Select(_ => new HybridClock(MaxSkew)).ToArray();
        HybridTime[] last = new HybridTime[3];
        var messages = new List<HybridTime>();
        long truth = 1_000;
        for (int step = 0; step < 100; step++)
        {
            truth += random.Next(20);
            int node = (int)random.Next(3);
            // The three are up to 100 apart.
            long wall = truth + node * 50;
            HybridTime cause = messages.Count > 0 && random.Chance(1, 2) ? messages[(int)random.Next(messages.Count)] : default;
            HybridTime time = Observe(clocks[node], cause, wall);
            Assert.True(time > last[node] && time > cause);
            Assert.InRange(time.Micros, wall, truth + 100);
            last[node] = time;
            messages.Add(time);
        }
    }

    private static HybridTime Tick(HybridClock clock, long wall)
    {
        Assert.True(clock.TryTick(At(wall), out HybridTime time, out _));
        return time;
    }

    private static HybridTime Observe(HybridClock clock, HybridTime seen, long wall)
    {
        Assert.True(clock.TryObserve(seen, At(wall), out HybridTime time, out _));
        return time;
    }

    private static Instant At(long wall) => new(0, wall, 0);
}
