using System.Text;
using ActorRepl.Actors.Client;
using ActorRepl.Protocols.Control;
using ActorRepl.Protocols.Driver;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Multiplex;
using Akka.Actor;
using Akka.Serialization;

namespace ActorRepl.Actors.Messages;

/// <summary>
/// Binary forms of every message that crosses a node: little-endian, lengths of four bytes, each written once into an
/// array of its exact size. The manifest names the message and, by its digit, the version of its form.
/// </summary>
public sealed class ActorReplSerializer(ExtendedActorSystem system) : SerializerWithStringManifest(system)
{
    private const string Join = "j1", Joins = "jr1", Founds = "f1", FoundsReply = "fr1", Nodes = "n1", Peer = "p1", Requests = "b1", Replies = "r2", Stopped = "s1", StatusRequest = "g1", Report = "t1",
        ExecuteManifest = "x1", QueryManifest = "q2", ExecutedManifest = "xr2", QueryResultManifest = "qr2", RejectedManifest = "rr1",
        Bundle = "m1", Arm = "v1", Sum = "vg1", Summed = "vr1";

    // Beside the kind of a request: a write concern follows, or a level.
    private const byte HasConcern = 0x80, HasLevel = 0x40;

    // What an Execute carries beside key and command.
    private const byte OfClient = 1, WithConcern = 2, WithLevel = 4;

    // Beside the read preference of a Query: a level follows.
    private const byte QueryHasLevel = 0x80;

    private const int PositionSize = 2 * sizeof(long);

    // Part of the wire format; Akka.NET keeps numbers below 100 for itself.
    public override int Identifier => 7301;

    public override string Manifest(object o) => o switch
    {
        PeerEnvelope => Peer,
        NodeBundle => Bundle,
        RequestBatch => Requests,
        ReplyBatch => Replies,
        ReplicaStopped => Stopped,
        GetReplicaStatus => StatusRequest,
        ReplicaReport => Report,
        NodeReport => Nodes,
        JoinRequest => Join,
        JoinAnswer => Joins,
        FoundingQuestion => Founds,
        FoundingAnswer => FoundsReply,
        Execute => ExecuteManifest,
        Query => QueryManifest,
        Executed => ExecutedManifest,
        QueryResult => QueryResultManifest,
        RequestRejected => RejectedManifest,
        ArmChecksum => Arm,
        GetChecksum => Sum,
        ShardChecksum => Summed,
        _ => throw Foreign(o),
    };

    public override byte[] ToBinary(object obj)
    {
        if (obj is PeerEnvelope { Binary: { } written })
            return written;
        int size = SizeOf(obj);
        byte[] bytes = GC.AllocateUninitializedArray<byte>(size);
        var writer = new ByteWriter(bytes);
        switch (obj)
        {
            case PeerEnvelope envelope:
                Write(ref writer, envelope);
                envelope.Binary = bytes;
                break;
            case NodeBundle bundle:
                bundle.Encode(ref writer);
                break;
            case RequestBatch batch:
                Write(ref writer, batch);
                break;
            case ReplyBatch batch:
                Write(ref writer, batch);
                break;
            case ReplicaStopped stopped:
                WriteShard(ref writer, stopped.Group, stopped.Shard);
                writer.Int32(stopped.From.Value);
                writer.Int64(stopped.LastBatch);
                break;
            case GetReplicaStatus request:
                WriteShard(ref writer, request.Group, request.Shard);
                break;
            case ReplicaReport report:
                ReportCodec.Write(ref writer, report);
                break;
            case NodeReport report:
                writer.Int32(report.Node.Value);
                writer.Int32(report.Replicas.Length);
                foreach (ReplicaReport replica in report.Replicas)
                    ReportCodec.Write(ref writer, replica);
                break;
            case JoinRequest:
                break;
            case JoinAnswer answer:
                writer.Raw(answer.State.Span);
                break;
            case FoundingQuestion question:
                writer.Int32(question.Node.Value);
                Write(ref writer, question.Disk);
                break;
            case FoundingAnswer answer:
                writer.Int32(answer.Node.Value);
                Write(ref writer, answer.Answer.Disk);
                writer.Byte(answer.Answer.Settled ? (byte)1 : (byte)0);
                Write(ref writer, answer.Answer.Known);
                writer.Bytes(answer.State.Span);
                break;
            case Execute execute:
                Write(ref writer, execute);
                break;
            case Query query:
                Write(ref writer, query);
                break;
            case Executed executed:
                Write(ref writer, executed.Seen);
                writer.Raw(executed.Result.Span);
                break;
            case QueryResult result:
                Write(ref writer, result.Seen);
                writer.Raw(result.Result.Span);
                break;
            case RequestRejected rejected:
                writer.Byte((byte)rejected.Reason);
                writer.Byte(rejected.OutcomeUnknown ? (byte)1 : (byte)0);
                writer.Text(rejected.Message);
                break;
            case ArmChecksum or GetChecksum or ShardChecksum:
                ChecksumCodec.Write(ref writer, obj);
                break;
            default:
                throw Foreign(obj);
        }

        Invariant.That(writer.Position == size, "a message is as long as it says");
        return bytes;
    }

