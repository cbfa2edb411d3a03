using ActorRepl.Protocols.Kernel;
using Akka.Actor;
using Akka.Persistence;

namespace ActorRepl.Persistence.Tests;

public sealed class SqliteJournalTests() : JournalTests(StoreKind.Sqlite);

public sealed class SegmentJournalTests() : JournalTests(StoreKind.Segment);

/// <summary>Persistent actors on the journal plugin: what each outcome of the storage means to them.</summary>
public abstract class JournalTests(StoreKind kind) : PluginFixture(kind)
{
    private static WalPayload Record(int lsn, int size = 100) => new(RecordCodec.Encode(new WalEntry(lsn,
        new WalRecord { HardState = Rows.Content("hard state", lsn, size) })));

    private async Task<Scribe.Recovered> StartAndRecover(string persistenceId)
    {
        StartScribe(persistenceId);
        return await Probe.Expect<Scribe.Recovered>();
    }

    [Fact]
    public async Task Events_are_recovered_in_order_after_a_restart_of_the_actor_system()
    {
        IActorRef scribe = StartScribe(Replica);
        Assert.Equal(0, (await Probe.Expect<Scribe.Recovered>()).LastSequenceNr);
        scribe.Tell(new Scribe.Write([.. Enumerable.Range(1, 20).Select(lsn => Record(lsn))]));
        for (int lsn = 1; lsn <= 20; lsn++)
            Assert.Equal(Record(lsn).Bytes, ((WalPayload)(await Probe.Expect<Scribe.Written>()).Event).Bytes);

        await Restart();
        Scribe.Recovered recovered = await StartAndRecover(Replica);
        Assert.Equal(20, recovered.LastSequenceNr);
        Assert.Equal(Enumerable.Range(1, 20).Select(i => (long)i), recovered.Events.Select(e => RecordCodec.DecodeRecord(((WalPayload)e).Bytes).Lsn));
    }

    [Fact]
    public async Task Anything_else_goes_through_its_serializer()
    {
        IActorRef scribe = StartScribe("other");
        await Probe.Expect<Scribe.Recovered>();
        scribe.Tell(new Scribe.Write("one", new byte[] { 1, 2, 3 }, "three"));
        for (int i = 0; i < 3; i++)
            await Probe.Expect<Scribe.Written>();
        await Restart();
        object[] events = (await StartAndRecover("other")).Events;
        Assert.Equal(["one", "three"], events.OfType<string>());
        Assert.Equal([1, 2, 3], Assert.Single(events.OfType<byte[]>()));
    }

    [Fact]
    public async Task A_full_disk_rejects_and_the_actor_goes_on_and_later_writes_succeed()
    {
        IActorRef scribe = StartScribe(Replica);
        await Probe.Expect<Scribe.Recovered>();
        scribe.Tell(new Scribe.Write(Record(1)));
        await Probe.Expect<Scribe.Written>();

        await WithWal(wal => Kind.LimitToAsync(wal, 1));
        scribe.Tell(new Scribe.Write(Record(2, 300_000)));
        Scribe.Rejected rejected = await Probe.Expect<Scribe.Rejected>();
        Assert.IsType<StorageFullException>(rejected.Cause);
        scribe.Tell(new Scribe.Ping());
        await Probe.Expect<Scribe.Pong>();

        await WithWal(wal => Kind.LimitToAsync(wal, 1 << 30));
        scribe.Tell(new Scribe.Write(Record(2, 300_000)));
        // A refused write leaves a gap in the journal's numbers; the record keeps its own.
        Assert.Equal(3, (await Probe.Expect<Scribe.Written>()).SequenceNr);
        await Restart();
        Scribe.Recovered recovered = await StartAndRecover(Replica);
        Assert.Equal([1L, 2L], recovered.Events.Select(e => RecordCodec.DecodeRecord(((WalPayload)e).Bytes).Lsn));
        Assert.Equal(3, recovered.LastSequenceNr);
    }

    [Fact]
    public async Task A_failure_stops_the_actor_and_one_that_is_started_again_recovers()
    {
        IActorRef scribe = StartScribe(Replica);
        await Probe.Expect<Scribe.Recovered>();
        scribe.Tell(new Scribe.Write(Record(1)));
        await Probe.Expect<Scribe.Written>();

        await WithWal(wal =>
        {
            Kind.FailNext(wal);
            return Task.CompletedTask;
        });
        scribe.Tell(new Scribe.Write(Record(2)));
        Assert.IsType<StorageFailedException>((await Probe.Expect<Scribe.Failed>()).Cause);
        await Probe.Expect<Terminated>();

        Assert.Single((await StartAndRecover(Replica)).Events);
    }

