using Akka.Actor;
using Akka.Configuration;
using Akka.Pattern;

namespace Akka.Persistence.Snapshot;

/// <summary>A snapshot store whose calls complete asynchronously and go through a circuit breaker.</summary>
public abstract class SnapshotStore : ActorBase
{
    private readonly CircuitBreaker _breaker;

    protected SnapshotStore()
    {
        Config config = Persistence.Instance.Apply(Context.System).ConfigFor(Self);
        _breaker = CircuitBreaker.Create(
            Context.System.Scheduler,
            config.GetInt("circuit-breaker.max-failures"),
            config.GetTimeSpan("circuit-breaker.call-timeout"),
            config.GetTimeSpan("circuit-breaker.reset-timeout"));
    }

    /// <summary>The newest snapshot that matches, null if there is none.</summary>
    protected abstract Task<SelectedSnapshot> LoadAsync(string persistenceId, SnapshotSelectionCriteria criteria);

    protected abstract Task SaveAsync(SnapshotMetadata metadata, object snapshot);

    /// <summary>Deletes one snapshot; a timestamp of <see cref="DateTime.MinValue"/> means any time.</summary>
    protected abstract Task DeleteAsync(SnapshotMetadata metadata);

    /// <summary>Deletes all snapshots that match.</summary>
    protected abstract Task DeleteAsync(string persistenceId, SnapshotSelectionCriteria criteria);

    /// <summary>Handles messages of the plugin's own; it also sees the outcome of every save and delete.</summary>
    protected virtual bool ReceivePluginInternal(object message) => false;

    protected override bool Receive(object message)
    {
        switch (message)
        {
            case LoadSnapshot load when load.Criteria == SnapshotSelectionCriteria.None:
                Sender.Tell(new LoadSnapshotResult(null, load.ToSequenceNr));
                return true;
            case LoadSnapshot load:
                _ = Answer(
                    async () => new LoadSnapshotResult(
                        await _breaker.WithCircuitBreaker(() => LoadAsync(load.PersistenceId, load.Criteria.Limit(load.ToSequenceNr))).ConfigureAwait(false),
                        load.ToSequenceNr),
                    cause => new LoadSnapshotFailed(cause), Sender, Self);
                return true;
            case SaveSnapshot save:
                Guarded(() => SaveAsync(save.Metadata, save.Snapshot), new SaveSnapshotSuccess(save.Metadata), cause => new SaveSnapshotFailure(save.Metadata, cause));
                return true;
            case DeleteSnapshot delete:
                Guarded(() => DeleteAsync(delete.Metadata), new DeleteSnapshotSuccess(delete.Metadata), cause => new DeleteSnapshotFailure(delete.Metadata, cause));
                return true;
            case DeleteSnapshots delete:
                Guarded(() => DeleteAsync(delete.PersistenceId, delete.Criteria), new DeleteSnapshotsSuccess(delete.Criteria), cause => new DeleteSnapshotsFailure(delete.Criteria, cause));
                return true;
            case SaveSnapshotFailure failure:
                // What a failed save left behind goes.
                _ = Cleanup(failure.Metadata);
                return PassOn(message);
            case SaveSnapshotSuccess or DeleteSnapshotSuccess or DeleteSnapshotFailure or DeleteSnapshotsSuccess or DeleteSnapshotsFailure:
                return PassOn(message);
            default:
                return ReceivePluginInternal(message);
        }
    }

    // Outcomes of saves and deletes come back to this actor first, with the persistent actor as sender.
    private bool PassOn(object outcome)
    {
        try
        {
            ReceivePluginInternal(outcome);
        }
        finally
        {
            Sender.Tell(outcome);
        }
        return true;
    }

    private void Guarded(Func<Task> call, object success, Func<Exception, object> failure) =>
        _ = Answer(
            async () =>
            {
                await _breaker.WithCircuitBreaker(call).ConfigureAwait(false);
                return success;
            },
            failure, Self, Sender);

    private static async Task Answer(Func<Task<object>> call, Func<Exception, object> failure, IActorRef receiver, IActorRef sender)
    {
        object reply;
        try
        {
            reply = await call().ConfigureAwait(false);
        }
        catch (Exception e)
        {
            reply = failure(e is AggregateException { InnerException: { } inner } ? inner : e);
        }
        receiver.Tell(reply, sender);
    }

    private async Task Cleanup(SnapshotMetadata metadata)
    {
        try
        {
            await _breaker.WithCircuitBreaker(() => DeleteAsync(metadata)).ConfigureAwait(false);
        }
        catch (Exception)
        {
            // The failed save itself is reported.
        }
    }
}
