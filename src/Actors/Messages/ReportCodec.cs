using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Actors.Messages;

/// <summary>The binary form of a <see cref="ReplicaReport"/>.</summary>
internal static class ReportCodec
{
    /// <summary>The bytes of a report in which everything is empty.</summary>
    public const int LeastSize = 6 * sizeof(int) + 2 * sizeof(byte);

    private const int FollowerSize = sizeof(int) + sizeof(long);

    // Id and missed beats, whether it is in sync, four positions, three lags, when it catches up.
    private const int ProgressSize = 2 * sizeof(int) + sizeof(byte) + 8 * sizeof(long);

    // Whether there is one, how far it is, what it lacks, when it ends.
    private const int RecoverySize = sizeof(byte) + sizeof(int) + 2 * sizeof(long);

    // Beside whether the replica votes: what follows. Protocols without modes or links pay nothing for them.
    private const byte Votes = 1, HasModes = 2, HasLinks = 4, HasRing = 8, HasRepair = 16, HasSpread = 32;

    // Of one follower.
    private const byte InSync = 1, Slow = 2;

    // Epoch, phase, ranges and share, keys and bytes.
    private const int RingSize = 5 * sizeof(long) + 3 * sizeof(int);

    private const int RepairSize = 2 * sizeof(int) + 8 * sizeof(long);

    private const int SpreadSize = 3 * sizeof(int) + 8 * sizeof(long) + sizeof(byte);

    // Of one member.
    private const int MemberSize = sizeof(int) + sizeof(byte) + 3 * sizeof(long);

    public static int SizeOf(ReplicaReport report)
    {
        int size = ActorReplSerializer.ShardSize(report.Group) + sizeof(int) + sizeof(byte)
            + ActorReplSerializer.TextSize(report.Detail ?? "") + sizeof(long) + sizeof(int) + sizeof(byte);
        return report.Status is not { } status
            ? size
            : size + ActorReplSerializer.TextSize(status.Role) + 5 * sizeof(long) + sizeof(int) + sizeof(byte)
                + sizeof(int) + status.Followers.Count * FollowerSize
                + sizeof(int) + (status.Members?.Encode().Length ?? 0) + sizeof(int) + status.LeavingVoters.Count * sizeof(int)
                + (status.Links.Count == 0 ? 0 : sizeof(int) + status.Links.Count * sizeof(int))
                + (status.Ring is { } ring ? RingSize + ActorReplSerializer.TextSize(ring.Phase) : 0) + (status.Repair is null ? 0 : RepairSize)
                + (status.Spread is { } spread ? SpreadSize + spread.Members.Count * MemberSize : 0)
                + (status.Mode == ReplicaMode.None ? 0 : sizeof(byte) + ActorReplSerializer.TextSize(status.ModeReason) + RecoverySize + 2 * sizeof(int) + status.SyncSet.Count * sizeof(int) + status.Progress.Count * ProgressSize);
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
        writer.Byte((byte)((status.Voter ? Votes : 0) | (status.Mode == ReplicaMode.None ? 0 : HasModes) | (status.Links.Count == 0 ? 0 : HasLinks)
            | (status.Ring is null ? 0 : HasRing) | (status.Repair is null ? 0 : HasRepair) | (status.Spread is null ? 0 : HasSpread)));
        writer.Int32(status.Followers.Count);
        foreach ((ReplicaId follower, long index) in status.Followers)
        {
            writer.Int32(follower.Value);
            writer.Int64(index);
        }

        writer.Bytes(status.Members?.Encode());
        WriteIds(ref writer, status.LeavingVoters);
        if (status.Links.Count > 0)
            WriteIds(ref writer, status.Links);
        if (status.Mode != ReplicaMode.None)
            WriteModes(ref writer, status);
        if (status.Ring is { } ring)
            Write(ref writer, ring);
        if (status.Repair is { } repair)
            Write(ref writer, repair);
        if (status.Spread is { } spread)
            Write(ref writer, spread);
    }