    /// <exception cref="InvalidDataException">The bytes are no such message.</exception>
    public override object FromBinary(byte[] bytes, string manifest)
    {
        var reader = new ByteReader(bytes);
        object message = manifest switch
        {
            Peer => ReadEnvelope(ref reader),
            Bundle => NodeBundle.Decode(reader.Raw(reader.Remaining)),
            Requests => ReadRequests(ref reader),
            Replies => ReadReplies(ref reader),
            Stopped => new ReplicaStopped(reader.Text(), reader.Int32(), new ReplicaId(reader.Int32()), reader.Int64()),
            StatusRequest => new GetReplicaStatus(reader.Text(), reader.Int32()),
            Report => ReportCodec.Read(ref reader),
            Nodes => ReadNodeReport(ref reader),
            Join => JoinRequest.Instance,
            Joins => new JoinAnswer(reader.Raw(reader.Remaining)),
            Founds => new FoundingQuestion(new ReplicaId(reader.Int32()), ReadGuid(ref reader)),
            FoundsReply => new FoundingAnswer(
                new ReplicaId(reader.Int32()), new FounderAnswer(ReadGuid(ref reader), reader.Bool(), ReadGuid(ref reader)), reader.Bytes()),
            ExecuteManifest => ReadExecute(ref reader),
            QueryManifest => ReadQuery(ref reader),
            ExecutedManifest => ReadExecuted(ref reader),
            QueryResultManifest => ReadQueryResult(ref reader),
            RejectedManifest => new RequestRejected((RejectReason)reader.Byte(), reader.Bool(), reader.Text()),
            Arm => ChecksumCodec.ReadArm(ref reader),
            Sum => ChecksumCodec.ReadGet(ref reader),
            Summed => ChecksumCodec.ReadSum(ref reader),
            _ => throw new InvalidDataException($"unknown message '{manifest}': a newer node may have sent it"),
        };
        reader.End();
        return message;
    }

