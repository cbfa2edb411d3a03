using ActorRepl.Actors.Client;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Machines;
using ActorRepl.Protocols.Quorum;

namespace ActorRepl.Hosting.Quorum;

/// <summary>
/// The operations of one request on one key. Reads are one read; values that replace whatever there is are one write, which follows all that was acknowledged before;
/// deletions are a read and a write that follows what it found. Everything that depends on what there is goes through the serial path: read, carried out here by the
/// code of the key-value machine, written if nothing was written meanwhile.
/// </summary>
internal sealed class KeyStep(KeyRequest request, KeyTerms terms, int part, KeyOperations operations) : IOutcomeReceiver
{
    // Each of them means that somebody else's write of the key was done.
    private const int MostTries = 32;

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(10);

    private readonly KeyValueOperation[] _operations = [.. operations.Operations];
    private QuorumRequest? _asked;
    private ReadOnlyMemory<byte> _replies;
    private Way _way;
    private bool _again;

    private enum Way
    {
        Read,
        Write,
        DeleteRead,
    }

    private ReadOnlySpan<byte> Key => operations.Key.Span;

    /// <summary>What is to be asked, beside other keys; null: it asks by itself.</summary>
    public QuorumRequest? Start()
    {
        try
        {
            if (Array.TrueForAll(_operations, operation => operation.IsReadOnly))
                return Ask(Way.Read, new QuorumRequest(QuorumOperation.Get, operations.Key, Level: terms.AskedLevel));
            if (Array.TrueForAll(_operations, Replaces) && TryReplace(out KeyValueEntry? entry))
                return Ask(Way.Write, new QuorumRequest(QuorumOperation.Put, operations.Key, entry!.ToBytes(), default, WriteIds.Next(), terms.Level, Replace: true, First: true));
            if (_operations is [{ Kind: KeyValueOperationKind.Delete }] && IsKey)
            {
                Ask(Way.DeleteRead, new QuorumRequest(QuorumOperation.Get, operations.Key, Level: terms.AskedLevel));
                Send();
            }
            else
                _ = SeriallyAsync();
        }
        catch (Exception failure) when (failure is not OutOfMemoryException)
        {
            request.Failed(part, failure);
        }

        return null;
    }

    void IOutcomeReceiver.OnResult(ReadOnlyMemory<byte> result)
    {
        try
        {
            Take(QuorumReply.Decode(result));
        }
        catch (Exception failure) when (failure is not OutOfMemoryException)
        {
            request.Failed(part, failure);
        }
    }

    /// <summary>What became of it among the others of a batch.</summary>
    public void Take(in QuorumPart answer)
    {
        try
        {
            if (answer.Reply is { } reply)
                Take(reply);
            // Another member is to be asked, or it has no room beside the others: the router finds who does it.
            else if (answer.Why is { Reason: RejectReason.NotLeader or RejectReason.Unavailable or RejectReason.Dropped } why && (!why.OutcomeUnknown || _way == Way.Read))
                Send();
            else
                ((IOutcomeReceiver)this).OnFailure(ReplicationException.Of(answer.Why));
        }
        catch (Exception failure) when (failure is not OutOfMemoryException)
        {
            request.Failed(part, failure);
        }
    }

    private void Take(QuorumReply reply)
    {
        switch (_way)
        {
            case Way.Read:
                request.Done(part, Answer(Entry(reply)));
                break;
            case Way.Write:
                request.Done(part, _replies);
                break;
            case Way.DeleteRead:
                Delete(reply);
                break;
        }
    }

    void IOutcomeReceiver.OnFailure(Exception failure)
    {
        if (_way == Way.Write && IsLost(failure))
        {
            // Its coordinator is gone; by its id the write is the same at the next one.
            _again = true;
            _asked = _asked! with { First = false };
            _ = SendAgainAsync();
        }
        else if (_again && failure is ReplicationException { OutcomeUnknown: false } certain)
        {
            request.Failed(part, ReplicationException.Of(certain.Rejection with { OutcomeUnknown = true }));
        }
        else
        {
            request.Failed(part, failure);
        }
    }

    private bool IsKey => Key.Length > 0 && Key.Length <= terms.Limits.MaxKeyBytes;

    private bool IsLost(Exception failure) =>
        failure is ReplicationException { OutcomeUnknown: true, Rejection.Reason: not RejectReason.NoQuorum } && Environment.TickCount64 < terms.Deadline;

    private async Task SendAgainAsync()
    {
        try
        {
            await Task.Delay(Pause).ConfigureAwait(false);
            Send();
        }
        catch (Exception failure) when (failure is not OutOfMemoryException)
        {
            request.Failed(part, failure);
        }
    }

    private QuorumRequest Ask(Way way, QuorumRequest asked)
    {
        (_way, _asked) = (way, asked);
        return asked;
    }

    /// <summary>By itself.</summary>
    public void Send() =>
        terms.Client.Send(terms.Group, terms.Shard, _asked!.IsWrite ? RequestKind.Command : RequestKind.Read, _asked.ToBytes(), this, terms.Options);

