using Akka.Actor;

namespace Akka.Pattern;

/// <summary>The circuit breaker is open: the call was not made.</summary>
public class OpenCircuitException : AkkaException
{
    public OpenCircuitException() : this((Exception)null) { }
    public OpenCircuitException(Exception cause) : base("Circuit Breaker is open; calls are failing fast", cause) { }
}

/// <summary>
/// Stops calling what keeps failing. Closed: calls are made; after so many failures in a row, or calls that took too long, it
/// opens. Open: calls fail at once. After a while it is half open: one call is made, and its outcome closes or opens it.
/// </summary>
public class CircuitBreaker
{
    private enum State { Closed, Open, HalfOpen }

    private readonly Lock _gate = new();
    private State _state;
    private bool _trying;

    public CircuitBreaker(IScheduler scheduler, int maxFailures, TimeSpan callTimeout, TimeSpan resetTimeout)
    {
        Scheduler = scheduler;
        MaxFailures = maxFailures;
        CallTimeout = callTimeout;
        ResetTimeout = resetTimeout;
    }

    public IScheduler Scheduler { get; }
    public int MaxFailures { get; }
    public TimeSpan CallTimeout { get; }
    public TimeSpan ResetTimeout { get; }
    public long CurrentFailureCount { get; private set; }
    public Exception LastCaughtException { get; private set; }
    public bool IsClosed => _state == State.Closed;
    public bool IsOpen => _state == State.Open;
    public bool IsHalfOpen => _state == State.HalfOpen;

    public static CircuitBreaker Create(IScheduler scheduler, int maxFailures, TimeSpan callTimeout, TimeSpan resetTimeout) =>
        new(scheduler, maxFailures, callTimeout, resetTimeout);

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

    /// <summary>Counts a success.</summary>
    public void Succeed()
    {
        lock (_gate)
        {
            CurrentFailureCount = 0;
            if (_state == State.HalfOpen) _state = State.Closed;
        }
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
        lock (_gate)
        {
            LastCaughtException = cause;
            CurrentFailureCount++;
            if (_state == State.Open || (_state == State.Closed && CurrentFailureCount < MaxFailures)) return;
            _state = State.Open;
        }

        Scheduler.Advanced.ScheduleOnce(ResetTimeout, HalfOpen);
    }

    private void HalfOpen()
    {
        lock (_gate)
        {
            _state = State.HalfOpen;
            _trying = false;
        }
    }
}
