using ActorRepl.Actors.Client;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Quorum;

namespace ActorRepl.Hosting.Quorum;

/// <summary>What a read of a key has found.</summary>
/// <param name="Values">None: the key is not there. Several: they were written concurrently, and the group leaves it to its clients what becomes of them.</param>
/// <param name="Context">What the next write of the key sends back, so that it replaces all that was read; opaque.</param>
public sealed record QuorumValues(IReadOnlyList<ReadOnlyMemory<byte>> Values, ReadOnlyMemory<byte> Context)
{
    public bool IsMissing => Values.Count == 0;

    /// <summary>The only value; null: there is none.</summary>
    /// <exception cref="InvalidOperationException">There are several.</exception>
    public ReadOnlyMemory<byte>? Value => Values.Count switch
    {
        0 => null,
        1 => Values[0],
        _ => throw new InvalidOperationException($"the key has {Values.Count} concurrent values; merge them and write the result with the context of this read"),
    };
}

/// <summary>What became of a conditional write.</summary>
/// <param name="Applied">It is done; otherwise its condition did not hold, and nothing is.</param>
/// <param name="Values">If it is not: what the key has.</param>
/// <param name="Context">Of the key as it is now.</param>
public sealed record QuorumSwap(bool Applied, IReadOnlyList<ReadOnlyMemory<byte>> Values, ReadOnlyMemory<byte> Context);

/// <summary>
/// Reads and writes keys of a group without a leader. Every write carries an id, so that one whose outcome is unknown is sent again, to another coordinator
/// if need be, and done once. Thread-safe.
/// </summary>
public sealed class QuorumClient
{
    private static readonly TimeSpan DefaultTimeout = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(10);

    private readonly IReplicationClient _client;

    internal QuorumClient(IReplicationClient client, string group)
    {
        _client = client;
        Group = group;
    }

    public string Group { get; }

    /// <summary>The values of a key, from as many owners as the level says; the default is the group's.</summary>
    /// <exception cref="NoQuorumException">Too few answered in time; it says who did.</exception>
    public async ValueTask<QuorumValues> GetAsync(
        ReadOnlyMemory<byte> key, ConsistencyLevel level = default, TimeSpan? timeout = null, CancellationToken cancellation = default)
    {
        byte[] request = new QuorumRequest(QuorumOperation.Get, key, Level: level).ToBytes();
        ReadOnlyMemory<byte> reply = await _client.QueryAsync(Group, key, request, new RequestOptions { Timeout = timeout }, cancellation).ConfigureAwait(false);
        QuorumReply found = QuorumReply.Decode(reply);
        return new QuorumValues(found.Values, found.Context);
    }

    /// <summary>Writes a value. With the context of a read it replaces all that was read; without one it replaces nothing, and stands beside what there is.</summary>
    /// <param name="key">The key.</param>
    /// <param name="value">Its value.</param>
    /// <param name="context">Of the last read of the key; empty: none.</param>
    /// <param name="level">Whose acknowledgements to wait for; the default is the group's.</param>
    /// <param name="durable">Riak's <c>dw</c>: so many owners at least must have it on disk, whatever the level.</param>
    /// <param name="id">The write's name: one that is sent again under it is the same write. Null: a new one.</param>
    /// <param name="timeout">Null: 5 s.</param>
    /// <param name="cancellation">Ends the wait; the write may be done all the same.</param>
    /// <returns>The context of the key as this write has left it.</returns>
    public async ValueTask<ReadOnlyMemory<byte>> PutAsync(
        ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value, ReadOnlyMemory<byte> context = default, ConsistencyLevel level = default, byte durable = 0, Guid? id = null,
        TimeSpan? timeout = null, CancellationToken cancellation = default)
    {
        var request = new QuorumRequest(QuorumOperation.Put, key, value, context, id ?? Guid.NewGuid(), level, durable);
        return (await WriteAsync(request, timeout, cancellation).ConfigureAwait(false)).Context;
    }

    /// <summary>Deletes a key; likewise.</summary>
    public async ValueTask<ReadOnlyMemory<byte>> DeleteAsync(
        ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> context = default, ConsistencyLevel level = default, byte durable = 0, Guid? id = null,
        TimeSpan? timeout = null, CancellationToken cancellation = default)
    {
        var request = new QuorumRequest(QuorumOperation.Delete, key, default, context, id ?? Guid.NewGuid(), level, durable);
        return (await WriteAsync(request, timeout, cancellation).ConfigureAwait(false)).Context;
    }