    /// <summary>The exact size in bytes of a message's binary form.</summary>
    public static int SizeOf(object message) => message switch
    {
        PeerEnvelope envelope => ShardSize(envelope.Group) + sizeof(int) + sizeof(byte) + envelope.EncodedSize,
        NodeBundle bundle => bundle.EncodedSize,
        RequestBatch batch => ShardSize(batch.Group) + sizeof(long) + sizeof(int)
            + batch.Requests.Sum(request => request.Size),
        ReplyBatch batch => ShardSize(batch.Group) + PositionSize + sizeof(int) + sizeof(byte) + sizeof(int) + batch.Replies.Sum(SizeOf),
        ReplicaStopped stopped => ShardSize(stopped.Group) + sizeof(int) + sizeof(long),
        GetReplicaStatus request => ShardSize(request.Group),
        ReplicaReport report => ReportCodec.SizeOf(report),
        JoinRequest => 0,
        JoinAnswer answer => answer.State.Length,
        FoundingQuestion => sizeof(int) + 16,
        FoundingAnswer answer => sizeof(int) + 16 + 1 + 16 + sizeof(int) + answer.State.Length,
        NodeReport report => 2 * sizeof(int) + report.Replicas.Sum(ReportCodec.SizeOf),
        Execute execute => 2 * sizeof(int) + execute.Key.Length + execute.Command.Length + sizeof(int) + sizeof(byte)
            + (execute.ClientId is null ? 0 : 16 + 2 * sizeof(long)) + (execute.Concern.IsDefault ? 0 : WriteConcern.EncodedSize) + SizeOf(execute.Level),
        Query query => 3 * sizeof(int) + query.Key.Length + query.Payload.Length + 2 * sizeof(byte)
            + (query.Kind == RequestKind.BoundedRead ? sizeof(int) : query.Kind == RequestKind.SessionRead ? PositionSize : 0) + SizeOf(query.Level),
        Executed executed => PositionSize + executed.Result.Length,
        QueryResult result => PositionSize + result.Result.Length,
        ArmChecksum or GetChecksum or ShardChecksum => ChecksumCodec.SizeOf(message),
        RequestRejected rejected => 2 * sizeof(byte) + TextSize(rejected.Message),
        _ => throw Foreign(message),
    };

    private static int SizeOf(ConsistencyLevel level) => level.IsDefault ? 0 : ConsistencyLevel.EncodedSize;

    internal static int TextSize(string text) => sizeof(int) + Encoding.UTF8.GetByteCount(text);

    internal static int ShardSize(string group) => TextSize(group) + sizeof(int);

    internal static void WriteShard(ref ByteWriter writer, string group, int shard)
    {
        writer.Text(group);
        writer.Int32(shard);
    }

    private static void Write(ref ByteWriter writer, PeerEnvelope envelope)
    {
        WriteShard(ref writer, envelope.Group, envelope.Shard);
        writer.Int32(envelope.From.Value);
        writer.Byte((byte)envelope.Channel);
        envelope.Encode(ref writer);
    }

    private static PeerEnvelope ReadEnvelope(ref ByteReader reader) => new(
        reader.Text(), reader.Int32(), new ReplicaId(reader.Int32()), (PeerChannel)reader.Byte(), reader.Raw(reader.Remaining));

    private static void Write(ref ByteWriter writer, RequestBatch batch)
    {
        WriteShard(ref writer, batch.Group, batch.Shard);
        writer.Int64(batch.Number);
        writer.Int32(batch.Requests.Length);
        foreach (ref readonly RoutedRequest request in batch.Requests.AsSpan())
        {
            writer.Int64(request.Id);
            writer.Byte((byte)((byte)request.Kind | (request.Concern.IsDefault ? 0 : HasConcern) | (request.Level.IsDefault ? 0 : HasLevel)));
            writer.Int32(request.RemainingMillis);
            writer.Bytes(request.Payload.Span);
            if (request.Kind == RequestKind.BoundedRead)
                writer.Int32(request.MaxStalenessMillis);
            else if (request.Kind == RequestKind.SessionRead)
                Write(ref writer, request.AtLeast);
            if (!request.Concern.IsDefault)
                request.Concern.Encode(ref writer);
            if (!request.Level.IsDefault)
                request.Level.Encode(ref writer);
        }
    }

    private static RequestBatch ReadRequests(ref ByteReader reader)
    {
        string group = reader.Text();
        int shard = reader.Int32();
        long number = reader.Int64();
        var requests = new RoutedRequest[reader.Count(RoutedRequest.Overhead)];
        for (int i = 0; i < requests.Length; i++)
            requests[i] = ReadRequest(ref reader);
        return new RequestBatch(group, shard, number, requests);
    }

