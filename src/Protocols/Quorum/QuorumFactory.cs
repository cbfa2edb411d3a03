using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Quorum;

/// <summary>
/// Makes replicas of a quorum group, after Dynamo (DeCandia et al., SOSP 2007). Each needs a <see cref="QuorumStore"/> of its own as its machine.
/// </summary>
public sealed class QuorumFactory(QuorumOptions options) : IProtocolFactory
{
    private readonly QuorumOptions _options = options.Validate();

    public QuorumFactory() : this(QuorumOptions.Default)
    {
    }

    public string Name => "quorum";

    public string Declaration => string.Create(System.Globalization.CultureInfo.InvariantCulture,
        $"replicas = {_options.Replicas}\ntokens = {_options.Tokens}\nmerkle-depth = {_options.MerkleDepth}\nresolution = {_options.Resolution}\ngrace = {_options.GraceMicros} µs\n");

    public IProtocol Create(ReplicaId self, IReadOnlyList<ReplicaId> replicas, ulong seed, bool joins = false) => new QuorumReplica(self, replicas, seed, _options, joins);
}
