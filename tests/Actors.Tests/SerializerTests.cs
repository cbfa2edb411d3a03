using ActorRepl.Actors.Client;
using ActorRepl.Actors.Messages;
using ActorRepl.Actors.Settings;
using ActorRepl.Protocols.Driver;
using ActorRepl.Protocols.Kernel;
using Akka.Actor;
using Akka.Serialization;

namespace ActorRepl.Actors.Tests;

/// <summary>Every message that crosses nodes, there and back.</summary>
public sealed class SerializerTests : IAsyncLifetime
{
    private static readonly byte[] Some = [1, 2, 3];

    private readonly ActorSystem _system = ActorSystem.Create("serializer", RuntimeConfig.Reference);

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _system.Terminate();

    public static TheoryData<object> Messages => [.. All];

    private static object[] All =>
    [
        new PeerEnvelope("kv", 3, new ReplicaId(2), PeerChannel.Transfer, Some),
        new RequestBatch("kv", 3, 77, [
            new RoutedRequest(1, RequestKind.Command, 5_000, Some), new RoutedRequest(2, RequestKind.StaleRead, 1, ReadOnlyMemory<byte>.Empty),
            new RoutedRequest(3, RequestKind.BoundedRead, 2, Some) { MaxStalenessMillis = 150 }, new RoutedRequest(4, RequestKind.FollowerRead, 3, Some),
            new RoutedRequest(6, RequestKind.SessionRead, 3, Some) { AtLeast = new LogPosition(7, 1L << 40) },
            new RoutedRequest(7, RequestKind.Read, 3, Some) { Level = ConsistencyLevel.EachQuorum },
            new RoutedRequest(8, RequestKind.Command, 3, Some) { Level = ConsistencyLevel.Two, Concern = new WriteConcern(AckLevel.Sync) },
            new RoutedRequest(5, RequestKind.Command, 9, Some) { Concern = new WriteConcern(AckLevel.SemiSync, 2, AckReach.Applied, 700, OnAckTimeout.Refuse) }]),
        new RequestBatch("größer", 0, 1, []),
        new ReplyBatch("kv", 3, new ReplicaId(1), true, [
            new RoutedReply(1, Some, null),
            new RoutedReply(2, default, new Rejection(RejectReason.NotLeader, false, new ReplicaId(3))),
            new RoutedReply(3, default, new Rejection(RejectReason.NoQuorum, true, default, "nobody there – yet"))])
        { Applied = new LogPosition(3, 99) },
        new ReplicaStopped("kv", 1, new ReplicaId(3), long.MaxValue),
        new GetReplicaStatus("kv", 2),
        new ReplicaReport("kv", 2, new ReplicaId(1), ReplicaHealth.StorageFailed, null) { Detail = "why", Starts = 4 },
        new ReplicaReport("kv", 2, new ReplicaId(1), ReplicaHealth.Running, new ReplicaStatus("leader", 5, new ReplicaId(1), 10, 9, 8, 7, true)
        {
            Followers = new Dictionary<ReplicaId, long> { [new ReplicaId(2)] = 9, [new ReplicaId(3)] = 4 },
        }) { StateBytes = 1 << 30 },
        new ReplicaReport("kv", 2, new ReplicaId(1), ReplicaHealth.Running, new ReplicaStatus("primary", 5, new ReplicaId(1), 10, 9, 8, 7, true)
        {
            Mode = ReplicaMode.Degraded,
            ModeReason = "one is gone",
            Recovery = new RecoveryProgress(430, 1_000, 2_000_000),
            SyncSet = [new ReplicaId(1), new ReplicaId(3)],
            Progress =
            [
                new FollowerProgress(new ReplicaId(2), 10, 9, 8, 7) { LagEntries = 2, LagBytes = 300, LagMicros = 4_000, MissedBeats = 12, CatchUpMicros = 0 },
                new FollowerProgress(new ReplicaId(3), 10, 10, 10, 9) { InSync = true },
            ],
        }),
        new ReplicaReport("kv", 2, new ReplicaId(1), ReplicaHealth.Running, new ReplicaStatus("replica", 5, new ReplicaId(1), 10, 9, 8, 7, true)
        {
            Ring = new RingProgress(5, "copying", 12, 3, 100, 200, 1_000, 2_000) { Share = 250 },
            Repair = new RepairProgress(new ReplicaId(2), 1, 7, 800, 9, 1_000, 1) { OldestHintMicros = 5_000, Hints = 3, RefusedAsAhead = 2 },
        }),
        new ReplicaReport("kv", 2, new ReplicaId(1), ReplicaHealth.Running, new ReplicaStatus("replica", 5, new ReplicaId(1), 10, 9, 8, 7, true)
        {
            Spread = new SpreadProgress(
                [new MemberSpread(new ReplicaId(2), true, 3, 4, 5_000), new MemberSpread(new ReplicaId(3), false, 6, 0, 0)], 7, 8_000, 9, 10, new ReplicaId(2), 1, 11, 12, 13, 14, true),
        }),
        new ReplicaReport("kv", 2, new ReplicaId(1), ReplicaHealth.Running, new ReplicaStatus("head", 5, new ReplicaId(1), 10, 9, 8, 7, true)
        {
            Mode = ReplicaMode.Target,
            Links = [new ReplicaId(2), new ReplicaId(1), new ReplicaId(3)],
            Progress = [new FollowerProgress(new ReplicaId(3), 10, 10, 10, 9) { InSync = true, Slow = true }],
        }),
        new ReplicaReport("kv", 2, new ReplicaId(1), ReplicaHealth.Running, new ReplicaStatus("tail", 5, new ReplicaId(2), 10, 9, 8, 7, true)
        {
            LeavingVoters = [new ReplicaId(4)],
            Links = [new ReplicaId(2), new ReplicaId(1)],
        }),
        new FoundingQuestion(new ReplicaId(2), Guid.NewGuid()),
        new FoundingAnswer(new ReplicaId(3), new Protocols.Control.FounderAnswer(Guid.NewGuid(), true, Guid.NewGuid()), Some),
        new FoundingAnswer(new ReplicaId(1), new Protocols.Control.FounderAnswer(Guid.NewGuid(), false, Guid.Empty), default),
        new ArmChecksum("kv", 2, Guid.NewGuid(), 5_000),
        new GetChecksum("kv", 2, Guid.NewGuid()),
        new ShardChecksum("kv", 2, new ReplicaId(3), Guid.NewGuid(), new LogPosition(1, 2)) { Sum = new StateChecksum(UInt128.MaxValue - 5, 6, 7) },
        new ShardChecksum("kv", 2, new ReplicaId(3), Guid.NewGuid(), default) { Problem = "down" },
        new Execute(Some, new byte[10_000]),
        new Execute(Some, Some, 250, Guid.NewGuid(), 7, 3),
        new Execute(Some, Some, 250, Guid.NewGuid(), 7, 3) { Concern = new WriteConcern(AckLevel.Sync, Reach: AckReach.Received) },
        new Execute(Some, Some) { Concern = new WriteConcern(AckLevel.Async) },
        new Execute(Some, Some) { Level = ConsistencyLevel.All, Concern = new WriteConcern(AckLevel.Async) },
        new Query(Some, Some) { ReadFrom = ReadFrom.Nearest, Level = ConsistencyLevel.One },
        new Query(Some, Some, RequestKind.StaleRead, 20),
        new Query(Some, Some, RequestKind.BoundedRead, null, 70),
        new Query(Some, Some) { ReadFrom = ReadFrom.SecondaryPreferred },
        new Query(Some, Some, RequestKind.SessionRead, 9) { ReadFrom = ReadFrom.Nearest, AtLeast = new LogPosition(2, 8) },
        new Executed(Some) { Seen = new LogPosition(4, 5) },
        new QueryResult(Array.Empty<byte>()),
        new RequestRejected(RejectReason.StorageUnavailable, true, "storage unavailable"),
    ];

