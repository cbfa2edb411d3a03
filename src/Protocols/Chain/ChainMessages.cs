using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Log;

namespace ActorRepl.Protocols.Chain;

internal enum MessageKind : byte
{
    Forward = 1,
    ForwardReply = 2,
    Settled = 3,
    Ack = 4,
    Beat = 5,
    CheckpointOffer = 6,
    VersionQuery = 7,
    VersionReply = 8,
    ViewNotice = 9,
    ViewRequest = 10,
}

/// <summary>A message between replicas of a chain; its number is the epoch that the sender is in, −1: in none yet.</summary>
internal abstract class ChainMessage(long epoch) : LogMessage(epoch)
{
    public long Epoch => Number;

    public abstract MessageKind Kind { get; }

    private protected sealed override byte KindCode => (byte)Kind;

    /// <exception cref="InvalidDataException">The bytes are no message of a chain.</exception>
    public static ChainMessage Decode(ReadOnlyMemory<byte> bytes)
    {
        var reader = new ByteReader(bytes);
        (byte code, long epoch) = DecodeHeader(ref reader, "a chain's message", "epoch", least: ChainView.Unknown.Epoch);
        var kind = (MessageKind)code;
        ChainMessage message = kind switch
        {
            MessageKind.Forward => Forward.DecodeBody(epoch, ref reader),
            MessageKind.ForwardReply => ForwardReply.DecodeBody(epoch, ref reader),
            MessageKind.Settled => new Settled(epoch, NonNegative(ref reader)),
            MessageKind.Ack => new ChainAck(epoch, NonNegative(ref reader)),
            MessageKind.Beat => Beat.DecodeBody(epoch, ref reader),
            MessageKind.CheckpointOffer => new CheckpointOffer(epoch, Position(ref reader)),
            MessageKind.VersionQuery => new VersionQuery(epoch, NonNegative(ref reader)),
            MessageKind.VersionReply => new VersionReply(epoch, NonNegative(ref reader), NonNegative(ref reader)),
            MessageKind.ViewNotice => ViewNotice.DecodeBody(epoch, ref reader),
            MessageKind.ViewRequest => new ViewRequest(epoch),
            _ => throw new InvalidDataException($"a chain's message has unknown kind {(byte)kind}"),
        };
        reader.End();
        return message;
    }
}

/// <summary>Entries that follow one; none: does the log match there?</summary>
/// <param name="epoch">The sender's epoch.</param>
/// <param name="previous">The entry before the first of these.</param>
/// <param name="settled">Up to here the sender and all links before it have the log on disk.</param>
/// <param name="commit">Up to here every link has.</param>
/// <param name="batches">In order, without a gap.</param>
internal sealed class Forward(long epoch, LogPosition previous, long settled, long commit, IReadOnlyList<EntryBatch> batches) : ChainMessage(epoch)
{
    public LogPosition Previous { get; } = previous;
    public long Settled { get; } = settled;
    public long Commit { get; } = commit;
    public IReadOnlyList<EntryBatch> Batches { get; } = batches;

    public long LastIndex => Batches.Count > 0 ? Batches[^1].LastIndex : Previous.Index;

    public override MessageKind Kind => MessageKind.Forward;

    protected override int BodySize
    {
        get
        {
            int size = PositionSize + 2 * sizeof(long) + sizeof(int);
            for (int i = 0; i < Batches.Count; i++)
                size += sizeof(int) + Batches[i].Bytes.Length;
            return size;
        }
    }

    protected override void EncodeBody(ref ByteWriter writer)
    {
        Write(ref writer, Previous);
        writer.Int64(Settled);
        writer.Int64(Commit);
        writer.Int32(Batches.Count);
        for (int i = 0; i < Batches.Count; i++)
            writer.Bytes(Batches[i].Bytes.Span);
    }

