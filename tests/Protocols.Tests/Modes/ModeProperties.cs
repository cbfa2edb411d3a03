using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Modes;
using FsCheck;
using FsCheck.Fluent;

namespace ActorRepl.Protocols.Tests.Modes;

/// <summary>What holds for every course of lags and silences.</summary>
public class ModeProperties
{
    private const long Ms = Instant.Millisecond, Second = Instant.Second;

    private static void ForAll(Action<DeterministicRandom> property) =>
        Prop.ForAll(ArbMap.Default.ArbFor<ulong>(), seed => property(new DeterministicRandom(seed))).QuickCheckThrowOnFailure();

    private static List<ModeEvent> Run(DeterministicRandom random, ModeOptions options, Func<long, FollowerProgress> follower, long duration = 120 * Second)
    {
        var modes = new ShardModes(options);
        var events = new List<ModeEvent>();
        for (long now = 0; now < duration; now += 20 * Ms + random.Next(200 * Ms))
        {
            FollowerProgress seen = follower(now);
            events.AddRange(modes.Observe(new ModeSample([seen], Wanted: 1, Least: 0, LastIndex: seen.Durable + seen.LagEntries), now));
        }

        return events;
    }

    private static FollowerProgress Follower(long lagMicros, int missed = 0, long lagEntries = 1) =>
        new(new ReplicaId(2), 0, 0, 1_000_000, 0) { InSync = true, LagMicros = lagMicros, LagEntries = lagEntries, MissedBeats = missed };

    [Fact]
    public void A_lag_that_is_noisy_about_one_threshold_changes_the_level_once_at_most() => ForAll(random =>
    {
        var options = new ModeOptions();
        long[] thresholds = [options.HealthyLagMicros, options.DegradedLagMicros, options.CriticalLagMicros];
        long threshold = thresholds[random.Next(3)];
        List<ModeEvent> events = Run(random, options, _ => Follower(threshold / 2 + random.Next(threshold)));
        Assert.True(events.OfType<ModeEvent.FollowerChanged>().Count() <= 2, string.Join('\n', events));
        Assert.True(events.OfType<ModeEvent.ModeChanged>().Count() <= 2, string.Join('\n', events));
    });

    [Fact]
    public void Heartbeats_lost_now_and_then_change_the_mode_never() => ForAll(random =>
    {
        List<ModeEvent> events = Run(random, new ModeOptions(), _ => Follower(0, missed: (int)random.Next(10)));
        Assert.Equal([ReplicaMode.Target], events.OfType<ModeEvent.ModeChanged>().Select(change => change.To));
    });

    [Fact]
    public void However_wild_the_lags_no_mode_gives_way_to_a_better_one_before_its_time() => ForAll(random =>
    {
        var options = new ModeOptions { MinimumStayMicros = random.Next(20 * Second), SettleMicros = random.Next(5 * Second) };
        var wild = new DeterministicRandom((ulong)random.Next(long.MaxValue));
        ModeEvent.ModeChanged[] changes = [.. Run(random, options, _ => Follower(wild.Next(2) == 0 ? 0 : wild.Next(20 * Second), (int)wild.Next(12), wild.Next(1000)))
            .OfType<ModeEvent.ModeChanged>()];
        for (int i = 1; i < changes.Length; i++)
        {
            Assert.NotEqual(changes[i].From, changes[i].To);
            Assert.Equal(changes[i - 1].To, changes[i].From);
            if (Quality(changes[i].To) > Quality(changes[i].From))
                Assert.True(changes[i].At - changes[i - 1].At >= Math.Max(options.MinimumStayMicros, options.SettleMicros), string.Join('\n', changes.AsEnumerable()));
        }
    });

    [Fact]
    public void Whatever_came_before_a_healthy_shard_is_at_its_target_in_the_end() => ForAll(random =>
    {
        var options = new ModeOptions();
        List<ModeEvent> events = Run(random, options, now => now < 60 * Second
            ? Follower(random.Next(20 * Second), (int)random.Next(12), random.Next(1000))
            : Follower(random.Next(options.HealthyLagMicros), lagEntries: random.Next(10)));
        Assert.Equal(ReplicaMode.Target, events.OfType<ModeEvent.ModeChanged>().Last().To);
    });

    private static int Quality(ReplicaMode mode) => mode switch { ReplicaMode.Target => 3, ReplicaMode.Recovery => 2, ReplicaMode.Degraded => 1, _ => 0 };
}
