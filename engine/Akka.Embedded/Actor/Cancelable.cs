namespace Akka.Actor;

/// <summary>Something that can be cancelled, once.</summary>
public interface ICancelable
{
    void Cancel();
    void Cancel(bool throwOnFirstException);
    void CancelAfter(TimeSpan delay);
    void CancelAfter(int millisecondsDelay);
    bool IsCancellationRequested { get; }
    CancellationToken Token { get; }
}

/// <inheritdoc cref="ICancelable"/>
public class Cancelable : ICancelable, IDisposable
{
    private readonly IActionScheduler _scheduler;
    private readonly CancellationTokenSource _source = new();

    public Cancelable(IScheduler scheduler) : this(scheduler.Advanced) { }
    public Cancelable(IScheduler scheduler, TimeSpan delay) : this(scheduler.Advanced, delay) { }
    public Cancelable(IActionScheduler scheduler) => _scheduler = scheduler;
    public Cancelable(IActionScheduler scheduler, TimeSpan delay) : this(scheduler) => CancelAfter(delay);

    public bool IsCancellationRequested => _source.IsCancellationRequested;
    public CancellationToken Token => _source.Token;
    public void Cancel() => Cancel(throwOnFirstException: false);
    public void Cancel(bool throwOnFirstException) => _source.Cancel(throwOnFirstException);
    public void CancelAfter(TimeSpan delay) => _scheduler.ScheduleOnce(delay, Cancel);
    public void CancelAfter(int millisecondsDelay) => CancelAfter(TimeSpan.FromMilliseconds(millisecondsDelay));

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing)
    {
        if (disposing) _source.Dispose();
    }
}
