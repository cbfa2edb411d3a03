using ActorRepl.Protocols.Kernel;
using FsCheck;
using FsCheck.Fluent;

namespace ActorRepl.Protocols.Tests.Kernel;

/// <summary>Recovery: a checkpoint and the records above it give the state the replica had, or say that they do not.</summary>
public class RecoveryFoldTests
{
    private static EntryBatch Batch(long first, long last, long term = 1) =>
        EntryBatch.Pack(EntryKind.Command, first, term, 0, [.. Enumerable.Range(0, (int)(last - first + 1)).Select(i => (ReadOnlyMemory<byte>)new byte[] { (byte)(first + i), (byte)term })]);

    private static WalEntry Entry(long lsn, params EntryBatch[] batches) => new(lsn, new WalRecord { Entries = batches });

    private static RecoveredState Fold(CheckpointManifest? checkpoint, params WalEntry[] entries)
    {
        var fold = new RecoveryFold();
        if (checkpoint is not null)
            fold.Checkpoint(checkpoint);
        foreach (WalEntry entry in entries)
            fold.Record(entry);
        return fold.Finish();
    }

    [Fact]
    public void Nothing_found_is_an_empty_replica()
    {
        RecoveredState state = Fold(null);
        Assert.Null(state.Damage);
        Assert.Equal((0L, 0), (state.LastLsn, state.Log.Count));
    }

    [Fact]
    public void The_last_hard_state_and_configuration_count()
    {
        RecoveredState state = Fold(null,
            new WalEntry(1, new WalRecord { HardState = new byte[] { 1 }, Configuration = new byte[] { 7 } }),
            new WalEntry(2, new WalRecord { HardState = new byte[] { 2 } }),
            Entry(3, Batch(1, 1)));
        Assert.Equal([2], state.HardState.ToArray());
        Assert.Equal([7], state.Configuration.ToArray());
        Assert.Equal(3, state.LastLsn);
    }

    [Fact]
    public void A_truncation_takes_effect_before_the_entries_of_its_record()
    {
        RecoveredState state = Fold(null, Entry(1, Batch(1, 5)), new WalEntry(2, new WalRecord { TruncateFrom = 3, Entries = [Batch(3, 4, term: 2)] }));
        Assert.Null(state.Damage);
        Assert.Equal([(1L, 2L, 1L), (3L, 4L, 2L)], state.Log.Select(batch => (batch.FirstIndex, batch.LastIndex, batch.Term)));
    }

    [Fact]
    public void Records_a_checkpoint_contains_are_passed_over_and_those_above_continue_its_tail()
    {
        var checkpoint = new CheckpointManifest { Index = 4, Term = 1, Lsn = 9, HardState = new byte[] { 1 }, Tail = [Batch(5, 6)] };
        RecoveredState state = Fold(checkpoint, Entry(8, Batch(1, 4)), Entry(9, Batch(5, 6)), Entry(10, Batch(7, 7)));
        Assert.Null(state.Damage);
        Assert.Equal([(5L, 6L), (7L, 7L)], state.Log.Select(batch => (batch.FirstIndex, batch.LastIndex)));
        Assert.Equal(10, state.LastLsn);
    }

    [Fact]
    public void A_gap_in_the_records_is_damage_and_nothing_after_it_is_used()
    {
        RecoveredState state = Fold(null, Entry(1, Batch(1, 2)), Entry(3, Batch(3, 4)), Entry(4, Batch(5, 5)));
        Assert.Contains("record 2 is missing", state.Damage, StringComparison.Ordinal);
        Assert.Equal((1L, 2L), (state.LastLsn, state.Log[^1].LastIndex));
    }

    [Fact]
    public void A_gap_in_the_log_is_damage()
    {
        RecoveredState state = Fold(null, Entry(1, Batch(1, 2)), Entry(2, Batch(4, 5)));
        Assert.Contains("log entry 3 is missing", state.Damage, StringComparison.Ordinal);
        Assert.Equal(2, state.Log[^1].LastIndex);
    }

    [Fact]
    public void Folding_records_gives_the_log_that_writing_them_gave() =>
        Prop.ForAll(ArbMap.Default.ArbFor<ulong>(), seed =>
        {
            var random = new DeterministicRandom(seed);
            var model = new List<(long Term, byte[] Payload)>();
            var entries = new List<WalEntry>();
            long term = 1;
            for (int step = 0; step < 20; step++)
            {
                long truncate = model.Count > 0 && random.Chance(1, 4) ? 1 + random.Next(model.Count) : 0;
                if (truncate > 0)
                {
                    model.RemoveRange((int)truncate - 1, model.Count - (int)truncate + 1);
                    term++;
                }

                EntryBatch[] batches = Any.Batches(random, 3, model.Count + 1, term);
                foreach (EntryBatch batch in batches)
                {
                    model.AddRange(Any.PayloadsOf(batch).Select(payload => (batch.Term, payload)));
                    term = batch.Term;
                }

                entries.Add(new WalEntry(step + 1, new WalRecord { TruncateFrom = truncate, Entries = batches }));
            }

            RecoveredState state = Fold(null, [.. entries.Select(entry => RecordCodec.DecodeRecord(RecordCodec.Encode(entry)))]);
            Assert.Null(state.Damage);
            Assert.Equal(model, state.Log.SelectMany(batch => Any.PayloadsOf(batch).Select(payload => (batch.Term, payload))), new SameEntry());
        }).QuickCheckThrowOnFailure();

    private sealed class SameEntry : IEqualityComparer<(long Term, byte[] Payload)>
    {
        public bool Equals((long Term, byte[] Payload) x, (long Term, byte[] Payload) y) => x.Term == y.Term && x.Payload.AsSpan().SequenceEqual(y.Payload);

        public int GetHashCode((long Term, byte[] Payload) obj) => obj.Term.GetHashCode();
    }
}
