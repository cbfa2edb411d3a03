using System.Runtime.CompilerServices;
using Akka.Actor;
using Akka.Event;
using Akka.TestKit;
using Akka.TestKit.Xunit2;

namespace ActorRepl.EngineParity;

public class DeliverySpec : TestKit
{
    [Fact]
    public void Messages_of_one_sender_arrive_in_the_order_they_were_sent()
    {
        IActorRef forwarder = Sys.ActorOf(Props.Create(() => new Forwarder(TestActor)));
        for (int i = 0; i < 10_000; i++) forwarder.Tell(i);
        for (int i = 0; i < 10_000; i++) Assert.Equal(i, ExpectMsg<int>());
    }

    [Fact]
    public async Task Messages_of_many_senders_all_arrive_once_and_in_order_per_sender()
    {
        const int Senders = 4, Each = 20_000;
        var done = new TaskCompletionSource<int[]>();
        IActorRef collector = Sys.ActorOf(Props.Create(() => new Collector(Senders * Each, done)));
        await Task.WhenAll(Enumerable.Range(0, Senders).Select(sender => Task.Run(() =>
        {
            for (int i = 0; i < Each; i++) collector.Tell((sender, i), ActorRefs.NoSender);
        })));
        int[] disorder = await done.Task.WaitAsync(TimeSpan.FromSeconds(20));
        Assert.All(disorder, count => Assert.Equal(0, count));
    }

    [Fact]
    public void No_wake_up_is_lost_when_actors_go_idle_between_messages()
    {
        IActorRef pong = Sys.ActorOf(Props.Create(() => new Scripted(null)));
        IActorRef ping = Sys.ActorOf(Props.Create(() => new Pinger(pong, 100_000, TestActor)));
        ping.Tell("go");
        ExpectMsg("done", TimeSpan.FromSeconds(30));
    }

    [Fact]
    public async Task A_message_that_comes_just_as_the_actor_goes_idle_is_handled()
    {
        var counter = new StrongBox<int>();
        IActorRef actor = Sys.ActorOf(Props.Create(() => new Counter(counter)));

        // Told again the moment the last message is seen to be handled, the actor is just about to go idle.
        Task<int> told = Task.Factory.StartNew(() =>
        {
            for (int i = 1; i <= 300_000; i++)
            {
                actor.Tell(i, ActorRefs.NoSender);
                var spin = new SpinWait();
                long limit = Environment.TickCount64 + 10_000;
                while (Volatile.Read(ref counter.Value) < i)
                {
                    if (Environment.TickCount64 > limit) return i;
                    spin.SpinOnce(sleep1Threshold: -1);
                }
            }

            return 0;
        }, TaskCreationOptions.LongRunning);
        Assert.Equal(0, await told);
    }

    [Fact]
    public void Forward_keeps_the_first_sender()
    {
        IActorRef forwarder = Sys.ActorOf(Props.Create(() => new Forwarder(TestActor)));
        TestProbe first = CreateTestProbe();
        forwarder.Tell("hello", first.Ref);
        ExpectMsgFrom(first.Ref, "hello");
    }

    [Fact]
    public void Without_a_sender_the_sender_is_the_dead_letters()
    {
        IActorRef actor = Sys.ActorOf(Props.Create(() => new Scripted(null)));
        Action<IActorContext> script = context => TestActor.Tell(context.Sender);
        actor.Tell(script, ActorRefs.NoSender);
        Assert.Equal(Sys.DeadLetters, ExpectMsg<IActorRef>());
    }

    [Fact]
    public void Null_is_no_message()
    {
        Assert.Throws<ArgumentNullException>(() => TestActor.Tell(null!));
    }

    [Fact]
    public void What_is_told_to_a_stopped_actor_becomes_a_dead_letter()
    {
        IActorRef actor = Sys.ActorOf(Props.Create(() => new Scripted(null)));
        Watch(actor);
        Sys.Stop(actor);
        ExpectTerminated(actor);
        Sys.EventStream.Subscribe(TestActor, typeof(DeadLetter));
        actor.Tell("late");
        DeadLetter letter = ExpectMsg<DeadLetter>();
        Assert.Equal("late", letter.Message);
        Assert.Equal(TestActor, letter.Sender);
        Assert.Equal(actor.Path, letter.Recipient.Path);
    }

