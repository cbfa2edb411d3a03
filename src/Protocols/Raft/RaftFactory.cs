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

    public IProtocol Create(ReplicaId self, IReadOnlyList<ReplicaId> replicas, ulong seed, bool joins = false) =>
        new RaftReplica(self, replicas, seed, _options, joins);
}
