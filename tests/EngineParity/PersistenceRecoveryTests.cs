using Akka.Actor;
using Akka.Persistence;
using Akka.TestKit;

namespace ActorRepl.EngineParity;

/// <summary>What an actor is given when it starts, in which order, and how many may start at once.</summary>
public sealed class PersistenceRecoveryTests() : PersistenceFixture("akka.persistence.max-concurrent-recoveries = 2")
{
    [Fact]
    public void Recovery_offers_the_snapshot_then_later_events_then_its_completion()
    {
        IActorRef first = StartRecovered("p", SaveOrPersist);
        foreach (string command in new[] { "a", "b", "save", "c", "d" }) first.Tell(command);
        ReceiveN(5);
        StopAndWait(first);

        Sys.ActorOf(PersistentRecorder.Props("p", TestActor));

        foreach (string expected in new[] { "snapshot at 2", "event c", "event d", "completed" }) ExpectMsg(expected);
    }

    [Fact]
    public void An_actor_that_stored_nothing_is_only_told_of_the_completion()
    {
        Sys.ActorOf(PersistentRecorder.Props("p", TestActor));

        ExpectMsg("completed");
        ExpectNoMsg(Quiet);
    }

    [Fact]
    public void Sequence_numbers_go_on_after_recovery()
    {
        StoreEvents("p", "a", "b", "c");
        IActorRef actor = StartRecovered("p", (a, command) => a.PersistAsync(command, e => a.Say($"{e} {a.LastSequenceNr}")));

        actor.Tell("d");

        ExpectMsg("d 4");
    }

    [Fact]
    public void Commands_wait_until_recovery_is_complete_and_keep_their_order()
    {
        StoreEvents("p", "a");
        var gate = new StorageScript.Gate();
        Script.OnReplay = _ => gate.Passed;
        IActorRef actor = Sys.ActorOf(PersistentRecorder.Props("p", TestActor, (a, command) => a.Say($"got {command} {a.IsRecovering}")));

        foreach (string command in new[] { "1", "2", "3" }) actor.Tell(command);
        ExpectNoMsg(Quiet);
        gate.Open();

        foreach (string expected in new[] { "event a", "completed", "got 1 False", "got 2 False", "got 3 False" }) ExpectMsg(expected);
    }

    [Fact]
    public void Commands_that_persist_wait_for_each_other_after_recovery()
    {
        var gate = new StorageScript.Gate();
        StoreEvents("p", "a");
        Script.OnReplay = _ => gate.Passed;
        IActorRef actor = Sys.ActorOf(PersistentRecorder.Props("p", TestActor, (a, command) =>
        {
            a.Say($"got {command}");
            a.Persist(command, e => a.Say($"stored {e}"));
        }));
        foreach (string command in new[] { "1", "2", "3" }) actor.Tell(command);
        gate.Open();

        foreach (string expected in new[] { "event a", "completed", "got 1", "stored 1", "got 2", "stored 2", "got 3", "stored 3" }) ExpectMsg(expected);
    }

    [Fact]
    public void The_actor_may_persist_when_recovery_is_complete_before_any_command()
    {
        IActorRef actor = Sys.ActorOf(PersistentRecorder.Props("p", TestActor,
            (a, command) => a.Say($"got {command}"),
            onRecover: (a, message) =>
            {
                if (message is RecoveryCompleted) a.Persist($"first {a.IsRecovering}", e => a.Say(e));
            }));
        actor.Tell("1");
        actor.Tell("2");

        foreach (string expected in new[] { "completed", "first False", "got 1", "got 2" }) ExpectMsg(expected);
    }

    [Fact]
    public void Recovery_None_replays_nothing_but_sequence_numbers_go_on()
    {
        IActorRef first = StartRecovered("p", SaveOrPersist);
        foreach (string command in new[] { "a", "save", "b" }) first.Tell(command);
        ReceiveN(3);
        StopAndWait(first);

        IActorRef actor = Sys.ActorOf(PersistentRecorder.Props("p", TestActor, (a, command) => a.PersistAsync(command, e => a.Say($"{e} {a.LastSequenceNr}")), Recovery.None));

        ExpectMsg("completed");
        actor.Tell("c");
        ExpectMsg("c 3");
    }

    [Fact]
    public void Recovery_stops_at_the_sequence_number_it_is_asked_to()
    {
        StoreEvents("p", "a", "b", "c");

        Sys.ActorOf(PersistentRecorder.Props("p", TestActor, recovery: new Recovery(SnapshotSelectionCriteria.Latest, toSequenceNr: 2)));

        foreach (string expected in new[] { "event a", "event b", "completed" }) ExpectMsg(expected);
    }

