using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Actors.Messages;

/// <summary>The binary form of a <see cref="ReplicaReport"/>.</summary>
internal static class ReportCodec
{
    /// <summary>The bytes of a report in which everything is empty.</summary>
    public const int LeastSize = 6 * sizeof(int) + 2 * sizeof(byte);

    private const int FollowerSize = sizeof(int) + sizeof(long);

    public static int SizeOf(ReplicaReport report)
    {
        int size = ActorReplSerializer.ShardSize(report.Group) + sizeof(int) + sizeof(byte)
            + ActorReplSerializer.TextSize(report.Detail ?? "") + sizeof(long) + sizeof(int) + sizeof(byte);
        return report.Status is not { } status
            ? size
            : size + ActorReplSerializer.TextSize(status.Role) + 5 * sizeof(long) + sizeof(int) + sizeof(byte)
                + sizeof(int) + status.Followers.Count * FollowerSize
                + sizeof(int) + (status.Members?.Encode().Length ?? 0) + sizeof(int) + status.LeavingVoters.Count * sizeof(int);
    }

    public static void Write(ref ByteWriter writer, ReplicaReport report)
    {
        ActorReplSerializer.WriteShard(ref writer, report.Group, report.Shard);
        writer.Int32(report.Node.Value);
        writer.Byte((byte)report.Health);
        writer.Text(report.Detail ?? "");
        writer.Int64(report.StateBytes);
        writer.Int32(report.Starts);
        writer.Byte(report.Status is null ? (byte)0 : (byte)1);
        if (report.Status is not { } status)
            return;
        writer.Text(status.Role);
        writer.Int64(status.Term);
        writer.Int32(status.Leader.Value);
        writer.Int64(status.LastIndex);
        writer.Int64(status.CommitIndex);
        writer.Int64(status.AppliedIndex);
        writer.Int64(status.CheckpointIndex);
        writer.Byte(status.Voter ? (byte)1 : (byte)0);
        writer.Int32(status.Followers.Count);
        foreach ((ReplicaId follower, long index) in status.Followers)
        {
            writer.Int32(follower.Value);
            writer.Int64(index);
        }

        writer.Bytes(status.Members?.Encode());
        writer.Int32(status.LeavingVoters.Count);
        foreach (ReplicaId leaving in status.LeavingVoters)
            writer.Int32(leaving.Value);
    }

    public static ReplicaReport Read(ref ByteReader reader)
    {
        string group = reader.Text();
        int shard = reader.Int32();
        var node = new ReplicaId(reader.Int32());
        var health = (ReplicaHealth)reader.Byte();
        string detail = reader.Text();
        long stateBytes = reader.Int64();
        int starts = reader.Int32();
        ReplicaStatus? status = reader.Bool() ? ReadStatus(ref reader) : null;
        return new ReplicaReport(group, shard, node, health, status)
        {
            Detail = detail.Length == 0 ? null : detail,
            StateBytes = stateBytes,
            Starts = starts,
        };
    }

    private static ReplicaStatus ReadStatus(ref ByteReader reader)
    {
        var status = new ReplicaStatus(
            reader.Text(), reader.Int64(), new ReplicaId(reader.Int32()), reader.Int64(), reader.Int64(), reader.Int64(), reader.Int64(), reader.Bool());
        var followers = new Dictionary<ReplicaId, long>();
        for (int left = reader.Count(FollowerSize); left > 0; left--)
            followers[new ReplicaId(reader.Int32())] = reader.Int64();
        ReadOnlyMemory<byte> members = reader.Bytes();
        var leaving = new ReplicaId[reader.Count(sizeof(int))];
        for (int i = 0; i < leaving.Length; i++)
            leaving[i] = new ReplicaId(reader.Int32());
        return status with
        {
            Followers = followers,
            Members = members.IsEmpty ? null : Membership.Decode(members),
            LeavingVoters = leaving,
        };
    }
}
