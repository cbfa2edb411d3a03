using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Tests.Kernel;

/// <summary>Random values of the kernel's own types.</summary>
internal static class Any
{
    public static byte[] Bytes(DeterministicRandom random, int maxLength)
    {
        byte[] bytes = new byte[random.Next(maxLength + 1)];
        for (int i = 0; i < bytes.Length; i++)
            bytes[i] = (byte)random.NextUInt64();
        return bytes;
    }

    public static byte[][] Payloads(DeterministicRandom random) => [.. Enumerable.Range(0, 1 + (int)random.Next(8)).Select(_ => Bytes(random, 40))];

    public static EntryBatch Batch(DeterministicRandom random, long first, long term, byte[][] payloads)
    {
        var kind = (EntryKind)(1 + random.Next(2));
        return EntryBatch.Pack(kind, first, term, random.Next(1L << 50), [.. payloads.Select(payload => (ReadOnlyMemory<byte>)payload)]);
    }

    /// <summary>Up to so many batches that follow each other, terms not going back.</summary>
    public static EntryBatch[] Batches(DeterministicRandom random, int max, long first = 1, long term = 1)
    {
        var batches = new EntryBatch[random.Next(max + 1)];
        for (int i = 0; i < batches.Length; i++)
        {
            term += random.Next(2);
            batches[i] = Batch(random, first, term, Payloads(random));
            first = batches[i].LastIndex + 1;
        }

        return batches;
    }

    public static byte[][] PayloadsOf(EntryBatch batch)
    {
        var payloads = new List<byte[]>();
        foreach (ReadOnlyMemory<byte> payload in batch)
            payloads.Add(payload.ToArray());
        return [.. payloads];
    }
}
