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

    private sealed class Work(Action action) : IRunnable
    {
        public void Run() => action();

        void IThreadPoolWorkItem.Execute() => Run();
    }
}
