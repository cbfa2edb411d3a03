using Akka.Actor.Internal;
using Akka.Dispatch.SysMsg;

namespace Akka.Actor;

/// <summary>Asking: a message whose answer is a task.</summary>
public static class Futures
{
    public static Task<object> Ask(this ICanTell self, object message, TimeSpan? timeout = null) => self.Ask<object>(message, timeout, CancellationToken.None);
    public static Task<object> Ask(this ICanTell self, object message, CancellationToken cancellationToken) => self.Ask<object>(message, null, cancellationToken);

    public static Task<object> Ask(this ICanTell self, object message, TimeSpan? timeout, CancellationToken cancellationToken) =>
        self.Ask<object>(message, timeout, cancellationToken);

    public static Task<T> Ask<T>(this ICanTell self, object message, TimeSpan? timeout = null) => self.Ask<T>(message, timeout, CancellationToken.None);
    public static Task<T> Ask<T>(this ICanTell self, object message, CancellationToken cancellationToken) => self.Ask<T>(message, null, cancellationToken);

    public static Task<T> Ask<T>(this ICanTell self, object message, TimeSpan? timeout, CancellationToken cancellationToken) =>
        self.Ask<T>(_ => message, timeout, cancellationToken);

    /// <summary>
    /// Tells the message and completes with the first answer. Fails with <see cref="AskTimeoutException"/> after the timeout
    /// (null: akka.actor.ask-timeout), with the cause if the answer is <see cref="Status.Failure"/>, and with
    /// <see cref="ArgumentException"/> if the answer is of another type.
    /// </summary>
    public static async Task<T> Ask<T>(this ICanTell self, Func<IActorRef, object> messageFactory, TimeSpan? timeout, CancellationToken cancellationToken)
    {
        IActorRefProvider provider = ProviderOf(self) ?? throw new ArgumentException("Unable to resolve the target Provider", nameof(self));
        var answer = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        FutureActorRef<T> future = provider.CreateFutureRef(answer);
        TimeSpan limit = timeout ?? provider.Settings.AskTimeout;
        // Not the system's scheduler: that ends with the system, and who asked would wait for ever.
        using var timer = new CancellationTokenSource(limit);
        using CancellationTokenRegistration late = timer.Token.UnsafeRegister(_ => answer.TrySetException(new AskTimeoutException($"Timeout after {limit} seconds")), null);
        using CancellationTokenRegistration registration = cancellationToken.UnsafeRegister(_ => answer.TrySetCanceled(cancellationToken), null);
        try
        {
            self.Tell(messageFactory(future), future);
            return await answer.Task.ConfigureAwait(false);
        }
        finally
        {
            future.Close();
        }
    }

    internal static IActorRefProvider ProviderOf(ICanTell target) => target switch
    {
        IInternalActorRef actor => actor.Provider,
        ActorSelection selection => ProviderOf(selection.Anchor),
        _ => ActorCell.Current?.SystemImpl.Provider,
    };
}

/// <summary>Sending what a task ends with.</summary>
public static class PipeToSupport
{
    /// <summary>Tells the recipient the task's result, or <see cref="Status.Failure"/>, each transformed if a function is given.</summary>
    public static Task PipeTo<T>(this Task<T> taskToPipe, ICanTell recipient, IActorRef sender = null, Func<T, object> success = null, Func<Exception, object> failure = null) =>
        taskToPipe.PipeTo(recipient, false, sender, success, failure);

    public static Task PipeTo<T>(this ValueTask<T> taskToPipe, ICanTell recipient, IActorRef sender = null, Func<T, object> success = null, Func<Exception, object> failure = null) =>
        taskToPipe.AsTask().PipeTo(recipient, false, sender, success, failure);

    public static async Task PipeTo<T>(this Task<T> taskToPipe, ICanTell recipient, bool useConfigureAwait, IActorRef sender = null, Func<T, object> success = null, Func<Exception, object> failure = null)
    {
        sender ??= ActorRefs.NoSender;
        try
        {
            T result = await taskToPipe.ConfigureAwait(useConfigureAwait);
            recipient.Tell(success is null ? result : success(result), sender);
        }
        catch (Exception e)
        {
            recipient.Tell(failure is null ? new Status.Failure(e) : failure(e), sender);
        }
    }

    /// <summary>As for a task with a result; without <paramref name="success"/> only a failure is told.</summary>
    public static Task PipeTo(this Task taskToPipe, ICanTell recipient, IActorRef sender = null, Func<object> success = null, Func<Exception, object> failure = null) =>
        taskToPipe.PipeTo(recipient, false, sender, success, failure);

    public static Task PipeTo(this ValueTask taskToPipe, ICanTell recipient, IActorRef sender = null, Func<object> success = null, Func<Exception, object> failure = null) =>
        taskToPipe.AsTask().PipeTo(recipient, false, sender, success, failure);

    public static async Task PipeTo(this Task taskToPipe, ICanTell recipient, bool useConfigureAwait, IActorRef sender = null, Func<object> success = null, Func<Exception, object> failure = null)
    {
        try
        {
            await taskToPipe.ConfigureAwait(useConfigureAwait);
            if (success is not null) recipient.Tell(success(), sender);
        }
        catch (Exception e)
        {
            recipient.Tell(failure is null ? new Status.Failure(e) : failure(e), sender);
        }
    }
}

/// <summary>Stopping an actor and waiting for its end.</summary>
public static class GracefulStopSupport
{
    public static Task<bool> GracefulStop(this IActorRef target, TimeSpan timeout) => target.GracefulStop(timeout, PoisonPill.Instance);

    /// <summary>Tells the stop message; true once the actor has stopped, false if it has not within the timeout.</summary>
    public static async Task<bool> GracefulStop(this IActorRef target, TimeSpan timeout, object stopMessage)
    {
        using var limit = new CancellationTokenSource(timeout);
        Task<bool> ended = target.WatchAsync(limit.Token);
        target.Tell(stopMessage, ActorRefs.NoSender);
        return await ended.ConfigureAwait(false);
    }
}

/// <summary>Waiting for the end of an actor.</summary>
public static class WatchAsyncSupport
{
    /// <summary>True once the actor has stopped, false if the token is cancelled first.</summary>
    public static async Task<bool> WatchAsync(this IActorRef target, CancellationToken token = default)
    {
        var watchee = (IInternalActorRef)target;
        var ended = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        var watcher = new Watcher(watchee.Provider, ended);
        watchee.SendSystemMessage(new Watch(watchee, watcher));
        using CancellationTokenRegistration registration = token.UnsafeRegister(_ => ended.TrySetResult(false), null);
        bool result = await ended.Task.ConfigureAwait(false);
        if (!result) watchee.SendSystemMessage(new Unwatch(watchee, watcher));
        watcher.Close();
        return result;
    }

    private sealed class Watcher(IActorRefProvider provider, TaskCompletionSource<bool> ended) : FutureActorRef<bool>(ended, provider)
    {
        private readonly TaskCompletionSource<bool> _ended = ended;

        public override void SendSystemMessage(ISystemMessage message)
        {
            if (message is DeathWatchNotification) _ended.TrySetResult(true);
        }
    }
}
