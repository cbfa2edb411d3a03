using Akka.Actor;
using Akka.Configuration;
using Akka.TestKit.Xunit2;

namespace ActorRepl.EngineParity;

public class DispatcherSpec() : TestKit(ConfigurationFactory.ParseString("""
    own-pool {
      type = ForkJoinDispatcher
      executor = fork-join-executor
      throughput = 10
      dedicated-thread-pool { thread-count = 2 }
    }
    own-thread { type = PinnedDispatcher, executor = fork-join-executor }
    """))
{
    [Fact]
    public void A_fork_join_dispatcher_runs_its_actors_on_its_own_threads_and_no_more_than_given()
    {
        var seen = new HashSet<int>();
        for (int i = 0; i < 8; i++)
        {
            IActorRef actor = Sys.ActorOf(Props.Create(() => new WhichThread()).WithDispatcher("own-pool"));
            for (int j = 0; j < 20; j++) actor.Tell("where?");
        }

        for (int i = 0; i < 160; i++)
        {
            (int id, bool ofPool) = ExpectMsg<(int, bool)>();
            Assert.False(ofPool);
            seen.Add(id);
        }

        Assert.InRange(seen.Count, 1, 2);
    }

    [Fact]
    public async Task Work_that_comes_just_as_the_threads_fall_asleep_is_done()
    {
        IActorRef[] actors = [.. Enumerable.Range(0, 3).Select(_ => Sys.ActorOf(Props.Create(() => new WhichThread()).WithDispatcher("own-pool")))];
        for (int i = 0; i < 3_000; i++)
        {
            // Pauses of all lengths around the time a thread waits for more before it sleeps.
            Thread.SpinWait(i % 1_000 * 10);
            Task<object>[] answers = [.. actors.Select(actor => actor.Ask("where?", TimeSpan.FromSeconds(10)))];
            await Task.WhenAll(answers);
        }
    }

    [Fact]
    public void The_default_dispatcher_runs_actors_on_the_thread_pool()
    {
        Sys.ActorOf(Props.Create(() => new WhichThread())).Tell("where?");
        Assert.True(ExpectMsg<(int, bool)>().Item2);
    }

    [Fact]
    public void A_pinned_dispatcher_gives_each_actor_one_thread()
    {
        IActorRef actor = Sys.ActorOf(Props.Create(() => new WhichThread()).WithDispatcher("own-thread"));
        var seen = new HashSet<int>();
        for (int i = 0; i < 50; i++)
        {
            actor.Tell("where?");
            seen.Add(ExpectMsg<(int, bool)>().Item1);
        }

        Assert.Single(seen);
    }

    [Fact]
    public void An_unknown_dispatcher_is_an_error_that_names_it()
    {
        var failure = Assert.ThrowsAny<Exception>(() => Sys.ActorOf(Props.Create(() => new WhichThread()).WithDispatcher("no-such-dispatcher")));
        Assert.Contains("no-such-dispatcher", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_busy_actor_lets_others_run_after_its_throughput()
    {
        IActorRef busy = Sys.ActorOf(Props.Create(() => new Busy()).WithDispatcher("own-pool"));
        IActorRef second = Sys.ActorOf(Props.Create(() => new Busy()).WithDispatcher("own-pool"));
        busy.Tell("start");
        second.Tell("start");
        Sys.ActorOf(Props.Create(() => new WhichThread()).WithDispatcher("own-pool")).Tell("where?");
        ExpectMsg<(int, bool)>();
        Sys.Stop(busy);
        Sys.Stop(second);
    }

    private sealed class WhichThread : ReceiveActor
    {
        public WhichThread() => ReceiveAny(_ => Sender.Tell((Environment.CurrentManagedThreadId, Thread.CurrentThread.IsThreadPoolThread)));
    }

    private sealed class Busy : ReceiveActor
    {
        public Busy() => ReceiveAny(message => Self.Tell(message));
    }
}
