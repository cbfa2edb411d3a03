using System.Collections.Immutable;
using Akka.Actor;
using Akka.Configuration;
using Akka.Pattern;

namespace Akka.Persistence.Journal;

/// <summary>What recovery asks of a journal.</summary>
public interface IAsyncRecovery
{
    /// <summary>
    /// Calls <paramref name="recoveryCallback"/> for each event from <paramref name="fromSequenceNr"/> to
    /// <paramref name="toSequenceNr"/>, both included, in order, at most <paramref name="max"/>; done when all were passed.
    /// </summary>
    Task ReplayMessagesAsync(IActorContext context, string persistenceId, long fromSequenceNr, long toSequenceNr, long max, Action<IPersistentRepresentation> recoveryCallback);

    /// <summary>
    /// The highest sequence number ever stored, deleted events included; 0 if none. Stored ones below
    /// <paramref name="fromSequenceNr"/> need not be looked at.
    /// </summary>
    Task<long> ReadHighestSequenceNrAsync(string persistenceId, long fromSequenceNr);
}

/// <summary>
/// A journal whose store answers asynchronously. Writes may complete in any order, replies leave in the order of the
/// requests. Calls to the store go through a circuit breaker; replays pass a <see cref="ReplayFilter"/>.
/// </summary>
public abstract class AsyncWriteJournal : WriteJournalBase, IAsyncRecovery
{
    private readonly ReplySequence _replies;
    private readonly CircuitBreaker _breaker;
    private readonly ReplayFilterMode _filterMode;
    private readonly int _filterWindow;
    private readonly int _filterOldWriters;
    private readonly bool _filterDebug;

    protected AsyncWriteJournal()
    {
        Config config = Persistence.Instance.Apply(Context.System).ConfigFor(Self);
        _replies = new ReplySequence();
        _breaker = CircuitBreaker.Create(
            Context.System.Scheduler,
            config.GetInt("circuit-breaker.max-failures"),
            config.GetTimeSpan("circuit-breaker.call-timeout"),
            config.GetTimeSpan("circuit-breaker.reset-timeout"));
        _filterMode = ReadFilterMode(config.GetString("replay-filter.mode"));
        _filterWindow = config.GetInt("replay-filter.window-size");
        _filterOldWriters = config.GetInt("replay-filter.max-old-writers");
        _filterDebug = config.GetBoolean("replay-filter.debug");
    }

    public abstract Task ReplayMessagesAsync(IActorContext context, string persistenceId, long fromSequenceNr, long toSequenceNr, long max, Action<IPersistentRepresentation> recoveryCallback);

    public abstract Task<long> ReadHighestSequenceNrAsync(string persistenceId, long fromSequenceNr);

    /// <summary>
    /// Stores the writes, each all or none. Null, or one entry a write: null where it is stored, an exception where it is
    /// refused and certainly not stored. A failed task means that the outcome of all of them is unknown.
    /// Called in the actor; the next call does not wait for the task.
    /// </summary>
    protected abstract Task<IImmutableList<Exception>> WriteMessagesAsync(IEnumerable<AtomicWrite> messages);

    /// <summary>Deletes the events up to <paramref name="toSequenceNr"/>, included; their highest sequence number stays known.</summary>
    protected abstract Task DeleteMessagesToAsync(string persistenceId, long toSequenceNr);

    /// <summary>Handles messages of the plugin's own.</summary>
    protected virtual bool ReceivePluginInternal(object message) => false;

    protected override bool Receive(object message) => ReceiveWriteJournal(message) || ReceivePluginInternal(message);

    /// <summary>Handles the journal protocol.</summary>
    protected bool ReceiveWriteJournal(object message)
    {
        switch (message)
        {
            case WriteMessages write:
                Write(write);
                return true;
            case ReplayMessages replay:
                IActorRef replyTo = _filterMode == ReplayFilterMode.Disabled
                    ? replay.PersistentActor
                    : Context.ActorOf(ReplayFilter.Props(replay.PersistentActor, _filterMode, _filterWindow, _filterOldWriters, _filterDebug));
                _ = Replay(replay, replyTo, Context);
                return true;
            case DeleteMessagesTo delete:
                _ = Delete(delete, Self);
                return true;
            default:
                return false;
        }
    }

    /// <summary>The one exception an <see cref="AggregateException"/> holds, else the exception itself.</summary>
    protected static Exception TryUnwrapException(Exception e) =>
        e is AggregateException aggregate && aggregate.Flatten().InnerExceptions is [var only] ? only : e;

