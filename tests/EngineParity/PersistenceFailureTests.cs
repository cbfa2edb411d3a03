using System.Collections.Immutable;
using Akka.Actor;
using Akka.Pattern;
using Akka.Persistence;
using Akka.TestKit;

namespace ActorRepl.EngineParity;

/// <summary>What becomes of an actor whose store fails, refuses or does not answer.</summary>
public sealed class PersistenceFailureTests() : PersistenceFixture("parity.journal.circuit-breaker.max-failures = 2")
{
    private static readonly Action<PersistentRecorder, object> PersistAsyncEach = (a, command) => a.PersistAsync(command, e => a.Say($"stored {e}"));

    [Fact]
    public void A_failed_write_stops_the_actor_and_OnPersistFailure_is_called_first()
    {
        IActorRef actor = StartRecovered("p", PersistAsyncEach);
        Watch(actor);
        Script.OnWrite = _ => Fail("disk on fire");

        actor.Tell("a");

        ExpectMsg("failed a 1: disk on fire");
        ExpectMsg("stopped");
        ExpectTerminated(actor);
    }

    [Fact]
    public void Nothing_is_written_or_handled_after_a_failed_write()
    {
        var gate = new StorageScript.Gate();
        IActorRef actor = StartRecovered("p", (a, command) =>
        {
            a.PersistAsync(command, e => a.Say($"stored {e}"));
            a.Say($"got {command}");
        });
        TestProbe store = CreateTestProbe();
        Script.Observer = store.Ref;
        Watch(actor);
        Script.OnWrite = async _ =>
        {
            await gate.Passed;
            throw new IOException("gone");
        };
        foreach (string command in new[] { "a", "b", "c" }) actor.Tell(command);
        foreach (string command in new[] { "a", "b", "c" }) ExpectMsg($"got {command}");

        gate.Open();

        ExpectMsg("failed a 1: gone");
        ExpectMsg("stopped");
        ExpectTerminated(actor);
        Assert.Equal("a", store.ExpectMsg<StorageScript.Batch>().Text);
        store.ExpectNoMsg(Quiet);
    }

    [Fact]
    public void All_events_of_a_failed_batch_fail_but_only_the_first_is_told()
    {
        IActorRef actor = StartRecovered("p", (a, command) => a.PersistAll(["a", "b", "c"], e => a.Say($"stored {e}")));
        Watch(actor);
        Script.OnWrite = _ => Fail("gone");

        actor.Tell("go");

        ExpectMsg("failed a 1: gone");
        ExpectMsg("stopped");
        ExpectTerminated(actor);
    }

    [Fact]
    public void A_store_that_throws_instead_of_failing_its_task_stops_the_actor_too()
    {
        IActorRef actor = StartRecovered("p", PersistAsyncEach);
        Watch(actor);
        Script.OnWrite = _ => throw new IOException("thrown");

        actor.Tell("a");

        ExpectMsg("failed a 1: thrown");
        ExpectMsg("stopped");
        ExpectTerminated(actor);
    }

    [Fact]
    public void A_rejected_event_uses_up_its_sequence_number_and_the_actor_goes_on()
    {
        IActorRef actor = StartRecovered("p", (a, command) => a.PersistAsync(command, e => a.Say($"stored {e} {a.LastSequenceNr}")));
        Script.OnWrite = _ => Task.FromResult<IImmutableList<Exception?>?>(ImmutableList.Create<Exception?>(new NotSupportedException("not that")));
        actor.Tell("a");
        ExpectMsg("rejected a 1: not that");

        Script.OnWrite = null;
        actor.Tell("b");

        ExpectMsg("stored b 2");
        Assert.Equal([2], Script.Read("p").Select(each => each.SequenceNr));
    }

    [Fact]
    public void Of_a_batch_each_atomic_write_is_rejected_by_itself_and_held_commands_go_on()
    {
        IActorRef actor = StartRecovered("p", (a, command) =>
        {
            a.Say($"got {command}");
            if (command is not "a") return;
            a.Persist("good", e => a.Say($"stored {e}"));
            a.PersistAll(["bad1", "bad2"], e => a.Say($"stored {e}"));
            a.Persist("fine", e => a.Say($"stored {e}"));
        });
        Script.OnWrite = writes => Task.FromResult<IImmutableList<Exception?>?>(
            ImmutableList.CreateRange(writes.Select(write => write.Size == 2 ? new NotSupportedException("no") : (Exception?)null)));

        actor.Tell("a");
        actor.Tell("b");

        foreach (string expected in new[] { "got a", "stored good", "rejected bad1 2: no", "rejected bad2 3: no", "stored fine", "got b" }) ExpectMsg(expected);
    }

    [Fact]
    public void After_too_many_failures_writes_fail_without_reaching_the_store()
    {
        IActorRef last = StartRecovered("last", PersistAsyncEach);
        IActorRef[] others = [StartRecovered("p0", PersistAsyncEach), StartRecovered("p1", PersistAsyncEach)];
        Script.OnWrite = _ => Fail("gone");
        foreach (IActorRef other in others)
        {
            other.Tell("a");
            ExpectMsg("failed a 1: gone");
            ExpectMsg("stopped");
        }
        Script.OnWrite = null;

        last.Tell("a");

        Assert.StartsWith("failed a 1", ExpectMsg<string>());
        ExpectMsg("stopped");
        Assert.Empty(Script.Read("last"));
    }

