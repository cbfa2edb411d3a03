using ActorRepl.Actors.Client;
using ActorRepl.Protocols.Control;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Actors.Control;

/// <summary>Speaks to the control group in its own words.</summary>
internal sealed class ControlClient(ReplicationClient client)
{
    /// <exception cref="ReplicationException">The group did not answer, or it refused the command.</exception>
    public async Task<ControlResult.Accepted> SubmitAsync(ControlCommand command, RequestOptions? options = null, CancellationToken cancellation = default)
    {
        ReadOnlyMemory<byte> answer = await client
            .ExecuteOnShardAsync(ControlGroup.Own, 0, ControlCodec.Encode(command), options, cancellation).ConfigureAwait(false);
        return ControlCodec.DecodeResult(answer) switch
        {
            ControlResult.Accepted accepted => accepted,
            ControlResult.Refused refused => throw new ControlRefusal(refused),
            var other => throw new InvariantViolationException($"a command is accepted or refused: {other}"),
        };
    }

    /// <summary>The state as of a moment between call and return.</summary>
    /// <exception cref="ReplicationException">The group did not answer.</exception>
    public async Task<ControlState> StateAsync(RequestOptions? options = null, CancellationToken cancellation = default)
    {
        ReadOnlyMemory<byte> answer = await client
            .QueryShardAsync(ControlGroup.Own, 0, ControlCodec.Encode(new ControlQuery.StateSince(0)), options, cancellation).ConfigureAwait(false);
        return ControlCodec.DecodeResult(answer) is ControlResult.State { Value: { } state }
            ? state
            : throw new InvariantViolationException("the control group gives its state");
    }

    /// <summary>A shard as of a moment between call and return; null: there is none of that name.</summary>
    /// <exception cref="ReplicationException">The group did not answer.</exception>
    public async Task<ControlShard?> ShardAsync(ShardKey shard, RequestOptions? options = null, CancellationToken cancellation = default) =>
        await GroupAsync(shard.Group, options, cancellation).ConfigureAwait(false) is { } group && shard.Shard < group.Shards.Count ? group.Shards[shard.Shard] : null;

    /// <summary>A group as of a moment between call and return; null: there is none of that name.</summary>
    /// <exception cref="ReplicationException">The group did not answer.</exception>
    public async Task<ControlGroup?> GroupAsync(string name, RequestOptions? options = null, CancellationToken cancellation = default)
    {
        ReadOnlyMemory<byte> answer = await client
            .QueryShardAsync(ControlGroup.Own, 0, ControlCodec.Encode(new ControlQuery.Group(name)), options, cancellation).ConfigureAwait(false);
        return ControlCodec.DecodeResult(answer) is ControlResult.Group group ? group.Value : throw new InvariantViolationException("the control group gives a group");
    }

    /// <summary>A command was refused by the rules of the control group; nothing was done.</summary>
    internal sealed class ControlRefusal(ControlResult.Refused refused)
        : ReplicationException(new Rejection(RejectReason.Invalid, Detail: refused.Reason), refused.Reason)
    {
        public Protocols.Control.ControlRefusal Why => refused.Why;
    }
}