    // A value that replaces whatever there is, whatever that is.
    private static bool Replaces(KeyValueOperation operation) => operation.Kind == KeyValueOperationKind.Set
        || operation is { Kind: KeyValueOperationKind.Put, Terms: { Condition: KeyCondition.None, Expiry: not KeyExpiry.Keep, Return: not KeyReturn.Old } };

    /// <summary>What the last of them leaves, and the replies to all; false: one of them is refused, or ends the key at once.</summary>
    private bool TryReplace(out KeyValueEntry? entry)
    {
        entry = null;
        _replies = default;
        long now = KeyTerms.Now, version = SingleKey.NewVersion(now);
        foreach (KeyValueOperation operation in _operations)
        {
            long ends = operation.Terms.Expiry switch
            {
                KeyExpiry.At => Math.Max(1, operation.Terms.Millis),
                KeyExpiry.In => operation.Terms.Millis > long.MaxValue - now ? long.MaxValue : Math.Max(1, now + operation.Terms.Millis),
                _ => 0,
            };
            if (!IsKey || operation.Value.Length > terms.Limits.MaxValueBytes || (ends != 0 && ends <= now))
                return false;
            entry = new KeyValueEntry(operation.Value, version, ends);
            byte[] reply = operation.Terms.Return == KeyReturn.Version ? SingleKey.Integer(version) : SingleKey.Ok();
            _replies = _replies.IsEmpty ? reply : (byte[])[.. _replies.Span, .. reply];
        }

        return true;
    }

    private static KeyValueEntry? Entry(QuorumReply found) => KeyValueEntry.Latest(found.Values) is { } entry && !entry.HasEnded(KeyTerms.Now) ? entry : null;

    private byte[] Answer(KeyValueEntry? entry) => _operations is [{ Kind: KeyValueOperationKind.Get }] && IsKey
        ? SingleKey.ReplyToGet(entry)
        : SingleKey.Execute(Key, entry, operations.Payload, KeyTerms.Now, terms.Limits).Replies;

    private void Delete(QuorumReply found)
    {
        if (found.Values.Count == 0)
        {
            request.Done(part, SingleKey.Integer(0));
            return;
        }

        _replies = SingleKey.Integer(Entry(found) is null ? 0 : 1);
        Ask(Way.Write, new QuorumRequest(QuorumOperation.Delete, operations.Key, default, found.Context, WriteIds.Next(), terms.Level));
        Send();
    }

    private async Task SeriallyAsync()
    {
        try
        {
            request.Done(part, await CarryOutAsync().ConfigureAwait(false));
        }
        catch (Exception failure) when (failure is not OutOfMemoryException)
        {
            request.Failed(part, failure);
        }
    }

    private async Task<byte[]> CarryOutAsync()
    {
        QuorumReply found = await AskAsync(new QuorumRequest(QuorumOperation.Get, operations.Key, Level: ConsistencyLevel.Serial)).ConfigureAwait(false);
        for (int tries = 0; tries < MostTries; tries++)
        {
            KeyValueEntry? before = Entry(found);
            (byte[] replies, KeyValueEntry? after) = SingleKey.Execute(Key, before, operations.Payload, KeyTerms.Now, terms.Limits);
            if (ReferenceEquals(before, after))
                return replies;
            var write = new QuorumRequest(after is null ? QuorumOperation.CompareAndDelete : QuorumOperation.CompareAndSet, operations.Key,
                after?.ToBytes(), found.Context, WriteIds.Next(), terms.AskedLevel, Condition: QuorumCondition.Unchanged);
            found = await AskAsync(write).ConfigureAwait(false);
            if (found.Applied)
                return replies;
            await Task.Delay(Random.Shared.Next(1, 2 + Math.Min(tries * 4, 40))).ConfigureAwait(false);
        }

        throw ReplicationException.Of(new Rejection(RejectReason.Overloaded, Detail: $"others have written the key {MostTries} times while this was tried"));
    }

    private async Task<QuorumReply> AskAsync(QuorumRequest asked)
    {
        byte[] payload = asked.ToBytes();
        bool again = false;
        while (true)
        {
            try
            {
                return QuorumClient.Certain(QuorumReply.Decode(asked.IsWrite
                    ? await terms.Client.ExecuteOnShardAsync(terms.Group, terms.Shard, payload, terms.Options).ConfigureAwait(false)
                    : await terms.Client.QueryShardAsync(terms.Group, terms.Shard, payload, terms.Options).ConfigureAwait(false)), again);
            }
            catch (ReplicationException lost) when (IsLost(lost))
            {
                again = true;
                await Task.Delay(Pause).ConfigureAwait(false);
            }
            catch (ReplicationException failure) when (again && !failure.OutcomeUnknown)
            {
                throw ReplicationException.Of(failure.Rejection with { OutcomeUnknown = true });
            }
        }
    }
}
