using System.Buffers.Binary;

namespace ActorRepl.Persistence.Tests;

/// <summary>Rows whose content follows from their place, so that wrong data is told from right.</summary>
internal static class Rows
{
    public static RecordToStore Row(string name, long seq, int size = 200) =>
        new(seq, RecordKind.WalRecord, new byte[] { 1, 2, 3 }, Content(name, seq, size));

    public static byte[] Content(string name, long seq, int size)
    {
        byte[] bytes = new byte[size];
        new Random(unchecked((int)RecordToStore.ChecksumOf(name) + (int)seq)).NextBytes(bytes);
        BinaryPrimitives.WriteInt64LittleEndian(bytes, seq);
        return bytes;
    }

    public static Task WriteRow(this EventStore wal, string name, long seq, int size = 200) => wal.WriteAsync(name, [Row(name, seq, size)]);

    public static async Task<List<StoredRecord>> ReadAll(this EventStore wal, string name, long from = 1, bool exact = false)
    {
        var records = new List<StoredRecord>();
        long highest = await wal.HighestAsync(name, from, exact);
        await wal.ReplayAsync(name, from, highest, long.MaxValue, exact, records.Add);
        return records;
    }

    /// <summary>Asserts that a record is whole and is the one that was written.</summary>
    public static void AssertWritten(string name, StoredRecord record)
    {
        Assert.Null(record.Damage);
        Assert.Equal(Content(name, record.Seq, record.Payload.Length), record.Payload);
    }
}
