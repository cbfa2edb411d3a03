using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Driver;

/// <summary>Requests wait here until the next flush, so that whatever waited together travels together.</summary>
public sealed partial class ReplicaDriver
{
    private readonly Queue<ClientRequest> _commands = new();
    private readonly List<ClientRequest> _reads = [];
    private long _queuedBytes;
    private bool _storageFull;

    /// <summary>True when a flush would hand something over now.</summary>
    public bool CanFlush => _reads.Count > 0 || (_commands.Count > 0 && TakesCommands);

    // A full disk writes nothing for now: commands need not wait for it to be refused.
    private bool TakesCommands => WritesInFlight < _options.MaxWritesInFlight || _storageFull;

    /// <summary>Queues a request for the next flush, or refuses it at once when the queue is at its limit.</summary>
    public void Enqueue(in ClientRequest request)
    {
        if (_commands.Count + _reads.Count >= _options.MaxQueuedRequests || _queuedBytes + request.Payload.Length > _options.MaxQueuedBytes)
        {
            _host.Reject(request.Id, new Rejection(RejectReason.Overloaded, Detail: "the replica's request queue is full"));
            return;
        }

        _queuedBytes += request.Payload.Length;
        if (request.Kind == RequestKind.Command)
            _commands.Enqueue(request);
        else
            _reads.Add(request);
    }

    /// <summary>Hands what waits to the protocol: reads always, commands unless the disk is behind.</summary>
    public void Flush()
    {
        if (!CanFlush)
            return;
        var batch = new List<ClientRequest>(_reads);
        _reads.Clear();
        if (TakesCommands)
        {
            while (batch.Count < _options.MaxBatch && _commands.TryDequeue(out ClientRequest command))
                batch.Add(command);
        }

        foreach (ClientRequest request in batch)
            _queuedBytes -= request.Payload.Length;
        Handle(new Input.Requests(batch));
    }

    /// <summary>Rejects what still waits here when the replica stops: nothing of it was done, so that it may go elsewhere.</summary>
    public void RejectQueued(in Rejection why)
    {
        foreach (ClientRequest request in _reads)
            _host.Reject(request.Id, why);
        while (_commands.TryDequeue(out ClientRequest command))
            _host.Reject(command.Id, why);
        _reads.Clear();
        _queuedBytes = 0;
    }
}
