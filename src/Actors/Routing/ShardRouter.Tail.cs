using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Actors.Routing;

/// <summary>
/// Where replicas stand in a line, linearizable reads go to the tail and everything else that needs one certain replica to the head. Where the protocol has
/// no such line the one that leads answers both, and nothing here is ever used.
/// </summary>
internal sealed partial class ShardRouter
{
    private readonly bool _readsAtTail;

    private Queue<Call> _forTail = new();
    private RouterTarget? _tail;
    private int _tailHops;

    /// <summary>Whose word on a read is final; null: nobody is known.</summary>
    private RouterTarget? Reader => _readsAtTail ? _tail : _leader;

    private bool IsForTail(Call call) => _readsAtTail && !HasEffect(call);

    /// <summary>Somebody says who the links are, in an epoch that is not behind what is known.</summary>
    private void HearLinks(ReplicaStatus status, RouterTarget speaker)
    {
        if (!_readsAtTail || status.Links.Count == 0 || Find(status.Links[^1]) is not { } tail)
            return;
        foreach (RouterTarget target in _targets.Values)
            target.HoldsState = status.Links.Contains(target.Node);
        // A new epoch is news even of a suspect; in an old one only its own word clears it.
        if (tail.Suspect && !ReferenceEquals(tail, speaker) && status.Term <= tail.LedTerm)
            return;
        tail.LedTerm = Math.Max(tail.LedTerm, status.Term);
        SetTail(tail);
    }

    private void SetTail(RouterTarget tail)
    {
        RouterTarget? before = _tail;
        _tail = tail;
        if (ReferenceEquals(before, tail))
            return;
        _tailHops = 0;
        _looks = 0;
        _backoff.Reset();
        WakeResting();
        ReturnReadsFrom(tail);
    }

    private void OnNotTail(RouterTarget source, ReplicaId hint)
    {
        if (_tail is not null && !ReferenceEquals(_tail, source))
            return;
        _tail = hint != source.Node && Find(hint) is { Suspect: false } named && ++_tailHops <= MaxHops ? named : null;
    }

    /// <summary>It is gone, or does not answer: somebody else may be at its place by now.</summary>
    private void Doubt(RouterTarget target)
    {
        if (ReferenceEquals(_leader, target))
            _leader = null;
        if (ReferenceEquals(_tail, target))
            _tail = null;
    }
}