    private static void Write(ref ByteWriter writer, RingProgress ring)
    {
        writer.Int64(ring.Epoch);
        writer.Text(ring.Phase);
        writer.Int32(ring.Ranges);
        writer.Int32(ring.RangesDone);
        writer.Int32(ring.Share);
        foreach (long number in (long[])[ring.KeysDone, ring.KeysTotal, ring.BytesDone, ring.BytesTotal])
            writer.Int64(number);
    }

    private static RingProgress ReadRing(ref ByteReader reader)
    {
        long epoch = reader.Int64();
        string phase = reader.Text();
        int ranges = reader.Int32(), done = reader.Int32(), share = reader.Int32();
        return new RingProgress(epoch, phase, ranges, done, reader.Int64(), reader.Int64(), reader.Int64(), reader.Int64()) { Share = share };
    }

    private static void Write(ref ByteWriter writer, RepairProgress repair)
    {
        writer.Int32(repair.Running.Value);
        writer.Int32(repair.PeersLeft);
        foreach (long number in (long[])[repair.Comparisons, repair.KeysCompared, repair.KeysExchanged, repair.HintsBytes, repair.Damaged, repair.OldestHintMicros ?? -1, repair.Hints, repair.RefusedAsAhead])
            writer.Int64(number);
    }

    private static RepairProgress ReadRepair(ref ByteReader reader)
    {
        var repair = new RepairProgress(new ReplicaId(reader.Int32()), reader.Int32(), reader.Int64(), reader.Int64(), reader.Int64(), reader.Int64(), reader.Int64());
        long oldest = reader.Int64();
        return repair with { OldestHintMicros = oldest < 0 ? null : oldest, Hints = (int)reader.Int64(), RefusedAsAhead = reader.Int64() };
    }

    private static void Write(ref ByteWriter writer, SpreadProgress spread)
    {
        writer.Int32(spread.Members.Count);
        foreach (MemberSpread member in spread.Members)
        {
            writer.Int32(member.Id.Value);
            writer.Byte(member.Heard ? (byte)1 : (byte)0);
            foreach (long number in (long[])[member.Lacks, member.Ahead, member.SilentMicros])
                writer.Int64(number);
        }

        foreach (long number in (long[])[spread.KeptUpdates, spread.KeptBytes, spread.Tags, spread.Keys, spread.Comparisons, spread.Refused, spread.Unreadable, spread.Nonsense])
            writer.Int64(number);
        writer.Int32(spread.Comparing.Value);
        writer.Int32(spread.Lends);
        writer.Byte(spread.Rebuilding ? (byte)1 : (byte)0);
    }

    private static SpreadProgress ReadSpread(ref ByteReader reader)
    {
        var members = new MemberSpread[reader.Count(MemberSize)];
        for (int i = 0; i < members.Length; i++)
            members[i] = new MemberSpread(new ReplicaId(reader.Int32()), reader.Bool(), reader.Int64(), reader.Int64(), reader.Int64());
        long updates = reader.Int64(), bytes = reader.Int64(), tags = reader.Int64(), keys = reader.Int64();
        long comparisons = reader.Int64(), refused = reader.Int64(), unreadable = reader.Int64(), nonsense = reader.Int64();
        return new SpreadProgress(members, updates, bytes, tags, keys, new ReplicaId(reader.Int32()), reader.Int32(), comparisons, refused, unreadable, nonsense, reader.Bool());
    }

    private static void WriteIds(ref ByteWriter writer, IReadOnlyList<ReplicaId> ids)
    {
        writer.Int32(ids.Count);
        foreach (ReplicaId id in ids)
            writer.Int32(id.Value);
    }

    private static ReplicaId[] ReadIds(ref ByteReader reader)
    {
        var ids = new ReplicaId[reader.Count(sizeof(int))];
        for (int i = 0; i < ids.Length; i++)
            ids[i] = new ReplicaId(reader.Int32());
        return ids;
    }

