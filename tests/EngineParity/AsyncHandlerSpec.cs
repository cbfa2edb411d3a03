using Akka.Actor;
using Akka.TestKit.Xunit2;

namespace ActorRepl.EngineParity;

public class AsyncHandlerSpec : TestKit
{
    [Fact]
    public void Later_messages_wait_until_an_asynchronous_handler_has_ended()
    {
        IActorRef actor = Sys.ActorOf(Props.Create(() => new Slow()));
        var gate = new TaskCompletionSource();
        actor.Tell(gate);
        actor.Tell("next");
        ExpectNoMsg(150);
        gate.SetResult();
        ExpectMsg("ended");
        ExpectMsg("next");
    }

    [Fact]
    public void Self_sender_and_context_are_right_after_an_await()
    {
        IActorRef actor = Sys.ActorOf(Props.Create(() => new Slow()));
        var gate = new TaskCompletionSource();
        actor.Tell(gate, TestActor);
        gate.SetResult();
        ExpectMsgFrom(actor, "ended");
    }

    [Fact]
    public void A_failure_after_an_await_is_a_failure_of_the_actor()
    {
        IActorRef actor = Sys.ActorOf(Props.Create(() => new Slow()));
        actor.Tell(3);
        ExpectMsg(1);
        actor.Tell(new InvalidOperationException("boom"));
        actor.Tell(3);
        ExpectMsg(1);
    }

    [Fact]
    public void An_asynchronous_handler_runs_alone()
    {
        IActorRef actor = Sys.ActorOf(Props.Create(() => new Slow()));
        for (int i = 0; i < 50; i++) actor.Tell(i);
        for (int i = 1; i <= 50; i++) ExpectMsg(i);
    }

    [Fact]
    public void A_stop_ends_the_actor_though_a_handler_waits()
    {
        IActorRef actor = Sys.ActorOf(Props.Create(() => new Slow()));
        actor.Tell(new TaskCompletionSource());
        Watch(actor);
        Sys.Stop(actor);
        ExpectTerminated(actor);
    }

    private sealed class Slow : ReceiveActor
    {
        private int _count;

        public Slow()
        {
            ReceiveAsync<TaskCompletionSource>(async gate =>
            {
                await gate.Task;
                Context.Sender.Tell("ended", Self);
            });
            ReceiveAsync<Exception>(async failure =>
            {
                await Task.Yield();
                throw failure;
            });
            ReceiveAsync<int>(async _ =>
            {
                int before = _count;
                await Task.Delay(1);
                _count = before + 1;
                Sender.Tell(_count);
            });
            ReceiveAny(message => Sender.Tell(message));
        }
    }
}
