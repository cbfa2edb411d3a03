using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Log;

namespace ActorRepl.Protocols.Raft;

internal enum RaftMessageKind : byte
{
    VoteRequest = 1,
    VoteReply = 2,
    AppendRequest = 3,
    AppendReply = 4,
    Heartbeat = 5,
    HeartbeatReply = 6,
    CheckpointOffer = 7,
    TimeoutNow = 8,
    Quiesce = 20,
    Wake = 21,
    Removed = 30,
    WitnessOffer = 31,
    ReadIndexRequest = 9,
    ReadIndexReply = 10,
}

/// <summary>A message between Raft replicas; its number is the sender's term, in a pre-vote the term that it would like to enter.</summary>
internal abstract class RaftMessage(long term) : LogMessage(term)
{
    public long Term => Number;

    public abstract RaftMessageKind Kind { get; }

    private protected sealed override byte KindCode => (byte)Kind;

    /// <exception cref="InvalidDataException">The bytes are no message of Raft.</exception>
    public static RaftMessage Decode(ReadOnlyMemory<byte> bytes)
    {
        var reader = new ByteReader(bytes);
        (byte code, long term) = DecodeHeader(ref reader, "a Raft message", "term", least: 0);
        var kind = (RaftMessageKind)code;
        RaftMessage message = kind switch
        {
            RaftMessageKind.VoteRequest => VoteRequest.DecodeBody(term, ref reader),
            RaftMessageKind.VoteReply => VoteReply.DecodeBody(term, ref reader),
            RaftMessageKind.AppendRequest => AppendRequest.DecodeBody(term, ref reader),
            RaftMessageKind.AppendReply => AppendReply.DecodeBody(term, ref reader),
            RaftMessageKind.Heartbeat => Heartbeat.DecodeBody(term, ref reader),
            RaftMessageKind.HeartbeatReply => HeartbeatReply.DecodeBody(term, ref reader),
            RaftMessageKind.CheckpointOffer => CheckpointOffer.DecodeBody(term, ref reader, toWitness: false),
            RaftMessageKind.WitnessOffer => CheckpointOffer.DecodeBody(term, ref reader, toWitness: true),
            RaftMessageKind.TimeoutNow => new TimeoutNow(term),
            RaftMessageKind.Quiesce => new Quiesce(term, NonNegative(ref reader)),
            RaftMessageKind.Wake => new Wake(term),
            RaftMessageKind.Removed => Removed.DecodeBody(term, ref reader),
            RaftMessageKind.ReadIndexRequest => ReadIndexRequest.DecodeBody(term, ref reader),
            RaftMessageKind.ReadIndexReply => ReadIndexReply.DecodeBody(term, ref reader),
            _ => throw new InvalidDataException($"a Raft message has unknown kind {(byte)kind}"),
        };
        reader.End();
        return message;
    }
}

/// <summary>Asks for a vote (section 5.2), or whether one would be given (thesis 9.6, pre-vote).</summary>
internal sealed class VoteRequest(long term, long lastIndex, long lastTerm, bool pre, bool handOver) : RaftMessage(term)
{
    public long LastIndex { get; } = lastIndex;
    public long LastTerm { get; } = lastTerm;
    public bool Pre { get; } = pre;

    /// <summary>The leader itself wants this election (thesis 3.10): it is no disturbance.</summary>
    public bool HandOver { get; } = handOver;

    public override RaftMessageKind Kind => RaftMessageKind.VoteRequest;
    protected override int BodySize => 18;

    protected override void EncodeBody(ref ByteWriter writer)
    {
        writer.Int64(LastIndex);
        writer.Int64(LastTerm);
        writer.Byte(Flag(Pre));
        writer.Byte(Flag(HandOver));
    }

    public static VoteRequest DecodeBody(long term, ref ByteReader reader) =>
        new(term, NonNegative(ref reader), NonNegative(ref reader), reader.Bool(), reader.Bool());
}

/// <summary>A granted pre-vote carries the term that was asked for; everything else the voter's own.</summary>
internal sealed class VoteReply(long term, bool granted, bool pre) : RaftMessage(term)
{
    public bool Granted { get; } = granted;
    public bool Pre { get; } = pre;

    public override RaftMessageKind Kind => RaftMessageKind.VoteReply;
    protected override int BodySize => 2;

    protected override void EncodeBody(ref ByteWriter writer)
    {
        writer.Byte(Flag(Granted));
        writer.Byte(Flag(Pre));
    }

