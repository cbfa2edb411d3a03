using ActorRepl.Protocols.Crdt;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Tests.Crdt;

/// <summary>A text: the laws, and that what people typed at once stays as each of them typed it.</summary>
public class TextTests
{
    private static readonly VersionSource One = History<GCounter>.Source(0), Two = History<GCounter>.Source(1), Three = History<GCounter>.Source(2);

    [Fact]
    public void Alone_it_is_a_string() => Laws.ForAll(random =>
    {
        var text = new Text();
        string model = "";
        for (int i = 0; i < 300; i++)
        {
            int at = (int)random.Next(model.Length + 1);
            if (random.Next(3) == 0)
            {
                int count = (int)random.Next(Math.Min(model.Length - at, 6) + 1);
                text.Delete(at, count);
                model = model.Remove(at, count);
            }
            else
            {
                string typed = string.Concat(Enumerable.Range(0, 1 + (int)random.Next(4)).Select(_ => (char)(0x41 + random.Next(0x700))));
                text.Insert(One, at, typed);
                model = model.Insert(at, typed);
            }

            Assert.Equal(model.Length, text.Length);
        }

        Assert.Equal(model, text.ToString());
        for (int i = 0; i < model.Length; i += 7)
            Assert.Equal(model[i..], text.Substring(i, model.Length - i));
        Laws.Same(text, CrdtCodec.Decode<Text>(CrdtCodec.Encode(text)));
        Assert.Equal(model, CrdtCodec.Decode<Text>(CrdtCodec.Encode(text)).ToString());
    });

    [Fact]
    public void Texts_are_a_semilattice_and_deltas_are_worth_the_states() => Laws.ForAll(random =>
    {
        (Text[] states, List<SequenceDelta<char>> deltas) = Play(random, 30);
        (Text a, Text b, Text c) = (states[0], states[1], states[2]);
        Laws.Same(Laws.Join(a, b), Laws.Join(b, a));
        Laws.Same(Laws.Join(Laws.Join(a, b), c), Laws.Join(a, Laws.Join(b, c)));
        Laws.Same(a, Laws.Join(a, a));
        Laws.Same(Laws.Join(a, b), Laws.Join(Laws.Join(a, b), b));
        Text joined = Laws.Join(Laws.Join(a, b), c);
        Text before = joined.Copy();
        Change(random, joined, One);
        Laws.Same(joined, Laws.Join(before, joined));
        Laws.Same(before, MergeAll(random, deltas));
        Laws.Same(a, CrdtCodec.Decode<Text>(CrdtCodec.Encode(a)));
        Assert.Equal(a.ToString(), CrdtCodec.Decode<Text>(CrdtCodec.Encode(a)).ToString());
    });

    [Fact]
    public void Edits_go_on_after_a_state_was_read_back() => Laws.ForAll(random =>
    {
        (Text[] states, _) = Play(random, 30);
        Text[] read = [.. states.Select(state => CrdtCodec.Decode<Text>(CrdtCodec.Encode(state)))];
        var seed = random.NextUInt64();
        for (int i = 0; i < 2; i++)
        {
            (var first, var second) = (new DeterministicRandom(seed + (ulong)i), new DeterministicRandom(seed + (ulong)i));
            Change(first, states[i], History<GCounter>.Source(i));
            Change(second, read[i], History<GCounter>.Source(i));
        }

        Laws.Same(Laws.Join(states[0], states[1]), Laws.Join(read[1], read[0]));
    });

    [Fact]
    public void A_damaged_text_is_refused_or_is_another_one() => Laws.ForAll(random =>
    {
        (Text[] states, List<SequenceDelta<char>> deltas) = Play(random, 20);
        byte[] state = CrdtCodec.Encode(states[0]);
        Assert.Throws<InvalidDataException>(() => CrdtCodec.Decode<Text>(state.AsSpan(0, (int)random.Next(state.Length))));
        Flip(state, bytes => CrdtCodec.Encode(CrdtCodec.Decode<Text>(bytes)));
        byte[] delta = deltas[(int)random.Next(deltas.Count)].Encode();
        Assert.Throws<InvalidDataException>(() => SequenceDelta.Decode<char>(delta.AsSpan(0, (int)random.Next(delta.Length))));
        Flip(delta, bytes => SequenceDelta.Decode<char>(bytes).Encode());

        void Flip(byte[] bytes, Func<byte[], byte[]> again)
        {
            bytes[random.Next(bytes.Length)] ^= (byte)(1 << (int)random.Next(8));
            try
            {
                again(bytes);
            }
            catch (InvalidDataException)
            {
                // Refused, which is as good.
            }
        }
    });

