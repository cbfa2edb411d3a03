using System.Collections.Concurrent;
using ActorRepl.Actors.Routing;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Actors.Client;

/// <summary>A call whose outcome goes to a receiver.</summary>
internal sealed class SentCall : Call
{
    private const int Pending = 0, Answered = 1;

    private readonly IOutcomeReceiver _receiver;
    private readonly ConcurrentDictionary<SentCall, bool> _sent;
    private int _state = Pending;

    public SentCall(byte[] payload, in CallTerms terms, IOutcomeReceiver receiver, ConcurrentDictionary<SentCall, bool> sent)
    {
        Take(payload, terms);
        _receiver = receiver;
        _sent = sent;
    }

    public override void Complete(ReadOnlyMemory<byte> result, LogPosition seen)
    {
        if (TryAnswer())
            _receiver.OnResult(result);
    }

    public override void Fail(in Rejection why)
    {
        if (TryAnswer())
            _receiver.OnFailure(ReplicationException.Of(why));
    }

    /// <summary>The actor system has terminated: nobody else will answer.</summary>
    public void Close() => Fail(new Rejection(RejectReason.Unavailable, OutcomeUnknown: Kind == RequestKind.Command, Detail: "the node has stopped"));

    private bool TryAnswer()
    {
        if (Interlocked.CompareExchange(ref _state, Answered, Pending) != Pending)
            return false;
        _sent.TryRemove(this, out _);
        return true;
    }
}
