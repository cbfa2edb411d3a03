using Akka.Actor;
using Akka.TestKit;
using Akka.TestKit.Xunit2;

namespace ActorRepl.EngineParity;

public class DeathWatchSpec : TestKit
{
    private IActorRef Echo(string? name = null) => Sys.ActorOf(Props.Create(() => new Scripted(null)), name);

    private static Action<IActorContext> Do(Action<IActorContext> script) => script;

    [Fact]
    public void A_watcher_learns_that_the_watched_actor_stopped()
    {
        IActorRef actor = Echo();
        Watch(actor);
        Sys.Stop(actor);
        Terminated terminated = ExpectTerminated(actor);
        Assert.True(terminated.ExistenceConfirmed);
        Assert.False(terminated.AddressTerminated);
    }

    [Fact]
    public void Each_watcher_learns_it_once()
    {
        IActorRef actor = Echo();
        TestProbe other = CreateTestProbe();
        Watch(actor);
        Watch(actor);
        other.Watch(actor);
        Sys.Stop(actor);
        ExpectTerminated(actor);
        other.ExpectTerminated(actor);
        ExpectNoMsg(100);
    }

    [Fact]
    public void Watching_an_actor_that_is_dead_already_tells_so()
    {
        IActorRef actor = Echo();
        Watch(actor);
        Sys.Stop(actor);
        ExpectTerminated(actor);
        TestProbe late = CreateTestProbe();
        late.Watch(actor);
        Assert.False(late.ExpectTerminated(actor).ExistenceConfirmed);
    }

    [Fact]
    public void After_unwatch_nothing_comes()
    {
        IActorRef actor = Echo();
        Watch(actor);
        Unwatch(actor);
        Sys.Stop(actor);
        ExpectNoMsg(200);
    }

    [Fact]
    public void Unwatch_takes_back_a_notice_that_waits_in_the_mailbox()
    {
        // Which of the two watchers learns first is open, so there are several rounds.
        for (int round = 0; round < 10; round++)
        {
            IActorRef actor = Echo();
            IActorRef watcher = Sys.ActorOf(Props.Create(() => new Reporter(TestActor)));
            using var gate = new ManualResetEventSlim();
            TestProbe sees = CreateTestProbe();
            watcher.Tell(Do(context => context.Watch(actor)));
            watcher.Tell("watching");
            ExpectMsg("watching");
            watcher.Tell(Do(_ => gate.Wait(TimeSpan.FromSeconds(5))));
            watcher.Tell(Do(context => context.Unwatch(actor)));
            sees.Watch(actor);
            Sys.Stop(actor);
            sees.ExpectTerminated(actor);
            gate.Set();
            watcher.Tell("end");
            ExpectMsg("end");
        }

        ExpectNoMsg(100);
    }

    [Fact]
    public void WatchWith_tells_the_given_message_instead()
    {
        IActorRef actor = Echo();
        IActorRef watcher = Sys.ActorOf(Props.Create(() => new Reporter(TestActor)));
        watcher.Tell(Do(context => context.WatchWith(actor, "gone")));
        Sys.Stop(actor);
        ExpectMsg("gone");
    }

    [Fact]
    public void An_actor_that_does_not_handle_Terminated_dies_with_what_it_watched()
    {
        IActorRef actor = Echo();
        IActorRef bound = Sys.ActorOf(Props.Create(() => new Bound(actor)));
        bound.Tell("ready?");
        ExpectMsg("ready");
        Watch(bound);
        Sys.Stop(actor);
        ExpectTerminated(bound);
    }

    [Fact]
    public void A_restart_is_no_death()
    {
        IActorRef actor = Echo();
        Watch(actor);
        actor.Tell(new InvalidOperationException("boom"));
        actor.Tell("alive");
        ExpectMsg("alive");
        ExpectNoMsg(100);
    }

    [Fact]
    public void A_parent_can_watch_its_child_and_start_another_of_that_name_when_it_learns()
    {
        IActorRef parent = Sys.ActorOf(Props.Create(() => new Replacer(TestActor)));
        IActorRef first = ExpectMsg<IActorRef>();
        Sys.Stop(first);
        IActorRef second = ExpectMsg<IActorRef>();
        Assert.Equal(first.Path, second.Path);
        Assert.NotEqual(first, second);
        Assert.Equal(parent.Path, second.Path.Parent);
    }

    [Fact]
    public async Task Graceful_stop_ends_when_the_actor_has_stopped()
    {
        IActorRef actor = Echo();
        Assert.True(await actor.GracefulStop(TimeSpan.FromSeconds(3)));
        Watch(actor);
        ExpectTerminated(actor);
    }

    [Fact]
    public async Task Graceful_stop_is_false_when_the_actor_does_not_stop_in_time()
    {
        IActorRef actor = Sys.ActorOf(Props.Create(() => new Reporter(TestActor)));
        Assert.False(await actor.GracefulStop(TimeSpan.FromMilliseconds(100), "please"));
    }

    private sealed class Reporter : ReceiveActor
    {
        public Reporter(IActorRef test)
        {
            Receive<Action<IActorContext>>(script => script(Context));
            Receive<Terminated>(_ => test.Tell("terminated"));
            ReceiveAny(test.Tell);
        }
    }

    private sealed class Bound : ReceiveActor
    {
        public Bound(IActorRef other)
        {
            Context.Watch(other);
            Receive<string>(_ => Sender.Tell("ready"));
        }
    }

    private sealed class Replacer : ReceiveActor
    {
        public Replacer(IActorRef test)
        {
            Start(test);
            Receive<Terminated>(_ => Start(test));
        }

        private static void Start(IActorRef test) => test.Tell(Context.Watch(Context.ActorOf(Props.Create(() => new Scripted(null)), "child")));
    }
}
