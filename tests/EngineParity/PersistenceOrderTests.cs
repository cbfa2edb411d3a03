using Akka.Actor;
using Akka.Persistence;

namespace ActorRepl.EngineParity;

/// <summary>In which order handlers run, commands go on, and events reach the store.</summary>
public sealed class PersistenceOrderTests : PersistenceFixture
{
    [Fact]
    public void Commands_go_on_while_PersistAsync_writes_and_handlers_run_in_order()
    {
        IActorRef actor = StartRecovered("p", (a, command) =>
        {
            a.PersistAsync($"{command}-1", e => a.Say($"stored {e} {a.LastSequenceNr}"));
            a.PersistAsync($"{command}-2", e => a.Say($"stored {e} {a.LastSequenceNr}"));
            a.Say($"got {command}");
        });
        var gate = new StorageScript.Gate();
        Script.OnWrite = _ => gate.ThenStore();

        actor.Tell("a");
        actor.Tell("b");

        ExpectMsg("got a");
        ExpectMsg("got b");
        ExpectNoMsg(Quiet);
        gate.Open();
        ExpectMsg("stored a-1 1");
        ExpectMsg("stored a-2 2");
        ExpectMsg("stored b-1 3");
        ExpectMsg("stored b-2 4");
    }

    [Fact]
    public void Events_persisted_while_a_write_is_in_flight_go_as_one_batch_after_it()
    {
        IActorRef actor = StartRecovered("p", (a, command) =>
        {
            a.PersistAsync(command, e => { });
            a.Say($"got {command}");
        });
        Script.Observer = CreateObserver(out Akka.TestKit.TestProbe store);
        var gate = new StorageScript.Gate();
        Script.OnWrite = _ => gate.ThenStore();

        foreach (string command in new[] { "a", "b", "c", "d" }) actor.Tell(command);
        ExpectMsg("got a");
        ExpectMsg("got b");
        ExpectMsg("got c");
        ExpectMsg("got d");

        Assert.Equal("a", store.ExpectMsg<StorageScript.Batch>().Text);
        store.ExpectNoMsg(Quiet);
        gate.Open();
        Assert.Equal("b c d", store.ExpectMsg<StorageScript.Batch>().Text);
    }

    [Fact]
    public void Events_of_one_command_go_as_one_batch_after_the_command()
    {
        Script.Observer = CreateObserver(out Akka.TestKit.TestProbe store);
        IActorRef actor = StartRecovered("p", (a, command) =>
        {
            a.PersistAsync($"{command}-1", e => { });
            a.PersistAllAsync([$"{command}-2", $"{command}-3"], e => { });
            a.Persist($"{command}-4", e => { });
        });

        actor.Tell("a");

        Assert.Equal("a-1 a-2+a-3 a-4", store.ExpectMsg<StorageScript.Batch>().Text);
    }

    [Fact]
    public void The_next_batch_leaves_before_the_handlers_of_the_last_one_run()
    {
        Script.Observer = TestActor;
        var gate = new StorageScript.Gate();
        IActorRef actor = StartRecovered("p", (a, command) =>
        {
            a.PersistAsync(command, e => a.Say($"stored {e}"));
            a.Say($"got {command}");
        });
        Script.OnWrite = _ => gate.ThenStore();
        actor.Tell("a");
        Receive(2);
        actor.Tell("b");
        ExpectMsg("got b");

        Script.OnWrite = _ => new StorageScript.Gate().ThenStore(); // The second write never ends.
        gate.Open();

        object[] seen = Receive(2);
        Assert.Contains("stored a", seen);
        Assert.Contains(seen, each => each is StorageScript.Batch { Text: "b" });
    }

    [Fact]
    public void Persist_holds_commands_until_its_handler_has_run()
    {
        IActorRef actor = StartRecovered("p", (a, command) =>
        {
            a.Say($"got {command}");
            a.Persist(command, e => a.Say($"stored {e}"));
        });
        var gate = new StorageScript.Gate();
        Script.OnWrite = _ => gate.ThenStore();

        actor.Tell("a");
        actor.Tell("b");
        actor.Tell("c");

        ExpectMsg("got a");
        ExpectNoMsg(Quiet);
        gate.Open();
        foreach (string expected in new[] { "stored a", "got b", "stored b", "got c", "stored c" }) ExpectMsg(expected);
    }

    [Fact]
    public void Persist_in_a_handler_also_holds_commands()
    {
        IActorRef actor = StartRecovered("p", (a, command) =>
        {
            a.Say($"got {command}");
            if (command is "b") return;
            a.Persist("outer", e =>
            {
                a.Say(e);
                a.Persist("inner", e2 => a.Say(e2));
            });
        });
        var gate = new StorageScript.Gate();
        Script.OnWrite = _ => gate.ThenStore();

        actor.Tell("a");
        actor.Tell("b");
        gate.Open();

        foreach (string expected in new[] { "got a", "outer", "inner", "got b" }) ExpectMsg(expected);
    }

