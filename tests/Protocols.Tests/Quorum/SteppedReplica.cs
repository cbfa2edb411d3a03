using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Quorum;

namespace ActorRepl.Protocols.Tests.Quorum;

/// <summary>One replica and its store, on a disk that is done at once: what it is told, and what it then sends.</summary>
internal sealed class SteppedReplica
{
    private readonly Effects _effects = new();
    private readonly QuorumReplica _replica;
    private readonly QuorumStore _store;
    private readonly Queue<Input> _inputs = new();

    public SteppedReplica(int self, IEnumerable<int> founders, QuorumOptions options, bool joins = false)
    {
        _replica = (QuorumReplica)new QuorumFactory(options).Create(new ReplicaId(self), [.. founders.Select(id => new ReplicaId(id))], seed: 1, joins);
        _store = new QuorumStore(options);
        Take(new Input.Start(RecoveredState.Empty));
    }

    public bool IsRebuilding => _replica.IsRebuilding;

    /// <summary>All that it has sent.</summary>
    public List<(ReplicaId To, QuorumMessage Message)> Sent { get; } = [];

    public void Receive(int from, QuorumMessage message, long epoch)
    {
        message.Epoch = epoch;
        Take(new Input.Received(new ReplicaId(from), message));
    }

    /// <summary>And all that follows from it.</summary>
    public void Take(Input input)
    {
        _inputs.Enqueue(input);
        while (_inputs.TryDequeue(out Input? next))
        {
            _replica.Step(next, new Instant(Monotonic: 1, Wall: 1_700_000_000_000_000, WallError: 0), _effects);
            Effect[] effects = [.. _effects.List];
            _effects.Clear();
            foreach (Effect effect in effects)
                Do(effect);
        }
    }

    private void Do(Effect effect)
    {
        switch (effect)
        {
            case Effect.Append append:
                _inputs.Enqueue(new Input.Durable(append.Lsn));
                break;
            case Effect.Apply apply:
                long index = apply.Batch.FirstIndex;
                foreach (ReadOnlyMemory<byte> update in apply.Batch)
                    _store.Apply(new AppliedCommand(index++, apply.Batch.Wall, update));
                break;
            case Effect.Lookup lookup:
                _inputs.Enqueue(new Input.LookedUp(lookup.Token, _store.Query(lookup.Query)));
                break;
            case Effect.Send send:
                Sent.Add((send.To, (QuorumMessage)send.Message));
                break;
            case Effect.SendWhenDurable send:
                Sent.Add((send.To, (QuorumMessage)send.Message));
                break;
        }
    }
}
