using ActorRepl.Protocols.Kernel;
using Akka.Actor;

namespace ActorRepl.Actors.Faults;

/// <summary>All that one node sends to another: loses messages, or holds them for a while and keeps their order.</summary>
internal sealed class FaultyLink(LinkFaults faults, ReplicaId to)
{
    /// <summary>Messages that are held at most; those beyond are lost.</summary>
    internal const int MaxHeld = 100_000;

    private readonly Lock _gate = new();
    private readonly Queue<Held> _held = new();
    private long _lastDue;
    private volatile bool _holding;

    public void Send(ICanTell actor, object message, IActorRef sender)
    {
        if (faults.Judge(to) is not { } delay)
            return;
        // A sender sees its own messages told before they are no longer held: none of them overtakes another.
        if (delay == 0 && !_holding)
        {
            actor.Tell(message, sender);
            return;
        }

        lock (_gate)
        {
            if (_held.Count >= MaxHeld)
                return;
            _lastDue = Math.Max(_lastDue, Environment.TickCount64 + delay);
            _held.Enqueue(new Held(actor, message, sender, _lastDue));
            if (_holding)
                return;
            _holding = true;
        }

        _ = Task.Run(ReleaseAsync);
    }

    private async Task ReleaseAsync()
    {
        while (ReleaseDue() is { } wait)
            await Task.Delay(TimeSpan.FromMilliseconds(wait)).ConfigureAwait(false);
    }

    /// <summary>Ms until the next one is due; null: nothing is held any more.</summary>
    private long? ReleaseDue()
    {
        lock (_gate)
        {
            long now = Environment.TickCount64;
            while (_held.TryPeek(out Held next) && next.Due <= now)
            {
                _held.Dequeue();
                next.Actor.Tell(next.Message, next.Sender);
            }

            _holding = _held.Count > 0;
            return _holding ? _held.Peek().Due - now : null;
        }
    }

    private readonly record struct Held(ICanTell Actor, object Message, IActorRef Sender, long Due);
}