    public static Forward DecodeBody(long epoch, ref ByteReader reader)
    {
        LogPosition previous = Position(ref reader);
        long settled = NonNegative(ref reader), commit = NonNegative(ref reader);
        var batches = new EntryBatch[reader.Count(sizeof(int) + EntryBatch.HeaderSize)];
        long next = previous.Index + 1, lowest = previous.Term;
        for (int i = 0; i < batches.Length; i++)
        {
            EntryBatch batch = EntryBatch.Read(reader.Bytes());
            if (batch.FirstIndex != next || batch.Term < lowest || batch.Term > epoch)
                throw new InvalidDataException($"what is forwarded in epoch {epoch} has entry {batch.FirstIndex} of epoch {batch.Term} "
                    + $"where {next} of epoch {lowest} or later belongs");
            batches[i] = batch;
            next = batch.LastIndex + 1;
            lowest = batch.Term;
        }

        return new Forward(epoch, previous, settled, commit, batches);
    }
}

internal enum ForwardOutcome : byte
{
    /// <summary>The log matches the sender's up to the index.</summary>
    Matches = 1,

    /// <summary>So it does, and that is on disk.</summary>
    Durable = 2,

    /// <summary>The log does not match at the index; the nearest entry that may is named.</summary>
    Mismatch = 3,
}

/// <summary>What became of entries that were forwarded; <paramref name="loss"/> as in <see cref="Beat"/>.</summary>
internal sealed class ForwardReply(long epoch, ForwardOutcome outcome, long loss, long index, LogPosition nearest) : ChainMessage(epoch)
{
    public ForwardOutcome Outcome { get; } = outcome;
    public long Loss { get; } = loss;
    public long Index { get; } = index;
    public LogPosition Nearest { get; } = nearest;

    public override MessageKind Kind => MessageKind.ForwardReply;
    protected override int BodySize => 1 + 2 * sizeof(long) + PositionSize;

    protected override void EncodeBody(ref ByteWriter writer)
    {
        writer.Byte((byte)Outcome);
        writer.Int64(Loss);
        writer.Int64(Index);
        Write(ref writer, Nearest);
    }

    public static ForwardReply DecodeBody(long epoch, ref ByteReader reader)
    {
        byte outcome = reader.Byte();
        if (outcome is < (byte)ForwardOutcome.Matches or > (byte)ForwardOutcome.Mismatch)
            throw new InvalidDataException($"an answer to what was forwarded has outcome {outcome}; it is 1 to 3");
        return new ForwardReply(epoch, (ForwardOutcome)outcome, NonNegative(ref reader), NonNegative(ref reader), Position(ref reader));
    }
}

/// <summary>A message of one number.</summary>
internal abstract class NumberMessage(long epoch, long index) : ChainMessage(epoch)
{
    public long Index { get; } = index;
    protected sealed override int BodySize => sizeof(long);

    protected sealed override void EncodeBody(ref ByteWriter writer) => writer.Int64(Index);
}

/// <summary>Down the chain: up to here the sender and all links before it have the log on disk.</summary>
internal sealed class Settled(long epoch, long index) : NumberMessage(epoch, index)
{
    public override MessageKind Kind => MessageKind.Settled;
}

/// <summary>Up the chain: up to here every link has the log on disk, and the tail has applied it.</summary>
internal sealed class ChainAck(long epoch, long index) : NumberMessage(epoch, index)
{
    public override MessageKind Kind => MessageKind.Ack;
}

[Flags]
internal enum BeatFlags : byte
{
    None = 0,

    /// <summary>The sender wants to hear at once.</summary>
    WantsAnswer = 1,

    /// <summary>The sender is about to stop, and is to be no link.</summary>
    Leaves = 2,
}

