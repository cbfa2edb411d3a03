using ActorRepl.Actors.Messages;
using ActorRepl.Protocols.Driver;
using ActorRepl.Protocols.Kernel;
using Akka.Actor;
using Akka.Persistence;

namespace ActorRepl.Actors.Replica;

/// <summary>Recovery: the newest manifest, the records above it, then the segments that the manifest names.</summary>
internal sealed partial class ReplicaActor
{
    private readonly RecoveryFold _fold = new();
    private RecoveredState? _recovered;
    private ReadOnlyMemory<byte>[] _segments = [];
    private int _segmentsLoaded;

    protected override void OnRecover(object message)
    {
        switch (message)
        {
            case SnapshotOffer { Snapshot: CheckpointPayload payload } offer:
                _manifestSequenceNr = offer.Metadata.SequenceNr;
                Fold(() => _fold.Checkpoint(RecordCodec.DecodeManifest(payload.Bytes)));
                break;
            case SnapshotOffer { Snapshot: DamagedRecord damaged } offer:
                _manifestSequenceNr = offer.Metadata.SequenceNr;
                _fold.Damaged($"snapshot {damaged.SequenceNr}: {damaged.Reason}");
                break;
            case SnapshotOffer offer:
                _manifestSequenceNr = offer.Metadata.SequenceNr;
                _fold.Damaged($"snapshot {offer.Metadata.SequenceNr} is no checkpoint but {offer.Snapshot?.GetType().Name ?? "empty"}");
                break;
            case WalPayload payload:
                Fold(() => _fold.Record(RecordCodec.DecodeRecord(payload.Bytes)));
                break;
            case DamagedRecord damaged:
                _fold.Damaged($"event {damaged.SequenceNr}: {damaged.Reason}");
                break;
            case RecoveryCompleted:
                OnRecovered();
                break;
            default:
                _fold.Damaged($"event {LastSequenceNr} is no record but {message.GetType().Name}");
                break;
        }
    }

    protected override void OnRecoveryFailure(Exception reason, object? message = null)
    {
        _supervisor.Tell(new ReplicaFailed(Storage: true, $"recovery failed: {reason.Message}"), _self);
        base.OnRecoveryFailure(reason, message);
    }

    private void Fold(Action fold)
    {
        try
        {
            fold();
        }
        catch (InvalidDataException damage)
        {
            _fold.Damaged(damage.Message);
        }
    }

    private void OnRecovered()
    {
        _confirmedSequenceNr = LastSequenceNr;
        _checkpointSequenceNr = _manifestSequenceNr;
        _deletedTo = Math.Max(0, _manifestSequenceNr - MaxForgottenSteps * _context.Settings.Replica.DeleteStep);
        _recovered = _fold.Finish();
        IReadOnlyList<SegmentInfo> segments = _recovered.Checkpoint?.Segments ?? [];
        _savedSegments = segments.Count;
        _segments = new ReadOnlyMemory<byte>[segments.Count];
        if (segments.Count == 0)
        {
            FinishRecovery();
            return;
        }

        for (int number = 0; number < segments.Count; number++)
            SegmentReader.Tell(new ReadSegment(number, _manifestSequenceNr, segments[number], default), _self);
    }

    private void OnCommandWhileLoading(object message)
    {
        switch (message)
        {
            case SegmentRead { Bytes: { } bytes } read:
                _segments[read.Number] = bytes;
                if (++_segmentsLoaded == _segments.Length)
                    FinishRecovery();
                break;
            case SegmentRead { IsLost: false } read:
                _supervisor.Tell(new ReplicaFailed(Storage: true, $"recovery failed: {read.Problem}"), _self);
                Context.Stop(_self);
                break;
            case SegmentRead read when _recovered is { } recovered:
                // Without its machine state the log says nothing; term and vote are still binding.
                _recovered = recovered with { Checkpoint = null, Log = [], Damage = recovered.Damage ?? read.Problem };
                _segments = [];
                FinishRecovery();
                break;
            case RequestBatch batch:
                RejectAll(batch);
                break;
            case GetReplicaStatus:
                Sender.Tell(new ReplicaReport(_context.Group.Name, _context.Shard, _context.Self, ReplicaHealth.Down, null) { Detail = "recovering" }, _self);
                break;
        }
    }

    private void FinishRecovery()
    {
        if (_recovered is not { } recovered)
            return;
        IReadOnlyList<ReadOnlyMemory<byte>> segments = _segments;
        _recovered = null;
        _segments = [];
        Start(recovered, segments);
        // What the run before did not get to, deleting what its checkpoint had made superfluous: a full journal may need it.
        if (recovered.Checkpoint is not null)
            CleanUpBefore(_manifestSequenceNr, _savedSegments);
    }

    private void RejectAll(RequestBatch batch)
    {
        RequestTable.Origin origin = _requests.From(Sender);
        foreach (RoutedRequest request in batch.Requests)
            _requests.Reject(_requests.Add(origin, request.Id), new Rejection(RejectReason.Unavailable, Detail: "the replica is recovering"));
        _requests.SendReplies(_self);
    }
}
