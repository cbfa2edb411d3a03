using ActorRepl.Actors.Settings;
using ActorRepl.Protocols.Kernel;
using Akka.Actor;
using Akka.Persistence;

namespace ActorRepl.Actors.Nodes;

/// <summary>
/// Deletes what a replica that left has in the journal and the snapshot store, a bounded step at a time, and stops. It
/// reads nothing but the newest manifest, which names the segments.
/// </summary>
internal sealed class ReplicaEraser : UntypedPersistentActor
{
    // Older checkpoints may have had more segments than the newest, and their deletion may not have been finished.
    private const int MoreSegments = 64;

    private readonly ReplicationSettings _settings;
    private readonly HostedShard _replica;
    private readonly IActorRef _store;
    private readonly Queue<object> _steps = new();
    private int _segments = MoreSegments;

    public ReplicaEraser(ReplicationSettings settings, HostedShard replica)
    {
        _settings = settings;
        _replica = replica;
        _store = Persistence.Instance.Apply(Context.System).SnapshotStoreFor(settings.SnapshotPlugin);
        PersistenceId = PersistenceIds.Replica(settings.Cluster, settings.Self, replica.Group, replica.Shard, replica.Generation);
        if (settings.JournalPlugin.Length > 0)
            JournalPluginId = settings.JournalPlugin;
        if (settings.SnapshotPlugin.Length > 0)
            SnapshotPluginId = settings.SnapshotPlugin;
    }

    public override string PersistenceId { get; }

    // No events: only how many there are.
    public override Recovery Recovery => new(SnapshotSelectionCriteria.Latest, long.MaxValue, 0);

    public static Props Props(ReplicationSettings settings, HostedShard replica) => Akka.Actor.Props.Create(() => new ReplicaEraser(settings, replica));

    protected override void OnRecover(object message)
    {
        if (message is SnapshotOffer { Snapshot: CheckpointPayload payload })
            _segments += SegmentsOf(payload);
        else if (message is RecoveryCompleted)
            Begin();
    }

    protected override void OnRecoveryFailure(Exception reason, object? message = null)
    {
        Finish(reason.Message);
        base.OnRecoveryFailure(reason, message);
    }

    protected override void OnCommand(object message)
    {
        switch (message)
        {
            case DeleteMessagesSuccess or DeleteSnapshotsSuccess:
                Next();
                break;
            case DeleteMessagesFailure failure:
                Finish(failure.Cause.Message);
                break;
            case DeleteSnapshotsFailure failure:
                Finish(failure.Cause.Message);
                break;
            case ReceiveTimeout:
                Finish($"the stores have not answered for {_settings.Replica.StoreTimeout.TotalSeconds:0} s");
                break;
        }
    }

    private static int SegmentsOf(CheckpointPayload manifest)
    {
        try
        {
            return RecordCodec.DecodeManifest(manifest.Bytes).Segments.Count;
        }
        catch (InvalidDataException)
        {
            // It cannot be read, so it names nothing.
            return 0;
        }
    }

    private void Begin()
    {
        Context.SetReceiveTimeout(_settings.Replica.StoreTimeout);
        for (long to = 0; to < LastSequenceNr;)
        {
            to = Math.Min(to + _settings.Replica.DeleteStep, LastSequenceNr);
            _steps.Enqueue(to);
        }

        for (int number = 0; number < _segments; number++)
            _steps.Enqueue(PersistenceIds.Segment(PersistenceId, number));
        // The manifest last: it names the segments, should this have to start again.
        _steps.Enqueue(PersistenceId);
        Next();
    }

    private void Next()
    {
        if (!_steps.TryDequeue(out object? step))
            Finish(null);
        else if (step is long to)
            DeleteMessages(to);
        else
            _store.Tell(new DeleteSnapshots((string)step, SnapshotSelectionCriteria.Latest), Self);
    }

    private void Finish(string? problem)
    {
        Context.Parent.Tell(new ReplicaErased(_replica, problem), Self);
        Context.Stop(Self);
    }
}