    private static RoutedRequest ReadRequest(ref ByteReader reader)
    {
        long id = reader.Int64();
        byte kind = reader.Byte();
        var request = new RoutedRequest(id, (RequestKind)(kind & ~(HasConcern | HasLevel)), reader.Int32(), reader.Bytes());
        if (request.Kind == RequestKind.BoundedRead)
            request = request with { MaxStalenessMillis = reader.Int32() };
        else if (request.Kind == RequestKind.SessionRead)
            request = request with { AtLeast = ReadPosition(ref reader) };
        if ((kind & HasConcern) != 0)
            request = request with { Concern = WriteConcern.Decode(ref reader) };
        return (kind & HasLevel) != 0 ? request with { Level = ConsistencyLevel.Decode(ref reader) } : request;
    }

    internal static int SizeOf(RoutedReply reply) => RoutedReply.Overhead + (reply.Rejection is { } rejection
        ? 2 * sizeof(byte) + TextSize(rejection.Detail ?? "")
        : sizeof(int) + reply.Result.Length);

    private static void Write(ref ByteWriter writer, ReplyBatch batch)
    {
        WriteShard(ref writer, batch.Group, batch.Shard);
        writer.Int32(batch.From.Value);
        writer.Byte(batch.ReplicaDown ? (byte)1 : (byte)0);
        Write(ref writer, batch.Applied);
        writer.Int32(batch.Replies.Length);
        foreach (ref readonly RoutedReply reply in batch.Replies.AsSpan())
        {
            writer.Int64(reply.Id);
            writer.Byte(reply.Rejection is null ? (byte)0 : (byte)1);
            writer.Int32(reply.Rejection?.Leader.Value ?? 0);
            if (reply.Rejection is { } rejection)
            {
                writer.Byte((byte)rejection.Reason);
                writer.Byte(rejection.OutcomeUnknown ? (byte)1 : (byte)0);
                writer.Text(rejection.Detail ?? "");
            }
            else
            {
                writer.Bytes(reply.Result.Span);
            }
        }
    }

    private static ReplyBatch ReadReplies(ref ByteReader reader)
    {
        string group = reader.Text();
        int shard = reader.Int32();
        var from = new ReplicaId(reader.Int32());
        bool down = reader.Bool();
        LogPosition applied = ReadPosition(ref reader);
        var replies = new RoutedReply[reader.Count(RoutedReply.Overhead)];
        for (int i = 0; i < replies.Length; i++)
            replies[i] = ReadReply(ref reader);
        return new ReplyBatch(group, shard, from, down, replies) { Applied = applied };
    }

    private static RoutedReply ReadReply(ref ByteReader reader)
    {
        long id = reader.Int64();
        bool rejected = reader.Bool();
        var leader = new ReplicaId(reader.Int32());
        if (!rejected)
            return new RoutedReply(id, reader.Bytes(), null);
        var reason = (RejectReason)reader.Byte();
        bool unknown = reader.Bool();
        string detail = reader.Text();
        return new RoutedReply(id, default, new Rejection(reason, unknown, leader, detail.Length == 0 ? null : detail));
    }

    private static NodeReport ReadNodeReport(ref ByteReader reader)
    {
        var node = new ReplicaId(reader.Int32());
        var replicas = new ReplicaReport[reader.Count(ReportCodec.LeastSize)];
        for (int i = 0; i < replicas.Length; i++)
            replicas[i] = ReportCodec.Read(ref reader);
        return new NodeReport(node, replicas);
    }

