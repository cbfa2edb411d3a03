using ActorRepl.Protocols.Chain;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Tests.Chain;

internal sealed class ChainNode : ViewedNode
{
    public ChainNode(int id, int of, ChainOptions? options = null, RecoveredState? recovered = null, ulong seed = 1, long now = 0, bool joins = false)
        : this(new ChainReplica(new ReplicaId(id), [.. Enumerable.Range(1, of).Select(number => new ReplicaId(number))], seed, (options ?? ChainOptions.Default).Validate(), new FirstLetters(), joins), recovered, now)
    {
    }

    private ChainNode(ChainReplica replica, RecoveredState? recovered, long now)
        : base(replica, recovered, now) => Replica = replica;

    public ChainReplica Replica { get; }
    public override bool Leads => Replica.IsActingHead;

    /// <summary>A command, or a query, is about the key that is its first letter.</summary>
    private sealed class FirstLetters : IKeyFinder
    {
        public bool TryFindKeys(ReadOnlyMemory<byte> payload, CommandKeys keys)
        {
            keys.Add(payload.Span[..1]);
            return true;
        }

        public bool TryFindQueryKeys(ReadOnlyMemory<byte> query, CommandKeys keys) => TryFindKeys(query, keys);
    }
}
