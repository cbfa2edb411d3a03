using System.Runtime.ExceptionServices;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Machines;

/// <summary>
/// Pieces of work that the calling thread and threads of the pool take one after another. The caller waits for no thread to
/// come: it works until nothing is left to take, and then only for those that are at their last piece. So a busy pool makes it
/// slower and never stops it.
/// </summary>
internal sealed class ForkJoin : IThreadPoolWorkItem
{
    // A few takes a thread, so that one with slow pieces does not keep the others waiting.
    private const int TakesPerLane = 8;

    private readonly Lock _failing = new();
    private readonly object _done = new();
    private readonly Action<int> _piece;
    private readonly int _pieces;
    private readonly int _take;
    private int _next;
    private int _left;
    private ExceptionDispatchInfo? _failure;

    private ForkJoin(int pieces, int lanes, Action<int> piece)
    {
        (_piece, _pieces, _left) = (piece, pieces, pieces);
        _take = Math.Max(1, pieces / (lanes * TakesPerLane));
    }

    /// <summary>Carries out each piece once, on at most so many threads, and returns when all are done.</summary>
    /// <exception cref="Exception">That of a piece, the first that failed; others may not have been carried out.</exception>
    public static void Run(int pieces, int lanes, Action<int> piece)
    {
        var run = new ForkJoin(pieces, lanes, piece);
        for (int others = Math.Min(lanes, pieces) - 1; others > 0; others--)
            ThreadPool.UnsafeQueueUserWorkItem(run, preferLocal: false);
        run.Execute();
        run.Wait();
        run._failure?.Throw();
    }

    /// <summary>Takes pieces until none is left; one that comes late finds none and touches nothing.</summary>
    public void Execute()
    {
        while (true)
        {
            int first = Interlocked.Add(ref _next, _take) - _take;
            if (first >= _pieces)
                return;
            int end = Math.Min(first + _take, _pieces);
            for (int piece = first; piece < end; piece++)
                CarryOut(piece);
            if (Interlocked.Add(ref _left, first - end) > 0)
                continue;
            lock (_done)
                Monitor.PulseAll(_done);
        }
    }

    private void CarryOut(int piece)
    {
        if (Volatile.Read(ref _failure) is not null)
            return;
        try
        {
            _piece(piece);
        }
        catch (Exception failure)
        {
            lock (_failing)
                _failure ??= ExceptionDispatchInfo.Capture(failure);
        }
    }

    private void Wait()
    {
        var spin = new SpinWait();
        while (Volatile.Read(ref _left) > 0 && !spin.NextSpinWillYield)
            spin.SpinOnce();
        lock (_done)
        {
            while (Volatile.Read(ref _left) > 0)
                Monitor.Wait(_done);
        }

        Invariant.That(_left == 0, "each piece is done once");
    }
}
