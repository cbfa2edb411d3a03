using ActorRepl.Protocols.Crdt;

namespace ActorRepl.Protocols.Tests.Crdt;

/// <summary>
/// A text in every way in which three replicas can edit it: it ends the same on all of them, and no two units are ever seen in one order here and in the
/// other there, then or later (the strong list specification: Attiya et al., PODC 2016).
/// </summary>
public class TextInterleavingTests
{
    /// <summary>Run by <see cref="EveryTypeTests"/>.</summary>
    internal void Four_operations_on_each_of_three_replicas_in_every_order()
    {
        foreach (string script in new[] { "mm-e", "ms-m" })
        {
            foreach (int[] order in Interleavings.OfThreeTimesFour())
            {
                var texts = new ObservedTexts();
                var next = new int[3];
                foreach (int replica in order)
                {
                    texts.Do(replica, script[next[replica]++]);
                    texts.Merge((replica + 1) % 3, replica);
                }

                texts.Meet();
            }
        }
    }

    [Fact]
    public void Words_typed_at_one_place_at_once_are_never_mixed_however_they_meet()
    {
        // Each types a word, forwards or backwards, at the start, where others type too; they meet in every order of twelve strokes and exchanges.
        foreach (int[] order in Interleavings.OfThreeTimesFour())
        {
            for (int backwards = 0; backwards < 8; backwards++)
            {
                Text[] texts = [new(), new(), new()];
                var typed = new int[3];
                foreach (int replica in order)
                {
                    bool isBackwards = (backwards & (1 << replica)) != 0;
                    char unit = (char)('a' + 4 * replica + (isBackwards ? 3 - typed[replica] : typed[replica]));
                    texts[replica].Insert(History<GCounter>.Source(replica), isBackwards ? 0 : typed[replica], unit.ToString());
                    typed[replica]++;
                }

                // Which order the strokes came in decides who hears of whom first.
                Text meeting = texts[order[^1]].Copy();
                meeting.Merge(texts[(order[^1] + 1 + (order[^2] & 1)) % 3]);
                meeting.Merge(texts[(order[^1] + 2 - (order[^2] & 1)) % 3]);
                string all = meeting.ToString();
                Assert.True(all.Contains("abcd") && all.Contains("efgh") && all.Contains("ijkl"), all);
            }
        }
    }

    private sealed class ObservedTexts
    {
        private readonly Text[] _texts = [new(), new(), new()];
        private readonly ulong[] _before = new ulong[64];
        private int _typed;

        /// <summary>Types one unit of its own at the start, in the middle or at the end, or deletes the one in the middle.</summary>
        public void Do(int replica, char kind)
        {
            Text text = _texts[replica];
            if (kind == '-')
                text.Delete(text.Length / 2, Math.Min(1, text.Length));
            else
            {
                int at = kind == 's' ? 0 : kind == 'm' ? text.Length / 2 : text.Length;
                string unit = ((char)('A' + _typed++)).ToString();
                text.Insert(History<GCounter>.Source(replica), at, unit);
                Assert.Equal(unit[0], text[at]);
            }

            Observe(text);
        }

        public void Merge(int into, int from)
        {
            _texts[into].Merge(_texts[from]);
            Observe(_texts[into]);
        }

        public void Meet()
        {
            Text forwards = Laws.Join(Laws.Join(_texts[0], _texts[1]), _texts[2]), backwards = Laws.Join(_texts[2], Laws.Join(_texts[1], _texts[0]));
            Observe(forwards);
            Assert.Equal(forwards.ToString(), backwards.ToString());
            Laws.Same(forwards, backwards);
        }

        private void Observe(Text text)
        {
            string seen = text.ToString();
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
