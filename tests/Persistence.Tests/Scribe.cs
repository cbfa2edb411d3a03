using Akka.Actor;
using Akka.Persistence;

namespace ActorRepl.Persistence.Tests;

/// <summary>A persistent actor that says what becomes of each event and what it recovered.</summary>
internal sealed class Scribe : UntypedPersistentActor
{
    private readonly IActorRef _probe;
    private readonly List<object> _recovered = [];

    public Scribe(string persistenceId, IActorRef probe)
    {
        PersistenceId = persistenceId;
        _probe = probe;
    }

    public override string PersistenceId { get; }

    protected override void OnRecover(object message)
    {
        if (message is RecoveryCompleted)
            _probe.Tell(new Recovered(LastSequenceNr, [.. _recovered]));
        else
            _recovered.Add(message is SnapshotOffer offer ? offer.Snapshot : message);
    }

    protected override void OnCommand(object message)
    {
        switch (message)
        {
            case Write write:
                foreach (object written in write.Events)
                    PersistAsync(written, e => _probe.Tell(new Written(e, LastSequenceNr)));
                break;
            case Save save:
                SaveSnapshot(save.Snapshot);
                break;
            case Delete delete:
                DeleteMessages(delete.To);
                break;
            case Ping:
                _probe.Tell(new Pong());
                break;
            default:
                _probe.Tell(message);
                break;
        }
    }

    protected override void OnPersistRejected(Exception cause, object @event, long sequenceNr) =>
        _probe.Tell(new Rejected(cause, @event, sequenceNr));

    protected override void OnPersistFailure(Exception cause, object @event, long sequenceNr) =>
        _probe.Tell(new Failed(cause, @event, sequenceNr));

    protected override void OnRecoveryFailure(Exception reason, object? message = null) => _probe.Tell(new RecoveryFailed(reason));

    public sealed record Write(params object[] Events);
    public sealed record Save(object Snapshot);
    public sealed record Delete(long To);
    public sealed record Ping;
    public sealed record Pong;
    public sealed record Recovered(long LastSequenceNr, object[] Events);
    public sealed record Written(object Event, long SequenceNr);
    public sealed record Rejected(Exception Cause, object Event, long SequenceNr);
    public sealed record Failed(Exception Cause, object Event, long SequenceNr);
    public sealed record RecoveryFailed(Exception Reason);
}
