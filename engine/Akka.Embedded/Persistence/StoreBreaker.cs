using Akka.Configuration;

namespace Akka.Persistence;

/// <summary>
/// Spares a store that keeps failing: after max-failures in a row calls fail at once until reset-timeout has passed, then
/// one call tries it. A call that takes longer than call-timeout counts as failed.
/// </summary>
internal sealed class StoreBreaker
{
    private readonly int _maxFailures;
    private readonly TimeSpan _callTimeout;
    private readonly TimeSpan _resetTimeout;
    private readonly Lock _lock = new();
    private int _failures;
    private long _openUntil;

    public StoreBreaker(Config plugin)
    {
        _maxFailures = plugin.GetInt("circuit-breaker.max-failures");
        _callTimeout = plugin.GetTimeSpan("circuit-breaker.call-timeout");
        _resetTimeout = plugin.GetTimeSpan("circuit-breaker.reset-timeout");
    }

    public bool IsClosed => Volatile.Read(ref _failures) < _maxFailures;

    public void Succeed() => Volatile.Write(ref _failures, 0);

    public async Task<T> Call<T>(Func<Task<T>> body)
    {
        Enter();
        try
        {
            T result = await body().WaitAsync(_callTimeout).ConfigureAwait(false);
            Succeed();
            return result;
        }
        catch
        {
            Fail();
            throw;
        }
    }

    public Task Call(Func<Task> body) => Call(async () =>
    {
        await body().ConfigureAwait(false);
        return true;
    });

    // Whoever finds the time passed is the one to try; the others are put off again.
    private void Enter()
    {
        if (IsClosed) return;
        lock (_lock)
        {
            if (Environment.TickCount64 < _openUntil)
                throw new InvalidOperationException("Circuit Breaker is open; calls are failing fast");
            PutOff();
        }
    }

    private void Fail()
    {
        lock (_lock)
        {
            if (++_failures >= _maxFailures) PutOff();
        }
    }

    private void PutOff() => _openUntil = Environment.TickCount64 + (long)_resetTimeout.TotalMilliseconds;
}
