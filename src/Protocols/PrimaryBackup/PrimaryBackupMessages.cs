using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Log;

namespace ActorRepl.Protocols.PrimaryBackup;

internal enum MessageKind : byte
{
    Append = 1,
    AppendReply = 2,
    Beat = 3,
    BeatReply = 4,
    CheckpointOffer = 5,
    ReadIndexRequest = 6,
    ReadIndexReply = 7,
    SealRequest = 8,
    SealReply = 9,
    ViewNotice = 10,
    ViewRequest = 11,
}

/// <summary>A message between replicas of primary–backup; its number is the epoch that the sender is in, −1: in none yet.</summary>
internal abstract class PrimaryBackupMessage(long epoch) : LogMessage(epoch)
{
    public long Epoch => Number;

    public abstract MessageKind Kind { get; }

    private protected sealed override byte KindCode => (byte)Kind;

    /// <exception cref="InvalidDataException">The bytes are no message of primary–backup.</exception>
    public static PrimaryBackupMessage Decode(ReadOnlyMemory<byte> bytes)
    {
        var reader = new ByteReader(bytes);
        (byte code, long epoch) = DecodeHeader(ref reader, "a primary–backup message", "epoch", least: View.Unknown.Epoch);
        var kind = (MessageKind)code;
        PrimaryBackupMessage message = kind switch
        {
            MessageKind.Append => Append.DecodeBody(epoch, ref reader),
            MessageKind.AppendReply => AppendReply.DecodeBody(epoch, ref reader),
            MessageKind.Beat => Beat.DecodeBody(epoch, ref reader),
            MessageKind.BeatReply => BeatReply.DecodeBody(epoch, ref reader),
            MessageKind.CheckpointOffer => new CheckpointOffer(epoch, NonNegative(ref reader), NonNegative(ref reader), Position(ref reader)),
            MessageKind.ReadIndexRequest => new ReadIndexRequest(epoch, NonNegative(ref reader)),
            MessageKind.ReadIndexReply => new ReadIndexReply(epoch, NonNegative(ref reader), NonNegative(ref reader)),
            MessageKind.SealRequest => new SealRequest(epoch, reader.Bool(), Position(ref reader)),
            MessageKind.SealReply => new SealReply(epoch, reader.Bool(), reader.Bool(), Position(ref reader)),
            MessageKind.ViewNotice => ViewNotice.DecodeBody(epoch, ref reader),
            MessageKind.ViewRequest => new ViewRequest(epoch),
            _ => throw new InvalidDataException($"a primary–backup message has unknown kind {(byte)kind}"),
        };
        reader.End();
        return message;
    }
}

/// <summary>What the sender of an append wants to hear, or is.</summary>
[Flags]
internal enum AppendFlags : byte
{
    None = 0,

    /// <summary>Say at once that it has arrived.</summary>
    WantsReceived = 1,

    /// <summary>Say when it is applied.</summary>
    WantsApplied = 2,

    /// <summary>From one that takes over, to bring others to its log: it counts for no write.</summary>
    Brings = 4,

    /// <summary>From a member that passes on what it has from the primary: it counts for no write.</summary>
    Relays = 8,
}

