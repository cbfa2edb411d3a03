using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Modes;

namespace ActorRepl.Protocols.Tests.Modes;

/// <summary>A shard of a leader and two followers that are to be in sync.</summary>
public class ShardModesTests
{
    private const long Ms = Instant.Millisecond, Second = Instant.Second;

    private static readonly ReplicaId N2 = new(2), N3 = new(3);

    private readonly ShardModes _modes = new();
    private readonly List<ModeEvent> _events = [];
    private long _now = 1_000;
    private long _head = 1_000_000;
    private long _degradedAcks;

    private static FollowerProgress Lagging(ReplicaId id, long micros, long entries = 0, bool inSync = true, int missed = 0) =>
        new(id, 0, 0, 0, 0) { InSync = inSync, LagEntries = entries, LagMicros = micros, MissedBeats = missed };

    private void See(params FollowerProgress[] followers) => See(mayNotLead: false, followers);

    private void See(bool mayNotLead, params FollowerProgress[] followers)
    {
        FollowerProgress[] placed = [.. followers.Select(each => each with { Durable = _head - each.LagEntries })];
        _events.AddRange(_modes.Observe(new ModeSample(placed, Wanted: 2, Least: 1, _head) { MayNotLead = mayNotLead, DegradedAcks = _degradedAcks }, _now));
        _now += 100 * Ms;
    }

    private void SeeFor(long micros, params FollowerProgress[] followers)
    {
        for (long end = _now + micros; _now <= end;)
            See(followers);
    }

    private ReplicaMode[] Modes => [.. _events.OfType<ModeEvent.ModeChanged>().Select(change => change.To)];

    [Fact]
    public void All_that_is_asked_for_is_the_target()
    {
        See(Lagging(N2, 0), Lagging(N3, 50 * Ms));
        Assert.Equal(ReplicaMode.Target, _modes.Mode);
        Assert.True(_modes.TakesCommands);
    }

