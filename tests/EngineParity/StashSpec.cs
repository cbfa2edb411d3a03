using Akka.Actor;
using Akka.TestKit.Xunit2;

namespace ActorRepl.EngineParity;

public class StashSpec : TestKit
{
    [Fact]
    public void Unstashed_messages_come_before_those_that_wait_and_in_the_order_they_were_stashed()
    {
        IActorRef actor = Sys.ActorOf(Props.Create(() => new Door()));
        using var gate = new ManualResetEventSlim();
        actor.Tell(1);
        actor.Tell(2);
        actor.Tell(gate);
        actor.Tell("open");
        actor.Tell(3);
        gate.Set();
        ExpectMsg(1);
        ExpectMsg(2);
        ExpectMsg(3);
    }

    [Fact]
    public void Stashed_messages_keep_their_sender()
    {
        IActorRef actor = Sys.ActorOf(Props.Create(() => new Door()));
        var probe = CreateTestProbe();
        actor.Tell(1, probe.Ref);
        actor.Tell("open");
        probe.ExpectMsg(1);
    }

    [Fact]
    public void Unstash_takes_the_oldest_message_only()
    {
        IActorRef actor = Sys.ActorOf(Props.Create(() => new Door()));
        actor.Tell(1);
        actor.Tell(2);
        actor.Tell("one");
        ExpectMsg(1);
        ExpectNoMsg(100);
        actor.Tell("open");
        ExpectMsg(2);
    }

    [Fact]
    public void A_restart_puts_stashed_messages_back_into_the_mailbox()
    {
        IActorRef actor = Sys.ActorOf(Props.Create(() => new Door()));
        actor.Tell(1);
        actor.Tell(2);
        actor.Tell(new InvalidOperationException("boom"));
        actor.Tell("open");
        ExpectMsg(1);
        ExpectMsg(2);
    }

    [Fact]
    public void A_message_cannot_be_stashed_twice()
    {
        IActorRef actor = Sys.ActorOf(Props.Create(() => new StashesTwice()));
        actor.Tell("x");
        ExpectMsg<IllegalActorStateException>();
    }

    [Fact]
    public void A_cleared_stash_hands_its_messages_over()
    {
        IActorRef actor = Sys.ActorOf(Props.Create(() => new Door()));
        actor.Tell(1);
        actor.Tell(2);
        actor.Tell("clear");
        ExpectMsg("1,2");
        actor.Tell("open");
        ExpectNoMsg(100);
    }

    [Fact]
    public void Become_replaces_the_behaviour_and_unbecome_brings_the_one_below_back()
    {
        IActorRef actor = Sys.ActorOf(Props.Create(() => new Moody()));
        foreach ((string told, string answer) in new[]
                 { ("?", "calm"), ("stack", "ok"), ("?", "angry"), ("stack", "angry"), ("back", "ok"), ("?", "calm"), ("replace", "ok"), ("?", "sad"), ("back", "ok"), ("?", "calm") })
        {
            actor.Tell(told);
            ExpectMsg(answer);
        }
    }

    [Fact]
    public void A_restart_brings_the_first_behaviour_back()
    {
        IActorRef actor = Sys.ActorOf(Props.Create(() => new Moody()));
        actor.Tell("replace");
        ExpectMsg("ok");
        actor.Tell("fail");
        actor.Tell("?");
        ExpectMsg("calm");
    }

    private sealed class Door : ReceiveActor, IWithUnboundedStash
    {
        public Door()
        {
            Receive<ManualResetEventSlim>(gate => gate.Wait(TimeSpan.FromSeconds(5)));
            Receive<Exception>(failure => throw failure);
            Receive<string>(text => text == "open", _ =>
            {
                Stash.UnstashAll();
                Become(() => ReceiveAny(message => Sender.Tell(message)));
            });
            Receive<string>(text => text == "one", _ =>
            {
                Stash.Unstash();
                Become(() =>
                {
                    Receive<int>(number =>
                    {
                        Sender.Tell(number);
                        Become(Closed);
                    });
                });
            });
            Closed();
        }

        public IStash Stash { get; set; } = null!;

        private void Closed()
        {
            Receive<string>(text => text == "open", _ =>
            {
                Stash.UnstashAll();
                Become(() => ReceiveAny(message => Sender.Tell(message)));
            });
            Receive<string>(text => text == "clear", _ => Sender.Tell(string.Join(",", Stash.ClearStash().Select(envelope => envelope.Message))));
            ReceiveAny(_ => Stash.Stash());
        }
    }

    private sealed class StashesTwice : ReceiveActor, IWithStash
    {
        public StashesTwice() => ReceiveAny(_ =>
        {
            Stash.Stash();
            try
            {
                Stash.Stash();
            }
            catch (IllegalActorStateException e)
            {
                Sender.Tell(e);
            }
        });

        public IStash Stash { get; set; } = null!;
    }

    private sealed class Moody : UntypedActor
    {
        protected override void OnReceive(object message)
        {
            if (message is "?") Sender.Tell("calm");
            else if (message is "fail") throw new InvalidOperationException("boom");
            else if (message is "stack") Answer(() => BecomeStacked(Angry));
            else if (message is "replace") Answer(() => Become(Sad));
        }

        private void Angry(object message)
        {
            if (message is "back") Answer(UnbecomeStacked);
            else Sender.Tell("angry");
        }

        private void Sad(object message)
        {
            if (message is "back") Answer(UnbecomeStacked);
            else if (message is "fail") throw new InvalidOperationException("boom");
            else Sender.Tell("sad");
        }

        private void Answer(Action change)
        {
            change();
            Sender.Tell("ok");
        }
    }
}
