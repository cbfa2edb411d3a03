using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Machines;

namespace ActorRepl.Actors.Client;

/// <summary>A key's value with its version, and when it ends.</summary>
/// <param name="Value">Its bytes.</param>
/// <param name="Version">
/// Changes with each change of the key, and never comes back; but what a failover loses (asynchronous acknowledgements of primary-backup, a
/// forced failover), it gives again.
/// </param>
/// <param name="ExpiresAt">Null: never.</param>
public sealed record KeyValueItem(ReadOnlyMemory<byte> Value, long Version, DateTimeOffset? ExpiresAt);

/// <summary>
/// Keys of a group that has the built-in key-value machine: reads, and writes that ask for the version that was read. Thread-safe; what is not served
/// is a <see cref="ReplicationException"/>, and what is there and not as a write asks a <see cref="ConflictException"/>.
/// </summary>
public sealed class KeyValueClient(IReplicationClient client, string group)
{
    /// <summary>As the version a write asks for: the key must not be there.</summary>
    public const long Missing = KeyValueVersion.Missing;

    /// <summary>Null: there is no such key.</summary>
    public async ValueTask<KeyValueItem?> GetAsync(ReadOnlyMemory<byte> key, RequestOptions? options = null, CancellationToken cancellation = default)
    {
        bool isNow = (options?.ReadKind ?? RequestKind.Read) is RequestKind.Read or RequestKind.FollowerRead;
        KeyValuePayload read = new KeyValuePayload().GetEntry(key.Span);
        byte[] query = isNow ? new KeyValuePayload().AsOf(DateTimeOffset.UtcNow.ToUnixTimeMilliseconds()).Add(read).ToArray() : read.ToArray();
        KeyValueReply found = Reply(await client.QueryAsync(Checked(), key, query, options, cancellation).ConfigureAwait(false));

        // Its time is over by the clock of the replica that was asked: of clocks that differ the leader's decides, which stamps the log.
        if (found.Kind == KeyValueReplyKind.Due && Info?.IsReadAtPrimary(options?.ReadKind ?? RequestKind.Read, options?.ReadFrom ?? default) == false)
            found = Reply(await client.QueryAsync(group, key, query, (options ?? new RequestOptions()).AtPrimary, cancellation).ConfigureAwait(false));

        // And not by the log's: as a command, the read brings the log the time.
        if (found.Kind == KeyValueReplyKind.Due)
            found = Reply(await client.ExecuteAsync(group, key, read.ToArray(), new RequestOptions { Timeout = options?.Timeout, Retry = options?.Retry }, cancellation).ConfigureAwait(false));
        return found.Kind == KeyValueReplyKind.Nil ? null
            : new KeyValueItem(found.Bytes, found.Version, found.ExpiresAt == 0 ? null : DateTimeOffset.FromUnixTimeMilliseconds(found.ExpiresAt));
    }

    /// <summary>Gives a key a value; returns its version.</summary>
    /// <param name="key">1 to 1024 bytes.</param>
    /// <param name="value">Up to 1 MiB.</param>
    /// <param name="ifVersion">Only if the key has this version, or is <see cref="Missing"/>; null: in any case.</param>
    /// <param name="expiresIn">When it ends, from the time the leader has for the command on; null: never.</param>
    /// <param name="options">How the command is to be treated.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <exception cref="ConflictException">The key is not as asked; nothing was done.</exception>
    /// <exception cref="ArgumentException">A version is asked for, and the policy sends again what may have been done.</exception>
    public async ValueTask<long> PutAsync(
        ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value, long? ifVersion = null, TimeSpan? expiresIn = null, RequestOptions? options = null, CancellationToken cancellation = default)
    {
        KeyValueTerms terms = Condition(ifVersion, options) with { Return = KeyReturn.Version };
        if (expiresIn is { } time)
            terms = terms with { Expiry = KeyExpiry.In, Millis = Math.Max(1, (long)time.TotalMilliseconds) };
        KeyValueReply done = Reply(await client.ExecuteAsync(Checked(), key, new KeyValuePayload().Put(key.Span, value.Span, terms).ToArray(), options, cancellation).ConfigureAwait(false));
        return done.Kind == KeyValueReplyKind.Nil ? throw Conflict(ifVersion) : done.Integer;
    }

    /// <summary>Removes a key; false: it was not there.</summary>
    /// <exception cref="ConflictException">The key is not as asked; nothing was done.</exception>
    /// <exception cref="ArgumentException">A version is asked for, and the policy sends again what may have been done.</exception>
    public async ValueTask<bool> DeleteAsync(ReadOnlyMemory<byte> key, long? ifVersion = null, RequestOptions? options = null, CancellationToken cancellation = default)
    {
        KeyValueReply done = Reply(await client.ExecuteAsync(Checked(), key, new KeyValuePayload().DeleteIf(key.Span, Condition(ifVersion, options)).ToArray(), options, cancellation).ConfigureAwait(false));
        return done.Kind != KeyValueReplyKind.Nil && done.Integer == 1 || (ifVersion is null ? false : throw Conflict(ifVersion));
    }

    private GroupInfo? Info => client.Groups.FirstOrDefault(known => known.Name == group);

    /// <summary>The group, if it can have such keys.</summary>
    private string Checked() => Info is { IsLeaderless: true } other
        ? throw new InvalidOperationException($"group '{group}' replicates by {other.Protocol} and has no key-value machine: a client of its own kind reads and writes it")
        : group;

    private static KeyValueTerms Condition(long? version, RequestOptions? options)
    {
        if (version is not null && options?.Retry is { EvenIfUnknown: true, Attempts: > 1 })
            throw new ArgumentException($"a write that asks for a version cannot be sent again with {nameof(RetryPolicy.EvenIfUnknown)}: what it finds then may be its own", nameof(options));
        return version switch
        {
            null => default,
            Missing => new KeyValueTerms(KeyCondition.Missing),
            { } asked => new KeyValueTerms(KeyCondition.Version, asked),
        };
    }

    private static ReplicationException Conflict(long? version) => ReplicationException.Of(
        new Rejection(RejectReason.Conflict, Detail: version == Missing ? "the key is there" : $"the key is not of version {version}"));

    private KeyValueReply Reply(ReadOnlyMemory<byte> result)
    {
        KeyValueReply reply;
        try
        {
            KeyValueReplyReader replies = KeyValueCodec.Replies(result);
            if (!replies.Next(out reply))
                throw new InvalidDataException("there is no reply");
        }
        catch (InvalidDataException strange)
        {
            throw new InvalidOperationException($"group '{group}' has a state machine of its own, which answers as no key-value machine does", strange);
        }

        return reply.Kind switch
        {
            KeyValueReplyKind.Error when reply.Error.StartsWith("OOM ", StringComparison.Ordinal) =>
                throw ReplicationException.Of(new Rejection(RejectReason.StorageUnavailable, Detail: reply.Error)),
            KeyValueReplyKind.Error => throw ReplicationException.Of(new Rejection(RejectReason.Invalid, Detail: reply.Error)),
            KeyValueReplyKind.Full => throw ReplicationException.Of(new Rejection(RejectReason.Invalid, Detail: "the value is longer than a result may be")),
            _ => reply,
        };
    }
}
