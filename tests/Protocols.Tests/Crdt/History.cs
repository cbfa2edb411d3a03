using ActorRepl.Protocols.Crdt;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Versions;
using FsCheck;
using FsCheck.Fluent;

namespace ActorRepl.Protocols.Tests.Crdt;

/// <summary>Three replicas of one value that change it and merge each other's states, and every delta that came of it.</summary>
internal sealed class History<T> where T : class, ICrdt<T>, new()
{
    public const int Replicas = 3;

    public T[] States { get; } = [new(), new(), new()];

    public List<T> Deltas { get; } = [];

    public static VersionSource Source(int replica) => new(new ReplicaId(1 + replica));

    /// <param name="random">Where chance comes from.</param>
    /// <param name="change">Changes the state of a source at random and returns the delta; null: nothing could be changed.</param>
    /// <param name="steps">Changes and merges.</param>
    public static History<T> Play(DeterministicRandom random, Func<DeterministicRandom, T, VersionSource, T?> change, int steps = 20)
    {
        var history = new History<T>();
        for (int i = 0; i < steps; i++)
        {
            int at = (int)random.Next(Replicas), from = (int)random.Next(Replicas);
            if (from != at && random.Next(3) == 0)
                history.States[at].Merge(history.States[from]);
            else if (change(random, history.States[at], Source(at)) is { } delta)
                history.Deltas.Add(delta);
        }

        return history;
    }

    public T Joined()
    {
        T joined = States[0].Copy();
        joined.Merge(States[1]);
        joined.Merge(States[2]);
        return joined;
    }
}

/// <summary>The laws of a join semilattice and of deltas, for any type.</summary>
internal static class Laws
{
    /// <summary>A seed stands for a random value; FsCheck prints it when a property fails.</summary>
    public static void ForAll(Action<DeterministicRandom> property) =>
        Prop.ForAll(ArbMap.Default.ArbFor<ulong>(), seed => property(new DeterministicRandom(seed))).QuickCheckThrowOnFailure();

    public static T Join<T>(T left, T right) where T : class, ICrdt<T>
    {
        T joined = left.Copy();
        joined.Merge(right);
        return joined;
    }

    public static void Same<T>(T expected, T actual) where T : class, ICrdt<T> => Assert.Equal(CrdtCodec.Encode(expected), CrdtCodec.Encode(actual));

    public static void Hold<T>(Func<DeterministicRandom, T, VersionSource, T?> change) where T : class, ICrdt<T>, new() => ForAll(random =>
    {
        History<T> history = History<T>.Play(random, change);
        (T a, T b, T c) = (history.States[0], history.States[1], history.States[2]);
        byte[] before = CrdtCodec.Encode(b);

        Same(Join(a, b), Join(b, a));
        Same(Join(Join(a, b), c), Join(a, Join(b, c)));
        Same(a, Join(a, a));
        Same(Join(a, b), Join(Join(a, b), b));
        Assert.Equal(before, CrdtCodec.Encode(b));

        Changes_only_go_up(random, change, history.Joined());
        Deltas_in_any_order_are_worth_the_states(random, history);
        Same(a, CrdtCodec.Decode<T>(CrdtCodec.Encode(a)));
        Damage_is_refused_or_is_another_value<T>(random, CrdtCodec.Encode(a));
    });

    private static void Changes_only_go_up<T>(DeterministicRandom random, Func<DeterministicRandom, T, VersionSource, T?> change, T state) where T : class, ICrdt<T>, new()
    {
        T before = state.Copy();
        T? delta = change(random, state, History<T>.Source(0));
        Same(state, Join(before, state));
        if (delta is not null)
            Same(state, Join(before, delta));
    }

    private static void Deltas_in_any_order_are_worth_the_states<T>(DeterministicRandom random, History<T> history) where T : class, ICrdt<T>, new()
    {
        var joined = new T();
        List<T> deltas = [.. history.Deltas, .. history.Deltas.Take(5)];
        while (deltas.Count > 0)
        {
            int next = (int)random.Next(deltas.Count);
            joined.Merge(random.Next(2) == 0 ? deltas[next] : CrdtCodec.Decode<T>(CrdtCodec.Encode(deltas[next])));
            deltas.RemoveAt(next);
        }

        Same(history.Joined(), joined);
    }

    private static void Damage_is_refused_or_is_another_value<T>(DeterministicRandom random, byte[] bytes) where T : class, ICrdt<T>
    {
        Assert.Throws<InvalidDataException>(() => CrdtCodec.Decode<T>(bytes.AsSpan(0, (int)random.Next(bytes.Length))));
        Assert.Throws<InvalidDataException>(() => CrdtCodec.Decode<T>([.. bytes, 0]));
        byte[] damaged = [.. bytes];
        damaged[random.Next(bytes.Length)] ^= (byte)(1 << (int)random.Next(8));
        try
        {
            Assert.Equal(damaged, CrdtCodec.Encode(CrdtCodec.Decode<T>(damaged)));
        }
        catch (InvalidDataException)
        {
            // Refused, which is as good.
        }
    }
}
