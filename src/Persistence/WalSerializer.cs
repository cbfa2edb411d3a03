using System.Runtime.InteropServices;
using ActorRepl.Protocols.Kernel;
using Akka.Actor;
using Akka.Serialization;

namespace ActorRepl.Persistence;

/// <summary>
/// Lets any journal and snapshot store of Akka.Persistence keep what replicas store: the bytes as they are, and a manifest
/// that says what they are.
/// </summary>
public sealed class WalSerializer(ExtendedActorSystem system) : SerializerWithStringManifest(system)
{
    private const string Record = "R1";
    private const string Checkpoint = "C1";
    private const string Segment = "S1";

    public override string Manifest(object o) => o switch
    {
        WalPayload => Record,
        CheckpointPayload => Checkpoint,
        SegmentPayload => Segment,
        _ => throw new ArgumentException($"{o?.GetType().Name ?? "null"} is nothing that a replica stores", nameof(o)),
    };

    public override byte[] ToBinary(object obj) => obj is JournalPayload payload
        ? Whole(payload.Bytes)
        : throw new ArgumentException($"{obj?.GetType().Name ?? "null"} is nothing that a replica stores", nameof(obj));

    public override object FromBinary(byte[] bytes, string manifest) => manifest switch
    {
        Record => new WalPayload(bytes),
        Checkpoint => new CheckpointPayload(bytes),
        Segment => new SegmentPayload(bytes),
        _ => throw new ArgumentException($"manifest '{manifest}' is unknown; this build reads {Record}, {Checkpoint} and {Segment}", nameof(manifest)),
    };

    /// <summary>The array itself where the memory is all of one; payloads are not changed once handed over.</summary>
    private static byte[] Whole(ReadOnlyMemory<byte> bytes) =>
        MemoryMarshal.TryGetArray(bytes, out ArraySegment<byte> segment) && segment.Offset == 0 && segment.Count == segment.Array!.Length
            ? segment.Array
            : bytes.ToArray();
}
