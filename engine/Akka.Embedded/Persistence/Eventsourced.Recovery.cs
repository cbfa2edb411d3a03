using Akka.Actor;

namespace Akka.Persistence;

/// <summary>
/// Recovery: wait for a permit, load the snapshot, replay the events. Anything else that arrives meanwhile is stashed.
/// Any failure on the way stops the actor, after <see cref="OnRecoveryFailure"/>.
/// </summary>
public abstract partial class Eventsourced
{
    private enum Phase
    {
        AwaitingPermit,
        LoadingSnapshot,
        Replaying,
        Commands,
        Persisting,
    }

    private Phase _phase = Phase.AwaitingPermit;
    private bool _recoveryRunning = true;
    private bool _eventSeen;
    private long _replayMax;
    private Receive _recoverBehavior;
    private ICancelable _recoveryTimer;

    public override void AroundPreStart()
    {
        if (string.IsNullOrEmpty(PersistenceId))
            throw new ArgumentNullException(nameof(PersistenceId), $"PersistenceId of [{GetType()}] must not be null or empty: it names the stream of events.");
        // A missing plugin shows now, not at the first event.
        _ = Journal;
        _ = SnapshotStore;
        RequestPermit();
        base.AroundPreStart();
    }

    public override void AroundPostRestart(Exception reason, object message)
    {
        RequestPermit();
        base.AroundPostRestart(reason, message);
    }

    public override void AroundPreRestart(Exception cause, object message)
    {
        try
        {
            ReturnStashed();
            SendWaiting();
        }
        finally
        {
            base.AroundPreRestart(cause, message switch
            {
                WriteMessageSuccess m => m.Persistent,
                LoopMessageSuccess m => m.Message,
                ReplayedMessage m => m.Persistent,
                _ => message,
            });
        }
    }

    public override void AroundPostStop()
    {
        try
        {
            _recoveryTimer?.Cancel();
            ReturnStashed();
        }
        finally
        {
            base.AroundPostStop();
        }
    }

    private void ReturnStashed()
    {
        _internalStash.UnstashAll();
        Stash?.UnstashAll(UnstashFilterPredicate);
    }

    private void RequestPermit()
    {
        _phase = Phase.AwaitingPermit;
        _recoveryRunning = true;
        Extension.RecoveryPermitter.Tell(RecoveryPermitter.Request.Instance, Self);
    }

    private void ReceiveAwaitingPermit(object message)
    {
        if (message is not RecoveryPermitter.Granted)
        {
            _internalStash.Stash();
            return;
        }
        Recovery recovery = Recovery;
        _replayMax = recovery.ReplayMax;
        _recoverBehavior = ReceiveRecovered;
        _phase = Phase.LoadingSnapshot;
        TimeSpan timeout = RecoveryEventTimeout;
        _recoveryTimer = Context.System.Scheduler.ScheduleTellOnceCancelable(timeout, Self, new RecoveryTick(snapshot: true), Self);
        LoadSnapshot(SnapshotterId, recovery.FromSnapshot, recovery.ToSequenceNr);
    }

    private TimeSpan RecoveryEventTimeout => Extension.RecoveryEventTimeout(JournalPluginId);

    private bool ReceiveRecovered(object message) => ReceiveRecover(message is IPersistentRepresentation p ? p.Payload : message);

    private void ReceiveLoadingSnapshot(object message)
    {
        switch (message)
        {
            case LoadSnapshotResult result:
                _recoveryTimer?.Cancel();
                if (result.Snapshot is null || Offer(result.Snapshot)) StartReplay(result.ToSequenceNr);
                break;
            case LoadSnapshotFailed failed:
                FailRecovery(failed.Cause);
                break;
            case RecoveryTick { Snapshot: true }:
                FailRecovery(new RecoveryTimedOutException($"Recovery timed out, didn't get snapshot within {RecoveryEventTimeout.TotalSeconds}s."));
                break;
            default:
                _internalStash.Stash();
                break;
        }
    }

    private bool Offer(SelectedSnapshot snapshot)
    {
        var offer = new SnapshotOffer(snapshot.Metadata, snapshot.Snapshot);
        LastSequenceNr = snapshot.Metadata.SequenceNr;
        try
        {
            if (!base.AroundReceive(_recoverBehavior, offer)) LastSequenceNr = 0; // Not taken: all events follow.
            return true;
        }
        catch (Exception e)
        {
            FailRecovery(e, offer);
            return false;
        }
    }

    private void StartReplay(long toSequenceNr)
    {
        _phase = Phase.Replaying;
        _eventSeen = false;
        TimeSpan timeout = RecoveryEventTimeout;
        _recoveryTimer = Context.System.Scheduler.ScheduleTellRepeatedlyCancelable(timeout, timeout, Self, new RecoveryTick(snapshot: false), Self);
        Journal.Tell(new ReplayMessages(LastSequenceNr + 1, toSequenceNr, _replayMax, PersistenceId, Self));
    }

    private void ReceiveReplaying(object message)
    {
        switch (message)
        {
            case ReplayedMessage replayed:
                Replay(replayed.Persistent);
                break;
            case RecoverySuccess success:
                CompleteRecovery(success.HighestSequenceNr);
                break;
            case ReplayMessagesFailure failure:
                FailRecovery(failure.Cause);
                break;
            case RecoveryTick { Snapshot: false } when _eventSeen:
                _eventSeen = false;
                break;
            case RecoveryTick { Snapshot: false }:
                FailRecovery(new RecoveryTimedOutException(
                    $"Recovery timed out, didn't get event within {RecoveryEventTimeout.TotalSeconds}s, highest sequence number seen {LastSequenceNr}."));
                break;
            case RecoveryTick:
                break; // Of the snapshot, which came in time.
            default:
                _internalStash.Stash();
                break;
        }
    }

    private void Replay(IPersistentRepresentation persistent)
    {
        try
        {
            _eventSeen = true;
            NoteSequenceNr(persistent);
            base.AroundReceive(_recoverBehavior, persistent);
        }
        catch (Exception e)
        {
            FailRecovery(e, persistent.Payload);
        }
    }

    private void CompleteRecovery(long highestStored)
    {
        _recoveryTimer?.Cancel();
        try
        {
            OnReplaySuccess();
            LastSequenceNr = _sequenceNr = Math.Max(highestStored, LastSequenceNr);
            _recoveryRunning = false;
            try
            {
                base.AroundReceive(_recoverBehavior, RecoveryCompleted.Instance);
            }
            finally
            {
                // Also if the handler threw: its supervisor may let the actor resume.
                SendWaiting();
                _phase = _holdingCommands > 0 ? Phase.Persisting : Phase.Commands;
                if (_phase == Phase.Commands) _internalStash.UnstashAll();
            }
        }
        finally
        {
            ReturnPermit();
        }
    }

    private void FailRecovery(Exception cause, object message = null)
    {
        _recoveryTimer?.Cancel();
        try
        {
            OnRecoveryFailure(cause, message);
        }
        finally
        {
            Context.Stop(Self);
            ReturnPermit();
        }
    }

    private void ReturnPermit() => Extension.RecoveryPermitter.Tell(RecoveryPermitter.Return.Instance, Self);
}
