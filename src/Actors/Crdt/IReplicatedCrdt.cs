using ActorRepl.Protocols.Crdt;

namespace ActorRepl.Actors.Crdt;

/// <summary>Marks what <see cref="ReplicatedCrdtSerializer"/> writes: values of ActorRepl's own that Akka.DistributedData carries, and their deltas.</summary>
public interface IReplicatedCrdt
{
    /// <summary>Names the type on the wire; never given another meaning.</summary>
    internal string Manifest { get; }

    internal void Write(CrdtWriter writer);
}
