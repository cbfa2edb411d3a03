using ActorRepl.Protocols.Crdt;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Tests.Crdt;

/// <summary>A text or a list, of units that are one letter each.</summary>
internal sealed record SequenceUnits<T, TItem>(Action<T, VersionSource, int, string> Insert, Func<T, string> Read)
    where T : Sequence<TItem>, ICrdt<T>, new();

/// <summary>The laws of texts and lists, whose deltas are merged in causal order, and their specification.</summary>
internal static class SequenceLaws
{
    public static readonly SequenceUnits<Text, char> Texts = new((text, source, at, units) => text.Insert(source, at, units), text => text.ToString());

    public static readonly SequenceUnits<CausalList, Datum> Lists = new(
        (list, source, at, units) => list.Insert(source, at, [.. units.Select(unit => (Datum)unit.ToString())]), list => string.Concat(list.ToArray()));

    public static void Hold<T, TItem>(SequenceUnits<T, TItem> units)
        where T : Sequence<TItem>, ICrdt<T>, new() => Laws.ForAll(random =>
    {
        (T[] states, List<SequenceDelta<TItem>> deltas) = Play(random, units);
        (T a, T b, T c) = (states[0], states[1], states[2]);
        Laws.Same(Laws.Join(a, b), Laws.Join(b, a));
        Laws.Same(Laws.Join(Laws.Join(a, b), c), Laws.Join(a, Laws.Join(b, c)));
        Laws.Same(a, Laws.Join(a, a));
        Laws.Same(Laws.Join(a, b), Laws.Join(Laws.Join(a, b), b));
        T joined = Laws.Join(Laws.Join(a, b), c), before = joined.Copy();
        Change(random, joined, 0, units);
        SequenceDelta<TItem> delta = joined.TakeDelta();
        Laws.Same(joined, Laws.Join(before, joined));
        T merged = before.Copy();
        Assert.True(delta.IsEmpty || merged.TryMerge(delta));
        Laws.Same(joined, merged);
        Laws.Same(before, MergeAll<T, TItem>(random, [.. deltas, .. deltas.Take(5)]));
        T back = CrdtCodec.Decode<T>(CrdtCodec.Encode(a));
        Laws.Same(a, back);
        Assert.Equal(units.Read(a), units.Read(back));
    });

    /// <summary>
    /// The strong list specification (Attiya et al., PODC 2016): each replica shows the units that it has seen inserted and not deleted, what is inserted is where it was put, and no two units are
    /// ever in one order here and in the other there, then or later.
    /// </summary>
    public static void MeetsItsSpecification<T, TItem>(SequenceUnits<T, TItem> units)
        where T : Sequence<TItem>, ICrdt<T>, new() => Laws.ForAll(random =>
    {
        var group = new Specified<T, TItem>(units);
        for (int i = 0; i < 50; i++)
        {
            int at = (int)random.Next(3), from = (int)random.Next(3), length = group.LengthAt(at);
            if (random.Next(2) == 0)
                group.Merge(at, from);
            else if (random.Next(3) == 0 && length > 0)
                group.Delete(at, (int)random.Next(length));
            else
                group.Insert(at, (int)random.Next(length + 1));
        }

        group.Meet();
    });

    /// <summary>Every way in which three replicas do four operations, at the middle or the end; before each its replica has merged nothing, or what one of the others has.</summary>
    /// <returns>How many ways there are.</returns>
    public static int InEveryWay<T, TItem>(SequenceUnits<T, TItem> units)
        where T : Sequence<TItem>, ICrdt<T>, new()
    {
        const int Choices = 3 * 3 * 3;
        int ways = 0;
        for (int first = 0; first < 2; first++)
        {
            for (int rest = 0; rest < Choices * Choices * Choices; rest++, ways++)
            {
                var group = new Specified<T, TItem>(units);
                group.Do(0, first);
                for (int i = 0, choice = rest; i < 3; i++, choice /= Choices)
                {
                    int kind = choice % 3, replica = choice / 3 % 3, from = choice / 9 % 3;
                    group.Merge(replica, from);
                    group.Do(replica, kind);
                }

                group.Meet();
            }
        }

        return ways;
    }

