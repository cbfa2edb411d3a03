using System.Collections.Concurrent;
using Akka.Dispatch;

namespace ActorRepl.EngineParity.Embedded;

/// <summary>Of the embedded engine alone: nothing that a thread has set aside for itself is left behind.</summary>
public sealed class DedicatedThreadsTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly DedicatedThreads _threads = new("test", 2, mayBorrow: true);
    private int _ran;

    public void Dispose() => _threads.Stop();

    [Fact]
    public async Task What_a_lent_thread_is_given_by_what_it_had_deferred_is_done()
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var lender = new Thread(() =>
        {
            // The workers must all be asleep for the lent thread to be used; each attempt gives them time to be.
            for (int attempt = 0; attempt < 200; attempt++)
            {
                DedicatedThreads.Lend();
                DedicatedThreads.TryDefer(new Work(() => _threads.TryQueue(new Work(() => Interlocked.Increment(ref _ran)))));
                DedicatedThreads.TakeBack();
                if (!SpinWait.SpinUntil(() => Volatile.Read(ref _ran) == attempt + 1, Patience))
                {
                    done.SetException(new TimeoutException($"what attempt {attempt} queued was left behind"));
                    return;
                }
            }

            done.SetResult();
        });
        lender.Start();
        await done.Task;
    }

    [Fact]
    public async Task What_a_lent_thread_brings_together_is_done_together_on_it()
    {
        var together = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        var lender = new Thread(() =>
        {
            bool found = false;
            // Only while all workers sleep is it done there: each attempt gives them time to.
            for (int attempt = 0; attempt < 200 && !found; attempt++)
            {
                var ran = new ConcurrentQueue<(int Number, Thread On)>();
                DedicatedThreads.Lend();
                for (int i = 0; i < 5; i++)
                {
                    int number = i;
                    _threads.TryQueue(new Work(() => ran.Enqueue((number, Thread.CurrentThread))));
                }

                DedicatedThreads.TakeBack();
                found = ran.ToArray().SequenceEqual(Enumerable.Range(0, 5).Select(number => (number, Thread.CurrentThread)));
                SpinWait.SpinUntil(() => ran.Count == 5, Patience);
            }

            together.SetResult(found);
        });
        lender.Start();
        Assert.True(await together.Task);
    }

    [Fact]
    public void More_than_a_lent_thread_takes_upon_itself_is_done_by_the_workers()
    {
        const int Works = 500;
        var lender = new Thread(() =>
        {
            DedicatedThreads.Lend();
            for (int i = 0; i < Works; i++)
                _threads.TryQueue(new Work(() => _threads.TryQueue(new Work(() => Interlocked.Increment(ref _ran)))));
            DedicatedThreads.TakeBack();
        });
        lender.Start();
        Assert.True(SpinWait.SpinUntil(() => Volatile.Read(ref _ran) == Works, Patience));
        lender.Join();
    }

    private sealed class Work(Action action) : IRunnable
    {
        public void Run() => action();

        void IThreadPoolWorkItem.Execute() => Run();
    }
}
