using ActorRepl.Protocols.Crdt;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Tests.Crdt;

/// <summary>Deleted elements that every replica knows to be deleted are let go of, each replica by itself while others type, and nobody notices.</summary>
public class TextStabilityTests
{
    [Theory]
    [InlineData(3, 400)]
    [InlineData(4, 250)]
    public void Texts_that_let_go_of_what_is_stable_stay_those_that_keep_everything(int replicas, int histories)
    {
        long dropped = 0;
        int all = int.Parse(Environment.GetEnvironmentVariable("TEXT_HISTORIES") ?? $"{histories}", System.Globalization.CultureInfo.InvariantCulture);
        for (int i = 0; i < all; i++)
            dropped += new Trial((ulong)i, replicas).Run();
        Assert.True(dropped > all * 10, $"{dropped} deleted elements were let go of while others typed");
    }

    [Fact]
    public void A_text_that_is_typed_and_deleted_again_and_again_stays_small()
    {
        var text = new Text();
        var source = new VersionSource(new ReplicaId(1));
        int largest = 0;
        for (int i = 0; i < 20_000; i++)
        {
            text.Insert(source, text.Length / 2, "a line that will not stay");
            if (text.Length > 200)
                text.Delete(i % 50, 40);
            text.TakeDelta();
            if (i % 20 == 0)
                text.Stabilize(new CausalContext(), new CausalContext());
            largest = Math.Max(largest, CrdtCodec.Encode(text).Length);
        }

        Assert.Equal(500_000, text.Version.DotCount);
        Assert.InRange(largest, 200, 4_000);
        Assert.InRange(text.Kept, text.Length, text.Length + 1_000);
        Laws.Same(text, CrdtCodec.Decode<Text>(CrdtCodec.Encode(text)));
        Laws.Same(text, text.Copy());
    }

    [Fact]
    public void What_was_let_go_of_here_is_deleted_there_when_whole_texts_are_merged()
    {
        Text one = new(), two = new();
        var source = new VersionSource(new ReplicaId(1));
        one.Insert(source, 0, "abcdef");
        two.TryMerge(one.TakeDelta());
        one.Delete(1, 4);
        one.TakeDelta();
        one.Stabilize(new CausalContext(), new CausalContext());
        Assert.Equal((2L, "af"), (one.Kept, one.ToString()));
        Text other = two.Copy();
        two.Merge(one);
        Laws.Same(one, two);
        one.Merge(other);
        Laws.Same(one, two);
    }

    [Fact]
    public void Bytes_that_are_no_collected_text_are_refused()
    {
        var text = new Text();
        VersionSource one = new(new ReplicaId(1)), two = new(new ReplicaId(2));
        text.Insert(one, 0, "some words");
        text.Delete(2, 3);
        text.Insert(two, 3, "between");
        text.TakeDelta();
        var unstable = new CausalContext();
        unstable.Add(new DotRange(two, 1, 7));
        text.Stabilize(unstable, new CausalContext());
        byte[] bytes = CrdtCodec.Encode(text);
        var random = new DeterministicRandom(3);
        for (int i = 0; i < 20_000; i++)
        {
            byte[] damaged = [.. bytes];
            for (int j = 1 + (int)random.Next(3); j > 0; j--)
                damaged[(int)random.Next(damaged.Length)] = (byte)random.Next(256);
            if (random.Next(8) == 0)
                damaged = damaged[..(int)random.Next(damaged.Length)];
            try
            {
                Text read = CrdtCodec.Decode<Text>(damaged);
                Assert.Equal(damaged, CrdtCodec.Encode(read));
            }
            catch (InvalidDataException)
            {
            }
        }
    }

    /// <summary>A delta, who made it after what, and what its maker had settled.</summary>
    private sealed record Unit(int Source, int Number, int[] After, bool[,] Settled, SequenceDelta<char> Delta, SequenceDelta<char> Kept, CausalContext Inserted);

    /// <summary>Replicas that settle what they may beside replicas that keep everything; each unit is merged once, after all its maker had.</summary>
    private sealed class Trial
    {
        private const int MostUnits = 60;
        private readonly DeterministicRandom _random;
        private readonly ulong _seed;
        private readonly int _count;
        private readonly Text[] _collecting, _keeping;
        private readonly int[][] _has;
        // Of which units each knows that everybody has them.
        private readonly bool[][,] _stable;
        private readonly List<Unit>[] _units;
        private long _dropped;

        public Trial(ulong seed, int replicas)
        {
            (_seed, _count, _random) = (seed, replicas, new DeterministicRandom(seed));
            _collecting = [.. Enumerable.Range(0, replicas).Select(_ => new Text())];
            _keeping = [.. Enumerable.Range(0, replicas).Select(_ => new Text())];
            _has = [.. Enumerable.Range(0, replicas).Select(_ => new int[replicas])];
            _stable = [.. Enumerable.Range(0, replicas).Select(_ => new bool[replicas, MostUnits])];
            _units = [.. Enumerable.Range(0, replicas).Select(_ => new List<Unit>())];
        }

