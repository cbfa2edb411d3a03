using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Convergence;

/// <summary>
/// Makes replicas of a CRDT group: delta-state CRDTs (Almeida, Shoker and Baquero, JPDC 2018) over a causal broadcast of their own. Each needs a
/// <see cref="ConvergentStore"/> of its own as its machine.
/// </summary>
public sealed class ConvergentFactory(ConvergentOptions options) : IProtocolFactory
{
    private readonly ConvergentOptions _options = options.Validate();

    public ConvergentFactory()
        : this(ConvergentOptions.Default)
    {
    }

    public string Name => "crdt";

    // 1: builds that did not say it, of several layouts.
    public int Format => 2;

    public string Declaration => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"merkle-depth = {_options.MerkleDepth}\n");

    public bool IsLeaderless => true;

    public Func<IStateMachine>? OwnMachine => () => new ConvergentStore(_options);

    public IProtocol Create(ReplicaId self, IReadOnlyList<ReplicaId> replicas, ulong seed, bool joins = false) => new ConvergentReplica(self, replicas, seed, _options, joins);
}
