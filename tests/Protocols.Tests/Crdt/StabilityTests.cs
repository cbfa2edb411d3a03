using ActorRepl.Protocols.Crdt;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Tests.Crdt;

/// <summary>What every replica has seen is let go of, and nobody notices.</summary>
public class StabilityTests
{
    [Fact]
    public void What_is_stable_is_what_all_have_seen()
    {
        (VersionSource one, VersionSource two, VersionSource three) = (History<GCounter>.Source(0), History<GCounter>.Source(1), History<GCounter>.Source(2));
        var stability = new CausalStability([two, three]);
        CausalContext here = Context((one, 1, 9), (two, 1, 5), (three, 1, 3));
        Assert.True(stability.Stable(here).IsEmpty);
        stability.Merged(two, Context((one, 1, 4), (two, 1, 5)));
        Assert.True(stability.Stable(here).IsEmpty);
        stability.Merged(three, Context((one, 1, 2), (one, 4, 6), (two, 1, 1), (three, 1, 3)));
        Assert.Equal(Context((one, 1, 2), (one, 4, 4), (two, 1, 1)).ToString(), stability.Stable(here).ToString());
    }

    [Fact]
    public void The_removals_of_a_remove_wins_map_do_not_pile_up() => AllMeetNowAndThen<RemoveWinsMap>(
        (random, map, change) => random.Next(2) == 0 ? map.Remove(change, TypeLaws.Any(random)) : map.Update<OrSet>(change, TypeLaws.Any(random), (set, c) => set.Add(c, TypeLaws.Any(random))),
        map => string.Join(";", map.Keys.Select(key => $"{key}:{string.Join(",", map.Get<OrSet>(key)!.Elements.Order())}")),
        map => Assert.Equal(0, map.Removals));

    [Fact]
    public void The_parts_of_a_counter_do_not_pile_up() => AllMeetNowAndThen<CausalCounter>(
        (random, counter, change) => random.Next(6) == 0 ? counter.Clear(change) : counter.Add(change, random.Next(9) - 4),
        counter => $"{counter.Value}",
        counter => Assert.InRange(counter.Parts, 0, 3));

    /// <summary>
    /// Three replicas beside three that let go of nothing, doing the same: they show the same at each step, and once all have met, and told each other so,
    /// little is kept.
    /// </summary>
    private static void AllMeetNowAndThen<T>(Func<DeterministicRandom, T, Change, T> mutator, Func<T, string> read, Action<T> isSmall) where T : DotStore, new() => Laws.ForAll(random =>
    {
        Causal<T>[] collected = [new(), new(), new()], kept = [new(), new(), new()];
        CausalStability[] stability = [.. Enumerable.Range(0, 3).Select(at => new CausalStability(Enumerable.Range(0, 3).Where(other => other != at).Select(History<GCounter>.Source)))];
        for (int i = 0; i < 120; i++)
        {
            int at = (int)random.Next(3), from = (int)random.Next(3);
            if (at != from && random.Next(2) == 0)
                Meet(at, from);
            else
            {
                ulong seed = random.NextUInt64();
                collected[at].Mutate(History<GCounter>.Source(at), (store, change) => mutator(new DeterministicRandom(seed), store, change));
                kept[at].Mutate(History<GCounter>.Source(at), (store, change) => mutator(new DeterministicRandom(seed), store, change));
            }

            if (random.Next(3) == 0)
                collected[at].Stabilize(stability[at].Stable(collected[at].Context));
            Assert.Equal(read(kept[at].Value), read(collected[at].Value));
        }

        for (int round = 0; round < 2; round++)
        {
            foreach (int[] pair in new int[][] { [0, 1], [1, 2], [2, 0], [0, 1], [1, 2], [0, 2] })
                Meet(pair[0], pair[1]);
        }

        for (int at = 0; at < 3; at++)
        {
            Meet(at, (at + 1) % 3);
            Meet(at, (at + 2) % 3);
            collected[at].Stabilize(stability[at].Stable(collected[at].Context));
            Assert.Equal(read(kept[at].Value), read(collected[at].Value));
            isSmall(collected[at].Value);
        }

        void Meet(int at, int from)
        {
            collected[at].Merge(collected[from]);
            kept[at].Merge(kept[from]);
            stability[at].Merged(History<GCounter>.Source(from), collected[from].Context);
        }
    });

    private static CausalContext Context(params IEnumerable<(VersionSource Source, long From, long To)> ranges)
    {
        var context = new CausalContext();
        foreach ((VersionSource source, long from, long to) in ranges)
            context.Add(new DotRange(source, from, to));
        return context;
    }
}
