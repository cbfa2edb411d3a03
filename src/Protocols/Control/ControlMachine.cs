using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Machines;

namespace ActorRepl.Protocols.Control;

/// <summary>
/// The state machine of the control group: keeps the <see cref="ControlState"/>, changes it by <see cref="ControlCommand"/>s.
/// What a command does is in <see cref="ControlRules"/>.
/// </summary>
public sealed class ControlMachine : StateMachine<ControlCommand, ControlQuery, ControlResult>
{
    private volatile ControlState _state = ControlState.Empty;
    private volatile int _encodedBytes = 64;

    /// <summary>The state as applied here; may be read by any thread, and may be older than what a query gives.</summary>
    public ControlState State => _state;

    /// <summary>About four times its encoding.</summary>
    public override long ApproximateBytes => 4L * _encodedBytes;

    public override ICheckpointView BeginCheckpoint() => new View(ControlStateCodec.Encode(_state));

    public override void Restore(IEnumerable<ReadOnlyMemory<byte>> segments)
    {
        byte[] bytes = [.. segments.SelectMany(segment => segment.ToArray())];
        _state = bytes.Length == 0 ? ControlState.Empty : ControlStateCodec.Decode(bytes);
        _encodedBytes = Math.Max(bytes.Length, 64);
    }

    protected override ControlResult Apply(ControlCommand command, CommandContext context)
    {
        ControlState before = _state;
        DateTimeOffset time = context.Time < DateTimeOffset.UnixEpoch ? DateTimeOffset.UnixEpoch : context.Time;
        ControlState after;
        try
        {
            after = ControlRules.Apply(before, command, time);
        }
        catch (ControlRefusedException refused)
        {
            return new ControlResult.Refused(refused.Why, refused.Message);
        }

        if (ReferenceEquals(after, before))
            return new ControlResult.Accepted(before.Version, Changed: false);
        after = after with { Version = before.Version + 1 };
        int bytes = ControlStateCodec.Encode(after).Length;
        if (bytes > ControlLimits.MaxStateBytes && bytes > _encodedBytes)
            return new ControlResult.Refused(
                ControlRefusal.Limit, $"the control state would take {bytes} bytes; it has at most {ControlLimits.MaxStateBytes}");
        _encodedBytes = bytes;
        _state = after;
        return new ControlResult.Accepted(after.Version, Changed: true);
    }

    protected override ControlResult Query(ControlQuery query) => query switch
    {
        ControlQuery.StateSince(var version) => new ControlResult.State(version == _state.Version && version != 0 ? null : _state),
        ControlQuery.Group(var name) => new ControlResult.Group(_state.Groups.GetValueOrDefault(name)),
        _ => throw new InvariantViolationException($"every control query is answered: {query}"),
    };

    protected override ControlCommand DecodeCommand(ReadOnlyMemory<byte> payload) => ControlCodec.DecodeCommand(payload);

    protected override ControlQuery DecodeQuery(ReadOnlyMemory<byte> payload) => ControlCodec.DecodeQuery(payload);

    protected override ReadOnlyMemory<byte> EncodeResult(ControlResult result) => ControlCodec.Encode(result);

    protected override ReadOnlyMemory<byte> EncodeError(string reason) => ControlCodec.Encode(new ControlResult.Refused(ControlRefusal.Invalid, reason));

    /// <summary>The encoding is a copy by itself, and small.</summary>
    private sealed class View(ReadOnlyMemory<byte> bytes) : ICheckpointView
    {
        public IEnumerable<ReadOnlyMemory<byte>> Segments(int maxBytes)
        {
            for (int at = 0; at < bytes.Length; at += maxBytes)
                yield return bytes.Slice(at, Math.Min(maxBytes, bytes.Length - at));
        }

        public void Dispose()
        {
        }
    }
}