    [Theory]
    [MemberData(nameof(Messages), DisableDiscoveryEnumeration = true)]
    public void A_message_comes_back_as_it_went_in_an_array_of_its_exact_size(object message)
    {
        Serializer found = _system.Serialization.FindSerializerFor(message);
        var serializer = Assert.IsType<ActorReplSerializer>(found);
        byte[] bytes = serializer.ToBinary(message);
        object back = serializer.FromBinary(bytes, serializer.Manifest(message));

        Assert.Equal(ActorReplSerializer.SizeOf(message), bytes.Length);
        Assert.Equal(Describe(message), Describe(back));
    }

    [Theory]
    [MemberData(nameof(Messages), DisableDiscoveryEnumeration = true)]
    public void Bytes_that_end_early_are_refused_and_never_read_past_the_end(object message)
    {
        var serializer = (ActorReplSerializer)_system.Serialization.FindSerializerFor(message);
        byte[] bytes = serializer.ToBinary(message);
        if (message is PeerEnvelope)
            return;
        // The rest of them, whatever its length, is the result.
        if (message is Executed or QueryResult)
            bytes = bytes[..16];
        for (int length = 0; length < Math.Min(bytes.Length, 200); length++)
            Assert.Throws<InvalidDataException>(() => serializer.FromBinary(bytes[..length], serializer.Manifest(message)));
    }