    public static VoteReply DecodeBody(long term, ref ByteReader reader) => new(term, reader.Bool(), reader.Bool());
}

/// <summary>Entries that follow the one at <see cref="PrevIndex"/>; none: does the log match there?</summary>
internal sealed class AppendRequest(long term, long prevIndex, long prevTerm, long commit, IReadOnlyList<EntryBatch> batches) : RaftMessage(term)
{
    public long PrevIndex { get; } = prevIndex;
    public long PrevTerm { get; } = prevTerm;
    public long Commit { get; } = commit;
    public IReadOnlyList<EntryBatch> Batches { get; } = batches;

    public long LastIndex => Batches.Count > 0 ? Batches[^1].LastIndex : PrevIndex;

    public override RaftMessageKind Kind => RaftMessageKind.AppendRequest;

    protected override int BodySize
    {
        get
        {
            int size = 3 * sizeof(long) + sizeof(int);
            for (int i = 0; i < Batches.Count; i++)
                size += sizeof(int) + Batches[i].Bytes.Length;
            return size;
        }
    }

    protected override void EncodeBody(ref ByteWriter writer)
    {
        writer.Int64(PrevIndex);
        writer.Int64(PrevTerm);
        writer.Int64(Commit);
        writer.Int32(Batches.Count);
        for (int i = 0; i < Batches.Count; i++)
            writer.Bytes(Batches[i].Bytes.Span);
    }

    public static AppendRequest DecodeBody(long term, ref ByteReader reader)
    {
        long prevIndex = NonNegative(ref reader), prevTerm = NonNegative(ref reader), commit = NonNegative(ref reader);
        var batches = new EntryBatch[reader.Count(sizeof(int) + EntryBatch.HeaderSize)];
        long next = prevIndex + 1, lowest = prevTerm;
        for (int i = 0; i < batches.Length; i++)
        {
            EntryBatch batch = EntryBatch.Read(reader.Bytes());
            if (batch.FirstIndex != next || batch.Term < lowest || batch.Term > term)
                throw new InvalidDataException($"an append of term {term} has entry {batch.FirstIndex} of term {batch.Term} "
                    + $"where {next} of term {lowest} or later belongs");
            if (batch.Kind == EntryKind.Configuration)
                CheckConfiguration(batch);
            batches[i] = batch;
            next = batch.LastIndex + 1;
            lowest = batch.Term;
        }

        return new AppendRequest(term, prevIndex, prevTerm, commit, batches);
    }

    private static void CheckConfiguration(EntryBatch batch)
    {
        foreach (ReadOnlyMemory<byte> payload in batch)
            RaftConfiguration.Decode(payload);
    }
}

/// <summary>
/// Success: everything up to <see cref="Index"/> matches the leader's log and is durable. Otherwise the log does not match
/// at <see cref="Index"/>, and the nearest entry that may is at <see cref="ConflictIndex"/>, of term <see cref="ConflictTerm"/>.
/// </summary>
internal sealed class AppendReply(long term, bool success, Standing standing, long index, long conflictIndex, long conflictTerm) : RaftMessage(term)
{
    public AppendReply(long term, bool success, bool nonVoter, long index, long conflictIndex, long conflictTerm)
        : this(term, success, new Standing(nonVoter), index, conflictIndex, conflictTerm)
    {
    }

    public bool Success { get; } = success;
    public Standing Standing { get; } = standing;
    public long Index { get; } = index;
    public long ConflictIndex { get; } = conflictIndex;
    public long ConflictTerm { get; } = conflictTerm;

    public override RaftMessageKind Kind => RaftMessageKind.AppendReply;
    protected override int BodySize => 1 + Standing.EncodedSize + 3 * sizeof(long);

    protected override void EncodeBody(ref ByteWriter writer)
    {
        writer.Byte(Flag(Success));
        Standing.Encode(ref writer);
        writer.Int64(Index);
        writer.Int64(ConflictIndex);
        writer.Int64(ConflictTerm);
    }

    public static AppendReply DecodeBody(long term, ref ByteReader reader) =>
        new(term, reader.Bool(), Standing.Decode(ref reader), NonNegative(ref reader), NonNegative(ref reader), NonNegative(ref reader));
}

/// <summary>The leader is there. <see cref="Commit"/> is no further than the follower is known to match.</summary>
internal sealed class Heartbeat(long term, long commit, long round) : RaftMessage(term)
{
    public long Commit { get; } = commit;

