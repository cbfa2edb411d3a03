using ActorRepl.Protocols.Driver;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Tests.Driver;

/// <summary>A protocol that does what the test says: one script a step.</summary>
internal sealed class ScriptedProtocol : IProtocol
{
    private readonly Queue<Action<Input, Effects>> _script = new();

    public ReplicaId Self => new(1);
    public List<Input> Inputs { get; } = [];
    public ReplicaStatus Status => new("scripted", 0, ReplicaId.None, 0, 0, 0, 0, true);

    public ScriptedProtocol Then(Action<Input, Effects> step)
    {
        _script.Enqueue(step);
        return this;
    }

    public void Step(Input input, in Instant now, Effects effects)
    {
        Inputs.Add(input);
        if (input is not (Input.Applied or Input.Durable) && _script.TryDequeue(out Action<Input, Effects>? step))
            step(input, effects);
    }

    public PeerMessage Decode(ReadOnlyMemory<byte> bytes) => new Note(bytes.Span[0]);
}

/// <summary>A message of one byte.</summary>
internal sealed class Note(byte value) : PeerMessage
{
    public byte Value => value;
    public override int EncodedSize => 1;
    public override void Encode(ref ByteWriter writer) => writer.Byte(value);
}

/// <summary>A host that keeps what it is told; the test answers for disk and network.</summary>
internal sealed class RecordingHost : IReplicaHost
{
    public List<WalEntry> Persisted { get; } = [];
    public List<(ReplicaId To, PeerChannel Channel, PeerMessage Message)> Sent { get; } = [];
    public List<(long Id, string Result)> Replies { get; } = [];
    public List<(long Id, Rejection Why)> Rejections { get; } = [];
    public List<(CheckpointManifest Manifest, List<ReadOnlyMemory<byte>> Segments)> Checkpoints { get; } = [];
    public List<(int Number, SegmentTicket Ticket)> Loads { get; } = [];
    public List<(TimerId Timer, long Generation)> Armed { get; } = [];

    public Instant Now { get; set; }
    public void Persist(WalEntry entry) => Persisted.Add(entry);
    public void Send(ReplicaId to, PeerChannel channel, PeerMessage message) => Sent.Add((to, channel, message));
    public void Arm(TimerId timer, long generation, long delayMicros) => Armed.Add((timer, generation));
    public void CancelTimer(TimerId timer) => Armed.RemoveAll(armed => armed.Timer == timer);
    public void Reply(long requestId, ReadOnlyMemory<byte> result) => Replies.Add((requestId, System.Text.Encoding.UTF8.GetString(result.Span)));
    public void Reject(long requestId, Rejection why) => Rejections.Add((requestId, why));
    public void LoadSegment(CheckpointManifest manifest, int number, SegmentTicket ticket) => Loads.Add((number, ticket));
    public void ReadRange(long first, long last, int maxBytes) => throw new NotSupportedException();
    public void ProposeView(long expectedEpoch, ReadOnlyMemory<byte> view) => throw new NotSupportedException("no protocol here has views");

    public void AskView() => throw new NotSupportedException("no protocol here has views");

    public void SetAside(IReadOnlyList<EntryBatch> lost, string why) => throw new NotSupportedException("no protocol here loses entries");

    public void Report(string what) => throw new NotSupportedException();

    public void SaveCheckpoint(CheckpointManifest manifest, ICheckpointView view)
    {
        using (view)
        {
            List<ReadOnlyMemory<byte>> segments = view.Segments(4).ToList();
            SegmentInfo[] infos = segments.Select(segment => new SegmentInfo(segment.Length, Crc32C.Compute(segment.Span))).ToArray();
            Checkpoints.Add((manifest with { Segments = infos }, segments));
        }
    }
}

/// <summary>Joins everything it is given; its result is the whole so far.</summary>
internal sealed class JoiningMachine : IStateMachine
{
    public string State { get; private set; } = "";
    public long ApproximateBytes => State.Length;

    public ReadOnlyMemory<byte> Apply(in AppliedCommand command)
    {
        State += System.Text.Encoding.UTF8.GetString(command.Payload.Span);
        return Bytes(State);
    }

    public ReadOnlyMemory<byte> Query(ReadOnlyMemory<byte> query) => Bytes(State);

    public ICheckpointView BeginCheckpoint() => new View(State);

    public void Restore(IEnumerable<ReadOnlyMemory<byte>> segments) =>
        State = string.Concat(segments.Select(segment => System.Text.Encoding.UTF8.GetString(segment.Span)));

    public static ReadOnlyMemory<byte> Bytes(string text) => System.Text.Encoding.UTF8.GetBytes(text);

    private sealed class View(string state) : ICheckpointView
    {
        public IEnumerable<ReadOnlyMemory<byte>> Segments(int maxBytes) => state.Chunk(maxBytes).Select(chunk => Bytes(new string(chunk)));

        public void Dispose()
        {
        }
    }
}
