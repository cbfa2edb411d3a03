using System.Globalization;
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

    // 1: builds that did not say it, of several layouts.
    public int Format => 2;

    public bool IsLeaderless => true;

    public bool SpansNodes => true;

    public Func<IStateMachine> OwnMachine => () => new QuorumStore(_options);

    /// <summary>All that decides who owns a key and what becomes of its values: two replicas that had it differently would count different owners.</summary>
    public string Declaration => string.Create(CultureInfo.InvariantCulture,
            $"replicas = {_options.Replicas}\ntokens = {_options.Tokens}\nmerkle-depth = {_options.MerkleDepth}\nresolution = {_options.Resolution}\n")
        + string.Create(CultureInfo.InvariantCulture, $"grace = {_options.GraceMicros} µs\nmax-clock-skew = {_options.MaxSkewMicros} µs\n")
        + (_options.Copies.Count == 0 ? "" : $"copies = {string.Join(", ", _options.Copies.OrderBy(each => each.Key, StringComparer.Ordinal).Select(each => $"{each.Key} {each.Value}"))}\n")
        + (_options.RegionOrder.Count == 0 ? "" : $"region-order = {string.Join(", ", _options.RegionOrder)}\n")
        + string.Concat(_options.Places.OrderBy(each => each.Key).Select(each => $"place {each.Key} = {each.Value.Region} {each.Value.Rack}\n"));

    public IProtocol Create(ReplicaId self, IReadOnlyList<ReplicaId> replicas, ulong seed, bool joins = false) => new QuorumReplica(self, replicas, seed, _options, joins);
}