    [Fact]
    public void A_delta_that_comes_too_early_is_refused_and_changes_nothing()
    {
        var writer = new Text();
        writer.Insert(One, 0, "ab");
        SequenceDelta<char> first = writer.TakeDelta();
        writer.Insert(One, 1, "x");
        SequenceDelta<char> second = writer.TakeDelta();
        writer.Delete(0, 2);
        SequenceDelta<char> third = writer.TakeDelta();

        var reader = new Text();
        Assert.False(reader.TryMerge(second));
        Assert.False(reader.TryMerge(third));
        Assert.True(reader.TryMerge(first));
        Assert.False(reader.TryMerge(third));
        Assert.Equal("ab", reader.ToString());
        Assert.True(reader.TryMerge(second));
        Assert.Equal("axb", reader.ToString());
        Assert.True(reader.TryMerge(third));
        Assert.True(reader.TryMerge(first));
        Assert.Equal("b", reader.ToString());
    }

    [Fact]
    public void An_insert_against_a_delete_lands_where_it_was_meant_which_operational_transformation_needs_a_function_for()
    {
        // "abc": one types x before c, at index 2, while the other deletes a, at index 0. Taken as indexes, x would land behind c.
        var one = new Text();
        one.Insert(One, 0, "abc");
        Text two = one.Copy();
        one.Insert(One, 2, "x");
        two.Delete(0, 1);
        Assert.Equal(("bxc", "bxc"), (Laws.Join(one, two).ToString(), Laws.Join(two, one).ToString()));
    }

    [Fact]
    public void The_puzzle_that_transformation_functions_failed_at_comes_out_the_same_in_every_order()
    {
        // TP2: an insert before, an insert after and a deletion of the same element, by three at once (Oster et al., "Proving correctness of
        // transformation functions", INRIA RR-5795, 2005).
        var start = new Text();
        start.Insert(One, 0, "abc");
        Text[] replicas = [start.Copy(), start.Copy(), start.Copy()];
        replicas[0].Insert(One, 1, "x");
        replicas[1].Insert(Two, 2, "y");
        replicas[2].Delete(1, 1);
        foreach (int[] order in Permutations)
            Assert.Equal("axyc", Laws.Join(Laws.Join(replicas[order[0]], replicas[order[1]]), replicas[order[2]]).ToString());
    }

    [Theory]
    [InlineData(true, true, true)]
    [InlineData(true, true, false)]
    [InlineData(true, false, false)]
    [InlineData(false, false, false)]
    public void Runs_typed_at_one_place_at_once_are_never_mixed(bool oneForwards, bool twoForwards, bool threeForwards)
    {
        bool[] forwards = [oneForwards, twoForwards, threeForwards];
        foreach (string around in new[] { "", "()" })
        {
            var start = new Text();
            start.Insert(One, 0, around);
            Text[] replicas = [start.Copy(), start.Copy(), start.Copy()];
            string[] runs = ["abcd", "ABCD", "1234"];
            for (int i = 0; i < 3; i++)
                Type(replicas[i], History<GCounter>.Source(i), around.Length / 2, runs[i], forwards[i]);
            string? expected = null;
            foreach (int[] order in Permutations)
            {
                string joined = Laws.Join(Laws.Join(replicas[order[0]], replicas[order[1]]), replicas[order[2]]).ToString();
                Assert.All(runs, run => Assert.Contains(run, joined));
                Assert.Equal(expected ??= joined, joined);
            }
        }
    }