        public long Run()
        {
            int sync = 2 + (int)_random.Next(8);
            for (int step = 0; step < 150; step++)
            {
                int at = (int)_random.Next(_count);
                switch (_random.Next(10))
                {
                    case < 3:
                        Change(at);
                        break;
                    case 3 when _random.Next(sync) == 0:
                        for (int each = 0; each < _count; each++)
                            Take(each, int.MaxValue);
                        break;
                    case 4 when _random.Next(4) == 0:
                        TakeWhole(at, (at + 1 + (int)_random.Next(_count - 1)) % _count);
                        break;
                    case < 8:
                        Take(at, 1 + (int)_random.Next(4));
                        break;
                    default:
                        Settle(at, StableAt(at));
                        break;
                }

                Same(at);
            }

            for (int at = 0; at < _count; at++)
                Take(at, int.MaxValue);
            for (int at = 0; at < _count; at++)
                Settle(at, StableAt(at));
            for (int at = 0; at < _count; at++)
            {
                Settle(at, StableAt(at));
                Same(at);
                Assert.True(_collecting[at].Kept == _collecting[at].Length, $"seed {_seed}: {_collecting[at].Kept} elements are kept of a text of {_collecting[at].Length}");
                Laws.Same(_collecting[0], _collecting[at]);
                Laws.Same(_collecting[at], CrdtCodec.Decode<Text>(CrdtCodec.Encode(_collecting[at])));
            }

            return _dropped;
        }

        private void Same(int at)
        {
            Assert.True(_keeping[at].ToString() == _collecting[at].ToString(), $"seed {_seed}: {_collecting[at]} at {at}, which is {_keeping[at]} where everything is kept");
            if (_random.Next(4) == 0)
                _collecting[at] = CrdtCodec.Decode<Text>(CrdtCodec.Encode(_collecting[at]));
        }

        private void Change(int at)
        {
            if (_units[at].Count == MostUnits)
                return;
            Text text = _collecting[at];
            var source = new VersionSource(new ReplicaId(1 + at));
            // Mostly at few places, so that what is typed there at once lies among what is deleted.
            int index = _random.Next(3) == 0 ? (int)_random.Next(text.Length + 1) : (int)_random.Next(Math.Min(text.Length, 3) + 1);
            if (_random.Next(2) == 0 && text.Length > 0)
            {
                int count = (int)_random.Next(Math.Min(text.Length - index, 4) + 1);
                text.Delete(index, count);
                _keeping[at].Delete(index, count);
            }
            else
            {
                string typed = new((char)('a' + _random.Next(26)), 1 + (int)_random.Next(3));
                text.Insert(source, index, typed);
                _keeping[at].Insert(source, index, typed);
            }

            SequenceDelta<char> delta = text.TakeDelta();
            SequenceDelta<char> kept = _keeping[at].TakeDelta();
            var inserted = new CausalContext();
            foreach (SequenceDelta<char>.InsertedRun run in delta.Inserted)
                inserted.Add(new DotRange(source, run.First.Counter, run.End - 1));
            _has[at][at]++;
            _units[at].Add(new Unit(at, _has[at][at], [.. _has[at]], (bool[,])_stable[at].Clone(), SequenceDelta.Decode<char>(delta.Encode()), kept, inserted));
        }

        private void Take(int at, int most)
        {
            for (bool goesOn = true; goesOn && most > 0;)
            {
                Unit[] next = [.. Enumerable.Range(0, _count).Where(from => _units[from].Count > _has[at][from]).Select(from => _units[from][_has[at][from]])
                    .Where(unit => Enumerable.Range(0, _count).All(other => other == unit.Source || _has[at][other] >= unit.After[other]))];
                goesOn = next.Length > 0;
                if (!goesOn)
                    continue;
                Unit unit = next[_random.Next(next.Length)];
                most--;
                Settle(at, unit.Settled);
                Assert.True(_collecting[at].TryMerge(unit.Delta), $"seed {_seed}: {unit.Source}:{unit.Number} can be merged at {at}");
                _has[at][unit.Source]++;
                Assert.True(_keeping[at].TryMerge(unit.Kept), "causal order is enough");
            }
        }

        // What is settled there is settled here afterwards; what is let go of there was settled here before.
        private void TakeWhole(int at, int from)
        {
            _collecting[at].Merge(_collecting[from]);
            _keeping[at].Merge(_keeping[from]);
            for (int source = 0; source < _count; source++)
                _has[at][source] = Math.Max(_has[at][source], _has[from][source]);
            Settle(at, _stable[from]);
        }

        // Everybody has it, and all that each had done before is here: what comes later knows of it.
        private bool[,] StableAt(int at)
        {
            var stable = (bool[,])_stable[at].Clone();
            for (int source = 0; source < _count; source++)
            {
                for (int number = 1; number <= _has[at][source]; number++)
                    stable[source, number - 1] |= Enumerable.Range(0, _count).All(other => other == at || KnewBefore(at, other, source, number));
            }

            return stable;
        }

        private bool KnewBefore(int at, int other, int source, int number) =>
            _has[other][source] >= number && _units[other].TakeWhile(unit => unit.After[source] < number).Count() <= _has[at][other];

        private void Settle(int at, bool[,] stable)
        {
            CausalContext unstable = new(), kept = new();
            for (int source = 0; source < _count; source++)
            {
                for (int number = 1; number <= _has[at][source]; number++)
                {
                    _stable[at][source, number - 1] |= stable[source, number - 1];
                    Unit unit = _units[source][number - 1];
                    if (!_stable[at][source, number - 1])
                        unstable.Join(unit.Inserted);
                    if (_stable.All(each => each[source, number - 1]))
                        continue;
                    kept.Join(unit.Inserted);
                    kept.Join(unit.Delta.Deleted);
                }
            }

            long before = _collecting[at].Kept;
            _collecting[at].Stabilize(unstable, kept);
            _dropped += before - _collecting[at].Kept;
        }
    }
}
