using Akka.Actor;
using Akka.TestKit;
using Akka.TestKit.Xunit2;

namespace ActorRepl.EngineParity;

public class SupervisionSpec : TestKit
{
    private static readonly TimeSpan Soon = TimeSpan.FromMilliseconds(200);

    private IActorRef Parent(SupervisorStrategy strategy, string? name = null) => Sys.ActorOf(Props.Create(() => new ParentActor(strategy)), name);

    private IActorRef Child(IActorRef parent, string name, IActorRef? reports = null)
    {
        parent.Tell((Props.Create(() => new Scripted(reports)), name));
        return ExpectMsg<IActorRef>();
    }

    private IActorRef Counter(IActorRef parent, string name)
    {
        parent.Tell((Props.Create(() => new CountingActor()), name));
        return ExpectMsg<IActorRef>();
    }

    [Fact]
    public void By_default_a_failed_actor_is_restarted_and_goes_on_with_the_next_message()
    {
        IActorRef actor = Sys.ActorOf(Props.Create(() => new Scripted(TestActor)));
        ExpectMsg("started");
        actor.Tell(new InvalidOperationException("boom"));
        actor.Tell("next");
        ExpectMsg("restarting for boom at the failure");
        ExpectMsg("stopped");
        ExpectMsg("restarted for boom");
        ExpectMsg("started");
        ExpectMsg("next");
    }

    [Fact]
    public void A_restart_keeps_the_reference_and_loses_the_state()
    {
        IActorRef counter = Counter(Parent(new OneForOneStrategy(_ => Directive.Restart)), "c");
        counter.Tell("count");
        ExpectMsg(1);
        counter.Tell(new InvalidOperationException("boom"));
        counter.Tell("count");
        ExpectMsg(1);
    }

    [Fact]
    public void Resume_keeps_the_state()
    {
        IActorRef counter = Counter(Parent(new OneForOneStrategy(_ => Directive.Resume)), "c");
        counter.Tell("count");
        ExpectMsg(1);
        counter.Tell(new InvalidOperationException("boom"));
        counter.Tell("count");
        ExpectMsg(2);
    }

    [Fact]
    public void Stop_stops_the_actor()
    {
        IActorRef child = Child(Parent(new OneForOneStrategy(_ => Directive.Stop)), "c");
        Watch(child);
        child.Tell(new InvalidOperationException("boom"));
        ExpectTerminated(child);
    }

    [Fact]
    public void Escalate_makes_the_parent_fail_in_its_place()
    {
        IActorRef grandparent = Parent(new OneForOneStrategy(cause => cause.Message == "boom" ? Directive.Stop : Directive.Escalate));
        grandparent.Tell((Props.Create(() => new ParentActor(new OneForOneStrategy(_ => Directive.Escalate))), "p"));
        IActorRef parent = ExpectMsg<IActorRef>();
        IActorRef child = Child(parent, "c");
        Watch(parent);
        Watch(child);
        child.Tell(new InvalidOperationException("boom"));
        IActorRef[] gone = [ExpectMsg<Terminated>().ActorRef, ExpectMsg<Terminated>().ActorRef];
        Assert.Contains(parent, gone);
        Assert.Contains(child, gone);
    }

    [Fact]
    public void One_for_one_leaves_the_others_alone_and_all_for_one_does_not()
    {
        TestProbe reports = CreateTestProbe();
        foreach (SupervisorStrategy strategy in new SupervisorStrategy[]
                 { new OneForOneStrategy(_ => Directive.Restart), new AllForOneStrategy(_ => Directive.Restart) })
        {
            IActorRef parent = Parent(strategy);
            IActorRef failing = Child(parent, "failing");
            IActorRef other = Child(parent, "other", reports.Ref);
            reports.ExpectMsg("started");
            failing.Tell(new InvalidOperationException("boom"));
            if (strategy is OneForOneStrategy)
            {
                reports.ExpectNoMsg(Soon);
            }
            else
            {
                reports.ExpectMsg<string>(text => text.StartsWith("restarting for boom", StringComparison.Ordinal));
                reports.ExpectMsg("stopped");
                reports.ExpectMsg("restarted for boom");
                reports.ExpectMsg("started");
            }

            other.Tell("alive");
            ExpectMsg("alive");
        }
    }

    [Fact]
    public void After_more_restarts_than_allowed_in_the_time_the_actor_is_stopped()
    {
        IActorRef child = Child(Parent(new OneForOneStrategy(2, TimeSpan.FromMinutes(1), _ => Directive.Restart)), "c");
        Watch(child);
        for (int i = 0; i < 2; i++)
        {
            child.Tell(new InvalidOperationException("boom"));
            child.Tell("alive");
            ExpectMsg("alive");
        }

        child.Tell(new InvalidOperationException("boom"));
        ExpectTerminated(child);
    }

    [Fact]
    public void No_restart_is_allowed_if_the_limit_is_zero()
    {
        IActorRef child = Child(Parent(new OneForOneStrategy(0, TimeSpan.FromMinutes(1), _ => Directive.Restart)), "c");
        Watch(child);
        child.Tell(new InvalidOperationException("boom"));
        ExpectTerminated(child);
    }