    private static void Write(ref ByteWriter writer, Execute execute)
    {
        writer.Bytes(execute.Key.Span);
        writer.Bytes(execute.Command.Span);
        writer.Int32(execute.TimeoutMillis ?? 0);
        writer.Byte((byte)((execute.ClientId is null ? 0 : OfClient) | (execute.Concern.IsDefault ? 0 : WithConcern) | (execute.Level.IsDefault ? 0 : WithLevel)));
        if (execute.ClientId is { } client)
        {
            writer.Raw(client.ToByteArray(bigEndian: true));
            writer.Int64(execute.Sequence);
            writer.Int64(execute.FirstIncomplete);
        }

        if (!execute.Concern.IsDefault)
            execute.Concern.Encode(ref writer);
        if (!execute.Level.IsDefault)
            execute.Level.Encode(ref writer);
    }

    private static Execute ReadExecute(ref ByteReader reader)
    {
        var execute = new Execute(reader.Bytes(), reader.Bytes(), OrNull(reader.Int32()));
        byte carries = reader.Byte();
        if ((carries & ~(OfClient | WithConcern | WithLevel)) != 0)
            throw new InvalidDataException($"an Execute carries what this build does not know ({carries})");
        if ((carries & OfClient) != 0)
            execute = execute with { ClientId = new Guid(reader.Raw(16).Span, bigEndian: true), Sequence = reader.Int64(), FirstIncomplete = reader.Int64() };
        if ((carries & WithConcern) != 0)
            execute = execute with { Concern = WriteConcern.Decode(ref reader) };
        return (carries & WithLevel) != 0 ? execute with { Level = ConsistencyLevel.Decode(ref reader) } : execute;
    }

    private static void Write(ref ByteWriter writer, Query query)
    {
        writer.Bytes(query.Key.Span);
        writer.Bytes(query.Payload.Span);
        writer.Byte((byte)query.Kind);
        writer.Byte((byte)((byte)query.ReadFrom | (query.Level.IsDefault ? 0 : QueryHasLevel)));
        writer.Int32(query.TimeoutMillis ?? 0);
        if (query.Kind == RequestKind.BoundedRead)
            writer.Int32(query.MaxStalenessMillis);
        else if (query.Kind == RequestKind.SessionRead)
            Write(ref writer, query.AtLeast);
        if (!query.Level.IsDefault)
            query.Level.Encode(ref writer);
    }

    private static Query ReadQuery(ref ByteReader reader)
    {
        ReadOnlyMemory<byte> key = reader.Bytes(), payload = reader.Bytes();
        var kind = (RequestKind)reader.Byte();
        byte from = reader.Byte();
        var query = new Query(key, payload, kind, OrNull(reader.Int32())) { ReadFrom = (ReadFrom)(from & ~QueryHasLevel) };
        query = kind switch
        {
            RequestKind.BoundedRead => query with { MaxStalenessMillis = reader.Int32() },
            RequestKind.SessionRead => query with { AtLeast = ReadPosition(ref reader) },
            _ => query,
        };
        return (from & QueryHasLevel) != 0 ? query with { Level = ConsistencyLevel.Decode(ref reader) } : query;
    }

    private static Executed ReadExecuted(ref ByteReader reader)
    {
        LogPosition seen = ReadPosition(ref reader);
        return new Executed(reader.Raw(reader.Remaining)) { Seen = seen };
    }

    private static QueryResult ReadQueryResult(ref ByteReader reader)
    {
        LogPosition seen = ReadPosition(ref reader);
        return new QueryResult(reader.Raw(reader.Remaining)) { Seen = seen };
    }

    private static void Write(ref ByteWriter writer, LogPosition position)
    {
        writer.Int64(position.Term);
        writer.Int64(position.Index);
    }

    private static LogPosition ReadPosition(ref ByteReader reader) => new(reader.Int64(), reader.Int64());

    private static void Write(ref ByteWriter writer, Guid id) => writer.Raw(id.ToByteArray(bigEndian: true));

    private static Guid ReadGuid(ref ByteReader reader) => new(reader.Raw(16).Span, bigEndian: true);

    private static int? OrNull(int millis) => millis == 0 ? null : millis;

    private static ArgumentException Foreign(object message) => new($"{message.GetType()} is not a message of this serializer");
}