    [Fact]
    public void Held_commands_go_on_after_the_last_Persist_though_a_PersistAsync_still_waits()
    {
        IActorRef actor = StartRecovered("p", (a, command) =>
        {
            a.Say($"got {command}");
            if (command is not "a") return;
            a.PersistAsync("async", e => a.Say($"stored {e}"));
            a.Persist("sync", e =>
            {
                a.Say($"stored {e}");
                a.PersistAsync("late", e2 => a.Say($"stored {e2}"));
            });
        });
        var first = new StorageScript.Gate();
        var second = new StorageScript.Gate();
        Script.OnWrite = writes => (writes.Length == 2 ? first : second).ThenStore();

        actor.Tell("a");
        actor.Tell("b");
        ExpectMsg("got a");
        ExpectNoMsg(Quiet);
        first.Open();

        foreach (string expected in new[] { "stored async", "stored sync", "got b" }) ExpectMsg(expected);
        second.Open();
        ExpectMsg("stored late");
    }

    [Fact]
    public void DeferAsync_runs_after_all_handlers_before_it_and_stores_nothing()
    {
        IActorRef actor = StartRecovered("p", (a, command) =>
        {
            a.PersistAsync("e1", e => a.Say(e));
            a.DeferAsync("deferred", e => a.Say(e));
            a.PersistAsync("e2", e => a.Say(e));
        });

        actor.Tell("go");

        foreach (string expected in new[] { "e1", "deferred", "e2" }) ExpectMsg(expected);
        Assert.Equal(["e1", "e2"], Script.Read("p").Select(each => each.Payload));
        Assert.Equal([1, 2], Script.Read("p").Select(each => each.SequenceNr));
    }

    [Fact]
    public void DeferAsync_runs_at_once_if_nothing_waits()
    {
        IActorRef actor = StartRecovered("p", (a, command) =>
        {
            a.DeferAsync("deferred", e => a.Say(e));
            a.Say("after");
        });

        actor.Tell("go");

        ExpectMsg("deferred");
        ExpectMsg("after");
    }

    [Fact]
    public void DeferAsync_in_a_handler_waits_its_turn()
    {
        IActorRef actor = StartRecovered("p", (a, command) =>
            a.PersistAsync("e", e =>
            {
                a.DeferAsync("deferred", d => a.Say(d));
                a.Say(e);
            }));

        actor.Tell("go");

        ExpectMsg("e");
        ExpectMsg("deferred");
    }

    [Fact]
    public void A_handler_sees_the_sender_of_its_command()
    {
        IActorRef actor = StartRecovered("p", (a, command) =>
        {
            a.PersistAsync(command, e => a.From.Tell($"stored {e}", ActorRefs.NoSender));
            a.DeferAsync(command, e => a.From.Tell($"deferred {e}", ActorRefs.NoSender));
        });
        Akka.TestKit.TestProbe one = CreateTestProbe();
        Akka.TestKit.TestProbe two = CreateTestProbe();

        actor.Tell("a", one.Ref);
        actor.Tell("b", two.Ref);

        one.ExpectMsg("stored a");
        one.ExpectMsg("deferred a");
        two.ExpectMsg("stored b");
        two.ExpectMsg("deferred b");
    }

    [Fact]
    public void A_command_stashed_by_the_actor_stays_apart_from_those_Persist_holds()
    {
        IActorRef actor = StartRecovered("p", (a, command) =>
        {
            a.Say($"got {command}");
            switch (command)
            {
                case "later":
                    a.Stash.Stash();
                    break;
                case "unstash":
                    a.Stash.UnstashAll();
                    break;
                default:
                    a.Persist(command, e => a.Say($"stored {e}"));
                    break;
            }
        });

        foreach (string command in new[] { "later", "a", "b" }) actor.Tell(command);
        foreach (string expected in new[] { "got later", "got a", "stored a", "got b", "stored b" }) ExpectMsg(expected);
        ExpectNoMsg(Quiet);

        actor.Tell("unstash");
        ExpectMsg("got unstash");
        ExpectMsg("got later");
    }

    [Fact]
    public void A_handler_that_throws_restarts_the_actor_which_then_recovers_the_event()
    {
        IActorRef actor = StartRecovered("p", (a, command) => a.Persist(command, e =>
        {
            if (e is "bad") throw new InvalidOperationException("the handler fails");
            a.Say($"stored {e}");
        }));

        actor.Tell("bad");
        actor.Tell("good");

        ExpectMsg("stopped");
        ExpectMsg("event bad");
        ExpectMsg("completed");
        ExpectMsg("stored good");
    }

    private IActorRef CreateObserver(out Akka.TestKit.TestProbe probe)
    {
        probe = CreateTestProbe();
        Akka.TestKit.TestProbe observed = probe;
        probe.IgnoreMessages(message => message is StorageScript.Replayed);
        return observed.Ref;
    }

    private object[] Receive(int count) => [.. ReceiveN(count)];
}