/// <summary>A member is there, and how far it is.</summary>
/// <param name="epoch">The sender's epoch.</param>
/// <param name="loss">The number of the loss that the sender has not been pardoned; 0: it counts.</param>
/// <param name="flags">What else there is to say.</param>
/// <param name="clock">The sender's monotonic clock, µs, no two beats of the same; 0 of one that is no link.</param>
/// <param name="echo">The latest clock that it has from the receiver, and with it the promise of a lease; 0: none.</param>
/// <param name="settled">As in <see cref="Chain.Settled"/>.</param>
/// <param name="verified">Up to here its log is known to be that of the epoch's head.</param>
/// <param name="durable">Up to here, of that, it is on disk.</param>
/// <param name="applied">Up to here it is applied.</param>
/// <param name="commit">Up to here every link has the log.</param>
internal sealed class Beat(long epoch, long loss, BeatFlags flags, long clock, long echo, long settled, long verified, long durable, long applied, long commit) : ChainMessage(epoch)
{
    public long Loss { get; } = loss;
    public BeatFlags Flags { get; } = flags;
    public long Clock { get; } = clock;
    public long Echo { get; } = echo;
    public long Settled { get; } = settled;
    public long Verified { get; } = verified;
    public long Durable { get; } = durable;
    public long Applied { get; } = applied;
    public long Commit { get; } = commit;

    public override MessageKind Kind => MessageKind.Beat;
    public override bool IsBeat => true;
    protected override int BodySize => 1 + 8 * sizeof(long);

    protected override void EncodeBody(ref ByteWriter writer)
    {
        writer.Int64(Loss);
        writer.Byte((byte)Flags);
        writer.Int64(Clock);
        writer.Int64(Echo);
        writer.Int64(Settled);
        writer.Int64(Verified);
        writer.Int64(Durable);
        writer.Int64(Applied);
        writer.Int64(Commit);
    }

    public static Beat DecodeBody(long epoch, ref ByteReader reader)
    {
        long loss = NonNegative(ref reader);
        byte flags = reader.Byte();
        if (flags > 3)
            throw new InvalidDataException($"a beat has flags {flags}; they are 0 to 3");
        return new Beat(epoch, loss, (BeatFlags)flags, NonNegative(ref reader), NonNegative(ref reader), NonNegative(ref reader), NonNegative(ref reader),
            NonNegative(ref reader), NonNegative(ref reader), NonNegative(ref reader));
    }
}

/// <summary>What the receiver lacks is gone from the sender's log: there is this checkpoint, or a later one.</summary>
internal sealed class CheckpointOffer(long epoch, LogPosition at) : ChainMessage(epoch)
{
    public LogPosition At { get; } = at;

    public override MessageKind Kind => MessageKind.CheckpointOffer;
    protected override int BodySize => PositionSize;

    protected override void EncodeBody(ref ByteWriter writer) => Write(ref writer, At);
}

/// <summary>Which version is committed (CRAQ 2.3)? Of everything: one question serves all reads that wait.</summary>
internal sealed class VersionQuery(long epoch, long token) : NumberMessage(epoch, token)
{
    public override MessageKind Kind => MessageKind.VersionQuery;
}

/// <summary>The tail had committed so much when it was asked.</summary>
internal sealed class VersionReply(long epoch, long token, long index) : ChainMessage(epoch)
{
    public long Token { get; } = token;
    public long Index { get; } = index;

    public override MessageKind Kind => MessageKind.VersionReply;
    protected override int BodySize => 2 * sizeof(long);

    protected override void EncodeBody(ref ByteWriter writer)
    {
        writer.Int64(Token);
        writer.Int64(Index);
    }
}

/// <summary>The view of the sender's epoch.</summary>
internal sealed class ViewNotice(ChainView view) : ChainMessage(view.Epoch)
{
    public ChainView View { get; } = view;

    public override MessageKind Kind => MessageKind.ViewNotice;
    protected override int BodySize => View.EncodedSize;

    protected override void EncodeBody(ref ByteWriter writer) => View.Encode(ref writer);

    public static ViewNotice DecodeBody(long epoch, ref ByteReader reader)
    {
        ChainView view = ChainView.Decode(ref reader);
        if (view.Epoch != epoch)
            throw new InvalidDataException($"a notice of epoch {epoch} has the view of epoch {view.Epoch}");
        return new ViewNotice(view);
    }
}

/// <summary>Somebody spoke of an epoch that the sender does not know.</summary>
internal sealed class ViewRequest(long epoch) : ChainMessage(epoch)
{
    public override MessageKind Kind => MessageKind.ViewRequest;
    protected override int BodySize => 0;

    protected override void EncodeBody(ref ByteWriter writer)
    {
    }
}