    /// <summary>
    /// Writes a value, or deletes the key, if it is as the condition says: in one order with all such writes of the key and with reads of level
    /// <see cref="ConsistencyLevel.Serial"/> (single-key Paxos). For read, change and write: read serially, and write what follows with <see cref="QuorumCondition.Unchanged"/>
    /// and the context of that read.
    /// </summary>
    /// <param name="key">The key.</param>
    /// <param name="value">Null: delete it.</param>
    /// <param name="condition">What must hold.</param>
    /// <param name="context">For <see cref="QuorumCondition.Unchanged"/>: of the read that the value follows from.</param>
    /// <param name="expected">For <see cref="QuorumCondition.Equals"/>: the only value that the key must have.</param>
    /// <param name="level">Whose acknowledgements of the write to wait for, beside the majority that decides.</param>
    /// <param name="id">The write's name.</param>
    /// <param name="timeout">Null: 5 s.</param>
    /// <param name="cancellation">Ends the wait; the write may be done all the same.</param>
    public async ValueTask<QuorumSwap> CompareAndSetAsync(
        ReadOnlyMemory<byte> key, ReadOnlyMemory<byte>? value, QuorumCondition condition, ReadOnlyMemory<byte> context = default, ReadOnlyMemory<byte> expected = default,
        ConsistencyLevel level = default, Guid? id = null, TimeSpan? timeout = null, CancellationToken cancellation = default)
    {
        var request = new QuorumRequest(value is null ? QuorumOperation.CompareAndDelete : QuorumOperation.CompareAndSet, key, value ?? default, context, id ?? Guid.NewGuid(), level,
            Condition: condition, Expected: expected);
        QuorumReply reply = await WriteAsync(request, timeout, cancellation).ConfigureAwait(false);
        return new QuorumSwap(reply.Applied, reply.Values, reply.Context);
    }

    // A coordinator that was lost may have done it, and so many may have written the key since that nobody knows.
    internal static QuorumReply Certain(QuorumReply reply, bool again) => reply.Applied || !again
        ? reply
        : throw ReplicationException.Of(new Rejection(RejectReason.NoQuorum, OutcomeUnknown: true,
            Detail: "the write was sent again because its coordinator was lost: its condition does not hold now, but it may have been done before"));

    /// <summary>Sends a write until its outcome is known or time is up.</summary>
    private async ValueTask<QuorumReply> WriteAsync(QuorumRequest request, TimeSpan? timeout, CancellationToken cancellation)
    {
        byte[] bytes = request.ToBytes();
        long deadline = Environment.TickCount64 + (long)(timeout ?? DefaultTimeout).TotalMilliseconds;
        bool again = false;
        while (true)
        {
            long left = Math.Max(1, deadline - Environment.TickCount64);
            try
            {
                var options = new RequestOptions { Timeout = TimeSpan.FromMilliseconds(left) };
                return Certain(QuorumReply.Decode(await _client.ExecuteAsync(Group, request.Key, bytes, options, cancellation).ConfigureAwait(false)), again);
            }
            catch (ReplicationException lost) when (lost.OutcomeUnknown && lost.Rejection.Reason != RejectReason.NoQuorum && Environment.TickCount64 < deadline)
            {
                // Its coordinator is gone; by its id the write is the same at the next one.
                again = true;
                await Task.Delay(Pause, cancellation).ConfigureAwait(false);
            }
            catch (ReplicationException failure) when (again && !failure.OutcomeUnknown)
            {
                // Certain of this attempt alone.
                throw ReplicationException.Of(failure.Rejection with { OutcomeUnknown = true });
            }
        }
    }
}

/// <summary>Clients of groups without a leader.</summary>
public static class QuorumClientExtensions
{
    /// <exception cref="ArgumentException">There is no such group, or it replicates by another protocol.</exception>
    public static QuorumClient Quorum(this IReplicationClient client, string group)
    {
        GroupInfo known = client.Groups.FirstOrDefault(each => each.Name == group) ?? throw new ArgumentException($"there is no group '{group}'", nameof(group));
        return known.Protocol == "quorum" ? new QuorumClient(client, group) : throw new ArgumentException($"group '{group}' replicates by {known.Protocol}, not by quorums", nameof(group));
    }
}
