using System.Collections.Immutable;
using Akka.Actor;
using Akka.Persistence;

namespace ActorRepl.EngineParity;

/// <summary>The protocol between persistent actors and journals, spoken by a test in place of the actor.</summary>
public sealed class PersistenceJournalTests : PersistenceFixture
{
    private IActorRef Journal(string id = "") => Persistence.Instance.Apply(Sys).JournalFor(id);

    [Fact]
    public void A_batch_is_acknowledged_before_its_events_and_deferred_messages_keep_their_place()
    {
        Journal().Tell(new WriteMessages([Write("a", 1), Write("b", 2)], TestActor, 7));

        ExpectMsg<WriteMessagesSuccessful>();
        foreach (string expected in new[] { "a", "b" })
        {
            WriteMessageSuccess written = ExpectMsg<WriteMessageSuccess>();
            Assert.Equal(expected, written.Persistent.Payload);
            Assert.Equal(7, written.ActorInstanceId);
        }
    }

    [Fact]
    public void Replies_leave_in_the_order_of_the_requests_though_writes_end_in_another()
    {
        var first = new StorageScript.Gate();
        Script.OnWrite = writes => writes[0].LowestSequenceNr == 1 ? first.ThenStore() : Task.FromResult<IImmutableList<Exception?>?>(null);

        Journal().Tell(new WriteMessages([Write("a", 1)], TestActor, 1));
        Journal().Tell(new WriteMessages([Write("b", 2)], TestActor, 1));
        AwaitAssert(() => Assert.Equal(2, Script.Highest("p")));
        ExpectNoMsg(Quiet);
        first.Open();

        ExpectMsg<WriteMessagesSuccessful>();
        Assert.Equal("a", ExpectMsg<WriteMessageSuccess>().Persistent.Payload);
        ExpectMsg<WriteMessagesSuccessful>();
        Assert.Equal("b", ExpectMsg<WriteMessageSuccess>().Persistent.Payload);
    }

    [Fact]
    public void A_failed_batch_fails_each_of_its_events()
    {
        Script.OnWrite = _ => Task.FromException<IImmutableList<Exception?>?>(new IOException("gone"));

        Journal().Tell(new WriteMessages([Write("a", 1), Write("b", 2)], TestActor, 1));

        Assert.Equal("gone", ExpectMsg<WriteMessagesFailed>().Cause.Message);
        Assert.Equal("a", ExpectMsg<WriteMessageFailure>().Persistent.Payload);
        Assert.Equal("b", ExpectMsg<WriteMessageFailure>().Persistent.Payload);
    }

    [Fact]
    public void The_store_is_given_events_without_a_sender()
    {
        IPersistentRepresentation sent = new Persistent("a", 1, "p", sender: TestActor, writerGuid: "w");

        Journal().Tell(new WriteMessages([new AtomicWrite(sent)], TestActor, 1));
        ExpectMsg<WriteMessagesSuccessful>();
        ExpectMsg<WriteMessageSuccess>();

        IPersistentRepresentation stored = Assert.Single(Script.Read("p"));
        Assert.Null(stored.Sender);
        Assert.Equal("w", stored.WriterGuid);
    }

    [Fact]
    public void A_replay_ends_with_the_highest_number_stored_even_above_its_range()
    {
        for (int i = 1; i <= 5; i++) Script.Store(Event($"e{i}", i, "w"));

        Journal().Tell(new ReplayMessages(2, 3, long.MaxValue, "p", TestActor));

        Assert.Equal("e2", ExpectMsg<ReplayedMessage>().Persistent.Payload);
        Assert.Equal("e3", ExpectMsg<ReplayedMessage>().Persistent.Payload);
        Assert.Equal(5, ExpectMsg<RecoverySuccess>().HighestSequenceNr);
    }

    [Fact]
    public void The_filter_lets_a_new_writer_follow_an_old_one()
    {
        foreach ((string payload, long number, string writer) in new[] { ("a1", 1L, "A"), ("a2", 2L, "A"), ("b3", 3L, "B"), ("b4", 4L, "B") })
            Script.Store(Event(payload, number, writer));

        Replay("");

        Assert.Equal(["a1", "a2", "b3", "b4"], Replayed());
        ExpectMsg<RecoverySuccess>();
    }