    [Fact]
    public void What_was_typed_at_once_keeps_together_when_one_comes_back_to_it_later()
    {
        // One types "ab", another "AB" at the same place; each then goes on at the front and at the end before they meet.
        Text one = new(), two = new();
        one.Insert(One, 0, "bc");
        one.Insert(One, 0, "a");
        one.Insert(One, 3, "d");
        two.Insert(Two, 0, "BC");
        two.Insert(Two, 2, "D");
        two.Insert(Two, 0, "A");
        Assert.Contains(Laws.Join(one, two).ToString(), new[] { "abcdABCD", "ABCDabcd" });
    }

    [Fact]
    public void What_is_typed_on_is_one_run_however_long_and_a_deleted_run_too()
    {
        var text = new Text();
        for (int i = 0; i < 10_000; i++)
            text.Insert(One, i, "x");
        Assert.Equal(1, text.RunCount);
        for (int i = 0; i < 5_000; i++)
            text.Delete(text.Length - 1, 1);
        Assert.Equal(2, text.RunCount);
        Assert.True(CrdtCodec.Encode(text).Length < 5_020, "the deleted half costs a few bytes");
    }

    [Fact]
    public void A_long_text_edited_everywhere_is_the_string_and_merges_with_another()
    {
        var random = new DeterministicRandom(7);
        Text[] texts = [new(), new()];
        string[] models = ["", ""];
        for (int i = 0; i < 20_000; i++)
        {
            int replica = i & 1, at = (int)random.Next(models[replica].Length + 1);
            if (random.Next(3) == 0)
            {
                int count = (int)random.Next(Math.Min(models[replica].Length - at, 9) + 1);
                texts[replica].Delete(at, count);
                models[replica] = models[replica].Remove(at, count);
            }
            else
            {
                string typed = $"{i % 1_000:d3}";
                texts[replica].Insert(History<GCounter>.Source(replica), at, typed);
                models[replica] = models[replica].Insert(at, typed);
            }
        }

        Assert.True(texts[0].RunCount > 5_000, "the tree has several levels");
        Assert.Equal(models, texts.Select(text => text.ToString()));
        Text joined = Laws.Join(texts[0], texts[1]);
        Laws.Same(joined, Laws.Join(texts[1], texts[0]));
        Laws.Same(joined, CrdtCodec.Decode<Text>(CrdtCodec.Encode(joined)));
        Assert.Equal(models[0].Length + models[1].Length, joined.Length);
    }

    internal static readonly int[][] Permutations = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

    private static void Type(Text text, VersionSource source, int at, string run, bool forwards)
    {
        for (int i = 0; i < run.Length; i++)
            text.Insert(source, forwards ? at + i : at, forwards ? run[i..(i + 1)] : run[^(i + 1)].ToString());
    }

    private static (Text[] States, List<SequenceDelta<char>> Deltas) Play(DeterministicRandom random, int steps)
    {
        Text[] states = [new(), new(), new()];
        List<SequenceDelta<char>> deltas = [];
        for (int i = 0; i < steps; i++)
        {
            int at = (int)random.Next(3), from = (int)random.Next(3);
            if (at != from && random.Next(4) == 0)
                states[at].Merge(states[from]);
            Change(random, states[at], History<GCounter>.Source(at));
            deltas.Add(states[at].TakeDelta());
        }

        return (states, deltas);
    }

    private static void Change(DeterministicRandom random, Text text, VersionSource source)
    {
        int at = (int)random.Next(text.Length + 1);
        if (random.Next(3) == 0)
            text.Delete(at, (int)random.Next(Math.Min(text.Length - at, 5) + 1));
        else
            text.Insert(source, at, string.Concat(Enumerable.Range(0, 1 + (int)random.Next(3)).Select(_ => (char)('a' + random.Next(26)))));
    }

    /// <summary>Merges deltas in any order, each as often as it takes.</summary>
    private static Text MergeAll(DeterministicRandom random, IEnumerable<SequenceDelta<char>> deltas)
    {
        var text = new Text();
        List<SequenceDelta<char>> waiting = [.. deltas];
        while (waiting.Count > 0)
        {
            // One that is not refused is among them, or the order of the writer could not have been followed either.
            int next = (int)random.Next(waiting.Count);
            while (!text.TryMerge(SequenceDelta.Decode<char>(waiting[next].Encode())))
                next = (next + 1) % waiting.Count;
            waiting.RemoveAt(next);
        }

        return text;
    }
}
