using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Versions;
using FsCheck;
using FsCheck.Fluent;

namespace ActorRepl.Protocols.Tests.Versions;

/// <summary>Histories of several replicas and clients, drawn from a seed, against the plain definition: a write's past is a set of writes.</summary>
public class VersionProperties
{
    private static void ForAll(Action<DeterministicRandom> property) =>
        Prop.ForAll(ArbMap.Default.ArbFor<ulong>(), seed => property(new DeterministicRandom(seed))).QuickCheckThrowOnFailure();

    [Fact]
    public void Siblings_are_exactly_the_concurrent_writes() => ForAll(random =>
    {
        var history = new VersionHistory(random);
        for (int step = 0; step < 60; step++)
        {
            history.Step();
            history.Check();
        }
    });

    [Fact]
    public void Replicas_that_know_the_same_writes_are_equal_in_whatever_order_they_merged() => ForAll(random =>
    {
        var history = new VersionHistory(random);
        for (int step = 0; step < 40; step++)
            history.Step();
        DottedVersions<string>[] states = history.States;
        DottedVersions<string> merged = states.Aggregate((one, other) => one.Merge(other));
        DottedVersions<string> shuffled = states.OrderBy(_ => random.NextUInt64()).Aggregate((one, other) => one.Merge(other));
        Assert.Equal(merged, shuffled);
        Assert.Equal(Encode(merged.Clock), Encode(shuffled.Clock));
        Assert.Equal(merged, merged.Merge(merged));
        Assert.Equal(merged, merged.Merge(states[0]));
        Assert.Equal(states[0].Merge(states[1]).Merge(states[2]), states[0].Merge(states[1].Merge(states[2])));
    });

    [Fact]
    public void A_vector_is_the_set_of_writes_it_covers() => ForAll(random =>
    {
        VersionVector one = AnyVector(random), other = AnyVector(random), merged = one.Merge(other);
        foreach (Dot dot in AllDots())
        {
            Assert.Equal(one.Covers(dot) || other.Covers(dot), merged.Covers(dot));
            VersionVector with = one.With(dot);
            Assert.True(with.Covers(dot) && with.Descends(one));
        }

        Assert.Equal(AllDots().All(dot => one.Covers(dot) || !other.Covers(dot)), one.Descends(other));
        Assert.Equal(merged, other.Merge(one));
        Assert.Equal(one.Equals(other), one.Compare(other) == Causality.Equal);
        Assert.Equal(one.Compare(other) == Causality.Before, other.Compare(one) == Causality.After);
    });

    [Fact]
    public void A_context_comes_back_and_is_refused_when_damaged_or_of_another_key() => ForAll(random =>
    {
        VersionVector clock = AnyVector(random);
        byte[] key = [(byte)random.Next(256), (byte)random.Next(256)], other = [.. key, 7];
        byte[] token = ContextToken.Encode(clock, key);
        Assert.Equal(clock, ContextToken.Decode(token, key));
        if (clock.IsEmpty)
            return;
        Assert.Throws<InvalidDataException>(() => ContextToken.Decode(token, other));
        byte[] cut = token[..(1 + (int)random.Next(token.Length - 1))];
        Assert.Throws<InvalidDataException>(() => ContextToken.Decode(cut, key));
        token[random.Next(token.Length)] ^= (byte)(1 << (int)random.Next(8));
        Assert.Throws<InvalidDataException>(() => ContextToken.Decode(token, key));
    });

    [Fact]
    public void A_vector_whose_sources_do_not_ascend_is_refused()
    {
        byte[] twice = new byte[4 + 2 * 16];
        var writer = new ByteWriter(twice);
        writer.Int32(2);
        for (int i = 0; i < 2; i++)
        {
            writer.Int32(1);
            writer.Int32(0);
            writer.Int64(5);
        }

        Assert.Throws<InvalidDataException>(() => Decode(twice));
        Assert.Throws<InvalidDataException>(() => Decode([1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]));
    }

    [Fact]
    public void A_set_with_a_sibling_outside_its_clock_is_refused()
    {
        var dot = new Dot(new VersionSource(new ReplicaId(1)), 2);
        Assert.Throws<InvalidDataException>(() => DottedVersions.Of<string>(VersionVector.Empty, [new Sibling<string>(dot, "a")]));
        Assert.Throws<InvalidDataException>(() => DottedVersions.Of<string>(VersionVector.Of(dot), [new Sibling<string>(dot, "a"), new Sibling<string>(dot, "a")]));
    }

    private static VersionVector Decode(byte[] bytes)
    {
        var reader = new ByteReader(bytes);
        return VersionVector.Decode(ref reader);
    }

    private static byte[] Encode(VersionVector vector)
    {
        byte[] bytes = new byte[vector.EncodedSize];
        var writer = new ByteWriter(bytes);
        vector.Encode(ref writer);
        return bytes;
    }

    private static IEnumerable<Dot> AllDots() =>
        from replica in Enumerable.Range(1, 3)
        from generation in (uint[])[0, 9]
        from counter in Enumerable.Range(1, 4)
        select new Dot(new VersionSource(new ReplicaId(replica), generation), counter);

    private static VersionVector AnyVector(DeterministicRandom random) => VersionVector.Of(AllDots().Where(_ => random.Chance(1, 4)));
}
