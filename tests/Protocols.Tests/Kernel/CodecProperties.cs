using ActorRepl.Protocols.Kernel;
using FsCheck;
using FsCheck.Fluent;

namespace ActorRepl.Protocols.Tests.Kernel;

/// <summary>What is packed comes back, and what was not packed by us is refused by InvalidDataException and nothing else.</summary>
public class CodecProperties
{
    /// <summary>A seed stands for a random value; FsCheck prints it when a property fails.</summary>
    private static void ForAll(Action<DeterministicRandom> property) =>
        Prop.ForAll(ArbMap.Default.ArbFor<ulong>(), seed => property(new DeterministicRandom(seed))).QuickCheckThrowOnFailure();

    [Fact]
    public void An_entry_batch_comes_back_as_it_was_packed() => ForAll(random =>
    {
        byte[][] payloads = Any.Payloads(random);
        EntryBatch packed = Any.Batch(random, 1 + random.Next(1000), 1 + random.Next(9), payloads);
        EntryBatch read = EntryBatch.Read(packed.Bytes);
        Assert.Equal((packed.Kind, packed.Count, packed.FirstIndex, packed.Term, packed.Wall), (read.Kind, read.Count, read.FirstIndex, read.Term, read.Wall));
        Assert.Equal(payloads, Any.PayloadsOf(read));
    });

    [Fact]
    public void A_slice_holds_the_entries_between_its_ends() => ForAll(random =>
    {
        byte[][] payloads = Any.Payloads(random);
        EntryBatch batch = Any.Batch(random, 7, 3, payloads);
        int from = (int)random.Next(payloads.Length), to = from + (int)random.Next(payloads.Length - from);
        EntryBatch slice = EntryBatch.Read(batch.Slice(7 + from, 7 + to).Bytes);
        Assert.Equal((7L + from, 7L + to, batch.Term, batch.Wall, batch.Kind), (slice.FirstIndex, slice.LastIndex, slice.Term, slice.Wall, slice.Kind));
        Assert.Equal(payloads[from..(to + 1)], Any.PayloadsOf(slice));
    });

    [Fact]
    public void A_batch_with_any_bit_changed_or_any_end_missing_is_refused() => ForAll(random =>
    {
        byte[] bytes = Any.Batch(random, 1, 1, Any.Payloads(random)).Bytes.ToArray();
        byte[] cut = bytes[..(int)random.Next(bytes.Length)];
        Assert.Throws<InvalidDataException>(() => EntryBatch.Read(cut));
        bytes[random.Next(bytes.Length)] ^= (byte)(1 << (int)random.Next(8));
        Assert.Throws<InvalidDataException>(() => EntryBatch.Read(bytes));
    });

    [Fact]
    public void A_record_comes_back_as_it_was_written_and_damage_is_noticed() => ForAll(random =>
    {
        var entry = new WalEntry(1 + random.Next(1_000_000), new WalRecord
        {
            HardState = Any.Bytes(random, 20),
            Configuration = Any.Bytes(random, 20),
            TruncateFrom = random.Next(3),
            Entries = Any.Batches(random, 5),
        });
        byte[] bytes = RecordCodec.Encode(entry);
        WalEntry read = RecordCodec.DecodeRecord(bytes);
        Assert.Equal((entry.Lsn, entry.Record.TruncateFrom), (read.Lsn, read.Record.TruncateFrom));
        Assert.Equal(entry.Record.HardState.ToArray(), read.Record.HardState.ToArray());
        Assert.Equal(entry.Record.Configuration.ToArray(), read.Record.Configuration.ToArray());
        Assert.Equal(entry.Record.Entries.Select(batch => batch.Bytes.ToArray()), read.Record.Entries.Select(batch => batch.Bytes.ToArray()));

        byte[] cut = bytes[..(int)random.Next(bytes.Length)];
        Assert.Throws<InvalidDataException>(() => RecordCodec.DecodeRecord(cut));
        bytes[random.Next(bytes.Length)] ^= (byte)(1 << (int)random.Next(8));
        Assert.Throws<InvalidDataException>(() => RecordCodec.DecodeRecord(bytes));
    });

    [Fact]
    public void A_manifest_comes_back_as_it_was_written_and_damage_is_noticed() => ForAll(random =>
    {
        var manifest = new CheckpointManifest
        {
            Index = random.Next(1_000_000),
            Term = random.Next(1_000),
            Lsn = random.Next(1_000_000),
            HardState = Any.Bytes(random, 20),
            Configuration = Any.Bytes(random, 20),
            Tail = Any.Batches(random, 5),
            AtRisk = Any.Batches(random, 5),
            Segments = [.. Enumerable.Range(0, (int)random.Next(5)).Select(_ => new SegmentInfo((int)random.Next(1 << 20), (uint)random.NextUInt64()))],
        };
        byte[] bytes = RecordCodec.Encode(manifest);
        CheckpointManifest read = RecordCodec.DecodeManifest(bytes);
        Assert.Equal((manifest.Index, manifest.Term, manifest.Lsn, manifest.TotalBytes), (read.Index, read.Term, read.Lsn, read.TotalBytes));
        Assert.Equal(manifest.Segments, read.Segments);
        Assert.Equal(manifest.HardState.ToArray(), read.HardState.ToArray());
        Assert.Equal(manifest.Tail.Select(batch => batch.Bytes.ToArray()), read.Tail.Select(batch => batch.Bytes.ToArray()));
        Assert.Equal(manifest.AtRisk.Select(batch => batch.Bytes.ToArray()), read.AtRisk.Select(batch => batch.Bytes.ToArray()));

        bytes[random.Next(bytes.Length)] ^= (byte)(1 << (int)random.Next(8));
        Assert.Throws<InvalidDataException>(() => RecordCodec.DecodeManifest(bytes));
    });

    [Fact]
    public void Random_bytes_are_refused_and_break_nothing() => ForAll(random =>
    {
        byte[] garbage = Any.Bytes(random, 200);
        Assert.Throws<InvalidDataException>(() => EntryBatch.Read(garbage));
        Assert.Throws<InvalidDataException>(() => RecordCodec.DecodeRecord(garbage));
        Assert.Throws<InvalidDataException>(() => RecordCodec.DecodeManifest(garbage));
    });
}
