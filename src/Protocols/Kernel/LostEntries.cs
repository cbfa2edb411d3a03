namespace ActorRepl.Protocols.Kernel;

/// <summary>
/// Entries that a failover took out of a replica's log, kept for an operator: what somebody may have been told was done and is not.
/// <para>Layout, little-endian: "ARLE" (4), version (1), header bytes (4), crc32c of the header (4); the header: group, shard (4), node (4),
/// wall µs (8), why, count of batches (4); then per batch its length (4) and its packed form, which has a checksum of its own.
/// Texts are UTF-8 with a length of 4 bytes in front.</para>
/// </summary>
/// <param name="Group">Of the shard that lost them.</param>
/// <param name="Shard">Its number.</param>
/// <param name="Node">Whose log they were in.</param>
/// <param name="Wall">When they were set aside, that node's wall clock, in microseconds since 1970.</param>
/// <param name="Why">What made them lost.</param>
/// <param name="Batches">In log order, at least one.</param>
public sealed record LostEntries(string Group, int Shard, ReplicaId Node, long Wall, string Why, IReadOnlyList<EntryBatch> Batches)
{
    private const byte Version = 1;

    public long FirstIndex => Batches[0].FirstIndex;

    public long LastIndex => Batches[^1].LastIndex;

    /// <summary>In which the first of them was made: with its index, that names the entry among all there ever were in the shard.</summary>
    public long FirstTerm => Batches[0].Term;

    public long LastTerm => Batches[^1].Term;

    public int Count => Batches.Sum(batch => batch.Count);

    public byte[] Encode()
    {
        Invariant.That(Batches.Count > 0, "something is lost");
        byte[] header = Header();
        byte[] bytes = new byte[Magic.Length + sizeof(byte) + sizeof(int) + sizeof(uint) + header.Length + Batches.Sum(batch => sizeof(int) + batch.Bytes.Length)];
        var writer = new ByteWriter(bytes);
        writer.Raw(Magic);
        writer.Byte(Version);
        writer.Int32(header.Length);
        writer.UInt32(Crc32C.Compute(header));
        writer.Raw(header);
        foreach (EntryBatch batch in Batches)
            writer.Bytes(batch.Bytes.Span);
        return bytes;
    }

    /// <exception cref="InvalidDataException">The bytes are none, or damaged.</exception>
    public static LostEntries Decode(ReadOnlyMemory<byte> bytes)
    {
        var reader = new ByteReader(bytes);
        if (bytes.Length < Magic.Length || !reader.Raw(Magic.Length).Span.SequenceEqual(Magic))
            throw new InvalidDataException("these are no lost entries: they do not begin with ARLE");
        byte version = reader.Byte();
        if (version != Version)
            throw new InvalidDataException($"lost entries have version {version}; this build reads {Version}");
        int length = reader.Int32();
        uint crc = reader.UInt32();
        ReadOnlyMemory<byte> header = reader.Raw(length);
        if (Crc32C.Compute(header.Span) != crc)
            throw new InvalidDataException("the checksum of the header does not match");
        var fields = new ByteReader(header);
        (string group, int shard, var node, long wall, string why) = (fields.Text(), fields.Int32(), new ReplicaId(fields.Int32()), fields.Int64(), fields.Text());
        int count = fields.Int32();
        fields.End();
        var batches = new List<EntryBatch>();
        while (reader.Remaining > 0)
            batches.Add(EntryBatch.Read(reader.Bytes()));
        if (batches.Count == 0 || batches.Count != count)
            throw new InvalidDataException($"there are {batches.Count} batches; the header says {count}, and there is at least one");
        return new LostEntries(group, shard, node, wall, why, batches);
    }

    private static ReadOnlySpan<byte> Magic => "ARLE"u8;

    private byte[] Header()
    {
        byte[] bytes = new byte[5 * sizeof(int) + sizeof(long) + System.Text.Encoding.UTF8.GetByteCount(Group) + System.Text.Encoding.UTF8.GetByteCount(Why)];
        var writer = new ByteWriter(bytes);
        writer.Text(Group);
        writer.Int32(Shard);
        writer.Int32(Node.Value);
        writer.Int64(Wall);
        writer.Text(Why);
        writer.Int32(Batches.Count);
        return bytes;
    }
}
