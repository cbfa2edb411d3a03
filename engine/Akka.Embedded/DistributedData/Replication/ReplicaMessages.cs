using Akka.Cluster;
using Akka.DistributedData.Serialization;
using Akka.Event;

namespace Akka.DistributedData
{
    /// <summary>What stands for a value that was deleted, for good.</summary>
    internal sealed class DeletedData : IOwnData<DeletedData>, IWireData
    {
        public static readonly DeletedData Instance = new();
        private DeletedData() { }
        public DeletedData Merge(DeletedData other) => this;
        public override string ToString() => "DeletedData";
        void IWireData.Write(DataWriter to) { }
        internal static DeletedData Read(DataReader from) => Instance;
    }
}

namespace Akka.DistributedData.Replication
{
    /// <summary>From one replica to another. Losing one is nothing to report.</summary>
    internal abstract record ReplicaMessage(UniqueAddress From) : IReplicatorMessage, IDeadLetterSuppression;

    /// <summary>The digests of the values in one of so many chunks of the sender's keys.</summary>
    internal sealed record Digests(UniqueAddress From, Dictionary<string, byte[]> Of, int Chunk, int Chunks) : ReplicaMessage(From);

    /// <summary>The sender lacks these values.</summary>
    internal sealed record Wanted(UniqueAddress From, List<string> Keys) : ReplicaMessage(From);

    /// <summary>Values. The sender wants the receiver's of the same keys, if they differ.</summary>
    internal sealed record GossipValues(UniqueAddress From, Dictionary<string, DataEnvelope> Values, bool SendBack) : ReplicaMessage(From);

    /// <summary>What the sender has for the key is wanted for the operation of that number.</summary>
    internal sealed record ReadRequest(UniqueAddress From, long Operation, string Key) : ReplicaMessage(From);

    /// <summary>Null if there is nothing.</summary>
    internal sealed record ReadResult(UniqueAddress From, long Operation, DataEnvelope Envelope) : ReplicaMessage(From);

    /// <summary>To be merged into what is there.</summary>
    internal sealed record WriteRequest(UniqueAddress From, long Operation, string Key, DataEnvelope Envelope) : ReplicaMessage(From);

    /// <summary>How a write, or a delta that is to be answered, went.</summary>
    internal sealed record WriteResult(UniqueAddress From, long Operation, WriteOutcome Outcome) : ReplicaMessage(From);

    internal enum WriteOutcome : byte
    {
        Stored,

        /// <summary>It does not fit what is there.</summary>
        Refused,

        /// <summary>The delta's predecessors are missing: the whole is needed.</summary>
        Gap,
    }

    /// <summary>A delta of the sender's updates with these numbers.</summary>
    internal sealed record Delta(string Key, DataEnvelope Envelope, long FirstVersion, long LastVersion);

    /// <summary>Deltas of several keys; answered if there is an operation, which has one delta only.</summary>
    internal sealed record DeltaPropagation(UniqueAddress From, long Operation, List<Delta> Deltas) : ReplicaMessage(From)
    {
        public const long NoAnswer = 0;
    }
}
