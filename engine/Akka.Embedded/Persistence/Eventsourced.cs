using Akka.Actor;
using Akka.Event;

namespace Akka.Persistence;

/// <summary>Names the stream of events an actor owns, and optionally the plugins that keep it.</summary>
public interface IPersistentIdentity
{
    /// <summary>Identifies the stream, across restarts and processes; at any time at most one actor may write it.</summary>
    string PersistenceId { get; }

    /// <summary>Configuration path of the journal plugin; null or empty for the default.</summary>
    string JournalPluginId { get; }

    /// <summary>Configuration path of the snapshot store plugin; null or empty for the default.</summary>
    string SnapshotPluginId { get; }
}

/// <summary>Lets an actor choose how it recovers.</summary>
public interface IPersistenceRecovery
{
    Recovery Recovery { get; }
}

/// <summary>
/// The base of all persistent actors: it recovers from snapshot and events before the first command, and stores events
/// on behalf of its subclass. This part is what a subclass calls; see the other parts for recovery and for persisting.
/// </summary>
public abstract partial class Eventsourced : ActorBase, IPersistentIdentity, IPersistenceRecovery, IWithUnboundedStash
{
    private static int _incarnations;

    private readonly int _instanceId = Interlocked.Increment(ref _incarnations);
    private readonly string _writerGuid = Guid.NewGuid().ToString();
    private readonly IStash _internalStash;
    private IActorRef _journal;
    private IActorRef _snapshotStore;
    private ILoggingAdapter _log;
    private long _sequenceNr;

    protected Eventsourced()
    {
        Extension = Persistence.Instance.Apply(Context.System);
        _internalStash = Context.CreateStash(this);
    }

    /// <summary>Messages sent by the journal never return to the mailbox of a stopped or restarted actor.</summary>
    public static readonly Func<Envelope, bool> UnstashFilterPredicate =
        envelope => envelope.Message is not (WriteMessageSuccess or ReplayedMessage);

    protected PersistenceExtension Extension { get; }

    protected virtual ILoggingAdapter Log => _log ??= Context.GetLogger();

    public abstract string PersistenceId { get; }

    /// <summary>How to recover; the latest snapshot and all later events by default.</summary>
    public virtual Recovery Recovery => Recovery.Default;

    /// <summary>The stash a subclass uses; independent of the one persisting and recovery use.</summary>
    public IStash Stash { get; set; } = null;

    public string JournalPluginId { get; protected set; }

    public string SnapshotPluginId { get; protected set; }

    public IActorRef Journal => _journal ??= Extension.JournalFor(JournalPluginId);

    public IActorRef SnapshotStore => _snapshotStore ??= Extension.SnapshotStoreFor(SnapshotPluginId);

    public string SnapshotterId => PersistenceId;

    /// <summary>True until all stored events were replayed; the handler of <see cref="RecoveryCompleted"/> already sees false.</summary>
    public bool IsRecovering => _recoveryRunning;

    public bool IsRecoveryFinished => !IsRecovering;

    /// <summary>Highest sequence number replayed, or stored and acknowledged; 0 if none.</summary>
    public long LastSequenceNr { get; private set; }

    /// <summary>Sequence number a snapshot taken now would carry.</summary>
    public long SnapshotSequenceNr => LastSequenceNr;

    /// <summary>Handles commands, once recovery is complete.</summary>
    protected abstract bool ReceiveCommand(object message);

    /// <summary>Handles a <see cref="SnapshotOffer"/>, the events after it, and <see cref="RecoveryCompleted"/>.</summary>
    protected abstract bool ReceiveRecover(object message);

    /// <summary>
    /// Stores an event, then calls <paramref name="handler"/>. Commands that arrive in between wait until all events
    /// persisted so have been handled.
    /// </summary>
    /// <exception cref="InvalidOperationException">The actor is still recovering.</exception>
    public void Persist<TEvent>(TEvent @event, Action<TEvent> handler) => PersistOne(@event, handler, holdsCommands: true);

    /// <summary>Stores an event, then calls <paramref name="handler"/>; commands go on meanwhile.</summary>
    /// <exception cref="InvalidOperationException">The actor is still recovering.</exception>
    public void PersistAsync<TEvent>(TEvent @event, Action<TEvent> handler) => PersistOne(@event, handler, holdsCommands: false);

    /// <summary>As <see cref="Persist{TEvent}"/> for events that are stored all or none; the handler is called for each.</summary>
    public void PersistAll<TEvent>(IEnumerable<TEvent> events, Action<TEvent> handler) => PersistMany(events, handler, holdsCommands: true);

    /// <summary>As <see cref="PersistAsync{TEvent}"/> for events that are stored all or none; the handler is called for each.</summary>
    public void PersistAllAsync<TEvent>(IEnumerable<TEvent> events, Action<TEvent> handler) => PersistMany(events, handler, holdsCommands: false);

    /// <summary>Calls <paramref name="handler"/> after the handlers of all events persisted before, at once if there are none. Stores nothing.</summary>
    /// <exception cref="InvalidOperationException">The actor is still recovering.</exception>
    public void DeferAsync<TEvent>(TEvent evt, Action<TEvent> handler)
    {
        RequireRecovered();
        ArgumentNullException.ThrowIfNull(handler);
        if (_handlers.Count == 0)
        {
            handler(evt);
            return;
        }
        Await(handler, holdsCommands: false);
        _waiting.Add(new NonPersistentMessage(evt, Sender));
    }

