using Akka.Actor;
using Akka.Persistence;

namespace ActorRepl.EngineParity;

/// <summary>Persistent actors that declare a handler for each type of message.</summary>
public sealed class PersistenceReceiveTests : PersistenceFixture
{
    [Fact]
    public void Commands_and_events_go_to_the_handler_of_their_type()
    {
        IActorRef first = Sys.ActorOf(Props.Create(() => new Counter(TestActor)));
        ExpectMsg("recovered 0");
        first.Tell(2);
        first.Tell(3);
        ExpectMsg("now 2");
        ExpectMsg("now 5");
        StopAndWait(first);

        Sys.ActorOf(Props.Create(() => new Counter(TestActor)));

        ExpectMsg("recovered 5");
    }

    [Fact]
    public void A_predicate_decides_between_handlers_of_one_type()
    {
        IActorRef actor = Sys.ActorOf(Props.Create(() => new Counter(TestActor)));
        ExpectMsg("recovered 0");

        actor.Tell(-1);
        actor.Tell(1);

        ExpectMsg("refused -1");
        ExpectMsg("now 1");
    }

    [Fact]
    public void A_command_without_handler_is_unhandled()
    {
        IActorRef actor = Sys.ActorOf(Props.Create(() => new Counter(TestActor)));
        ExpectMsg("recovered 0");
        Sys.EventStream.Subscribe(TestActor, typeof(Akka.Event.UnhandledMessage));

        actor.Tell(1.5);

        Assert.Equal(1.5, ExpectMsg<Akka.Event.UnhandledMessage>().Message);
    }

    [Fact]
    public void Become_replaces_the_handlers_of_commands()
    {
        IActorRef actor = Sys.ActorOf(Props.Create(() => new Counter(TestActor)));
        ExpectMsg("recovered 0");

        actor.Tell("close");
        actor.Tell(1);
        actor.Tell("open");
        actor.Tell(2);

        ExpectMsg("closed to 1");
        ExpectMsg("now 2");
    }

    [Fact]
    public void An_asynchronous_command_may_persist_and_the_next_command_waits()
    {
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        IActorRef actor = Sys.ActorOf(Props.Create(() => new Counter(TestActor)));
        ExpectMsg("recovered 0");

        actor.Tell(gate);
        actor.Tell(1);
        ExpectMsg("waiting");
        ExpectNoMsg(Quiet);
        gate.SetResult();

        ExpectMsg("waited at 10");
        ExpectMsg("now 11");
    }

    private sealed class Counter : ReceivePersistentActor
    {
        private readonly IActorRef _probe;
        private int _count;

        public Counter(IActorRef probe)
        {
            _probe = probe;
            Recover<int>(added => _count += added);
            Recover<RecoveryCompleted>(_ => probe.Tell($"recovered {_count}"));
            Open();
        }

        public override string PersistenceId => "counter";

        private void Open()
        {
            Command<int>(n => n < 0, n => _probe.Tell($"refused {n}"));
            Command<int>(n => Persist(n, added => _probe.Tell($"now {_count += added}")));
            Command<string>(text => text == "close", _ => Become(Closed));
            CommandAsync<TaskCompletionSource>(async gate =>
            {
                _probe.Tell("waiting");
                await gate.Task;
                Persist(10, added => _probe.Tell($"waited at {_count += added}"));
            });
        }

        private void Closed()
        {
            Command<int>(n => _probe.Tell($"closed to {n}"));
            Command<string>(_ => Become(Open));
        }
    }
}
