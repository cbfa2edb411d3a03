using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Tests.Kernel;

/// <summary>A range of the log out of the records that made it.</summary>
public class RangeFoldTests
{
    [Fact]
    public void The_range_is_cut_out_of_the_batches_it_lies_in() =>
        Assert.Equal([(3, 5, 1), (6, 7, 1)], Fold(3, 7, 1000, Record(1, 5), Record(6, 9)));

    [Fact]
    public void What_was_truncated_later_is_not_in_it()
    {
        var truncation = new WalRecord { TruncateFrom = 4, Entries = [Batch(4, 6, term: 2)] };
        Assert.Equal([(2, 3, 1), (4, 6, 2)], Fold(2, 8, 1000, Record(1, 5), truncation));
        Assert.Equal([(5, 6, 2)], Fold(5, 8, 1000, Record(1, 5), truncation));
        Assert.Equal([(2, 3, 1)], Fold(2, 8, 1000, Record(1, 5), new WalRecord { TruncateFrom = 4 }));
    }

    [Fact]
    public void What_begins_later_is_nothing_and_nothing_is_skipped()
    {
        Assert.Empty(Fold(3, 7, 1000, Record(5, 9)));
        Assert.Equal([(3, 4, 1)], Fold(3, 9, 1000, Record(1, 4), Record(7, 9)));
    }

    [Fact]
    public void It_ends_with_the_batch_that_reaches_the_limit() =>
        Assert.Equal([(1, 2, 1)], Fold(1, 9, 1, Record(1, 2), Record(3, 4), Record(5, 6)));

    private static (int, int, int)[] Fold(long first, long last, long maxBytes, params WalRecord[] records)
    {
        var fold = new RangeFold(first, last, maxBytes);
        foreach (WalRecord record in records)
            fold.Record(record);
        return [.. fold.Batches.Select(batch => ((int)batch.FirstIndex, (int)batch.LastIndex, (int)batch.Term))];
    }

    private static WalRecord Record(long first, long last) => new() { Entries = [Batch(first, last, term: 1)] };

    private static EntryBatch Batch(long first, long last, long term) =>
        EntryBatch.Pack(EntryKind.Command, first, term, 0, [.. Enumerable.Range(0, (int)(last - first + 1)).Select(_ => (ReadOnlyMemory<byte>)new byte[] { 1 })]);
}
