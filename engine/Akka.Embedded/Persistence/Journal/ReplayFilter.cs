using Akka.Actor;
using Akka.Event;

namespace Akka.Persistence.Journal;

/// <summary>What to do with events that two writers stored in the same stream at the same time.</summary>
public enum ReplayFilterMode
{
    /// <summary>Fail the recovery.</summary>
    Fail = 0,

    /// <summary>Log a warning and replay them all the same.</summary>
    Warn = 1,

    /// <summary>Log a warning and leave out those of the older writer.</summary>
    RepairByDiscardOld = 2,

    /// <summary>Do not look.</summary>
    Disabled = 3,
}

/// <summary>
/// Stands between journal and recovering actor for one replay and looks for events of an old writer that overlap with
/// those of a newer one, in a window of events that it holds back.
/// </summary>
public class ReplayFilter : ActorBase
{
    private readonly Queue<ReplayedMessage> _window = new();
    private readonly Queue<string> _oldWriters = new();
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private string _writer = string.Empty;
    private long _lastSequenceNr;
    private bool _failed;

    public ReplayFilter(IActorRef persistentActor, ReplayFilterMode mode, int windowSize, int maxOldWriters, bool debugEnabled)
    {
        PersistentActor = persistentActor;
        Mode = mode;
        WindowSize = windowSize;
        MaxOldWriters = maxOldWriters;
        DebugEnabled = debugEnabled;
    }

    public IActorRef PersistentActor { get; }
    public ReplayFilterMode Mode { get; }

    /// <summary>Number of events held back.</summary>
    public int WindowSize { get; }
    public int MaxOldWriters { get; }
    public bool DebugEnabled { get; }

    public static Props Props(IActorRef persistentActor, ReplayFilterMode mode, int windowSize, int maxOldWriters, bool debugEnabled) =>
        Actor.Props.Create(() => new ReplayFilter(persistentActor, mode, windowSize, maxOldWriters, debugEnabled));

    protected override bool Receive(object message)
    {
        switch (message)
        {
            case ReplayedMessage replayed:
                if (DebugEnabled) _log.Debug("Replayed event [{0}]", replayed.Persistent);
                if (!_failed) Check(replayed);
                return true;
            case RecoverySuccess or ReplayMessagesFailure:
                if (!_failed)
                {
                    while (_window.TryDequeue(out ReplayedMessage held)) PersistentActor.Tell(held, ActorRefs.NoSender);
                    PersistentActor.Tell(message, ActorRefs.NoSender);
                }
                Context.Stop(Self);
                return true;
            default:
                return false;
        }
    }

    private void Check(ReplayedMessage replayed)
    {
        IPersistentRepresentation @event = replayed.Persistent;
        if (@event.WriterGuid == _writer)
        {
            if (@event.SequenceNr < _lastSequenceNr && !Accept(@event, "comes after a higher sequence number of the same writer")) return;
        }
        else if (_oldWriters.Contains(@event.WriterGuid))
        {
            if (!Accept(@event, "was written by an old writer after a new one had taken over")) return;
        }
        else
        {
            TakeOver(@event);
            if (_failed) return;
        }
        if (@event.WriterGuid == _writer) _lastSequenceNr = Math.Max(_lastSequenceNr, @event.SequenceNr);
        Hold(replayed);
    }

    // Events of the writer before, at or above where the new one begins, were written when it no longer should have.
    private void TakeOver(IPersistentRepresentation first)
    {
        if (_writer.Length > 0) _oldWriters.Enqueue(_writer);
        if (_oldWriters.Count > MaxOldWriters) _oldWriters.Dequeue();
        _writer = first.WriterGuid;
        _lastSequenceNr = first.SequenceNr;
        for (int left = _window.Count; left > 0 && !_failed; left--)
        {
            ReplayedMessage held = _window.Dequeue();
            if (held.Persistent.SequenceNr < first.SequenceNr || Accept(held.Persistent, "overlaps with the first event of a new writer")) _window.Enqueue(held);
        }
    }

    private void Hold(ReplayedMessage replayed)
    {
        if (_window.Count > 0 && _window.Count >= WindowSize) PersistentActor.Tell(_window.Dequeue(), ActorRefs.NoSender);
        _window.Enqueue(replayed);
    }

    /// <summary>Decides about an invalid event; true if it is to be replayed all the same.</summary>
    private bool Accept(IPersistentRepresentation @event, string why)
    {
        string what = $"Invalid replayed event [sequenceNr={@event.SequenceNr}, writerUUID={@event.WriterGuid}] of persistenceId [{@event.PersistenceId}]: it {why}; the current writer is [{_writer}].";
        if (Mode != ReplayFilterMode.Fail)
        {
            _log.Warning("{0}", what);
            return Mode == ReplayFilterMode.Warn;
        }
        _log.Error("{0}", what);
        _failed = true;
        _window.Clear();
        PersistentActor.Tell(new ReplayMessagesFailure(new InvalidOperationException(what)), ActorRefs.NoSender);
        return false;
    }
}