    [Fact]
    public void Every_manifest_is_distinct_and_an_unknown_one_is_refused()
    {
        var serializer = (ActorReplSerializer)_system.Serialization.FindSerializerFor(new Executed(Some));
        string[] manifests = [.. All.DistinctBy(message => message.GetType()).Select(serializer.Manifest)];
        Assert.Equal(manifests.Length, manifests.Distinct().Count());
        Assert.Throws<InvalidDataException>(() => serializer.FromBinary(Some, "zz9"));
    }

    private static readonly Dictionary<ReplicaId, long> NoFollowers = [];

    private static string Describe(object message) => message switch
    {
        PeerEnvelope m => $"{m.Group} {m.Shard} {m.From} {m.Channel} {Hex(m.Bytes)}",
        RequestBatch m => $"{m.Group} {m.Shard} {m.Number} {string.Join(", ", m.Requests.Select(r => $"{r.Id} {r.Kind} {r.RemainingMillis} {r.MaxStalenessMillis} {r.AtLeast} {r.Concern} {Hex(r.Payload)}"))}",
        ReplyBatch m => $"{m.Group} {m.Shard} {m.From} {m.ReplicaDown} {m.Applied} {string.Join(", ", m.Replies.Select(r => $"{r.Id} {Hex(r.Result)} {r.Rejection}"))}",
        ReplicaReport { Status: { } status } m => $"{m with { Status = null }} {status with { Followers = NoFollowers, LeavingVoters = [], SyncSet = [], Progress = [], Links = [], Spread = status.Spread is { } spread ? spread with { Members = [] } : null }} "
            + $"{string.Join(", ", status.Followers.OrderBy(f => f.Key))} {string.Join(' ', status.LeavingVoters)} {string.Join(' ', status.SyncSet)} {string.Join(' ', status.Progress)} {string.Join(' ', status.Links)} {string.Join(' ', status.Spread?.Members ?? [])}",
        Execute m => $"{Hex(m.Key)} {Hex(m.Command)} {m.TimeoutMillis} {m.ClientId} {(m.ClientId is null ? "" : $"{m.Sequence} {m.FirstIncomplete}")} {m.Concern}",
        Query m => $"{Hex(m.Key)} {Hex(m.Payload)} {m.Kind} {m.TimeoutMillis} {m.MaxStalenessMillis} {m.ReadFrom} {m.AtLeast}",
        Executed m => $"{Hex(m.Result)} {m.Seen}",
        QueryResult m => $"{Hex(m.Result)} {m.Seen}",
        _ => message.ToString()!,
    };

    private static string Hex(ReadOnlyMemory<byte> bytes) => Convert.ToHexString(bytes.Span);
}