    [Fact]
    public void A_back_off_supervisor_starts_a_failed_actor_again_and_it_recovers()
    {
        Props props = PersistentRecorder.Props("p", TestActor, PersistAsyncEach);
        IActorRef supervisor = Sys.ActorOf(BackoffSupervisor.Props(
            Backoff.OnStop(props, "child", TimeSpan.FromMilliseconds(300), TimeSpan.FromSeconds(1), 0, -1).WithReplyWhileStopped("unavailable")));
        ExpectMsg("completed");
        supervisor.Tell("a");
        ExpectMsg("stored a");

        Script.OnWrite = _ => Fail("gone");
        supervisor.Tell("b");
        ExpectMsg("failed b 2: gone");
        ExpectMsg("stopped");
        Script.OnWrite = null;
        FishForMessage(message =>
        {
            // Until the supervisor has seen its child stop, the message may still go to the child.
            if (message is not "unavailable") supervisor.Tell("c");
            return message is "event a";
        });
        ExpectMsg("completed");

        supervisor.Tell("d");
        FishForMessage(message => message is "stored d");
        Assert.Equal("d", Script.Read("p")[^1].Payload);
    }

    [Fact]
    public void A_failed_replay_stops_the_actor_and_OnRecoveryFailure_is_called_first()
    {
        Script.Store(new Persistent("a", 1, "p", writerGuid: "w"));
        Script.OnReplay = _ => throw new IOException("unreadable");

        IActorRef actor = Watch(Sys.ActorOf(PersistentRecorder.Props("p", TestActor)));

        Assert.Equal("unreadable", ExpectMsg<PersistentRecorder.RecoveryFailed>().Reason.Message);
        ExpectMsg("stopped");
        ExpectTerminated(actor);
    }

    [Fact]
    public void A_snapshot_that_cannot_be_loaded_stops_the_actor()
    {
        Script.OnSnapshot = _ => throw new IOException("unreadable");

        IActorRef actor = Watch(Sys.ActorOf(PersistentRecorder.Props("p", TestActor)));

        Assert.Equal("unreadable", ExpectMsg<PersistentRecorder.RecoveryFailed>().Reason.Message);
        ExpectMsg("stopped");
        ExpectTerminated(actor);
    }

    [Fact]
    public void An_event_whose_handler_throws_stops_the_recovering_actor()
    {
        Script.Store(new Persistent("good", 1, "p", writerGuid: "w"));
        Script.Store(new Persistent("bad", 2, "p", writerGuid: "w"));
        Script.Store(new Persistent("never", 3, "p", writerGuid: "w"));

        IActorRef actor = Watch(Sys.ActorOf(PersistentRecorder.Props("p", TestActor, onRecover: (_, message) =>
        {
            if (message is "bad") throw new InvalidDataException("do not understand");
        })));

        ExpectMsg("event good");
        ExpectMsg("event bad");
        PersistentRecorder.RecoveryFailed failed = ExpectMsg<PersistentRecorder.RecoveryFailed>();
        Assert.Equal("do not understand", failed.Reason.Message);
        Assert.Equal("bad", failed.Message);
        ExpectMsg("stopped");
        ExpectTerminated(actor);
    }

    [Fact]
    public void Persisting_while_recovering_is_an_error()
    {
        Script.Store(new Persistent("a", 1, "p", writerGuid: "w"));

        IActorRef actor = Watch(Sys.ActorOf(PersistentRecorder.Props("p", TestActor, onRecover: (a, message) =>
        {
            if (message is "a") a.PersistAsync("b", _ => { });
        })));

        ExpectMsg("event a");
        Assert.IsType<InvalidOperationException>(ExpectMsg<PersistentRecorder.RecoveryFailed>().Reason);
        ExpectMsg("stopped");
        ExpectTerminated(actor);
    }

    private static Task<IImmutableList<Exception?>?> Fail(string why) => Task.FromException<IImmutableList<Exception?>?>(new IOException(why));
}

/// <summary>A store that takes longer than its circuit breaker allows.</summary>
public sealed class PersistenceCallTimeoutTests() : PersistenceFixture("parity.journal.circuit-breaker.call-timeout = 400ms")
{
    [Fact]
    public void A_write_that_outlasts_the_call_timeout_counts_as_failed()
    {
        IActorRef actor = StartRecovered("p", (a, command) => a.PersistAsync(command, e => a.Say($"stored {e}")));
        Watch(actor);
        Script.OnWrite = _ => new StorageScript.Gate().ThenStore();

        actor.Tell("a");

        Assert.StartsWith("failed a 1", ExpectMsg<string>());
        ExpectMsg("stopped");
        ExpectTerminated(actor);
    }
}

/// <summary>Stores that take longer than recovery allows.</summary>
public sealed class PersistenceRecoveryTimeoutTests() : PersistenceFixture("parity.journal.recovery-event-timeout = 400ms")
{
    [Fact]
    public void A_journal_that_does_not_answer_in_time_stops_the_recovering_actor()
    {
        Script.Store(new Persistent("a", 1, "p", writerGuid: "w"));
        Script.OnReplay = _ => new StorageScript.Gate().Passed;

        IActorRef actor = Watch(Sys.ActorOf(PersistentRecorder.Props("p", TestActor)));

        Assert.IsType<RecoveryTimedOutException>(ExpectMsg<PersistentRecorder.RecoveryFailed>().Reason);
        ExpectMsg("stopped");
        ExpectTerminated(actor);
    }

    [Fact]
    public void A_snapshot_store_that_does_not_answer_in_time_stops_the_recovering_actor()
    {
        Script.OnSnapshot = _ => new StorageScript.Gate().Passed;

        IActorRef actor = Watch(Sys.ActorOf(PersistentRecorder.Props("p", TestActor)));

        Assert.IsType<RecoveryTimedOutException>(ExpectMsg<PersistentRecorder.RecoveryFailed>().Reason);
        ExpectMsg("stopped");
        ExpectTerminated(actor);
    }
}
