using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Actors.Messages;

/// <summary>The binary forms of the messages about checksums.</summary>
internal static class ChecksumCodec
{
    private const int GuidSize = 16, SumSize = 4 * sizeof(long);

    public static int SizeOf(object message) => message switch
    {
        ArmChecksum arm => ActorReplSerializer.ShardSize(arm.Group) + GuidSize + sizeof(int),
        GetChecksum get => ActorReplSerializer.ShardSize(get.Group) + GuidSize,
        ShardChecksum sum => ActorReplSerializer.ShardSize(sum.Group) + sizeof(int) + GuidSize + 2 * sizeof(long)
            + sizeof(byte) + (sum.Sum is null ? 0 : SumSize) + ActorReplSerializer.TextSize(sum.Problem ?? ""),
        _ => throw new ArgumentException($"{message.GetType()} is no message about checksums"),
    };

    public static void Write(ref ByteWriter writer, object message)
    {
        switch (message)
        {
            case ArmChecksum arm:
                ActorReplSerializer.WriteShard(ref writer, arm.Group, arm.Shard);
                writer.Raw(arm.Mark.ToByteArray(bigEndian: true));
                writer.Int32(arm.TimeoutMillis);
                break;
            case GetChecksum get:
                ActorReplSerializer.WriteShard(ref writer, get.Group, get.Shard);
                writer.Raw(get.Mark.ToByteArray(bigEndian: true));
                break;
            case ShardChecksum sum:
                Write(ref writer, sum);
                break;
        }
    }

    public static ArmChecksum ReadArm(ref ByteReader reader) => new(reader.Text(), reader.Int32(), ReadGuid(ref reader), reader.Int32());

    public static GetChecksum ReadGet(ref ByteReader reader) => new(reader.Text(), reader.Int32(), ReadGuid(ref reader));

    public static ShardChecksum ReadSum(ref ByteReader reader)
    {
        var sum = new ShardChecksum(
            reader.Text(), reader.Int32(), new ReplicaId(reader.Int32()), ReadGuid(ref reader), new LogPosition(reader.Int64(), reader.Int64()));
        if (reader.Bool())
        {
            ulong low = (ulong)reader.Int64(), high = (ulong)reader.Int64();
            sum = sum with { Sum = new StateChecksum(new UInt128(high, low), reader.Int64(), reader.Int64()) };
        }

        string problem = reader.Text();
        return problem.Length == 0 ? sum : sum with { Problem = problem };
    }

    private static void Write(ref ByteWriter writer, ShardChecksum sum)
    {
        ActorReplSerializer.WriteShard(ref writer, sum.Group, sum.Shard);
        writer.Int32(sum.Node.Value);
        writer.Raw(sum.Mark.ToByteArray(bigEndian: true));
        writer.Int64(sum.At.Term);
        writer.Int64(sum.At.Index);
        writer.Byte(sum.Sum is null ? (byte)0 : (byte)1);
        if (sum.Sum is { } taken)
        {
            writer.Int64((long)(ulong)taken.Sum);
            writer.Int64((long)(ulong)(taken.Sum >> 64));
            writer.Int64(taken.Items);
            writer.Int64(taken.Bytes);
        }

        writer.Text(sum.Problem ?? "");
    }

    private static Guid ReadGuid(ref ByteReader reader) => new(reader.Raw(GuidSize).Span, bigEndian: true);
}
