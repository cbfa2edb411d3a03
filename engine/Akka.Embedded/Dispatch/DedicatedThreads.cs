using System.Collections.Concurrent;

namespace Akka.Dispatch;

/// <summary>A fixed number of background threads that take work from one queue, first come first served.</summary>
/// <remarks>
/// <para>
/// A worker that finds nothing says so in <c>_sleepers</c> and looks once more before it sleeps; who queues work looks at
/// <c>_sleepers</c> after queueing. Of the two full fences one comes first, so either the worker sees the work or the other
/// sees the sleeper and wakes it.
/// </para>
/// <para>
/// One worker at a time searches for a while before it sleeps, and spares others the waking. It stops searching before it
/// looks a last time, or before it takes up what it found; and in that case it wakes another if there is more.
/// </para>
/// <para>
/// The first work that a worker queues itself it keeps for itself, and takes up next: one actor telling another wakes nobody.
/// </para>
/// <para>
/// A thread that hands in messages from outside, a connection's, may lend itself: while all workers sleep, what it queues
/// runs on it, once it is done with handing in, and none has to be woken. So what came together is done together, and what
/// it leads to leaves together.
/// </para>
/// <para>
/// What a worker defers is done once it runs out of work, or after a few runs at the latest: what several actors have for
/// the same connection leaves together, and no other thread is woken for it.
/// </para>
/// </remarks>
internal sealed class DedicatedThreads
{
    private const int MostSpins = 32;

    // After so many runs in a row of what it kept for itself, a worker lets the others' work have its turn.
    private const int MostKept = 16;
    private const int MostRunsBeforeDeferred = 32;

    // What a lent thread takes upon itself at a time; the workers are woken for more.
    private const int MostLent = 16;

    // What a lent thread runs at most before it goes back to its own work.
    private const int MostLentRuns = 64;

    [ThreadStatic]
    private static Worker _worker;

    [ThreadStatic]
    private static Worker _lent;

    // Threads that must all sleep before a lent one is used; none does for work that belongs to a thread.
    private readonly int _asleep;

    private readonly ConcurrentQueue<IRunnable> _queue = new();
    private readonly object _gate = new();
    private int _wakeUps;
    private int _sleepers;
    private int _searching;
    private volatile bool _stopped;

    public DedicatedThreads(string name, int count, bool mayBorrow)
    {
        _asleep = mayBorrow ? count : int.MaxValue;
        for (int i = 0; i < count; i++) new Thread(Work) { IsBackground = true, Name = $"{name}_{i + 1}" }.Start();
    }

    /// <summary>False if the threads have been told to stop.</summary>
    public bool TryQueue(IRunnable work)
    {
        if (_stopped) return false;
        if (_worker is { } self && (self.Owner == this || self.IsLent && TryBorrow(self)) && self.TryKeep(work)) return true;
        Queue(work);
        return true;
    }

    /// <summary>Until <see cref="TakeBack"/>, this thread's messages may run on it. Not within a worker.</summary>
    public static void Lend()
    {
        _worker ??= _lent ??= new Worker(null) { IsLent = true };
    }

    /// <summary>Runs what this thread was given while it was lent, in bounds.</summary>
    public static void TakeBack()
    {
        if (_worker is not { IsLent: true } self) return;
        try
        {
            self.Owner?.RunLent(self);
        }
        finally
        {
            // From here on nothing is kept: nobody would take it up.
            _worker = null;
        }

        RunDeferred(self);
    }

    /// <summary>The threads end when the queue is empty.</summary>
    public void Stop()
    {
        _stopped = true;
        lock (_gate)
        {
            _wakeUps += 1024;
            Monitor.PulseAll(_gate);
        }
    }

    private void Queue(IRunnable work)
    {
        _queue.Enqueue(work);
        Interlocked.MemoryBarrier();
        if (_stopped) HandOver();
        else if (Volatile.Read(ref _searching) == 0) WakeOne();
    }

    // The last worker may have looked already.
    private void HandOver()
    {
        while (_queue.TryDequeue(out IRunnable work)) ThreadPool.UnsafeQueueUserWorkItem(work, preferLocal: false);
    }

    // A worker that is awake would take it up as soon, and leave the lender to its own.
    private bool TryBorrow(Worker lender)
    {
        if (lender.Owner is not null || Volatile.Read(ref _sleepers) < _asleep) return false;
        lender.Owner = this;
        return true;
    }

