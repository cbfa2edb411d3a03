using ActorRepl.Protocols.Crdt;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Tests.Crdt;

/// <summary>An operation that a model knows: what it does, to what, and which operations its replica had seen.</summary>
internal readonly record struct Operation(char Kind, int Argument, ulong Before, int Number)
{
    public bool Follows(Operation other) => (Before & (1ul << other.Number)) != 0;
}

/// <summary>
/// Three replicas of a value beside its sequential specification: a function of the operations a replica has seen and of which of them had seen which
/// (Burckhardt et al., "Replicated Data Types: Specification, Verification, Optimality", POPL 2014).
/// </summary>
/// <param name="change">Does an operation.</param>
/// <param name="read">What a user sees.</param>
/// <param name="specification">What a user should see.</param>
internal sealed class Modelled<T>(Action<T, VersionSource, Operation> change, Func<T, string> read, Func<IReadOnlyList<Operation>, string> specification)
    where T : class, ICrdt<T>, new()
{
    public const int Replicas = 3;

    private readonly List<Operation> _operations = [];
    private readonly T[] _states = [new(), new(), new()];
    private readonly ulong[] _seen = new ulong[Replicas];

    public void Do(int replica, char kind, int argument)
    {
        var operation = new Operation(kind, argument, _seen[replica], _operations.Count);
        change(_states[replica], new VersionSource(new ReplicaId(1 + replica)), operation);
        _operations.Add(operation);
        _seen[replica] |= 1ul << operation.Number;
    }

    public void Merge(int into, int from)
    {
        _states[into].Merge(_states[from]);
        _seen[into] |= _seen[from];
    }

    public void Check()
    {
        for (int i = 0; i < Replicas; i++)
        {
            Operation[] seen = [.. _operations.Where(operation => (_seen[i] & (1ul << operation.Number)) != 0)];
            string expected = specification(seen), actual = read(_states[i]);
            if (expected != actual)
                Assert.Fail($"replica {i} shows '{actual}', not '{expected}', after {string.Join("; ", seen.Select(Describe))}");
        }
    }

    private static string Describe(Operation operation) => $"#{operation.Number} {operation.Kind}{operation.Argument} having seen {operation.Before:b}";

    /// <summary>Any operations of the kinds and any merges, 40 steps at a time.</summary>
    public static void AtRandom(string kinds, int arguments, Func<Modelled<T>> create) => Laws.ForAll(random =>
    {
        Modelled<T> modelled = create();
        for (int i = 0; i < 40; i++)
        {
            int at = (int)random.Next(Replicas), from = (int)random.Next(Replicas);
            if (random.Next(2) == 0)
                modelled.Do(at, kinds[(int)random.Next(kinds.Length)], (int)random.Next(arguments));
            else if (at != from)
                modelled.Merge(at, from);
            modelled.Check();
        }
    });

    /// <summary>
    /// Every way in which three replicas do four operations on one element: each operation on any replica, before which that replica has merged nothing, or
    /// what one of the others has. At the end all merge, in every order.
    /// </summary>
    /// <returns>How many ways there are.</returns>
    public static int InEveryWay(string kinds, Func<Modelled<T>> create)
    {
        int ways = 0;
        int choices = kinds.Length * Replicas * Replicas;
        // The first is on the first replica: which one it is makes no difference.
        for (int first = 0; first < kinds.Length; first++)
        {
            for (int rest = 0; rest < choices * choices * choices; rest++, ways++)
            {
                Modelled<T> modelled = create();
                modelled.Do(0, kinds[first], 0);
                for (int i = 0, choice = rest; i < 3; i++, choice /= choices)
                {
                    int kind = choice % kinds.Length, replica = choice / kinds.Length % Replicas, from = choice / kinds.Length / Replicas % Replicas;
                    if (from != replica)
                        modelled.Merge(replica, from);
                    modelled.Do(replica, kinds[kind], 0);
                }

                modelled.MeetAndCheck();
            }
        }

        return ways;
    }

    /// <summary>
    /// Three replicas that each do the same four operations, each operation going to the next replica with all that led to it, in every order in which the
    /// twelve can happen.
    /// </summary>
    /// <returns>How many orders there are.</returns>
    public static int InEveryOrder(ReadOnlySpan<(char Kind, int Argument)> script, Func<Modelled<T>> create)
    {
        int orders = 0;
        foreach (int[] order in Interleavings.OfThreeTimesFour())
        {
            Modelled<T> modelled = create();
            var next = new int[Replicas];
            foreach (int replica in order)
            {
                (char kind, int argument) = script[next[replica]++];
                modelled.Do(replica, kind, argument);
                modelled.Merge((replica + 1) % Replicas, replica);
            }

            modelled.MeetAndCheck();
            orders++;
        }

        return orders;
    }

    private void MeetAndCheck()
    {
        Check();
        T[] joined = [.. TextTests.Permutations.Select(order => Laws.Join(Laws.Join(_states[order[0]], _states[order[1]]), _states[order[2]]))];
        string expected = specification(_operations);
        Assert.All(joined, state => Assert.Equal(expected, read(state)));
        Assert.All(joined, state => Laws.Same(joined[0], state));
    }
}