/// <summary>Entries that follow the one at <see cref="PrevIndex"/>; none: does the log match there?</summary>
internal sealed class Append(long epoch, long prevIndex, long prevTerm, long commit, long clock, LogPosition last, AppendFlags flags, IReadOnlyList<EntryBatch> batches)
    : PrimaryBackupMessage(epoch)
{
    public long PrevIndex { get; } = prevIndex;
    public long PrevTerm { get; } = prevTerm;
    public long Commit { get; } = commit;

    /// <summary>The sender's monotonic clock, which answers echo, µs.</summary>
    public long Clock { get; } = clock;

    /// <summary>Where the sender's log ends.</summary>
    public LogPosition Last { get; } = last;
    public AppendFlags Flags { get; } = flags;
    public IReadOnlyList<EntryBatch> Batches { get; } = batches;

    public bool Brings => (Flags & AppendFlags.Brings) != 0;
    public bool Relays => (Flags & AppendFlags.Relays) != 0;
    public long LastIndex => Batches.Count > 0 ? Batches[^1].LastIndex : PrevIndex;

    public override MessageKind Kind => MessageKind.Append;

    protected override int BodySize
    {
        get
        {
            int size = 4 * sizeof(long) + PositionSize + 1 + sizeof(int);
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
        writer.Int64(Clock);
        Write(ref writer, Last);
        writer.Byte((byte)Flags);
        writer.Int32(Batches.Count);
        for (int i = 0; i < Batches.Count; i++)
            writer.Bytes(Batches[i].Bytes.Span);
    }

    public static Append DecodeBody(long epoch, ref ByteReader reader)
    {
        long prevIndex = NonNegative(ref reader), prevTerm = NonNegative(ref reader), commit = NonNegative(ref reader), clock = NonNegative(ref reader);
        LogPosition last = Position(ref reader);
        byte flags = reader.Byte();
        if (flags > 15)
            throw new InvalidDataException($"an append has flags {flags}; they are 0 to 15");
        var batches = new EntryBatch[reader.Count(sizeof(int) + EntryBatch.HeaderSize)];
        long next = prevIndex + 1, lowest = prevTerm;
        for (int i = 0; i < batches.Length; i++)
        {
            EntryBatch batch = EntryBatch.Read(reader.Bytes());
            if (batch.FirstIndex != next || batch.Term < lowest || batch.Term > epoch)
                throw new InvalidDataException($"an append of epoch {epoch} has entry {batch.FirstIndex} of epoch {batch.Term} "
                    + $"where {next} of epoch {lowest} or later belongs");
            batches[i] = batch;
            next = batch.LastIndex + 1;
            lowest = batch.Term;
        }

        return new Append(epoch, prevIndex, prevTerm, commit, clock, last, (AppendFlags)flags, batches);
    }
}

internal enum AppendOutcome : byte
{
    /// <summary>Everything up to the index matches the sender's log and is in memory.</summary>
    Received = 1,

    /// <summary>Everything up to the index matches the sender's log and is on disk.</summary>
    Durable = 2,

    /// <summary>The log does not match at the index; the nearest entry that may is named.</summary>
    Mismatch = 3,

    /// <summary>The sender's log has another entry at the index than one that is applied or gone here: only a checkpoint helps.</summary>
    Diverged = 4,

    /// <summary>Not taken: the member is sealed, or more advanced than one that wants to bring it to its log.</summary>
    Declined = 5,
}

/// <summary>What became of an append. Every answer echoes the sender's clock and says how far its own sender has applied.</summary>
internal sealed class AppendReply(long epoch, AppendOutcome outcome, Standing standing, long echo, long index, long applied, LogPosition nearest) : PrimaryBackupMessage(epoch)
{
    public AppendOutcome Outcome { get; } = outcome;
    public Standing Standing { get; } = standing;
    public long Echo { get; } = echo;
    public long Index { get; } = index;
    public long Applied { get; } = applied;

    /// <summary>Of a mismatch: the last entry here that is no later than the sender's, by term; else where the log ends.</summary>
    public LogPosition Nearest { get; } = nearest;

    public override MessageKind Kind => MessageKind.AppendReply;
    protected override int BodySize => 1 + Standing.EncodedSize + 3 * sizeof(long) + PositionSize;

    protected override void EncodeBody(ref ByteWriter writer)
    {
        writer.Byte((byte)Outcome);
        Standing.Encode(ref writer);
        writer.Int64(Echo);
        writer.Int64(Index);
        writer.Int64(Applied);
        Write(ref writer, Nearest);
    }

    public static AppendReply DecodeBody(long epoch, ref ByteReader reader)
    {
        byte outcome = reader.Byte();
        if (outcome is < (byte)AppendOutcome.Received or > (byte)AppendOutcome.Declined)
            throw new InvalidDataException($"an answer to an append has outcome {outcome}; it is 1 to 5");
        return new AppendReply(epoch, (AppendOutcome)outcome, Standing.Decode(ref reader), NonNegative(ref reader), NonNegative(ref reader), NonNegative(ref reader), Position(ref reader));
    }
}

/// <summary>The primary is there.</summary>
internal sealed class Beat(long epoch, long commit, long clock) : PrimaryBackupMessage(epoch)
{
    public long Commit { get; } = commit;

    /// <summary>The primary's monotonic clock, µs, no two beats of the same: reads that came before are safe once enough backups have echoed it.</summary>
    public long Clock { get; } = clock;

    public override MessageKind Kind => MessageKind.Beat;
    public override bool IsBeat => true;
    protected override int BodySize => 2 * sizeof(long);

    protected override void EncodeBody(ref ByteWriter writer)
    {
        writer.Int64(Commit);
        writer.Int64(Clock);
    }

    public static Beat DecodeBody(long epoch, ref ByteReader reader) => new(epoch, NonNegative(ref reader), NonNegative(ref reader));
}

/// <summary>A member is there, and how far it has got.</summary>
internal sealed class BeatReply(long epoch, Standing standing, long echo, long verified, long durable, long applied) : PrimaryBackupMessage(epoch)
{
    public Standing Standing { get; } = standing;
    public long Echo { get; } = echo;

    /// <summary>Up to here it knows its log to be the primary's; it forgets that when it starts again.</summary>
    public long Verified { get; } = verified;

    /// <summary>What of that is on its disk.</summary>
    public long Durable { get; } = durable;
    public long Applied { get; } = applied;

    public override MessageKind Kind => MessageKind.BeatReply;
    public override bool IsBeat => true;
    protected override int BodySize => Standing.EncodedSize + 4 * sizeof(long);

    protected override void EncodeBody(ref ByteWriter writer)
    {
        Standing.Encode(ref writer);
        writer.Int64(Echo);
        writer.Int64(Verified);
        writer.Int64(Durable);
        writer.Int64(Applied);
    }

    public static BeatReply DecodeBody(long epoch, ref ByteReader reader) =>
        new(epoch, Standing.Decode(ref reader), NonNegative(ref reader), NonNegative(ref reader), NonNegative(ref reader), NonNegative(ref reader));
}

/// <summary>What the member lacks is gone, or it has applied what never was: it may pull the primary's checkpoint at this index.</summary>
internal sealed class CheckpointOffer(long epoch, long index, long indexTerm, LogPosition refuted = default) : PrimaryBackupMessage(epoch)
{
    public long Index { get; } = index;
    public long IndexTerm { get; } = indexTerm;

    /// <summary>A position the member has named that is not in the sender's history; index 0: none.</summary>
    public LogPosition Refuted { get; } = refuted;

    public override MessageKind Kind => MessageKind.CheckpointOffer;
    protected override int BodySize => 2 * sizeof(long) + PositionSize;

    protected override void EncodeBody(ref ByteWriter writer)
    {
        writer.Int64(Index);
        writer.Int64(IndexTerm);
        Write(ref writer, Refuted);
    }
}

/// <summary>Asks the primary how far the sender must have applied before it serves what waits there.</summary>
internal sealed class ReadIndexRequest(long epoch, long token) : PrimaryBackupMessage(epoch)
{
    public long Token { get; } = token;

    public override MessageKind Kind => MessageKind.ReadIndexRequest;
    protected override int BodySize => sizeof(long);

    protected override void EncodeBody(ref ByteWriter writer) => writer.Int64(Token);
}

/// <summary>The sender was the primary after the question came: whatever was acknowledged by then is at or below the index.</summary>
internal sealed class ReadIndexReply(long epoch, long token, long index) : PrimaryBackupMessage(epoch)
{
    public long Token { get; } = token;
    public long Index { get; } = index;

    public override MessageKind Kind => MessageKind.ReadIndexReply;
    protected override int BodySize => 2 * sizeof(long);

    protected override void EncodeBody(ref ByteWriter writer)
    {
        writer.Int64(Token);
        writer.Int64(Index);
    }
}

/// <summary>Asks a backup to take nothing from its primary any more, or whether it would.</summary>
internal sealed class SealRequest(long epoch, bool pre, LogPosition last) : PrimaryBackupMessage(epoch)
{
    public bool Pre { get; } = pre;

    /// <summary>Where the sender's log ends.</summary>
    public LogPosition Last { get; } = last;

    public override MessageKind Kind => MessageKind.SealRequest;
    protected override int BodySize => 1 + PositionSize;

    protected override void EncodeBody(ref ByteWriter writer)
    {
        writer.Byte(Flag(Pre));
        Write(ref writer, Last);
    }
}

/// <summary>The backup has sealed its epoch, or would; where its log ends then, all of it on disk.</summary>
internal sealed class SealReply(long epoch, bool pre, bool granted, LogPosition last) : PrimaryBackupMessage(epoch)
{
    public bool Pre { get; } = pre;
    public bool Granted { get; } = granted;
    public LogPosition Last { get; } = last;

    public override MessageKind Kind => MessageKind.SealReply;
    protected override int BodySize => 2 + PositionSize;

    protected override void EncodeBody(ref ByteWriter writer)
    {
        writer.Byte(Flag(Pre));
        writer.Byte(Flag(Granted));
        Write(ref writer, Last);
    }
}

/// <summary>The view of the epoch that the sender is in.</summary>
internal sealed class ViewNotice(View view) : PrimaryBackupMessage(view.Epoch)
{
    public View View { get; } = view;

    public override MessageKind Kind => MessageKind.ViewNotice;
    protected override int BodySize => View.EncodedSize;

    protected override void EncodeBody(ref ByteWriter writer) => View.Encode(ref writer);

    public static ViewNotice DecodeBody(long epoch, ref ByteReader reader)
    {
        View view = View.Decode(ref reader);
        return view.IsKnown && view.Epoch == epoch ? new ViewNotice(view) : throw new InvalidDataException($"a message of epoch {epoch} brings the view of epoch {view.Epoch}");
    }
}

/// <summary>The sender is told of a later epoch than the one it knows, and asks for its view.</summary>
internal sealed class ViewRequest(long epoch) : PrimaryBackupMessage(epoch)
{
    public override MessageKind Kind => MessageKind.ViewRequest;
    protected override int BodySize => 0;

    protected override void EncodeBody(ref ByteWriter writer)
    {
    }
}