    private void RunLent(Worker self)
    {
        for (int runs = 0; runs < MostLentRuns && self.TakeKept() is { } work; runs++)
        {
            Execute(work);
            if (self.IsDeferredDue(nothingWaits: true)) RunDeferred(self);
        }

        self.Owner = null;
        while (self.TakeKept() is { } left) Queue(left);
    }

    private void WakeOne()
    {
        int sleepers = Volatile.Read(ref _sleepers);
        while (sleepers > 0)
        {
            int seen = Interlocked.CompareExchange(ref _sleepers, sleepers - 1, sleepers);
            if (seen == sleepers)
            {
                lock (_gate)
                {
                    _wakeUps++;
                    Monitor.Pulse(_gate);
                }

                return;
            }

            sleepers = seen;
        }
    }

    /// <summary>Puts work off until the worker that runs the caller is done with what waits; false: no worker runs it.</summary>
    public static bool TryDefer(IRunnable work)
    {
        if (_worker is not { } self) return false;
        self.Deferred.Enqueue(work);
        return true;
    }

    private void Work()
    {
        var self = _worker = new Worker(this);
        int patience = MostSpins;
        while (true)
        {
            IRunnable work = self.TakeKept();
            if (work is null && !_queue.TryDequeue(out work) && self.Deferred.Count > 0)
            {
                // Others took what was there when the last run ended.
                RunDeferred(self);
            }
            else if (work is not null || Search(ref patience, out work))
            {
                Execute(work);
                if (self.IsDeferredDue(_queue.IsEmpty)) RunDeferred(self);
            }
            else if (!_stopped) Sleep();
            else if (_queue.IsEmpty) return;
        }
    }

    private static void RunDeferred(Worker self)
    {
        while (self.Deferred.TryDequeue(out IRunnable work)) Execute(work);
    }

    // Searches as long as that has paid lately: a busy system saves wake-ups, an idle one spins on nothing.
    private bool Search(ref int patience, out IRunnable work)
    {
        work = null;
        if (_stopped || Interlocked.CompareExchange(ref _searching, 1, 0) != 0) return false;
        for (int spins = 0; spins < patience && work is null; spins++)
        {
            Thread.SpinWait(20);
            _queue.TryDequeue(out work);
        }

        Interlocked.Exchange(ref _searching, 0);
        patience = work is null ? Math.Max(1, patience / 2) : Math.Min(MostSpins, patience * 2);
        if (work is not null && !_queue.IsEmpty) WakeOne();
        return work is not null;
    }

    private void Sleep()
    {
        Interlocked.Increment(ref _sleepers);
        if (!_queue.IsEmpty || _stopped)
        {
            // Take the note back; if somebody has acted on it already, its wake-up is there to be taken.
            int sleepers = Volatile.Read(ref _sleepers);
            while (sleepers > 0)
            {
                int seen = Interlocked.CompareExchange(ref _sleepers, sleepers - 1, sleepers);
                if (seen == sleepers) return;
                sleepers = seen;
            }
        }

        lock (_gate)
        {
            while (_wakeUps == 0) Monitor.Wait(_gate);
            _wakeUps--;
        }
    }

    private static void Execute(IRunnable work)
    {
        try
        {
            work.Run();
        }
        catch (Exception e)
        {
            // Actors handle their own failures; what comes here is a bare action's.
            Console.Error.WriteLine($"A scheduled action failed: {e}");
        }
    }

    /// <summary>What one thread has set aside for itself.</summary>
    private sealed class Worker(DedicatedThreads owner)
    {
        private readonly Queue<IRunnable> _kept = new();
        private int _keptInARow;
        private int _runs;

        /// <summary>Whose work it does; null: nobody's yet, it was lent.</summary>
        public DedicatedThreads Owner { get; set; } = owner;

        public bool IsLent { get; init; }

        public Queue<IRunnable> Deferred { get; } = new();

        public bool TryKeep(IRunnable work)
        {
            if (IsLent ? _kept.Count >= MostLent : _kept.Count > 0 || _keptInARow >= MostKept) return false;
            _kept.Enqueue(work);
            return true;
        }

        public IRunnable TakeKept()
        {
            _keptInARow = _kept.TryDequeue(out IRunnable work) ? _keptInARow + 1 : 0;
            return work;
        }

        public bool IsDeferredDue(bool nothingWaits)
        {
            if (Deferred.Count == 0) return false;
            if (++_runs < MostRunsBeforeDeferred && !(nothingWaits && _kept.Count == 0)) return false;
            _runs = 0;
            return true;
        }
    }
}
