using ActorRepl.Actors.Client;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Quorum;

namespace ActorRepl.Hosting.Quorum;

/// <summary>Keys that only read, and keys that only replace, as few requests: what they cost their coordinator and the owners is that of a message, and little more for each key.</summary>
internal sealed class KeyBatches(KeyTerms terms)
{
    // A value that is larger fills a message by itself.
    private const int MaxBytes = 256 * 1024;
    private const int MaxKeys = 1_024;

    private Batch? _reads;
    private Batch? _writes;

    /// <summary>Begins with a key; one that needs more than a request goes its way at once.</summary>
    public void Add(KeyStep step)
    {
        if (step.Start() is not { } asked)
            return;
        ref Batch? batch = ref asked.IsWrite ? ref _writes : ref _reads;
        batch ??= new Batch(terms);
        if (!batch.TryAdd(step, asked))
        {
            batch.Send();
            batch = new Batch(terms);
            batch.TryAdd(step, asked);
        }
    }

    public void Send()
    {
        _reads?.Send();
        _writes?.Send();
    }

    private sealed class Batch(KeyTerms terms) : IOutcomeReceiver
    {
        private readonly List<KeyStep> _steps = [];
        private readonly List<QuorumRequest> _requests = [];
        private int _bytes;

        /// <summary>False: it is full. The first finds room in any case.</summary>
        public bool TryAdd(KeyStep step, QuorumRequest asked)
        {
            int bytes = asked.Key.Length + asked.Value.Length;
            if (_steps.Count > 0 && (_steps.Count >= MaxKeys || _bytes + bytes > MaxBytes))
                return false;
            _steps.Add(step);
            _requests.Add(asked);
            _bytes += bytes;
            return true;
        }

        public void Send()
        {
            try
            {
                if (_steps.Count == 1)
                    _steps[0].Send();
                else
                    terms.Client.Send(terms.Group, terms.Shard, _requests[0].IsWrite ? RequestKind.Command : RequestKind.Read, QuorumBatch.Encode(_requests), this, terms.Options);
            }
            catch (Exception failure) when (failure is not OutOfMemoryException)
            {
                OnFailure(failure);
            }
        }

        public void OnResult(ReadOnlyMemory<byte> result)
        {
            QuorumPart[] parts;
            try
            {
                parts = QuorumBatch.DecodeReplies(result);
                if (parts.Length != _steps.Count)
                    throw new InvalidDataException($"a batch of {_steps.Count} requests has {parts.Length} answers");
            }
            catch (InvalidDataException damage)
            {
                OnFailure(damage);
                return;
            }

            for (int i = 0; i < parts.Length; i++)
                _steps[i].Take(parts[i]);
        }

        public void OnFailure(Exception failure)
        {
            foreach (KeyStep step in _steps)
                ((IOutcomeReceiver)step).OnFailure(failure);
        }
    }
}
