using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Log;
using ActorRepl.Protocols.Raft;

namespace ActorRepl.Protocols.Tests.Raft;

/// <summary>The log in memory and what of it is on disk, against the obvious model.</summary>
public class LogTests
{
    [Fact]
    public void What_is_truncated_is_no_longer_durable()
    {
        var durable = new DurableLog();
        durable.Appended(lsn: 1, lastIndex: 5);
        Assert.True(durable.Durable(1));
        durable.Truncated(from: 3);
        Assert.Equal(2, durable.LastIndex);
        durable.Appended(lsn: 2, lastIndex: 4);
        Assert.Equal(2, durable.LastIndex);
        durable.Durable(2);
        Assert.Equal(4, durable.LastIndex);
    }

    [Fact]
    public void A_record_that_becomes_durable_after_its_entries_were_truncated_counts_only_for_what_is_left()
    {
        var durable = new DurableLog();
        durable.Appended(lsn: 1, lastIndex: 5);
        durable.Truncated(from: 3);
        durable.Appended(lsn: 2, lastIndex: 3);
        durable.Durable(1);
        Assert.Equal(2, durable.LastIndex);
        durable.Durable(2);
        Assert.Equal(3, durable.LastIndex);
    }

    [Fact]
    public void Terms_parts_and_takings_agree_with_a_list_of_entries()
    {
        for (ulong seed = 1; seed <= 200; seed++)
        {
            var random = new DeterministicRandom(seed);
            var log = new EntryLog();
            var model = new List<long> { 0 };
            for (int step = 0; step < 60; step++)
            {
                switch (random.Next(8))
                {
                    case < 5:
                        long term = model[^1] + random.Next(2) + (model.Count == 1 ? 1 : 0);
                        int count = 1 + (int)random.Next(4);
                        log.Append(Given.Batch(model.Count, term, count));
                        model.AddRange(Enumerable.Repeat(term, count));
                        break;
                    case 5 when log.LastIndex > log.BaseIndex:
                        long from = log.BaseIndex + 1 + random.Next(log.LastIndex - log.BaseIndex);
                        log.TruncateFrom(from);
                        model.RemoveRange((int)from, model.Count - (int)from);
                        break;
                    case 6 when log.LastIndex > log.BaseIndex:
                        long index = log.BaseIndex + 1 + random.Next(log.LastIndex - log.BaseIndex), keep = random.Next(4);
                        log.DropThrough(index, long.MaxValue, keep);
                        Assert.True(log.BaseIndex <= index, $"seed {seed}: nothing beyond the index is dropped");
                        break;
                }

                Check(log, model, random, seed);
            }
        }
    }

    private static void Check(EntryLog log, List<long> model, DeterministicRandom random, ulong seed)
    {
        Assert.True(log.LastIndex == model.Count - 1 && log.LastTerm == model[^1], $"seed {seed}");
        for (long index = log.BaseIndex; index <= log.LastIndex; index++)
            Assert.True(log.TermAt(index) == model[(int)index], $"seed {seed}, index {index}");

        long probe = log.BaseIndex + random.Next(log.LastIndex - log.BaseIndex + 3), term = random.Next(model[^1] + 2);
        long expected = Math.Min(probe, log.LastIndex);
        while (expected > log.BaseIndex && model[(int)expected] > term)
            expected--;
        if (log.TermAt(log.BaseIndex) > term && expected == log.BaseIndex)
            expected--;
        Assert.True(log.LastIndexOfTermUpTo(probe, term) == expected, $"seed {seed}: term {term} at {probe}");

        if (log.LastIndex == log.BaseIndex)
            return;
        long first = log.BaseIndex + 1 + random.Next(log.LastIndex - log.BaseIndex);
        EntryBatch[] taken = log.Take(first, random.Next(300));
        Assert.True(taken[0].FirstIndex == first && taken[^1].LastIndex <= log.LastIndex, $"seed {seed}");
        Assert.Equal(log.LastIndex, log.After(first - 1)[^1].LastIndex);
        Assert.Equal((first, first), (log.Part(first, first).FirstIndex, log.Part(first, first).LastIndex));
        Assert.Equal(log.After(log.BaseIndex).Sum(batch => (long)batch.Bytes.Length), log.Bytes);
    }

    [Fact]
    public void Bytes_after_an_entry_are_those_of_the_batches_that_hold_later_ones_whatever_was_cut_off_at_either_end()
    {
        var log = new EntryLog();
        foreach (EntryBatch batch in (EntryBatch[])[Given.Batch(1, 1, 3), Given.Batch(4, 1, 2), Given.Batch(6, 2, 4)])
            log.Append(batch);
        log.TruncateFrom(8);
        log.Append(Given.Batch(8, 3, 2));
        log.DropThrough(3, keepBytes: 0, keepEntries: 0);
        Assert.Equal(3, log.BaseIndex);
        long fourth = Given.Batch(4, 1, 2).Bytes.Length, sixth = Given.Batch(6, 2, 2).Bytes.Length, eighth = Given.Batch(8, 3, 2).Bytes.Length;
        Assert.Equal(fourth + sixth + eighth, log.BytesAfter(3));
        Assert.Equal(fourth + sixth + eighth, log.BytesAfter(4));
        Assert.Equal(sixth + eighth, log.BytesAfter(5));
        Assert.Equal(eighth, log.BytesAfter(7));
        Assert.Equal(0, log.BytesAfter(9));
        Assert.Equal(log.Bytes, log.BytesAfter(3));
    }
}
