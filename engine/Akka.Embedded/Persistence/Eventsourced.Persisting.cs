using System.Collections.Immutable;
using Akka.Actor;

namespace Akka.Persistence;

/// <summary>
/// Persisting: at most one batch is with the journal; whatever is persisted meanwhile goes as one batch when the
/// journal says it is done. Handlers wait in the order of their events, which is the order of the journal's replies.
/// </summary>
public abstract partial class Eventsourced
{
    private readonly Queue<PendingHandler> _handlers = new();
    private List<IPersistentEnvelope> _waiting = new();
    private bool _writeInProgress;
    private bool _taskRunning;

    // Pending handlers of Persist and PersistAll: commands are held while there is one.
    private int _holdingCommands;

    protected override bool AroundReceive(Receive receive, object message)
    {
        switch (_phase)
        {
            case Phase.Commands:
                if (!ReceiveReply(message)) ReceiveHeldOrNewCommand(receive, message);
                break;
            case Phase.Persisting:
                if (!ReceiveReply(message)) _internalStash.Stash();
                break;
            case Phase.AwaitingPermit:
                ReceiveAwaitingPermit(message);
                break;
            case Phase.LoadingSnapshot:
                ReceiveLoadingSnapshot(message);
                break;
            default:
                ReceiveReplaying(message);
                break;
        }
        return true;
    }

    private void ReceiveHeldOrNewCommand(Receive receive, object message)
    {
        if (message is RecoveryTick) return; // Was on its way when recovery ended.
        bool failed = true;
        try
        {
            base.AroundReceive(receive, message);
            failed = false;
        }
        finally
        {
            AfterCommand(failed);
        }
    }

    private void AfterCommand(bool failed)
    {
        SendWaiting();
        if (_taskRunning) return; // Called again when the task ends.
        if (_holdingCommands > 0) _phase = Phase.Persisting;
        else Unstash(failed);
    }

    /// <summary>Handles a reply of the journal; false if the message is none.</summary>
    private bool ReceiveReply(object message)
    {
        if (message is not IJournalResponse) return false;
        switch (message)
        {
            case WriteMessageSuccess m:
                if (m.ActorInstanceId != _instanceId) break; // Meant for the incarnation before a restart.
                NoteSequenceNr(m.Persistent);
                RunHandler(m.Persistent.Payload);
                break;
            case WriteMessagesSuccessful:
                _writeInProgress = false;
                SendWaiting();
                break;
            case WriteMessagesFailed:
                break; // The first failed event, which follows, stops the actor: nothing may be written after a gap.
            case LoopMessageSuccess m:
                if (m.ActorInstanceId == _instanceId) RunHandler(m.Message);
                break;
            case WriteMessageRejected m:
                if (m.ActorInstanceId != _instanceId) break;
                NoteSequenceNr(m.Persistent);
                AfterHandler(failed: false);
                OnPersistRejected(m.Cause, m.Persistent.Payload, m.Persistent.SequenceNr);
                break;
            case WriteMessageFailure m:
                if (m.ActorInstanceId == _instanceId) StopAfterFailure(m);
                break;
            default:
                return false;
        }
        return true;
    }

    private void RunHandler(object @event)
    {
        bool failed = true;
        try
        {
            try
            {
                _handlers.Peek().Run(@event);
            }
            finally
            {
                SendWaiting();
            }
            failed = false;
        }
        finally
        {
            AfterHandler(failed);
        }
    }

    private void AfterHandler(bool failed)
    {
        if (_handlers.Dequeue().HoldsCommands) _holdingCommands--;
        if (_phase == Phase.Persisting)
        {
            // Handlers still pending are those of PersistAsync, which hold nothing.
            if (_holdingCommands > 0) return;
            _phase = Phase.Commands;
        }
        Unstash(failed);
    }

    private void StopAfterFailure(WriteMessageFailure failure)
    {
        AfterHandler(failed: false);
        try
        {
            OnPersistFailure(failure.Cause, failure.Persistent.Payload, failure.Persistent.SequenceNr);
        }
        finally
        {
            Context.Stop(Self);
        }
    }

    // One at a time: the next may hold commands again. All after a failure: the actor may be restarted.
    private void Unstash(bool all)
    {
        if (_internalStash.IsEmpty) return;
        if (all) _internalStash.UnstashAll();
        else _internalStash.Unstash();
    }

    private void SendWaiting()
    {
        if (_writeInProgress || _waiting.Count == 0) return;
        _writeInProgress = true;
        List<IPersistentEnvelope> batch = _waiting;
        _waiting = new List<IPersistentEnvelope>(Math.Min(batch.Count, 1024));
        Journal.Tell(new WriteMessages(batch, Self, _instanceId), Self);
    }

    private void PersistOne<TEvent>(TEvent @event, Action<TEvent> handler, bool holdsCommands)
    {
        RequireRecovered();
        ArgumentNullException.ThrowIfNull(handler);
        Await(handler, holdsCommands);
        _waiting.Add(new AtomicWrite(Represent(@event)));
    }

    private void PersistMany<TEvent>(IEnumerable<TEvent> events, Action<TEvent> handler, bool holdsCommands)
    {
        RequireRecovered();
        ArgumentNullException.ThrowIfNull(handler);
        if (events is null) return;
        ImmutableArray<IPersistentRepresentation>.Builder batch = ImmutableArray.CreateBuilder<IPersistentRepresentation>();
        foreach (TEvent @event in events)
        {
            Await(handler, holdsCommands);
            batch.Add(Represent(@event));
        }
        if (batch.Count > 0) _waiting.Add(new AtomicWrite(batch.DrainToImmutable()));
    }

    private void RequireRecovered()
    {
        if (IsRecovering)
            throw new InvalidOperationException("Cannot persist during replay. Events can be persisted when receiving RecoveryCompleted or later.");
    }

    private void Await<TEvent>(Action<TEvent> handler, bool holdsCommands)
    {
        _handlers.Enqueue(new PendingHandler<TEvent>(handler, holdsCommands));
        if (holdsCommands) _holdingCommands++;
    }

    private Persistent Represent(object @event) =>
        new(@event, ++_sequenceNr, PersistenceId, sender: Sender, writerGuid: _writerGuid);

    private void NoteSequenceNr(IPersistentRepresentation persistent) =>
        LastSequenceNr = Math.Max(LastSequenceNr, persistent.SequenceNr);

    private abstract class PendingHandler(bool holdsCommands)
    {
        public bool HoldsCommands { get; } = holdsCommands;

        public abstract void Run(object @event);
    }

    private sealed class PendingHandler<TEvent>(Action<TEvent> handler, bool holdsCommands) : PendingHandler(holdsCommands)
    {
        public override void Run(object @event) => handler((TEvent)@event);
    }
}
