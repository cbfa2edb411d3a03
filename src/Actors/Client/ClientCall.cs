using System.Collections.Concurrent;
using System.Threading.Tasks.Sources;
using ActorRepl.Actors.Routing;
using ActorRepl.Protocols.Kernel;
using Akka.Actor;

namespace ActorRepl.Actors.Client;

/// <summary>
/// A call by code in this process: the awaited value and the message to the router in one pooled object, so that a call
/// costs no allocation but its payload.
/// </summary>
internal sealed class ClientCall : Call, IValueTaskSource<ReadOnlyMemory<byte>>
{
    private const int Pending = 0, Answered = 1;

    private readonly Pool _pool;
    private ManualResetValueTaskSourceCore<ReadOnlyMemory<byte>> _core = new() { RunContinuationsAsynchronously = true };
    private CancellationTokenRegistration _registration;
    private CancellationToken _cancellation;
    private IActorRef? _router;
    private IWitness? _witness;
    private int _state = Answered;

    private ClientCall(Pool pool) => _pool = pool;

    public ValueTask<ReadOnlyMemory<byte>> Start(ReadOnlyMemory<byte> payload, in CallTerms terms, IActorRef router, CancellationToken cancellation)
    {
        Take(payload, terms);
        _witness = terms.Witness;
        Id = 0;
        Use++;
        _router = router;
        _cancellation = cancellation;
        short version = _core.Version;
        Volatile.Write(ref _state, Pending);
        router.Tell(this, ActorRefs.NoSender);
        // After the call, so that it cannot be overtaken by its own end.
        if (cancellation.CanBeCanceled)
            _registration = cancellation.UnsafeRegister(static call => ((ClientCall)call!).RequestCancel(), this);
        if (_pool.IsClosed)
            Close();
        return new ValueTask<ReadOnlyMemory<byte>>(this, version);
    }

    public override void Complete(ReadOnlyMemory<byte> result, LogPosition seen)
    {
        if (!TryAnswer())
            return;
        _witness?.Saw(seen);
        _core.SetResult(result);
    }

    public override void Fail(in Rejection why)
    {
        if (TryAnswer())
            _core.SetException(ReplicationException.Of(why));
    }

    public override void Cancel()
    {
        if (TryAnswer())
            _core.SetException(new OperationCanceledException(_cancellation));
    }

    public ReadOnlyMemory<byte> GetResult(short token)
    {
        _registration.Dispose();
        try
        {
            return _core.GetResult(token);
        }
        finally
        {
            Payload = default;
            _witness = null;
            _core.Reset();
            _pool.Return(this);
        }
    }

    public ValueTaskSourceStatus GetStatus(short token) => _core.GetStatus(token);

    public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags);

    private void Close() => Fail(new Rejection(RejectReason.Unavailable, OutcomeUnknown: Kind == RequestKind.Command, Detail: "the node has stopped"));

    private bool TryAnswer() => Interlocked.CompareExchange(ref _state, Answered, Pending) == Pending;

    private void RequestCancel() => _router!.Tell(new CancelCall(this, Use), ActorRefs.NoSender);

    /// <summary>
    /// Calls to use again. Knows all it ever made, as many as were ever under way at once, so that none is left waiting
    /// when the actor system is gone.
    /// </summary>
    internal sealed class Pool
    {
        private readonly ConcurrentQueue<ClientCall> _free = new();
        private readonly ConcurrentBag<ClientCall> _all = [];
        private volatile bool _closed;

        public bool IsClosed => _closed;

        public ClientCall Rent()
        {
            if (_free.TryDequeue(out ClientCall? call))
                return call;
            call = new ClientCall(this);
            _all.Add(call);
            return call;
        }

        public void Return(ClientCall call) => _free.Enqueue(call);

        /// <summary>The actor system has terminated: nobody else will answer.</summary>
        public void Close()
        {
            _closed = true;
            foreach (ClientCall call in _all)
                call.Close();
        }
    }
}