    [Fact]
    public void An_actor_that_cannot_be_created_is_stopped_by_default()
    {
        Props props = Props.Create(() => new FailsToStart(inConstructor: true));
        IActorRef actor = Sys.ActorOf(props);
        Watch(actor);
        ExpectTerminated(actor);

        actor = Sys.ActorOf(Props.Create(() => new FailsToStart(false)));
        Watch(actor);
        ExpectTerminated(actor);
    }

    [Fact]
    public async Task The_strategy_sees_a_failed_creation_as_an_initialization_exception()
    {
        var seen = new TaskCompletionSource<Exception>();
        IActorRef parent = Parent(new OneForOneStrategy(cause =>
        {
            seen.TrySetResult(cause);
            return Directive.Stop;
        }));
        parent.Tell((Props.Create(() => new FailsToStart(true)), "c"));
        ExpectMsg<IActorRef>();
        Exception cause = await seen.Task.WaitAsync(TimeSpan.FromSeconds(3));
        ActorInitializationException failure = Assert.IsAssignableFrom<ActorInitializationException>(cause);
        Assert.NotNull(failure.InnerException);
    }

    [Fact]
    public void Kill_stops_by_default()
    {
        IActorRef actor = Sys.ActorOf(Props.Create(() => new Scripted(null)));
        Watch(actor);
        actor.Tell(Kill.Instance);
        ExpectTerminated(actor);
    }

    [Fact]
    public void Children_are_stopped_when_their_parent_restarts_and_before_it_starts_anew()
    {
        IActorRef parent = Sys.ActorOf(Props.Create(() => new Scripted(null)));
        IActorRef? child = null;
        Action<IActorContext> create = context => child = context.ActorOf(Props.Create(() => new Scripted(null)), "child");
        parent.Tell(create);
        parent.Tell("made");
        ExpectMsg("made");
        Watch(child!);
        parent.Tell(new InvalidOperationException("boom"));
        ExpectTerminated(child!);

        // The name is free again for the new instance.
        parent.Tell(create);
        parent.Tell("made");
        ExpectMsg("made");
    }

    [Fact]
    public void While_an_actor_is_suspended_it_handles_no_message()
    {
        using var decide = new ManualResetEventSlim();
        IActorRef child = Child(Parent(new OneForOneStrategy(_ =>
        {
            decide.Wait(TimeSpan.FromSeconds(5));
            return Directive.Resume;
        })), "c");
        child.Tell(new InvalidOperationException("boom"));
        child.Tell("held");
        ExpectNoMsg(Soon);
        decide.Set();
        ExpectMsg("held");
    }

    [Fact]
    public void When_a_parent_stops_its_children_stop_first()
    {
        IgnoreMessages<string>(text => text == "started");
        IActorRef parent = Sys.ActorOf(Props.Create(() => new Scripted(null)));
        Func<IActorContext, object> create = context => context.ActorOf(Props.Create(() => new Scripted(TestActor)), "child");
        parent.Tell(create);
        FishForMessage(message => message is IActorRef);
        Watch(parent);
        Sys.Stop(parent);
        ExpectMsg("stopped");
        ExpectTerminated(parent);
    }

    [Fact]
    public void A_stopped_childs_name_can_be_used_again_with_another_uid()
    {
        IActorRef first = Sys.ActorOf(Props.Create(() => new Scripted(null)), "name");
        Assert.Throws<InvalidActorNameException>(() => Sys.ActorOf(Props.Create(() => new Scripted(null)), "name"));
        Watch(first);
        Sys.Stop(first);
        ExpectTerminated(first);
        // The name is the parent's to give, who may learn of the end after others.
        IActorRef second = ActorRefs.Nobody;
        AwaitAssert(() => second = Sys.ActorOf(Props.Create(() => new Scripted(null)), "name"));
        Assert.Equal(first.Path, second.Path);
        Assert.NotEqual(first, second);
    }

    [Fact]
    public void A_failing_restart_is_reported_to_the_parent_as_a_failed_start()
    {
        var seen = new System.Collections.Concurrent.ConcurrentQueue<Exception>();
        IActorRef parent = Parent(new OneForOneStrategy(cause =>
        {
            seen.Enqueue(cause);
            return cause is ActorInitializationException ? Directive.Stop : Directive.Restart;
        }));
        parent.Tell((Props.Create(() => new FailsToRestart()), "c"));
        IActorRef child = ExpectMsg<IActorRef>();
        Watch(child);
        child.Tell("fail");
        ExpectTerminated(child);
        Assert.Collection(seen,
            cause => Assert.Equal("first", cause.Message),
            cause => Assert.Equal("again", Assert.IsType<PostRestartException>(cause).InnerException!.Message));
    }

    private sealed class CountingActor : ReceiveActor
    {
        private int _count;

        public CountingActor()
        {
            Receive<Exception>(failure => throw failure);
            Receive<string>(_ => Sender.Tell(++_count));
        }
    }

    private sealed class FailsToStart : ReceiveActor
    {
        public FailsToStart(bool inConstructor)
        {
            if (inConstructor) throw new InvalidOperationException("constructor");
        }

        protected override void PreStart() => throw new InvalidOperationException("start");
    }

    private sealed class FailsToRestart : ReceiveActor
    {
        public FailsToRestart() => ReceiveAny(_ => throw new InvalidOperationException("first"));
        protected override void PostRestart(Exception reason) => throw new InvalidOperationException("again");
    }
}
