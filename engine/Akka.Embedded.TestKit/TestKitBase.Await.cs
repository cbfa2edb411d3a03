namespace Akka.TestKit;

/// <summary>Waiting for conditions, and limits of time.</summary>
public abstract partial class TestKitBase
{
    private static readonly TimeSpan DefaultInterval = TimeSpan.FromMilliseconds(100);

    public void AwaitCondition(Func<bool> conditionIsFulfilled, CancellationToken cancellationToken = default) =>
        AwaitCondition(conditionIsFulfilled, null, null, null, cancellationToken);

    public void AwaitCondition(Func<bool> conditionIsFulfilled, TimeSpan? max, CancellationToken cancellationToken = default) =>
        AwaitCondition(conditionIsFulfilled, max, null, null, cancellationToken);

    public void AwaitCondition(Func<bool> conditionIsFulfilled, TimeSpan? max, string message, CancellationToken cancellationToken = default) =>
        AwaitCondition(conditionIsFulfilled, max, null, message, cancellationToken);

    /// <summary>Fails unless the condition holds within the time; it is looked at every interval.</summary>
    public void AwaitCondition(Func<bool> conditionIsFulfilled, TimeSpan? max, TimeSpan? interval, string message = null, CancellationToken cancellationToken = default) =>
        Await(() => Task.FromResult(conditionIsFulfilled()), max, interval, message, Blocking, cancellationToken).GetAwaiter().GetResult();

    public Task AwaitConditionAsync(Func<Task<bool>> conditionIsFulfilled, CancellationToken cancellationToken = default) =>
        Await(conditionIsFulfilled, null, null, null, !Blocking, cancellationToken);

    public Task AwaitConditionAsync(Func<bool> conditionIsFulfilled, CancellationToken cancellationToken = default) =>
        Await(() => Task.FromResult(conditionIsFulfilled()), null, null, null, !Blocking, cancellationToken);

    public Task AwaitConditionAsync(Func<Task<bool>> conditionIsFulfilled, TimeSpan? max, CancellationToken cancellationToken = default) =>
        Await(conditionIsFulfilled, max, null, null, !Blocking, cancellationToken);

    public Task AwaitConditionAsync(Func<Task<bool>> conditionIsFulfilled, TimeSpan? max, TimeSpan? interval, string message = null, CancellationToken cancellationToken = default) =>
        Await(conditionIsFulfilled, max, interval, message, !Blocking, cancellationToken);

    /// <summary>Repeats the assertion every interval until it passes; its last failure is the test's.</summary>
    public void AwaitAssert(Action assertion, TimeSpan? duration = null, TimeSpan? interval = null, CancellationToken cancellationToken = default) =>
        Await(Tried(assertion), duration, interval, Blocking, cancellationToken).GetAwaiter().GetResult();

    public Task AwaitAssertAsync(Action assertion, TimeSpan? duration = null, TimeSpan? interval = null, CancellationToken cancellationToken = default) =>
        Await(Tried(assertion), duration, interval, !Blocking, cancellationToken);

    public Task AwaitAssertAsync(Func<Task> assertion, TimeSpan? duration = null, TimeSpan? interval = null, CancellationToken cancellationToken = default) =>
        Await(assertion, duration, interval, !Blocking, cancellationToken);

    private static Func<Task> Tried(Action assertion) => () =>
    {
        assertion();
        return Task.CompletedTask;
    };

    private async Task Await(Func<Task<bool>> condition, TimeSpan? max, TimeSpan? interval, string message, bool blocks, CancellationToken cancellation)
    {
        TimeSpan limit = RemainingOrDilated(max);
        TimeSpan stop = Now + limit;
        while (!await condition().ConfigureAwait(!blocks))
        {
            if (Now >= stop) _assertions.Fail(message ?? $"Timeout {limit} expired while waiting for a condition.");
            await Pause(interval, stop, blocks, cancellation).ConfigureAwait(!blocks);
        }
    }

    private async Task Await(Func<Task> assertion, TimeSpan? max, TimeSpan? interval, bool blocks, CancellationToken cancellation)
    {
        TimeSpan stop = Now + RemainingOrDilated(max);
        while (true)
        {
            try
            {
                await assertion().ConfigureAwait(!blocks);
                return;
            }
            catch (Exception) when (Now < stop)
            {
                // There is time to try again.
            }

            await Pause(interval, stop, blocks, cancellation).ConfigureAwait(!blocks);
        }
    }

    private static Task Pause(TimeSpan? interval, TimeSpan stop, bool blocks, CancellationToken cancellation)
    {
        TimeSpan pause = TimeSpan.FromTicks(Math.Min((interval ?? DefaultInterval).Ticks, Max(stop - Now).Ticks));
        if (!blocks) return Task.Delay(pause, cancellation);
        Thread.Sleep(pause);
        cancellation.ThrowIfCancellationRequested();
        return Task.CompletedTask;
    }

    public void Within(TimeSpan max, Action action, TimeSpan? epsilonValue = null, CancellationToken cancellationToken = default) =>
        Within(TimeSpan.Zero, max, action, null, epsilonValue, cancellationToken);

    public void Within(TimeSpan min, TimeSpan max, Action action, string hint = null, TimeSpan? epsilonValue = null, CancellationToken cancellationToken = default) =>
        Within(min, max, () => { action(); return true; }, hint, epsilonValue, cancellationToken);

    public T Within<T>(TimeSpan max, Func<T> function, TimeSpan? epsilonValue = null, CancellationToken cancellationToken = default) =>
        Within(TimeSpan.Zero, max, function, null, epsilonValue, cancellationToken);

    /// <summary>Fails unless the function takes between min and max; expectations inside it share that time.</summary>
    public T Within<T>(TimeSpan min, TimeSpan max, Func<T> function, string hint = null, TimeSpan? epsilonValue = null, CancellationToken cancellationToken = default) =>
        Within(min, max, () => Task.FromResult(function()), hint, epsilonValue).GetAwaiter().GetResult();

    public Task WithinAsync(TimeSpan max, Func<Task> actionAsync, TimeSpan? epsilonValue = null, CancellationToken cancellationToken = default) =>
        Within(TimeSpan.Zero, max, async () => { await actionAsync().ConfigureAwait(true); return true; }, null, epsilonValue);

    public Task<T> WithinAsync<T>(TimeSpan max, Func<Task<T>> function, TimeSpan? epsilonValue = null, CancellationToken cancellationToken = default) =>
        Within(TimeSpan.Zero, max, function, null, epsilonValue);

    private async Task<T> Within<T>(TimeSpan min, TimeSpan max, Func<Task<T>> function, string hint, TimeSpan? epsilon)
    {
        TimeSpan? outer = _end;
        TimeSpan start = Now;
        TimeSpan limit = Dilated(max);
        _end = outer is { } end && end < start + limit ? end : start + limit;
        T result;
        try
        {
            result = await function().ConfigureAwait(true);
        }
        finally
        {
            _end = outer;
        }

        TimeSpan took = Now - start;
        string prefix = hint is null ? "" : hint + ": ";
        if (took < min) _assertions.Fail($"{prefix}block took {took}, should have at least been {min}");
        if (took > limit + (epsilon ?? TimeSpan.Zero)) _assertions.Fail($"{prefix}block took {took}, exceeding {limit}");
        return result;
    }
}
