using ActorRepl.Persistence.Sqlite;
using ActorRepl.Protocols.Kernel;
using Akka.Actor;
using Akka.Persistence;

namespace ActorRepl.Persistence.Tests;

/// <summary>The snapshot store, spoken to as a replica does: by messages, with exact numbers.</summary>
public sealed class SnapshotStoreTests() : PluginFixture(StoreKind.Segment)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private IActorRef Store => Akka.Persistence.Persistence.Instance.Apply(System).SnapshotStoreFor(PersistenceConfig.SnapshotPluginId);

    private static string Segment(int number) => PersistenceIds.Segment(Replica, number);

    private async Task Save(string id, long seq, object snapshot) =>
        Assert.IsType<SaveSnapshotSuccess>(await Store.Ask<object>(new SaveSnapshot(new SnapshotMetadata(id, seq, DateTime.UtcNow), snapshot), Patience));

    private async Task<SelectedSnapshot?> Load(string id, SnapshotSelectionCriteria criteria) =>
        (await Store.Ask<LoadSnapshotResult>(new LoadSnapshot(id, criteria, long.MaxValue), Patience)).Snapshot;

    private static SnapshotSelectionCriteria Exactly(long seq) => new(seq, DateTime.MaxValue, seq);

    [Fact]
    public async Task Segments_are_found_by_exact_number_after_a_restart()
    {
        for (int number = 0; number < 3; number++)
        {
            foreach (long seq in (long[])[10, 20])
                await Save(Segment(number), seq, new SegmentPayload(Rows.Content(Segment(number), seq, 1 << 20)));
        }

        await Restart();
        for (int number = 0; number < 3; number++)
        {
            foreach (long seq in (long[])[10, 20])
            {
                SelectedSnapshot? found = await Load(Segment(number), Exactly(seq));
                Assert.Equal(seq, found!.Metadata.SequenceNr);
                Assert.True(Rows.Content(Segment(number), seq, 1 << 20).AsSpan().SequenceEqual(Assert.IsType<SegmentPayload>(found.Snapshot).Bytes.Span));
            }

            Assert.Null(await Load(Segment(number), Exactly(15)));
        }

        Assert.Null(await Load(Segment(3), Exactly(10)));
    }

    [Fact]
    public async Task A_load_waits_for_the_saves_that_were_asked_for_before_it()
    {
        using var directory = new TempDirectory();
        await using var snapshots = new SqliteSnapshots(new StoreOptions { Directory = directory.Path });
        await snapshots.StartAsync();
        using var held = new ManualResetEventSlim();
        snapshots.Store.Writer.BeforeCommit = () => held.Wait(Patience);

        Task save = snapshots.SaveAsync(Replica, 1, new RecordToStore(7, RecordKind.Segment, default, new byte[] { 1 }));
        Task<(StoredRecord Record, long Time)?> load = snapshots.LoadAsync(Replica, new SnapshotRange(0, long.MaxValue, 0, long.MaxValue));
        await Task.WhenAny(load, Task.Delay(200));
        held.Set();

        Assert.Equal(7, (await load)?.Record.Seq);
        await save;
    }

    [Fact]
    public async Task The_newest_is_loaded_and_older_ones_are_deleted_exactly()
    {
        for (int seq = 1; seq <= 5; seq++)
            await Save(Replica, seq, new CheckpointPayload(new byte[] { (byte)seq }));
        Assert.Equal(5, (await Load(Replica, SnapshotSelectionCriteria.Latest))!.Metadata.SequenceNr);
        Assert.Equal(3, (await Load(Replica, new SnapshotSelectionCriteria(3)))!.Metadata.SequenceNr);
        Assert.Null(await Load(Replica, SnapshotSelectionCriteria.None));

        Assert.IsType<DeleteSnapshotsSuccess>(await Store.Ask<object>(new DeleteSnapshots(Replica, new SnapshotSelectionCriteria(3)), Patience));
        Assert.Null(await Load(Replica, new SnapshotSelectionCriteria(3)));
        Assert.Equal(4, (await Load(Replica, new SnapshotSelectionCriteria(4)))!.Metadata.SequenceNr);
        Assert.IsType<DeleteSnapshotSuccess>(await Store.Ask<object>(
            new DeleteSnapshot(new SnapshotMetadata(Replica, 5, DateTime.MinValue)), Patience));
        Assert.Equal(4, (await Load(Replica, SnapshotSelectionCriteria.Latest))!.Metadata.SequenceNr);
    }

    [Fact]
    public async Task A_snapshot_with_the_same_number_takes_the_place_of_the_first()
    {
        await Save(Replica, 1, new CheckpointPayload(new byte[] { 1 }));
        await Save(Replica, 1, new CheckpointPayload(new byte[] { 2 }));
        Assert.Equal([2], ((CheckpointPayload)(await Load(Replica, SnapshotSelectionCriteria.Latest))!.Snapshot).Bytes.ToArray());
    }

    [Fact]
    public async Task A_damaged_snapshot_is_not_passed_over_for_an_older_one()
    {
        foreach (string id in (string[])[Replica, "other"])
        {
            await Save(id, 1, "one");
            await Save(id, 2, "two");
        }

        await Restart(() =>
        {
            using Sqlite.Database database = Sqlite.Database.OpenWriter(Path.Combine(DataDirectory, SqliteSnapshots.FileName), 1 << 20);
            database.Execute("UPDATE snapshot SET payload = x'00' WHERE seq = 2");
        });
        Assert.IsType<DamagedRecord>((await Load(Replica, SnapshotSelectionCriteria.Latest))!.Snapshot);
        var failed = await Store.Ask<LoadSnapshotFailed>(new LoadSnapshot("other", SnapshotSelectionCriteria.Latest, long.MaxValue), Patience);
        Assert.Contains("checksum", failed.Cause.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_save_that_fails_says_so_and_leaves_the_one_before()
    {
        await Save(Replica, 1, new CheckpointPayload(new byte[] { 1 }));
        using (Plugins.SharedStores<SqliteSnapshots>.Lease lease =
            Plugins.OwnStores.Of(System).Snapshots(new StoreOptions { Directory = DataDirectory }, _ => { }))
            await lease.Store.Store.LimitToAsync(1);
        var metadata = new SnapshotMetadata(Replica, 2, DateTime.UtcNow);
        var failure = await Store.Ask<SaveSnapshotFailure>(new SaveSnapshot(metadata, new CheckpointPayload(new byte[300_000])), Patience);
        Assert.IsType<StorageFullException>(failure.Cause);
        Assert.Equal(1, (await Load(Replica, SnapshotSelectionCriteria.Latest))!.Metadata.SequenceNr);
    }
}