    /// <summary>Reads that wait for this round are safe once a quorum has answered it.</summary>
    public long Round { get; } = round;

    public override RaftMessageKind Kind => RaftMessageKind.Heartbeat;
    public override bool IsBeat => true;
    protected override int BodySize => 2 * sizeof(long);

    protected override void EncodeBody(ref ByteWriter writer)
    {
        writer.Int64(Commit);
        writer.Int64(Round);
    }

    public static Heartbeat DecodeBody(long term, ref ByteReader reader) => new(term, NonNegative(ref reader), NonNegative(ref reader));
}

internal sealed class HeartbeatReply(long term, Standing standing, long round, long verified = 0) : RaftMessage(term)
{
    public HeartbeatReply(long term, bool nonVoter, long round, long verified = 0) : this(term, new Standing(nonVoter), round, verified)
    {
    }

    public Standing Standing { get; } = standing;
    public long Round { get; } = round;

    /// <summary>Up to here the follower knows its log to be the leader's; it forgets that when it starts again.</summary>
    public long Verified { get; } = verified;

    public override RaftMessageKind Kind => RaftMessageKind.HeartbeatReply;
    public override bool IsBeat => true;
    protected override int BodySize => Standing.EncodedSize + 2 * sizeof(long);

    protected override void EncodeBody(ref ByteWriter writer)
    {
        Standing.Encode(ref writer);
        writer.Int64(Round);
        writer.Int64(Verified);
    }

    public static HeartbeatReply DecodeBody(long term, ref ByteReader reader) => new(term, Standing.Decode(ref reader), NonNegative(ref reader), NonNegative(ref reader));
}

/// <summary>The entries the follower lacks are gone; it may pull the leader's checkpoint at this index instead.</summary>
internal sealed class CheckpointOffer(long term, long index, long indexTerm, bool toWitness = false) : RaftMessage(term)
{
    public long Index { get; } = index;
    public long IndexTerm { get; } = indexTerm;

    /// <summary>The manifest is enough: a witness has no state.</summary>
    public bool ToWitness { get; } = toWitness;

    public override RaftMessageKind Kind => ToWitness ? RaftMessageKind.WitnessOffer : RaftMessageKind.CheckpointOffer;
    protected override int BodySize => 2 * sizeof(long);

    protected override void EncodeBody(ref ByteWriter writer)
    {
        writer.Int64(Index);
        writer.Int64(IndexTerm);
    }

    public static CheckpointOffer DecodeBody(long term, ref ByteReader reader, bool toWitness) =>
        new(term, NonNegative(ref reader), NonNegative(ref reader), toWitness);
}

/// <summary>The leader asks this follower to start an election at once (thesis 3.10).</summary>
internal sealed class TimeoutNow(long term) : RaftMessage(term)
{
    public override RaftMessageKind Kind => RaftMessageKind.TimeoutNow;
    protected override int BodySize => 0;

    protected override void EncodeBody(ref ByteWriter writer)
    {
    }
}

/// <summary>The leader's last beat for now: a follower whose log ends at <see cref="Index"/> too, all of it committed, may stop its timers.</summary>
internal sealed class Quiesce(long term, long index) : RaftMessage(term)
{
    public long Index { get; } = index;

    public override RaftMessageKind Kind => RaftMessageKind.Quiesce;
    public override bool IsBeat => true;
    protected override int BodySize => sizeof(long);

    protected override void EncodeBody(ref ByteWriter writer) => writer.Int64(Index);
}

/// <summary>Somebody in the group is awake: a quiet leader beats again, a quiet follower counts the time without a leader.</summary>
internal sealed class Wake(long term) : RaftMessage(term)
{
    public override RaftMessageKind Kind => RaftMessageKind.Wake;
    protected override int BodySize => 0;

    protected override void EncodeBody(ref ByteWriter writer)
    {
    }
}

/// <summary>
/// The sender holds a committed configuration at <see cref="Index"/> that does not name the receiver, whose log may never
/// tell it: nobody sends it anything any more.
/// </summary>
internal sealed class Removed(long term, long index) : RaftMessage(term)
{
    public long Index { get; } = index;

    public override RaftMessageKind Kind => RaftMessageKind.Removed;
    protected override int BodySize => sizeof(long);

    protected override void EncodeBody(ref ByteWriter writer) => writer.Int64(Index);

    public static Removed DecodeBody(long term, ref ByteReader reader) => new(term, NonNegative(ref reader));
}
