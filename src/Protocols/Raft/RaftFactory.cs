using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Raft;

/// <summary>Makes Raft replicas (Ongaro and Ousterhout, USENIX ATC 2014; Ongaro's thesis, 2014).</summary>
public sealed class RaftFactory(RaftOptions options) : IProtocolFactory
{
    private readonly RaftOptions _options = options.Validate();

    public RaftFactory() : this(RaftOptions.Default)
    {
    }

    public string Name => "raft";

    // What it does for every command may also be asked for.
    public string? Refusal(in WriteConcern concern) =>
        concern.IsDefault || concern is { Level: AckLevel.Quorum, Reach: AckReach.Default or AckReach.Durable, TimeoutMillis: 0, OnTimeout: OnAckTimeout.Default or OnAckTimeout.Refuse }
            ? null
            : "raft acknowledges every command once a majority has it on disk: Quorum, durable, and no timeout but the request's own";

    public IProtocol Create(ReplicaId self, IReadOnlyList<ReplicaId> replicas, ulong seed, bool joins = false) =>
        new RaftReplica(self, replicas, seed, _options, joins);
}