    private static (T[] States, List<SequenceDelta<TItem>> Deltas) Play<T, TItem>(DeterministicRandom random, SequenceUnits<T, TItem> units)
        where T : Sequence<TItem>, ICrdt<T>, new()
    {
        T[] states = [new(), new(), new()];
        List<SequenceDelta<TItem>> deltas = [];
        for (int i = 0; i < 30; i++)
        {
            int at = (int)random.Next(3), from = (int)random.Next(3);
            if (at != from && random.Next(4) == 0)
                states[at].Merge(states[from]);
            Change(random, states[at], at, units);
            if (states[at].TakeDelta() is { IsEmpty: false } delta)
                deltas.Add(delta);
        }

        return (states, deltas);
    }

    private static void Change<T, TItem>(DeterministicRandom random, T value, int replica, SequenceUnits<T, TItem> units)
        where T : Sequence<TItem>, ICrdt<T>, new()
    {
        int at = (int)random.Next(value.Length + 1);
        if (random.Next(3) == 0)
            value.Delete(at, (int)random.Next(Math.Min(value.Length - at, 5) + 1));
        else
            units.Insert(value, History<GCounter>.Source(replica), at, string.Concat(Enumerable.Range(0, 1 + (int)random.Next(3)).Select(_ => (char)('a' + random.Next(26)))));
    }

    /// <summary>Merges deltas in any order, each as often as it takes.</summary>
    private static T MergeAll<T, TItem>(DeterministicRandom random, List<SequenceDelta<TItem>> waiting)
        where T : Sequence<TItem>, ICrdt<T>, new()
    {
        var value = new T();
        while (waiting.Count > 0)
        {
            // One that is not refused is among them, or the order of the writer could not have been followed either.
            int next = (int)random.Next(waiting.Count);
            while (!value.TryMerge(SequenceDelta.Decode<TItem>(waiting[next].Encode())))
                next = (next + 1) % waiting.Count;
            waiting.RemoveAt(next);
        }

        return value;
    }

    /// <summary>Three replicas, and what each has seen.</summary>
    private sealed class Specified<T, TItem>(SequenceUnits<T, TItem> units)
        where T : Sequence<TItem>, ICrdt<T>, new()
    {
        private readonly T[] _values = [new(), new(), new()];
        private readonly HashSet<char>[] _inserted = [[], [], []], _deleted = [[], [], []];
        private readonly ulong[] _before = new ulong[64];
        private int _made;

        public int LengthAt(int replica) => _values[replica].Length;

        /// <summary>Inserts a unit in the middle (0) or at the end (1), or deletes the one in the middle.</summary>
        public void Do(int replica, int kind)
        {
            int length = LengthAt(replica);
            if (kind < 2)
                Insert(replica, kind == 0 ? length / 2 : length);
            else if (length > 0)
                Delete(replica, length / 2);
        }

        public void Insert(int replica, int at)
        {
            char unit = (char)('A' + _made++);
            units.Insert(_values[replica], History<GCounter>.Source(replica), at, unit.ToString());
            _inserted[replica].Add(unit);
            Assert.Equal(unit, units.Read(_values[replica])[at]);
            Check(replica);
        }

        public void Delete(int replica, int at)
        {
            _deleted[replica].Add(units.Read(_values[replica])[at]);
            _values[replica].Delete(at, 1);
            Check(replica);
        }

        public void Merge(int into, int from)
        {
            if (into == from)
                return;
            _values[into].Merge(_values[from]);
            _inserted[into].UnionWith(_inserted[from]);
            _deleted[into].UnionWith(_deleted[from]);
            Check(into);
        }

        /// <summary>All merge, in two orders.</summary>
        public void Meet()
        {
            T backwards = Laws.Join(_values[2], Laws.Join(_values[1], _values[0]));
            Merge(0, 1);
            Merge(0, 2);
            Laws.Same(_values[0], backwards);
            Assert.Equal(units.Read(_values[0]), units.Read(backwards));
        }

        private void Check(int replica)
        {
            string seen = units.Read(_values[replica]);
            if (!_inserted[replica].Except(_deleted[replica]).Order().SequenceEqual(seen.Order()))
                Assert.Fail($"replica {replica} shows '{seen}', having seen {string.Concat(_inserted[replica].Order())} inserted and {string.Concat(_deleted[replica].Order())} deleted");
            for (int i = 0; i < seen.Length; i++)
            {
                for (int j = i + 1; j < seen.Length; j++)
                {
                    _before[seen[i] - 'A'] |= 1ul << (seen[j] - 'A');
                    if ((_before[seen[j] - 'A'] & (1ul << (seen[i] - 'A'))) != 0)
                        Assert.Fail($"'{seen[i]}' and '{seen[j]}' were seen in both orders, last in '{seen}'");
                }
            }
        }
    }
}
