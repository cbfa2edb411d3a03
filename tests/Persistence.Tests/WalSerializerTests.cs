using ActorRepl.Protocols.Kernel;
using Akka.Actor;
using Akka.Serialization;

namespace ActorRepl.Persistence.Tests;

/// <summary>The same payloads in any other journal.</summary>
public sealed class WalSerializerTests() : PluginFixture(StoreKind.Segment)
{
    public static TheoryData<string> Payloads => ["record", "checkpoint", "segment"];

    private static JournalPayload Payload(string kind) => kind switch
    {
        "record" => new WalPayload(new byte[] { 1, 2 }),
        "checkpoint" => new CheckpointPayload(new byte[] { 3, 4 }),
        _ => new SegmentPayload(new byte[] { 9, 5, 6, 9 }.AsMemory(1, 2)),
    };

    [Theory]
    [MemberData(nameof(Payloads))]
    public void Bytes_go_through_as_they_are(string kind)
    {
        JournalPayload payload = Payload(kind);
        Serializer serializer = System.Serialization.FindSerializerFor(payload);
        Assert.IsType<WalSerializer>(serializer);
        byte[] bytes = serializer.ToBinary(payload);
        Assert.Equal(payload.Bytes.ToArray(), bytes);
        object back = System.Serialization.Deserialize(bytes, serializer.Identifier, Serialization.ManifestFor(serializer, payload));
        Assert.Equal(payload.GetType(), back.GetType());
        Assert.Equal(payload.Bytes.ToArray(), ((JournalPayload)back).Bytes.ToArray());
    }

    [Fact]
    public void What_no_replica_stores_is_refused()
    {
        var serializer = new WalSerializer((ExtendedActorSystem)System);
        Assert.Contains("R1, C1 and S1", Assert.Throws<ArgumentException>(() => serializer.FromBinary([], "X9")).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => serializer.Manifest("text"));
    }
}