    [Fact]
    public void In_mode_fail_the_filter_fails_a_replay_of_overlapping_writers()
    {
        StoreOverlap();

        Replay("");

        FishForMessage(message => message is ReplayMessagesFailure);
        ExpectNoMsg(Quiet);
    }

    [Fact]
    public void In_mode_fail_the_filter_stops_a_recovering_actor()
    {
        StoreOverlap();

        IActorRef actor = Watch(Sys.ActorOf(PersistentRecorder.Props("p", TestActor)));

        FishForMessage(message => message is PersistentRecorder.RecoveryFailed);
        ExpectMsg("stopped");
        ExpectTerminated(actor);
    }

    [Fact]
    public void In_mode_repair_the_filter_leaves_out_what_the_old_writer_wrote_beside_the_new_one()
    {
        StoreOverlap();

        Replay("parity.journal-repair");

        Assert.Equal(["a1", "a2", "b3", "b4"], Replayed());
        ExpectMsg<RecoverySuccess>();
    }

    [Fact]
    public void In_mode_warn_the_filter_passes_all()
    {
        StoreOverlap();

        Replay("parity.journal-warn");

        Assert.Equal(["a1", "a2", "a3", "b3", "a4", "b4"], Replayed());
        ExpectMsg<RecoverySuccess>();
    }

    [Fact]
    public void In_mode_off_there_is_no_filter()
    {
        StoreOverlap();

        Replay("parity.journal-off");

        Assert.Equal(["a1", "a2", "a3", "b3", "a4", "b4"], Replayed());
        ExpectMsg<RecoverySuccess>();
    }

    [Fact]
    public void An_actor_may_name_its_own_journal()
    {
        IActorRef actor = Sys.ActorOf(Props.Create(() => new InMemoryActor(TestActor)));

        actor.Tell("a");

        ExpectMsg("a");
        Assert.Empty(Script.Read("own-journal"));
    }

    [Fact]
    public void A_journal_that_is_not_configured_is_an_error_that_names_it()
    {
        var error = Assert.ThrowsAny<Exception>(() => Journal("no.such.journal"));

        Assert.Contains("no.such.journal", error.ToString());
    }

    [Fact]
    public void An_atomic_write_holds_events_of_one_persistence_id()
    {
        IPersistentRepresentation one = new Persistent("a", 1, "p");
        IPersistentRepresentation other = new Persistent("b", 1, "q");

        Assert.ThrowsAny<ArgumentException>(() => new AtomicWrite(ImmutableList.Create(one, other)));
    }

    [Fact]
    public void An_atomic_write_knows_its_range()
    {
        var write = new AtomicWrite(ImmutableList.Create<IPersistentRepresentation>(new Persistent("a", 4, "p"), new Persistent("b", 5, "p")));

        Assert.Equal(("p", 4L, 5L, 2), (write.PersistenceId, write.LowestSequenceNr, write.HighestSequenceNr, write.Size));
        Assert.Equal(["a", "b"], ((IImmutableList<IPersistentRepresentation>)write.Payload).Select(each => each.Payload));
    }

    private void StoreOverlap()
    {
        foreach ((string payload, long number, string writer) in new[] { ("a1", 1L, "A"), ("a2", 2L, "A"), ("a3", 3L, "A"), ("b3", 3L, "B"), ("a4", 4L, "A"), ("b4", 4L, "B") })
            Script.Store(Event(payload, number, writer));
    }

    private void Replay(string journal) => Journal(journal).Tell(new ReplayMessages(1, long.MaxValue, long.MaxValue, "p", TestActor));

    private object[] Replayed() => [.. ReceiveWhile<object>(message => (message as ReplayedMessage)?.Persistent.Payload!, max: TimeSpan.FromSeconds(3))];

    private static AtomicWrite Write(string payload, long number) => new(Event(payload, number, "w"));

    private static Persistent Event(string payload, long number, string writer) => new(payload, number, "p", writerGuid: writer);

    private sealed class InMemoryActor : ReceivePersistentActor
    {
        public InMemoryActor(IActorRef probe)
        {
            JournalPluginId = "akka.persistence.journal.inmem";
            CommandAny(command => Persist(command, probe.Tell));
        }

        public override string PersistenceId => "own-journal";
    }
}