    [Fact]
    public void Recovery_replays_at_most_as_many_events_as_it_is_asked_to()
    {
        StoreEvents("p", "a", "b", "c");

        Sys.ActorOf(PersistentRecorder.Props("p", TestActor, recovery: new Recovery(SnapshotSelectionCriteria.Latest, replayMax: 1)));

        foreach (string expected in new[] { "event a", "completed" }) ExpectMsg(expected);
    }

    [Fact]
    public void Recovery_starts_from_the_newest_snapshot_that_matches()
    {
        IActorRef first = StartRecovered("p", SaveOrPersist);
        foreach (string command in new[] { "a", "save", "b", "c", "save", "d" }) first.Tell(command);
        ReceiveN(6);
        StopAndWait(first);

        IActorRef second = Sys.ActorOf(PersistentRecorder.Props("p", TestActor, recovery: new Recovery(new SnapshotSelectionCriteria(2))));
        foreach (string expected in new[] { "snapshot at 1", "event b", "event c", "event d", "completed" }) ExpectMsg(expected);
        StopAndWait(second);

        IActorRef third = Sys.ActorOf(PersistentRecorder.Props("p", TestActor, recovery: new Recovery(SnapshotSelectionCriteria.Latest, toSequenceNr: 2)));
        foreach (string expected in new[] { "snapshot at 1", "event b", "completed" }) ExpectMsg(expected);
        StopAndWait(third);

        Sys.ActorOf(PersistentRecorder.Props("p", TestActor, recovery: new Recovery(SnapshotSelectionCriteria.None)));
        foreach (string expected in new[] { "event a", "event b", "event c", "event d", "completed" }) ExpectMsg(expected);
    }

    [Fact]
    public void At_most_so_many_recoveries_run_at_once_and_the_next_starts_when_one_ends()
    {
        TestProbe store = CreateTestProbe();
        Script.Observer = store.Ref;
        var gates = new Dictionary<string, StorageScript.Gate>();
        foreach (string id in new[] { "p1", "p2", "p3", "p4" })
        {
            StoreEvents(id, "a");
            gates[id] = new StorageScript.Gate();
        }
        Script.OnReplay = id => gates[id].Passed;

        var actors = gates.Keys.ToDictionary(id => id, id => Sys.ActorOf(PersistentRecorder.Props(id, TestActor, (a, _) => a.Say("alive"))));
        string[] running = [store.ExpectMsg<StorageScript.Replayed>().PersistenceId, store.ExpectMsg<StorageScript.Replayed>().PersistenceId];
        store.ExpectNoMsg(Quiet);

        gates[running[0]].Open();
        string third = store.ExpectMsg<StorageScript.Replayed>().PersistenceId;
        Assert.DoesNotContain(third, running);
        store.ExpectNoMsg(Quiet);

        // A recovering actor that is stopped gives its permit back, too.
        Sys.Stop(actors[running[1]]);
        string fourth = store.ExpectMsg<StorageScript.Replayed>().PersistenceId;
        Assert.DoesNotContain(fourth, running.Append(third));

        gates[third].Open();
        gates[fourth].Open();
        actors[third].Tell("?");
        actors[fourth].Tell("?");
        FishForMessage(message => message is "alive");
        FishForMessage(message => message is "alive");
    }

    [Fact]
    public void An_actor_restarted_by_its_supervisor_recovers_again()
    {
        IActorRef actor = StartRecovered("p", (a, command) =>
        {
            if (command is "boom") throw new InvalidOperationException("the command fails");
            a.Persist(command, e => a.Say($"stored {e}"));
        });
        foreach (string command in new[] { "a", "boom", "b" }) actor.Tell(command);

        foreach (string expected in new[] { "stored a", "stopped", "event a", "completed", "stored b" }) ExpectMsg(expected);
    }

    [Fact]
    public void Two_actors_do_not_see_each_others_events()
    {
        StoreEvents("p", "a");
        StoreEvents("q", "b");

        Sys.ActorOf(PersistentRecorder.Props("q", TestActor));

        ExpectMsg("event b");
        ExpectMsg("completed");
    }

    private void StoreEvents(string id, params string[] events)
    {
        for (int i = 0; i < events.Length; i++) Script.Store(new Persistent(events[i], i + 1, id, writerGuid: "w"));
    }

    private static void SaveOrPersist(PersistentRecorder actor, object command)
    {
        if (command is SaveSnapshotSuccess saved) actor.Say($"saved {saved.Metadata.SequenceNr}");
        else if (command is "save") actor.SaveSnapshot($"at {actor.LastSequenceNr}");
        else actor.Persist(command, e => actor.Say($"stored {e}"));
    }
}