    [Fact]
    public void A_follower_a_second_behind_degrades_the_shard_at_once_and_the_event_says_which()
    {
        See(Lagging(N2, 0), Lagging(N3, 0));
        See(Lagging(N2, 0), Lagging(N3, 1_001 * Ms, entries: 5_000));
        Assert.Equal(ReplicaMode.Degraded, _modes.Mode);
        Assert.Contains("n3 Behind", _events.OfType<ModeEvent.ModeChanged>().Last().Reason, StringComparison.Ordinal);
        Assert.Contains("lag 1001 ms, 5000 entries", _events.OfType<ModeEvent.FollowerChanged>().Last().Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Between_healthy_and_degraded_a_follower_is_what_it_was()
    {
        See(Lagging(N2, 0), Lagging(N3, 0));
        SeeFor(20 * Second, Lagging(N2, 0), Lagging(N3, 500 * Ms, entries: 10));
        Assert.Equal(FollowerLevel.Healthy, _modes.LevelOf(N3));
        See(Lagging(N2, 0), Lagging(N3, 1_500 * Ms, entries: 10));
        SeeFor(20 * Second, Lagging(N2, 0), Lagging(N3, 500 * Ms, entries: 10));
        Assert.Equal(FollowerLevel.Behind, _modes.LevelOf(N3));
        Assert.Equal(ReplicaMode.Degraded, _modes.Mode);
    }

    [Fact]
    public void Three_missed_heartbeats_warn_and_ten_are_death()
    {
        See(Lagging(N2, 0), Lagging(N3, 0, missed: 2));
        Assert.Equal(FollowerLevel.Healthy, _modes.LevelOf(N3));
        See(Lagging(N2, 0), Lagging(N3, 0, missed: 3));
        Assert.Equal((FollowerLevel.Silent, ReplicaMode.Target), (_modes.LevelOf(N3), _modes.Mode));
        See(Lagging(N2, 0), Lagging(N3, 0, missed: 10));
        Assert.Equal((FollowerLevel.Dead, ReplicaMode.Degraded), (_modes.LevelOf(N3), _modes.Mode));
    }

    [Fact]
    public void Over_ten_seconds_of_lag_are_critical_and_under_one_only_behind()
    {
        See(Lagging(N2, 0), Lagging(N3, 10_001 * Ms, entries: 9));
        Assert.Equal(FollowerLevel.Critical, _modes.LevelOf(N3));
        SeeFor(5 * Second, Lagging(N2, 0), Lagging(N3, 2_000 * Ms, entries: 9));
        Assert.Equal(FollowerLevel.Critical, _modes.LevelOf(N3));
        SeeFor(3 * Second, Lagging(N2, 0), Lagging(N3, 900 * Ms, entries: 9));
        Assert.Equal(FollowerLevel.Behind, _modes.LevelOf(N3));
    }

    [Fact]
    public void With_nobody_left_the_floor_keeps_writing_at_risk_or_is_read_only()
    {
        See(Lagging(N2, 0, missed: 10), Lagging(N3, 0, missed: 10));
        Assert.Equal((ReplicaMode.Floor, true), (_modes.Mode, _modes.TakesCommands));

        var careful = new ShardModes(new ModeOptions { AtFloor = FloorPolicy.ReadOnly });
        careful.Observe(new ModeSample([], Wanted: 2, Least: 1, _head), 0);
        Assert.Equal((ReplicaMode.Floor, false), (careful.Mode, careful.TakesCommands));
    }

    [Fact]
    public void Who_cannot_know_that_it_leads_takes_nothing_whatever_the_policy_and_is_back_as_soon_as_it_knows()
    {
        var risky = new ShardModes(new ModeOptions { AtFloor = FloorPolicy.KeepWriting });
        risky.Observe(new ModeSample([], Wanted: 0, Least: 0, 0) { MayNotLead = true }, 0);
        Assert.False(risky.TakesCommands);
        risky.Observe(new ModeSample([], Wanted: 0, Least: 0, 0), 1);
        Assert.Equal((ReplicaMode.Target, true), (risky.Mode, risky.TakesCommands));
    }

    [Fact]
    public void A_member_that_can_never_be_in_sync_changes_no_mode()
    {
        FollowerProgress delayed = Lagging(new ReplicaId(4), 0, inSync: false) with { IsEligible = false };
        See(Lagging(N2, 0), Lagging(N3, 0), delayed);
        Assert.Equal(ReplicaMode.Target, _modes.Mode);
        SeeFor(10 * Second, Lagging(N2, 0), Lagging(N3, 0, missed: 10), delayed);
        Assert.Equal(ReplicaMode.Degraded, _modes.Mode);
        Assert.DoesNotContain("n4", _modes.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_follower_that_gains_on_the_leader_is_a_recovery_with_progress_and_the_time_left()
    {
        See(Lagging(N2, 0), Lagging(N3, 20 * Second, entries: 120_000, inSync: false, missed: 10));
        SeeFor(6 * Second, Lagging(N2, 0), Lagging(N3, 20 * Second, entries: 120_000, inSync: false, missed: 10));
        Assert.Equal(ReplicaMode.Degraded, _modes.Mode);
        Assert.Null(_modes.Recovery);

        // The leader takes 5,000 entries a second, the follower 25,000: it lacks 20,000 less each second.
        for (long lag = 120_000; lag >= 20_000; lag -= 2_000)
        {
            _head += 500;
            See(Lagging(N2, 0), Lagging(N3, 15 * Second, entries: lag, inSync: false));
        }

        Assert.Equal(ReplicaMode.Recovery, _modes.Mode);
        RecoveryProgress progress = _modes.Recovery!.Value;
        Assert.Equal(20_000, progress.LagEntries);
        Assert.InRange(progress.PartsPerThousand, 800, 850);
        Assert.InRange(progress.EtaMicros!.Value, 900 * Ms, 1_100 * Ms);
        Assert.InRange(_modes.EntriesPerSecond, 4_900, 5_100);

        SeeFor(10 * Second, Lagging(N2, 0), Lagging(N3, 0));
        Assert.Equal([ReplicaMode.Degraded, ReplicaMode.Recovery, ReplicaMode.Target], Modes);
        Assert.Null(_modes.Recovery);
    }

    [Fact]
    public void A_recovery_that_gains_nothing_is_none_any_more()
    {
        SeeFor(6 * Second, Lagging(N2, 0), Lagging(N3, 20 * Second, entries: 100_000, inSync: false, missed: 10));
        for (long lag = 100_000; lag >= 50_000; lag -= 1_000)
            See(Lagging(N2, 0), Lagging(N3, 15 * Second, entries: lag, inSync: false));
        Assert.Equal(ReplicaMode.Recovery, _modes.Mode);
        SeeFor(15 * Second, Lagging(N2, 0), Lagging(N3, 15 * Second, entries: 50_000, inSync: false));
        Assert.Equal(ReplicaMode.Degraded, _modes.Mode);
    }

    [Fact]
    public void Acknowledgements_that_degraded_are_no_target_until_none_has_for_a_while()
    {
        See(Lagging(N2, 0), Lagging(N3, 0));
        _degradedAcks = 1;
        See(Lagging(N2, 0), Lagging(N3, 0));
        Assert.Equal(ReplicaMode.Degraded, _modes.Mode);
        SeeFor(9 * Second, Lagging(N2, 0), Lagging(N3, 0));
        Assert.Equal(ReplicaMode.Degraded, _modes.Mode);
        SeeFor(5 * Second, Lagging(N2, 0), Lagging(N3, 0));
        Assert.Equal([ReplicaMode.Target, ReplicaMode.Degraded, ReplicaMode.Target], Modes);
    }

    [Fact]
    public void Better_waits_for_the_minimum_stay_and_worse_does_not()
    {
        See(Lagging(N2, 0), Lagging(N3, 0, missed: 10));
        long degradedAt = _modes.Since;
        SeeFor(8 * Second, Lagging(N2, 0), Lagging(N3, 0));
        Assert.Equal(ReplicaMode.Target, _modes.Mode);
        Assert.True(_modes.Since - degradedAt >= 5 * Second, $"{_modes.Since - degradedAt} µs");
        See(Lagging(N2, 0), Lagging(N3, 0, missed: 10));
        Assert.Equal(ReplicaMode.Degraded, _modes.Mode);
    }

    [Fact]
    public void Options_that_leave_no_room_between_worse_and_better_are_refused_by_name()
    {
        var refused = Assert.Throws<ArgumentException>(() => new ShardModes(new ModeOptions { HealthyLagMicros = Second }));
        Assert.Contains(nameof(ModeOptions.DegradedLagMicros), refused.Message, StringComparison.Ordinal);
    }
}
