using Akka.Actor;

namespace Akka.Pattern;

/// <summary>The circuit breaker is open: the call was not made.</summary>
public class OpenCircuitException : AkkaException
{
    public OpenCircuitException() : this("Circuit Breaker is open; calls are failing fast") { }
    public OpenCircuitException(string message) : base(message) { }
    public OpenCircuitException(string message, Exception cause) : base(message, cause) { }
    public OpenCircuitException(Exception cause) : this("Circuit Breaker is open; calls are failing fast", cause) { }
}

/// <summary>
/// Stops calling what keeps failing. Closed: calls are made; after so many failures in a row, or calls that took too long, it
/// opens. Open: calls fail at once. After a while it is half open: one call is made, and its outcome closes or opens it.
/// </summary>
public class CircuitBreaker
{
    private enum State { Closed, Open, HalfOpen }

    private readonly Lock _gate = new();
    private readonly double _backoffFactor;
    private Action _onOpen = () => { };
    private Action _onHalfOpen = () => { };
    private Action _onClose = () => { };
    private State _state;
    private bool _trying;
    private TimeSpan _nextReset;

    public CircuitBreaker(IScheduler scheduler, int maxFailures, TimeSpan callTimeout, TimeSpan resetTimeout)
        : this(scheduler, maxFailures, callTimeout, resetTimeout, TimeSpan.FromDays(36500), 1.0) { }

    public CircuitBreaker(IScheduler scheduler, int maxFailures, TimeSpan callTimeout, TimeSpan resetTimeout, TimeSpan maxResetTimeout, double exponentialBackoffFactor)
    {
        if (exponentialBackoffFactor < 1) throw new ArgumentException("factor must be >= 1.0", nameof(exponentialBackoffFactor));
        Scheduler = scheduler;
        MaxFailures = maxFailures;
        CallTimeout = callTimeout;
        ResetTimeout = _nextReset = resetTimeout;
        MaxResetTimeout = maxResetTimeout;
        _backoffFactor = exponentialBackoffFactor;
    }

    public IScheduler Scheduler { get; }
    public int MaxFailures { get; }
    public TimeSpan CallTimeout { get; }
    public TimeSpan ResetTimeout { get; }
    public TimeSpan MaxResetTimeout { get; }
    public long CurrentFailureCount { get; private set; }
    public Exception LastCaughtException { get; private set; }
    public bool IsClosed => _state == State.Closed;
    public bool IsOpen => _state == State.Open;
    public bool IsHalfOpen => _state == State.HalfOpen;

    public static CircuitBreaker Create(IScheduler scheduler, int maxFailures, TimeSpan callTimeout, TimeSpan resetTimeout) =>
        new(scheduler, maxFailures, callTimeout, resetTimeout);

    public CircuitBreaker WithExponentialBackoff(TimeSpan maxResetTimeout) => new(Scheduler, MaxFailures, CallTimeout, ResetTimeout, maxResetTimeout, 2.0);

    public CircuitBreaker OnOpen(Action callback)
    {
        _onOpen += callback;
        return this;
    }

    public CircuitBreaker OnHalfOpen(Action callback)
    {
        _onHalfOpen += callback;
        return this;
    }

    public CircuitBreaker OnClose(Action callback)
    {
        _onClose += callback;
        return this;
    }

    public Task WithCircuitBreaker(Func<Task> body) => WithCircuitBreaker(async () =>
    {
        await body().ConfigureAwait(false);
        return true;
    });

    /// <summary>Makes the call unless the breaker is open; a call that takes longer than the timeout fails with <see cref="TimeoutException"/>.</summary>
    public async Task<T> WithCircuitBreaker<T>(Func<Task<T>> body)
    {
        Enter();
        try
        {
            T result = await body().WaitAsync(CallTimeout).ConfigureAwait(false);
            Succeed();
            return result;
        }
        catch (Exception e)
        {
            Failed(e);
            throw;
        }
    }

    public void WithSyncCircuitBreaker(Action body) => WithSyncCircuitBreaker(() =>
    {
        body();
        return true;
    });

    /// <summary>As the asynchronous one; a call that took too long counts as failed, but its result is returned.</summary>
    public T WithSyncCircuitBreaker<T>(Func<T> body)
    {
        Enter();
        long start = Environment.TickCount64;
        try
        {
            T result = body();
            if (Environment.TickCount64 - start > CallTimeout.TotalMilliseconds) Fail();
            else Succeed();
            return result;
        }
        catch (Exception e)
        {
            Failed(e);
            throw;
        }
    }

    /// <summary>Counts a success.</summary>
    public void Succeed()
    {
        lock (_gate)
        {
            CurrentFailureCount = 0;
            if (_state != State.HalfOpen) return;
            _state = State.Closed;
            _nextReset = ResetTimeout;
        }

        _onClose();
    }

    /// <summary>Counts a failure.</summary>
    public void Fail() => Failed(null);

    private void Enter()
    {
        lock (_gate)
        {
            if (_state == State.Closed) return;
            if (_state == State.Open || _trying) throw new OpenCircuitException(LastCaughtException);
            _trying = true;
        }
    }

    private void Failed(Exception cause)
    {
        TimeSpan reset;
        lock (_gate)
        {
            LastCaughtException = cause;
            CurrentFailureCount++;
            if (_state == State.Open || (_state == State.Closed && CurrentFailureCount < MaxFailures)) return;
            _state = State.Open;
            reset = _nextReset;
            _nextReset = TimeSpan.FromTicks((long)Math.Min(MaxResetTimeout.Ticks, _nextReset.Ticks * _backoffFactor));
        }

        Scheduler.Advanced.ScheduleOnce(reset, HalfOpen);
        _onOpen();
    }

    private void HalfOpen()
    {
        lock (_gate)
        {
            _state = State.HalfOpen;
            _trying = false;
        }

        _onHalfOpen();
    }
}