    [Fact]
    public async Task A_write_that_failed_and_landed_is_recovered()
    {
        IActorRef scribe = StartScribe(Replica);
        await Probe.Expect<Scribe.Recovered>();
        await WithWal(wal =>
        {
            Kind.FailNextThatLands(wal);
            return Task.CompletedTask;
        });
        scribe.Tell(new Scribe.Write(Record(1)));
        await Probe.Expect<Scribe.Failed>();
        await Probe.Expect<Terminated>();
        Scribe.Recovered recovered = await StartAndRecover(Replica);
        Assert.Equal(1, recovered.LastSequenceNr);
        Assert.Single(recovered.Events);
    }

    [Fact]
    public async Task A_damaged_row_is_a_damaged_record_to_a_replica_and_a_failure_to_anyone_else()
    {
        foreach (string id in (string[])[Replica, "other"])
        {
            IActorRef scribe = StartScribe(id);
            await Probe.Expect<Scribe.Recovered>();
            scribe.Tell(new Scribe.Write("1", "2", "3"));
            for (int i = 0; i < 3; i++)
                await Probe.Expect<Scribe.Written>();
        }

        await Restart(() => Kind.Damage(DataDirectory, 2));
        object[] events = (await StartAndRecover(Replica)).Events;
        Assert.Equal(["1", "3"], events.OfType<string>());
        Assert.Equal(2, Assert.IsType<DamagedRecord>(events[1]).SequenceNr);

        StartScribe("other");
        Assert.Contains("checksum", (await Probe.Expect<Scribe.RecoveryFailed>()).Reason.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_replica_whose_journal_is_gone_is_told_and_an_actor_that_is_none_starts_empty()
    {
        IActorRef scribe = StartScribe(Replica);
        await Probe.Expect<Scribe.Recovered>();
        scribe.Tell(new Scribe.Write(Record(1), Record(2)));
        await Probe.Expect<Scribe.Written>();
        await Probe.Expect<Scribe.Written>();
        scribe.Tell(new Scribe.Save(new CheckpointPayload(new byte[] { 7 })));
        await Probe.Expect<SaveSnapshotSuccess>();

        await Restart(() => Kind.Remove(DataDirectory));
        Scribe.Recovered recovered = await StartAndRecover(Replica);
        Assert.IsType<CheckpointPayload>(recovered.Events[0]);
        Assert.Contains($"{Kind.Name} is missing", Assert.IsType<DamagedRecord>(recovered.Events[1]).Reason, StringComparison.Ordinal);
        Assert.Empty((await StartAndRecover("other")).Events);
    }

    [Fact]
    public async Task A_replica_whose_checkpoint_is_gone_is_told()
    {
        IActorRef scribe = StartScribe(Replica);
        await Probe.Expect<Scribe.Recovered>();
        scribe.Tell(new Scribe.Write(Record(1), Record(2)));
        await Probe.Expect<Scribe.Written>();
        await Probe.Expect<Scribe.Written>();
        scribe.Tell(new Scribe.Save(new CheckpointPayload(new byte[] { 7 })));
        await Probe.Expect<SaveSnapshotSuccess>();
        scribe.Tell(new Scribe.Delete(2));
        Assert.Equal(2, (await Probe.Expect<DeleteMessagesSuccess>()).ToSequenceNr);

        await Restart();
        Assert.IsType<CheckpointPayload>(Assert.Single((await StartAndRecover(Replica)).Events));
        await Restart(() =>
        {
            foreach (string file in Directory.GetFiles(DataDirectory, "*snapshots.db*"))
                File.Delete(file);
        });
        Assert.Contains("no checkpoint contains them", Assert.IsType<DamagedRecord>(
            Assert.Single((await StartAndRecover(Replica)).Events)).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Many_actors_share_transactions()
    {
        const int actors = 12, events = 50;
        IActorRef[] scribes = [.. Enumerable.Range(0, actors).Select(i => StartScribe($"{Replica}{i}"))];
        for (int i = 0; i < actors; i++)
            await Probe.Expect<Scribe.Recovered>();
        await WithWal(async wal =>
        {
            long before = wal.Transactions;
            for (int i = 0; i < events; i++)
            {
                foreach (IActorRef scribe in scribes)
                    scribe.Tell(new Scribe.Write(Record(i + 1)));
            }

            for (int i = 0; i < actors * events; i++)
                await Probe.Expect<Scribe.Written>();
            Assert.InRange(wal.Transactions - before, 1, actors * events / 2);
        });
    }
}