    [Fact]
    public void What_waits_in_the_mailbox_of_a_stopped_actor_becomes_dead_letters()
    {
        Sys.EventStream.Subscribe(TestActor, typeof(DeadLetter));
        IActorRef actor = Sys.ActorOf(Props.Create(() => new Scripted(null)));
        using var gate = new ManualResetEventSlim();
        Action<IActorContext> stop = context => { gate.Wait(TimeSpan.FromSeconds(5)); context.Stop(context.Self); };
        actor.Tell(stop);
        actor.Tell("one");
        actor.Tell("two");
        gate.Set();
        Assert.Equal("one", ExpectMsg<DeadLetter>().Message);
        Assert.Equal("two", ExpectMsg<DeadLetter>().Message);
    }

    [Fact]
    public void An_unhandled_message_is_published()
    {
        Sys.EventStream.Subscribe(TestActor, typeof(UnhandledMessage));
        IActorRef actor = Sys.ActorOf(Props.Create(() => new Picky()));
        actor.Tell(17);
        UnhandledMessage unhandled = ExpectMsg<UnhandledMessage>();
        Assert.Equal(17, unhandled.Message);
        Assert.Equal(TestActor, unhandled.Sender);
        Assert.Equal(actor, unhandled.Recipient);
    }

    [Fact]
    public void The_first_handler_that_fits_is_called_and_predicates_are_asked()
    {
        IActorRef actor = Sys.ActorOf(Props.Create(() => new Picky()));
        actor.Tell("x");
        ExpectMsg("short x");
        actor.Tell("longer");
        ExpectMsg("text longer");
        actor.Tell(new ArgumentNullException("p"));
        ExpectMsg("argument");
    }

    [Fact]
    public void A_poison_pill_stops_the_actor_after_what_came_before_it()
    {
        IActorRef actor = Sys.ActorOf(Props.Create(() => new Scripted(null)));
        Watch(actor);
        actor.Tell("before");
        actor.Tell(PoisonPill.Instance);
        actor.Tell("after");
        ExpectMsg("before");
        ExpectTerminated(actor);
        ExpectNoMsg(50);
    }

    [Fact]
    public void An_actor_identifies_itself_and_a_missing_one_has_no_identity()
    {
        IActorRef actor = Sys.ActorOf(Props.Create(() => new Scripted(null)), "here");
        actor.Tell(new Identify(1));
        ActorIdentity identity = ExpectMsg<ActorIdentity>();
        Assert.Equal(1, identity.MessageId);
        Assert.Equal(actor, identity.Subject);

        Sys.ActorSelection("/user/nowhere").Tell(new Identify(2), TestActor);
        Assert.Null(ExpectMsg<ActorIdentity>().Subject);
    }

    private sealed class Counter : ReceiveActor
    {
        public Counter(StrongBox<int> counter) => ReceiveAny(_ => Volatile.Write(ref counter.Value, counter.Value + 1));
    }

    private sealed class Forwarder : ReceiveActor
    {
        public Forwarder(IActorRef target) => ReceiveAny(target.Forward);
    }

    private sealed class Pinger : ReceiveActor
    {
        private int _count;

        public Pinger(IActorRef pong, int rounds, IActorRef done) => ReceiveAny(_ =>
        {
            if (_count++ < rounds) pong.Tell("ping");
            else done.Tell("done");
        });
    }

    private sealed class Collector : ReceiveActor
    {
        private readonly Dictionary<int, int> _next = [];
        private int _count;

        public Collector(int total, TaskCompletionSource<int[]> done)
        {
            int[] disorder = new int[16];
            Receive<(int Sender, int Number)>(message =>
            {
                if (_next.GetValueOrDefault(message.Sender) != message.Number) disorder[message.Sender]++;
                _next[message.Sender] = message.Number + 1;
                if (++_count == total) done.SetResult(disorder);
            });
        }
    }

    private sealed class Picky : ReceiveActor
    {
        public Picky()
        {
            Receive<string>(text => text.Length == 1, text => Sender.Tell("short " + text));
            Receive<string>(text => Sender.Tell("text " + text));
            Receive<ArgumentException>(_ => Sender.Tell("argument"));
            Receive<Exception>(_ => Sender.Tell("exception"));
        }
    }
}
