using ActorRepl.Actors.Client;
using ActorRepl.Hosting.Redis;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Machines;

namespace ActorRepl.Hosting.Quorum;

/// <summary>What all keys of a request have in common.</summary>
/// <param name="Client">Of the group itself.</param>
/// <param name="Group">Which.</param>
/// <param name="Shard">The one that has all its keys.</param>
/// <param name="Level">Whose answers are waited for; the default is the group's.</param>
/// <param name="Deadline">In ms of <see cref="Environment.TickCount64"/>.</param>
/// <param name="Limits">Of keys and values.</param>
internal sealed record KeyTerms(IReplicationClient Client, string Group, int Shard, ConsistencyLevel Level, long Deadline, KeyValueOptions Limits)
{
    /// <summary>ms since 1970.</summary>
    public static long Now => DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();

    /// <summary>Of what is no plain write: a hint answers no read and no question.</summary>
    public ConsistencyLevel AskedLevel => Level.Kind == ConsistencyKind.Any ? default : Level;

    public RequestOptions Options => new() { Timeout = TimeSpan.FromMilliseconds(Math.Max(1, Deadline - Environment.TickCount64)) };
}

/// <summary>
/// One request: its keys go their ways at the same time, those that only read or only replace together, the operations on one key in their order. What one key is
/// refused is that key's reply, unless all are refused.
/// </summary>
internal sealed class KeyRequest(KeyTerms terms, IOutcomeReceiver receiver)
{
    private IReadOnlyList<KeyOperations> _parts = [];
    private ReadOnlyMemory<byte>[] _replies = [];
    private Exception? _failure;
    private int _operations;
    private int _left;
    private int _failed;

    public void Start(byte[] payload)
    {
        try
        {
            _parts = SingleKey.Split(payload, out _operations);
        }
        catch (InvalidDataException damage)
        {
            receiver.OnResult(SingleKey.Error($"ERR malformed payload: {damage.Message}"));
            return;
        }

        if (_parts.Count == 0)
        {
            receiver.OnResult(default);
            return;
        }

        _replies = new ReadOnlyMemory<byte>[_parts.Count];
        _left = _parts.Count;
        var together = new KeyBatches(terms);
        for (int i = 0; i < _parts.Count; i++)
        {
            if (_parts[i].Refused is { } kind)
                Failed(i, GatewayClient.Refused($"{Name(kind)} cannot be had of group '{terms.Group}': it has no leader, and so no step over several keys and no order of them"));
            else
                together.Add(new KeyStep(this, terms, i, _parts[i]));
        }

        together.Send();
    }

    public void Done(int part, ReadOnlyMemory<byte> replies)
    {
        _replies[part] = replies;
        if (Interlocked.Decrement(ref _left) == 0)
            Finish();
    }

    public void Failed(int part, Exception failure)
    {
        string text = failure is ReplicationException refused ? RedisErrors.Refused(refused) : RedisErrors.Internal;
        byte[] error = SingleKey.Error(text);
        _replies[part] = _parts[part].Places.Count == 1 ? error : Enumerable.Repeat(error, _parts[part].Places.Count).SelectMany(each => each).ToArray();
        // Where the outcome of one is unknown, that of the request is.
        if (Interlocked.CompareExchange(ref _failure, failure, null) is ReplicationException { OutcomeUnknown: false } && failure is not ReplicationException { OutcomeUnknown: false })
            Volatile.Write(ref _failure, failure);
        Interlocked.Increment(ref _failed);
        if (Interlocked.Decrement(ref _left) == 0)
            Finish();
    }

    private void Finish()
    {
        if (_failed == _parts.Count)
            receiver.OnFailure(_failure!);
        else
            receiver.OnResult(_parts.Count == 1 ? _replies[0] : SingleKey.Join(_parts, _replies, _operations));
    }

    private static string Name(KeyValueOperationKind kind) => kind switch
    {
        KeyValueOperationKind.Atomic => "a transaction or batch over several keys",
        KeyValueOperationKind.Scan or KeyValueOperationKind.ScanEntries => "a list of keys in order",
        KeyValueOperationKind.Count => "the number of keys",
        KeyValueOperationKind.Changes => "a watch",
        _ => $"{kind}",
    };
}
