using System.Diagnostics;
using Akka.Configuration;
using Akka.Event;

namespace Akka.Actor;

/// <summary>
/// The scheduler of a system: what is due lies in a heap, and one thread sleeps until the first of it. While nothing is due
/// it costs nothing. What is cancelled leaves the heap at once.
/// </summary>
internal sealed class TimerHeapScheduler : IScheduler, IAdvancedScheduler, IDisposable
{
    private static readonly long Origin = Stopwatch.GetTimestamp();
    private readonly object _gate = new();
    private readonly Thread _thread;
    private readonly ILoggingAdapter _log;
    private Entry[] _heap = new Entry[64];
    private int _count;
    private bool _stopped;

    public TimerHeapScheduler(Config scheduler, ILoggingAdapter log)
    {
        _log = log;
        _thread = new Thread(Run) { IsBackground = true, Name = "akka-scheduler" };
        _thread.Start();
    }

    public IAdvancedScheduler Advanced => this;
    public DateTimeOffset Now => DateTimeOffset.Now;
    public TimeSpan MonotonicClock => Stopwatch.GetElapsedTime(Origin);
    public TimeSpan HighResMonotonicClock => MonotonicClock;

    public void ScheduleTellOnce(TimeSpan delay, ICanTell receiver, object message, IActorRef sender) =>
        ScheduleTellOnce(delay, receiver, message, sender, null);

    public void ScheduleTellOnce(TimeSpan delay, ICanTell receiver, object message, IActorRef sender, ICancelable cancelable) =>
        Add(delay, TimeSpan.Zero, new Tell(receiver, message, sender), cancelable);

    public void ScheduleTellRepeatedly(TimeSpan initialDelay, TimeSpan interval, ICanTell receiver, object message, IActorRef sender) =>
        ScheduleTellRepeatedly(initialDelay, interval, receiver, message, sender, null);

    public void ScheduleTellRepeatedly(TimeSpan initialDelay, TimeSpan interval, ICanTell receiver, object message, IActorRef sender, ICancelable cancelable) =>
        Add(initialDelay, Interval(interval), new Tell(receiver, message, sender), cancelable);

    public void ScheduleOnce(TimeSpan delay, Action action) => ScheduleOnce(delay, action, null);
    public void ScheduleOnce(TimeSpan delay, Action action, ICancelable cancelable) => Add(delay, TimeSpan.Zero, action, cancelable);
    public void ScheduleRepeatedly(TimeSpan initialDelay, TimeSpan interval, Action action) => ScheduleRepeatedly(initialDelay, interval, action, null);

    public void ScheduleRepeatedly(TimeSpan initialDelay, TimeSpan interval, Action action, ICancelable cancelable) =>
        Add(initialDelay, Interval(interval), action, cancelable);

    private static TimeSpan Interval(TimeSpan interval) => interval > TimeSpan.Zero ? interval
        : throw new ArgumentException($"The interval must be positive; it is {interval}.", nameof(interval));

    /// <summary>Drops all that is scheduled and ends the thread.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _stopped = true;
            _count = 0;
            _heap = [];
            Monitor.PulseAll(_gate);
        }

        if (Thread.CurrentThread != _thread) _thread.Join(TimeSpan.FromSeconds(5));
    }

    private void Add(TimeSpan delay, TimeSpan interval, object work, ICancelable cancelable)
    {
        if (delay < TimeSpan.Zero) throw new ArgumentException($"The delay must not be negative; it is {delay}.", nameof(delay));
        if (cancelable?.IsCancellationRequested == true) return;
        var entry = new Entry(Ticks + delay.Ticks, interval.Ticks, work, cancelable);
        lock (_gate)
        {
            if (_stopped) throw new SchedulerException("The scheduler has been shut down.");
            Push(entry);
            if (entry.Index == 0) Monitor.Pulse(_gate);
        }

        if (cancelable is not null) entry.Registration = cancelable.Token.UnsafeRegister(Cancelled, (this, entry));
    }

    private static void Cancelled(object state)
    {
        (TimerHeapScheduler scheduler, Entry entry) = ((TimerHeapScheduler, Entry))state;
        lock (scheduler._gate)
        {
            if (!scheduler._stopped) scheduler.Remove(entry);
        }
    }

    private static long Ticks => Stopwatch.GetElapsedTime(Origin).Ticks;

    private void Run()
    {
        while (NextDue() is { } entry)
        {
            if (entry.Cancelable?.IsCancellationRequested == true) continue;
            try
            {
                entry.Execute();
            }
            catch (Exception e)
            {
                _log.Error(e, "Scheduled work failed");
            }
        }
    }

    /// <summary>Waits for the first that is due; null once the scheduler is stopped.</summary>
    private Entry NextDue()
    {
        lock (_gate)
        {
            while (!_stopped)
            {
                if (_count == 0)
                {
                    Monitor.Wait(_gate);
                    continue;
                }

                Entry first = _heap[0];
                long left = first.Due - Ticks;
                if (left > 0)
                {
                    Monitor.Wait(_gate, TimeSpan.FromMilliseconds(Math.Min(Math.Ceiling(left / (double)TimeSpan.TicksPerMillisecond), int.MaxValue)));
                    continue;
                }

                Remove(first);
                if (first.Interval > 0 && first.Cancelable?.IsCancellationRequested != true)
                {
                    first.Due = Math.Max(first.Due + first.Interval, Ticks);
                    Push(first);
                }
                else
                {
                    first.Registration.Unregister();
                }

                return first;
            }

            return null;
        }
    }

    // A binary heap whose entries know their places, so that any of them can be taken out.

    private void Push(Entry entry)
    {
        if (_count == _heap.Length) Array.Resize(ref _heap, 2 * _count);
        Up(entry, _count++);
    }

    private void Remove(Entry entry)
    {
        int at = entry.Index;
        if (at < 0) return;
        entry.Index = -1;
        Entry last = _heap[--_count];
        _heap[_count] = null;
        if (ReferenceEquals(last, entry)) return;
        Up(last, at);
        Down(last, last.Index);
    }

    private void Up(Entry entry, int at)
    {
        while (at > 0 && entry.Before(_heap[(at - 1) / 2]))
        {
            Place(_heap[(at - 1) / 2], at);
            at = (at - 1) / 2;
        }

        Place(entry, at);
    }

    private void Down(Entry entry, int at)
    {
        while (true)
        {
            int child = (2 * at) + 1;
            if (child >= _count) break;
            if (child + 1 < _count && _heap[child + 1].Before(_heap[child])) child++;
            if (!_heap[child].Before(entry)) break;
            Place(_heap[child], at);
            at = child;
        }

        Place(entry, at);
    }

    private void Place(Entry entry, int at)
    {
        _heap[at] = entry;
        entry.Index = at;
    }

    private sealed record Tell(ICanTell Receiver, object Message, IActorRef Sender);

    private sealed class Entry(long due, long interval, object work, ICancelable cancelable)
    {
        private static long _sequence;
        private readonly long _order = Interlocked.Increment(ref _sequence);

        public long Due { get; set; } = due;
        public long Interval { get; } = interval;
        public ICancelable Cancelable { get; } = cancelable;
        public CancellationTokenRegistration Registration { get; set; }
        public int Index { get; set; } = -1;

        public bool Before(Entry other) => Due < other.Due || (Due == other.Due && _order < other._order);

        public void Execute()
        {
            if (work is Tell tell) tell.Receiver.Tell(tell.Message, tell.Sender);
            else ((Action)work)();
        }
    }
}