    private void Write(WriteMessages request)
    {
        IReadOnlyCollection<AtomicWrite> prepared;
        try
        {
            IEnumerable<AtomicWrite> writes = PreparePersistentBatch(request.Messages);
            prepared = writes as IReadOnlyCollection<AtomicWrite> ?? [.. writes];
        }
        catch (Exception e)
        {
            _replies.Reserve(request, request.Messages.Count(each => each is AtomicWrite)).Reject(e);
            return;
        }
        ReplySequence.Slot slot = _replies.Reserve(request, prepared.Count);
        Task<IImmutableList<Exception>> task = CallWrite(prepared);
        if (task.IsCompletedSuccessfully) slot.Complete(task.Result);
        else _ = CompleteLater(task, slot);
    }

    // A store that answers at once is spared the breaker's timer; the breaker still hears of it.
    private Task<IImmutableList<Exception>> CallWrite(IReadOnlyCollection<AtomicWrite> prepared)
    {
        if (prepared.Count == 0) return NothingToWrite;
        if (!_breaker.IsClosed) return _breaker.WithCircuitBreaker(() => WriteMessagesAsync(prepared));
        Task<IImmutableList<Exception>> task;
        try
        {
            task = WriteMessagesAsync(prepared);
        }
        catch (Exception e)
        {
            task = Task.FromException<IImmutableList<Exception>>(e);
        }
        if (!task.IsCompletedSuccessfully) return _breaker.WithCircuitBreaker(() => task);
        _breaker.Succeed();
        return task;
    }

    private static readonly Task<IImmutableList<Exception>> NothingToWrite = Task.FromResult<IImmutableList<Exception>>(null);

    private static async Task CompleteLater(Task<IImmutableList<Exception>> task, ReplySequence.Slot slot)
    {
        IImmutableList<Exception> results;
        try
        {
            results = await task.ConfigureAwait(false);
        }
        catch (Exception e)
        {
            slot.Fail(TryUnwrapException(e));
            return;
        }
        slot.Complete(results);
    }

    private async Task Replay(ReplayMessages request, IActorRef replyTo, IActorContext context)
    {
        object reply;
        try
        {
            string id = request.PersistenceId;
            long readFrom = Math.Max(0, request.FromSequenceNr - 1);
            long highest = await _breaker.WithCircuitBreaker(() => ReadHighestSequenceNrAsync(id, readFrom)).ConfigureAwait(false);
            long to = Math.Min(request.ToSequenceNr, highest);
            if (to > 0 && request.FromSequenceNr <= to)
                await ReplayMessagesAsync(context, id, request.FromSequenceNr, to, request.Max, each => SendReplayed(each, replyTo)).ConfigureAwait(false);
            reply = new RecoverySuccess(highest);
        }
        catch (Exception e)
        {
            reply = new ReplayMessagesFailure(TryUnwrapException(e));
        }
        replyTo.Tell(reply, ActorRefs.NoSender);
    }

    private void SendReplayed(IPersistentRepresentation stored, IActorRef replyTo)
    {
        if (stored.IsDeleted) return;
        foreach (IPersistentRepresentation each in AdaptFromJournal(stored))
            replyTo.Tell(new ReplayedMessage(each), ActorRefs.NoSender);
    }

    private async Task Delete(DeleteMessagesTo request, IActorRef self)
    {
        object reply;
        try
        {
            await _breaker.WithCircuitBreaker(() => DeleteMessagesToAsync(request.PersistenceId, request.ToSequenceNr)).ConfigureAwait(false);
            reply = new DeleteMessagesSuccess(request.ToSequenceNr);
        }
        catch (Exception e)
        {
            reply = new DeleteMessagesFailure(TryUnwrapException(e), request.ToSequenceNr);
        }
        request.PersistentActor.Tell(reply, self);
    }

    private static ReplayFilterMode ReadFilterMode(string mode) => mode switch
    {
        "repair-by-discard-old" => ReplayFilterMode.RepairByDiscardOld,
        "fail" => ReplayFilterMode.Fail,
        "warn" => ReplayFilterMode.Warn,
        "off" => ReplayFilterMode.Disabled,
        _ => throw new ConfigurationException($"replay-filter.mode is [{mode}]; it must be one of repair-by-discard-old, fail, warn, off."),
    };
}
