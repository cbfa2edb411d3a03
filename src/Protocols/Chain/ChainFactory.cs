using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Chain;

/// <summary>
/// Makes the links of chains, after van Renesse and Schneider (OSDI 2004), with apportioned queries after Terrace and Freedman (CRAQ, USENIX ATC
/// 2009). The replicas of a shard in their order are its first chain: the first is the head.
/// </summary>
/// <param name="options">The same on all replicas.</param>
/// <param name="keys">Makes what finds the keys of commands and queries; null: a machine that does not say which keys it touches, so every entry makes all of it dirty.</param>
public sealed class ChainFactory(ChainOptions options, Func<IKeyFinder>? keys = null) : IProtocolFactory
{
    private readonly ChainOptions _options = options.Validate();

    public ChainFactory() : this(ChainOptions.Default)
    {
    }

    public string Name => "chain";

    public bool ReadsAtTail => true;

    public bool ReadsAnywhere => _options.ApportionedReads;

    public string Declaration => Chain.Declaration.Of(_options);

    public IProtocol Create(ReplicaId self, IReadOnlyList<ReplicaId> replicas, ulong seed, bool joins = false) =>
        new ChainReplica(self, replicas, seed, _options, keys?.Invoke(), joins);
}