    /// <summary>Asks the store to keep a snapshot of the state as of <see cref="SnapshotSequenceNr"/>; answered by <see cref="SaveSnapshotSuccess"/> or <see cref="SaveSnapshotFailure"/>.</summary>
    public void SaveSnapshot(object snapshot) =>
        SnapshotStore.Tell(new SaveSnapshot(new SnapshotMetadata(SnapshotterId, SnapshotSequenceNr, DateTime.UtcNow), snapshot));

    /// <summary>Asks the store for a snapshot; answered by <see cref="LoadSnapshotResult"/> or <see cref="LoadSnapshotFailed"/>.</summary>
    public void LoadSnapshot(string persistenceId, SnapshotSelectionCriteria criteria, long toSequenceNr) =>
        SnapshotStore.Tell(new LoadSnapshot(persistenceId, criteria, toSequenceNr));

    /// <summary>Deletes the snapshot taken at <paramref name="sequenceNr"/>; answered by <see cref="DeleteSnapshotSuccess"/> or <see cref="DeleteSnapshotFailure"/>.</summary>
    public void DeleteSnapshot(long sequenceNr) =>
        SnapshotStore.Tell(new DeleteSnapshot(new SnapshotMetadata(SnapshotterId, sequenceNr, DateTime.MinValue)));

    /// <summary>Deletes all snapshots that match; answered by <see cref="DeleteSnapshotsSuccess"/> or <see cref="DeleteSnapshotsFailure"/>.</summary>
    public void DeleteSnapshots(SnapshotSelectionCriteria criteria) => SnapshotStore.Tell(new DeleteSnapshots(SnapshotterId, criteria));

    /// <summary>
    /// Deletes the events up to <paramref name="toSequenceNr"/>, included; <see cref="long.MaxValue"/> means all.
    /// Answered by <see cref="DeleteMessagesSuccess"/> or <see cref="DeleteMessagesFailure"/>.
    /// </summary>
    public void DeleteMessages(long toSequenceNr)
    {
        if (toSequenceNr == long.MaxValue || toSequenceNr <= LastSequenceNr)
        {
            Journal.Tell(new DeleteMessagesTo(PersistenceId, toSequenceNr, Self));
            return;
        }
        var cause = new ArgumentOutOfRangeException(nameof(toSequenceNr), toSequenceNr,
            $"Events up to [{toSequenceNr}] cannot be deleted: the last one of [{PersistenceId}] is [{LastSequenceNr}].");
        Self.Tell(new DeleteMessagesFailure(cause, toSequenceNr));
    }

    /// <summary>Called when storing an event failed, right before the actor is stopped: whether the event is stored is unknown.</summary>
    protected virtual void OnPersistFailure(Exception cause, object @event, long sequenceNr) =>
        Log.Error(cause, "Failed to persist event type [{0}] with sequence number [{1}] for persistenceId [{2}].",
            @event.GetType(), sequenceNr, PersistenceId);

    /// <summary>Called when the journal refused an event, which is then certainly not stored; the actor goes on.</summary>
    protected virtual void OnPersistRejected(Exception cause, object @event, long sequenceNr) =>
        Log.Error(cause, "Rejected to persist event type [{0}] with sequence number [{1}] for persistenceId [{2}].",
            @event.GetType(), sequenceNr, PersistenceId);

    /// <summary>Called when recovery failed, right before the actor is stopped; <paramref name="message"/> is the event whose handler threw, if one did.</summary>
    protected virtual void OnRecoveryFailure(Exception reason, object message = null)
    {
        if (message is null)
            Log.Error(reason, "Persistence failure when replaying events for persistenceId [{0}]. Last known sequence number [{1}]", PersistenceId, LastSequenceNr);
        else
            Log.Error(reason, "Exception in ReceiveRecover when replaying event type [{0}] with sequence number [{1}] for persistenceId [{2}]", message.GetType(), LastSequenceNr, PersistenceId);
    }

    /// <summary>Called when all events were replayed, before <see cref="RecoveryCompleted"/>.</summary>
    protected virtual void OnReplaySuccess() { }

    /// <summary>Runs an asynchronous handler of a command; the next message waits until it ends.</summary>
    protected void RunTask(Func<Task> action)
    {
        if (_taskRunning) throw new NotSupportedException("RunTask calls cannot be nested.");
        _taskRunning = true;
        Akka.Dispatch.ActorTaskScheduler.RunTask(async () =>
        {
            bool failed = true;
            try
            {
                await action();
                failed = false;
            }
            finally
            {
                _taskRunning = false;
                AfterCommand(failed);
            }
        });
    }

    protected override void Unhandled(object message)
    {
        switch (message)
        {
            case RecoveryCompleted:
                break;
            case SaveSnapshotFailure m:
                Log.Warning("Failed to SaveSnapshot given metadata [{0}] due to: [{1}: {2}]", m.Metadata, m.Cause.GetType(), m.Cause.Message);
                break;
            case DeleteSnapshotFailure m:
                Log.Warning("Failed to DeleteSnapshot given metadata [{0}] due to: [{1}: {2}]", m.Metadata, m.Cause.GetType(), m.Cause.Message);
                break;
            case DeleteSnapshotsFailure m:
                Log.Warning("Failed to DeleteSnapshots given criteria [{0}] due to: [{1}: {2}]", m.Criteria, m.Cause.GetType(), m.Cause.Message);
                break;
            case DeleteMessagesFailure m:
                Log.Warning("Failed to DeleteMessages ToSequenceNr [{0}] for persistenceId [{1}] due to: [{2}: {3}]", m.ToSequenceNr, PersistenceId, m.Cause.GetType(), m.Cause.Message);
                break;
            default:
                base.Unhandled(message);
                break;
        }
    }
}
