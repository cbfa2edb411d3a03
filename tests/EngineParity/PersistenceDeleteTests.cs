using Akka.Actor;
using Akka.Persistence;

namespace ActorRepl.EngineParity;

/// <summary>Snapshots and deleting, on the in-memory plugins that come with the engine.</summary>
public sealed class PersistenceDeleteTests() : PersistenceFixture(
    """
    akka.persistence.journal.plugin = akka.persistence.journal.inmem
    akka.persistence.snapshot-store.plugin = akka.persistence.snapshot-store.inmem
    """)
{
    [Fact]
    public void Deleted_events_are_not_replayed_and_their_numbers_not_used_again()
    {
        IActorRef first = Start("p", "a", "b", "c");
        first.Tell(new Delete(2));
        Assert.Equal(2, ExpectMsg<DeleteMessagesSuccess>().ToSequenceNr);
        StopAndWait(first);

        IActorRef second = Sys.ActorOf(PersistentRecorder.Props("p", TestActor, Act));

        ExpectMsg("event c");
        ExpectMsg("completed");
        second.Tell("d");
        ExpectMsg("stored d 4");
    }

    [Fact]
    public void Deleting_all_events_keeps_the_sequence_number()
    {
        IActorRef first = Start("p", "a", "b");
        first.Tell(new Delete(long.MaxValue));
        ExpectMsg<DeleteMessagesSuccess>();
        StopAndWait(first);

        IActorRef second = Sys.ActorOf(PersistentRecorder.Props("p", TestActor, Act));

        ExpectMsg("completed");
        second.Tell("c");
        ExpectMsg("stored c 3");
    }

    [Fact]
    public void Deleting_beyond_the_last_event_fails_and_deletes_nothing()
    {
        IActorRef first = Start("p", "a");
        first.Tell(new Delete(2));
        Assert.Equal(2, ExpectMsg<DeleteMessagesFailure>().ToSequenceNr);
        StopAndWait(first);

        Sys.ActorOf(PersistentRecorder.Props("p", TestActor, Act));

        ExpectMsg("event a");
        ExpectMsg("completed");
    }

    [Fact]
    public void A_snapshot_is_acknowledged_with_its_metadata()
    {
        IActorRef actor = Start("p", "a", "b");

        actor.Tell(new Save());

        SnapshotMetadata saved = ExpectMsg<SaveSnapshotSuccess>().Metadata;
        Assert.Equal(("p", 2L), (saved.PersistenceId, saved.SequenceNr));
        Assert.InRange(saved.Timestamp, DateTime.UtcNow.AddMinutes(-1), DateTime.UtcNow.AddMinutes(1));
    }

    [Fact]
    public void Loading_finds_the_newest_snapshot_within_the_criteria()
    {
        IActorRef actor = WithSnapshotsAt1And2And3();

        Assert.Equal("at 3", Load(actor, SnapshotSelectionCriteria.Latest));
        Assert.Equal("at 2", Load(actor, new SnapshotSelectionCriteria(2)));
        Assert.Equal("at 2", Load(actor, SnapshotSelectionCriteria.Latest, toSequenceNr: 2));
        Assert.Null(Load(actor, SnapshotSelectionCriteria.None));
        Assert.Null(Load(actor, new SnapshotSelectionCriteria(long.MaxValue, DateTime.UtcNow.AddHours(-1))));
    }

    [Fact]
    public void One_snapshot_is_deleted_by_its_sequence_number()
    {
        IActorRef actor = WithSnapshotsAt1And2And3();

        actor.Tell(new DeleteOne(3));

        Assert.Equal(3, ExpectMsg<DeleteSnapshotSuccess>().Metadata.SequenceNr);
        Assert.Equal("at 2", Load(actor, SnapshotSelectionCriteria.Latest));
    }

    [Fact]
    public void Snapshots_are_deleted_by_criteria()
    {
        IActorRef actor = WithSnapshotsAt1And2And3();

        actor.Tell(new DeleteMany(new SnapshotSelectionCriteria(2)));

        Assert.Equal(2, ExpectMsg<DeleteSnapshotsSuccess>().Criteria.MaxSequenceNr);
        Assert.Equal("at 3", Load(actor, SnapshotSelectionCriteria.Latest));
        Assert.Null(Load(actor, new SnapshotSelectionCriteria(2)));
    }

    [Fact]
    public void What_the_in_memory_plugins_keep_comes_back_in_order()
    {
        IActorRef first = Start("p", "a", "b");
        first.Tell(new Save());
        ExpectMsg<SaveSnapshotSuccess>();
        first.Tell("c");
        ExpectMsg("stored c 3");
        StopAndWait(first);

        Sys.ActorOf(PersistentRecorder.Props("p", TestActor, Act));

        foreach (string expected in new[] { "snapshot at 2", "event c", "completed" }) ExpectMsg(expected);
    }

    private IActorRef WithSnapshotsAt1And2And3()
    {
        IActorRef actor = Start("p");
        for (int i = 1; i <= 3; i++)
        {
            actor.Tell($"e{i}");
            ExpectMsg($"stored e{i} {i}");
            actor.Tell(new Save());
            ExpectMsg<SaveSnapshotSuccess>();
        }
        return actor;
    }

    private object? Load(IActorRef actor, SnapshotSelectionCriteria criteria, long toSequenceNr = long.MaxValue)
    {
        actor.Tell(new LoadOne(criteria, toSequenceNr));
        return ExpectMsg<LoadSnapshotResult>().Snapshot?.Snapshot;
    }

    private IActorRef Start(string id, params string[] events)
    {
        IActorRef actor = StartRecovered(id, Act);
        for (int i = 0; i < events.Length; i++)
        {
            actor.Tell(events[i]);
            ExpectMsg($"stored {events[i]} {i + 1}");
        }
        return actor;
    }

    private static void Act(PersistentRecorder actor, object command)
    {
        switch (command)
        {
            case string:
                actor.PersistAsync(command, e => actor.Say($"stored {e} {actor.LastSequenceNr}"));
                break;
            case Save:
                actor.SaveSnapshot($"at {actor.SnapshotSequenceNr}");
                break;
            case Delete delete:
                actor.DeleteMessages(delete.To);
                break;
            case DeleteOne delete:
                actor.DeleteSnapshot(delete.At);
                break;
            case DeleteMany delete:
                actor.DeleteSnapshots(delete.Criteria);
                break;
            case LoadOne load:
                actor.LoadSnapshot(actor.PersistenceId, load.Criteria, load.To);
                break;
            default:
                actor.Say(command);
                break;
        }
    }

    private sealed record Save;
    private sealed record Delete(long To);
    private sealed record DeleteOne(long At);
    private sealed record DeleteMany(SnapshotSelectionCriteria Criteria);
    private sealed record LoadOne(SnapshotSelectionCriteria Criteria, long To);
}

/// <summary>An actor without a snapshot store.</summary>
public sealed class PersistenceWithoutSnapshotStoreTests() : PersistenceFixture("akka.persistence.snapshot-store.plugin = \"\"")
{
    [Fact]
    public void Recovery_works_and_saving_fails()
    {
        IActorRef actor = StartRecovered("p", (a, command) =>
        {
            if (command is "save") a.SaveSnapshot("state");
            else a.Say(command);
        });

        actor.Tell("save");

        Assert.Equal("p", ExpectMsg<SaveSnapshotFailure>().Metadata.PersistenceId);
    }
}