    private static void WriteModes(ref ByteWriter writer, ReplicaStatus status)
    {
        writer.Byte((byte)status.Mode);
        writer.Text(status.ModeReason);
        RecoveryProgress recovery = status.Recovery ?? default;
        writer.Byte(status.Recovery is null ? (byte)0 : (byte)1);
        writer.Int32(recovery.PartsPerThousand);
        writer.Int64(recovery.LagEntries);
        writer.Int64(recovery.EtaMicros ?? -1);
        WriteIds(ref writer, status.SyncSet);
        writer.Int32(status.Progress.Count);
        foreach (FollowerProgress follower in status.Progress)
        {
            writer.Int32(follower.Id.Value);
            writer.Int64(follower.Sent);
            writer.Int64(follower.Received);
            writer.Int64(follower.Durable);
            writer.Int64(follower.Applied);
            writer.Byte((byte)((follower.InSync ? InSync : 0) | (follower.Slow ? Slow : 0)));
            writer.Int64(follower.LagEntries);
            writer.Int64(follower.LagBytes);
            writer.Int64(follower.LagMicros);
            writer.Int32(follower.MissedBeats);
            writer.Int64(follower.CatchUpMicros ?? -1);
        }
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
            reader.Text(), reader.Int64(), new ReplicaId(reader.Int32()), reader.Int64(), reader.Int64(), reader.Int64(), reader.Int64(), Voter: false);
        byte has = reader.Byte();
        if ((has & ~(Votes | HasModes | HasLinks | HasRing | HasRepair | HasSpread)) != 0)
            throw new InvalidDataException($"a status has what this build does not know ({has})");
        var followers = new Dictionary<ReplicaId, long>();
        for (int left = reader.Count(FollowerSize); left > 0; left--)
            followers[new ReplicaId(reader.Int32())] = reader.Int64();
        ReadOnlyMemory<byte> members = reader.Bytes();
        ReplicaId[] leaving = ReadIds(ref reader);
        status = status with
        {
            Voter = (has & Votes) != 0,
            Followers = followers,
            Members = members.IsEmpty ? null : Membership.Decode(members),
            LeavingVoters = leaving,
            Links = (has & HasLinks) != 0 ? ReadIds(ref reader) : [],
        };
        if ((has & HasModes) != 0)
            status = ReadModes(ref reader, status);
        if ((has & HasRing) != 0)
            status = status with { Ring = ReadRing(ref reader) };
        if ((has & HasRepair) != 0)
            status = status with { Repair = ReadRepair(ref reader) };
        return (has & HasSpread) != 0 ? status with { Spread = ReadSpread(ref reader) } : status;
    }

    private static ReplicaStatus ReadModes(ref ByteReader reader, ReplicaStatus status)
    {
        var mode = (ReplicaMode)reader.Byte();
        string reason = reader.Text();
        bool recovers = reader.Bool();
        var recovery = new RecoveryProgress(reader.Int32(), reader.Int64(), reader.Int64() is >= 0 and var eta ? eta : null);
        ReplicaId[] syncSet = ReadIds(ref reader);
        var progress = new FollowerProgress[reader.Count(ProgressSize)];
        for (int i = 0; i < progress.Length; i++)
            progress[i] = ReadProgress(ref reader);
        return status with { Mode = mode, ModeReason = reason, Recovery = recovers ? recovery : null, SyncSet = syncSet, Progress = progress };
    }

    private static FollowerProgress ReadProgress(ref ByteReader reader)
    {
        var follower = new FollowerProgress(new ReplicaId(reader.Int32()), reader.Int64(), reader.Int64(), reader.Int64(), reader.Int64());
        byte flags = reader.Byte();
        follower = follower with
        {
            InSync = (flags & InSync) != 0,
            Slow = (flags & Slow) != 0,
            LagEntries = reader.Int64(),
            LagBytes = reader.Int64(),
            LagMicros = reader.Int64(),
            MissedBeats = reader.Int32(),
        };
        return reader.Int64() is >= 0 and var micros ? follower with { CatchUpMicros = micros } : follower;
    }
}
