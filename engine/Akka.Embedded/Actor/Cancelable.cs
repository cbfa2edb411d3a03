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
    private readonly CancellationTokenSource _source;
    private int _disposed;

    public Cancelable(IScheduler scheduler) : this(scheduler.Advanced) { }
    public Cancelable(IScheduler scheduler, TimeSpan delay) : this(scheduler.Advanced, delay) { }
    public Cancelable(IScheduler scheduler, int millisecondsDelay) : this(scheduler.Advanced, TimeSpan.FromMilliseconds(millisecondsDelay)) { }
    public Cancelable(IActionScheduler scheduler, TimeSpan delay) : this(scheduler) => CancelAfter(delay);
    public Cancelable(IActionScheduler scheduler) : this(scheduler, new CancellationTokenSource()) { }

    private Cancelable(IActionScheduler scheduler, CancellationTokenSource source)
    {
        _scheduler = scheduler;
        _source = source;
    }

    public bool IsCancellationRequested => _source.IsCancellationRequested;
    public CancellationToken Token => _source.Token;
    public bool IsDisposed => _disposed != 0;
    public void Cancel() => Cancel(throwOnFirstException: false);
    public void Cancel(bool throwOnFirstException) => _source.Cancel(throwOnFirstException);
    public void CancelAfter(TimeSpan delay) => _scheduler.ScheduleOnce(delay, Cancel);
    public void CancelAfter(int millisecondsDelay) => CancelAfter(TimeSpan.FromMilliseconds(millisecondsDelay));

    /// <summary>One that is cancelled already.</summary>
    public static ICancelable CreateCanceled()
    {
        var source = new CancellationTokenSource();
        source.Cancel();
        return new Cancelable(null, source);
    }

    /// <summary>One that is cancelled when any of the others is.</summary>
    public static ICancelable CreateLinkedCancelable(IScheduler scheduler, params ICancelable[] cancelables) =>
        new Cancelable(scheduler.Advanced, CancellationTokenSource.CreateLinkedTokenSource([.. cancelables.Select(each => each.Token)]));

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing)
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0 && disposing) _source.Dispose();
    }
}

/// <summary>Help with cancelables that may not be there.</summary>
public static class CancelableExtensions
{
    public static void CancelIfNotNull(this ICancelable cancelable) => cancelable?.Cancel();
}
