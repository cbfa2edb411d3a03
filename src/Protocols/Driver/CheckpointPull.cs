using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Driver;

/// <summary>
/// Pulls one checkpoint from a peer, a few segments in flight at a time: that window is the credit, so bulk never
/// queues up in front of heartbeats. What does not come is asked for again, a bounded number of times.
/// </summary>
internal sealed class CheckpointPull(ReplicaId from, long minIndex, long token, int window, bool metadataOnly)
{
    private const int MaxIdleRounds = 10;

    private ReadOnlyMemory<byte>?[] _segments = [];
    private int _requested;
    private int _received;
    private int _idleRounds;
    private bool _progress;

    public ReplicaId From => from;
    public long MinIndex => minIndex;
    public long Token => token;

    /// <summary>The manifest is all that is wanted, and comes without segments.</summary>
    public bool MetadataOnly => metadataOnly;
    public CheckpointManifest? Manifest { get; private set; }
    public bool IsComplete => Manifest is not null && _received == _segments.Length;
    public IEnumerable<ReadOnlyMemory<byte>> Segments => _segments.Select(segment => segment!.Value);

    public IEnumerable<TransferMessage> Begin() => [new ManifestRequest(token, minIndex)];

    /// <summary>Takes the manifest; null: the reply is of no use, give up with the reason.</summary>
    public IEnumerable<TransferMessage>? TakeManifest(ManifestReply reply, out string? failure)
    {
        failure = null;
        if (Manifest is not null)
            return [];
        if (reply.Manifest.IsEmpty)
        {
            failure = $"{from} has no checkpoint at {minIndex} or later";
            return null;
        }

        CheckpointManifest manifest = RecordCodec.DecodeManifest(reply.Manifest);
        if (manifest.Index < minIndex)
            throw new InvalidDataException($"{from} offers a checkpoint at {manifest.Index}, {minIndex} was asked for");
        if (metadataOnly)
            manifest = manifest with { Segments = [] };
        Manifest = manifest;
        _segments = new ReadOnlyMemory<byte>?[manifest.Segments.Count];
        _progress = true;
        return RequestMore();
    }

    public IEnumerable<TransferMessage>? TakeSegment(SegmentReply reply, out string? failure)
    {
        failure = null;
        if (Manifest is null || reply.Number < 0 || reply.Number >= _segments.Length || _segments[reply.Number] is not null)
            return [];
        if (!reply.Found)
        {
            failure = $"{from} no longer has its checkpoint at {Manifest.Index}";
            return null;
        }

        SegmentInfo expected = Manifest.Segments[reply.Number];
        if (reply.Bytes.Length != expected.Length || Crc32C.Compute(reply.Bytes.Span) != expected.Crc)
            throw new InvalidDataException($"segment {reply.Number} of the checkpoint at {Manifest.Index} from {from} is damaged");
        _segments[reply.Number] = reply.Bytes;
        _received++;
        _progress = true;
        return RequestMore();
    }

    /// <summary>A period has passed: asks again for what is missing; null: it has been silent for too long.</summary>
    public IEnumerable<TransferMessage>? Nudge()
    {
        _idleRounds = _progress ? 0 : _idleRounds + 1;
        if (_idleRounds > MaxIdleRounds)
            return null;
        if (_progress)
        {
            _progress = false;
            return [];
        }

        return Manifest is null ? Begin() : Missing().Take(window);
    }

    private IEnumerable<TransferMessage> RequestMore()
    {
        var messages = new List<TransferMessage>();
        for (; _requested < _segments.Length && _requested - _received < window; _requested++)
            messages.Add(Request(_requested));
        return messages;
    }

    private IEnumerable<TransferMessage> Missing() =>
        Enumerable.Range(0, _requested).Where(number => _segments[number] is null).Select(Request);

    private SegmentRequest Request(int number) => new(token, Manifest!.Index, Manifest.Lsn, number);
}
