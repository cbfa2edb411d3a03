using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using System.Text;
using ActorRepl.Actors.Client;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Machines;
using Microsoft.Extensions.Logging;

namespace ActorRepl.Hosting.Redis;

/// <summary>
/// Commands of one connection that are under way together: one request a shard, answered in the order they came. A shard's
/// commands keep their order inside its request; requests of different shards run in parallel.
/// </summary>
internal sealed class Pipeline(IReplicationClient client, GroupInfo group, RespLimits limits, ILogger log)
{
    private enum Form : byte
    {
        /// <summary>Written when the command was read.</summary>
        Ready,

        /// <summary>The one reply of the machine.</summary>
        Single,

        /// <summary>Integers of the machine, added up.</summary>
        Sum,

        /// <summary>Likewise, of a command that writes: a part that was done is not to be denied.</summary>
        WrittenSum,

        /// <summary>Replies of the machine as an array.</summary>
        Array,
    }

    /// <summary>A command's place: bytes written already, or a number of operations.</summary>
    private readonly record struct Slot(Form Form, int Length);

    /// <summary>The longest reply to one command; an MGET of more is refused.</summary>
    private const long MaxReplyBytes = 64 << 20;

    private readonly KeyValuePayload?[] _payloads = new KeyValuePayload?[group.Shards];
    private readonly List<Task> _others = [];
    private readonly KeyValueReplyReader[] _replies = new KeyValueReplyReader[group.Shards];
    private readonly string?[] _errors = new string?[group.Shards];
    private readonly int[] _answered = new int[group.Shards];
    private readonly List<Slot> _slots = [];
    private readonly List<int> _operations = [];
    private readonly List<KeyValueReply> _collected = [];
    private readonly ArrayBufferWriter<byte> _ready = new(256);
    private int _sealed;
    private int _bytes;

    public GroupInfo Group => group;

    public bool IsEmpty => _slots.Count == 0;

    public bool IsFull { get; private set; }

    /// <summary>The operations of the shard that owns the key; the next operation goes there.</summary>
    public KeyValuePayload For(ReadOnlySpan<byte> key) => ForShard(group.ShardOf(key));

    public KeyValuePayload ForShard(int shard)
    {
        _operations.Add(shard);
        return _payloads[shard] ??= new KeyValuePayload();
    }

    /// <summary>The command is answered by the operation just added.</summary>
    public void AnswerSingle() => Close(new Slot(Form.Single, 1));

    /// <summary>The command is answered by the sum of the last <paramref name="operations"/>.</summary>
    public void AnswerSum(int operations, bool writes = false) => Close(new Slot(writes ? Form.WrittenSum : Form.Sum, operations));

    public void AnswerArray(int operations) => Close(new Slot(Form.Array, operations));

    /// <summary>Where a command that needs no shard writes its reply; <see cref="AnswerReady"/> follows.</summary>
    public IBufferWriter<byte> Ready => _ready;

    public void AnswerReady()
    {
        Close(new Slot(Form.Ready, _ready.WrittenCount - _sealed));
        _sealed = _ready.WrittenCount;
    }

    public void AnswerError(string text)
    {
        _ready.WriteError(text);
        AnswerReady();
    }

    /// <summary>Sends every shard its request and waits for all; what goes wrong becomes the replies of that shard's commands.</summary>
    public async ValueTask ExecuteAsync()
    {
        int last = Array.FindLastIndex(_payloads, payload => payload is { Count: > 0 });
        for (int shard = 0; shard < last; shard++)
        {
            if (_payloads[shard] is { Count: > 0 } payload)
                _others.Add(ServeAsync(shard, payload).AsTask());
        }

        // At depth 1, and so for most clients, this is the only one: it costs no task of its own.
        if (last >= 0)
            await ServeAsync(last, _payloads[last]!).ConfigureAwait(false);
        foreach (Task other in _others)
            await other.ConfigureAwait(false);
    }

    /// <summary>Writes the replies in order; false: the client no longer takes them.</summary>
    public async ValueTask<bool> WriteAsync(ReplyStream output)
    {
        int ready = 0, operation = 0;
        foreach (Slot slot in _slots)
        {
            if (slot.Form == Form.Ready)
            {
                output.Writer.Write(_ready.WrittenSpan.Slice(ready, slot.Length));
                ready += slot.Length;
            }
            else
            {
                string? error = await CollectAsync(slot, operation).ConfigureAwait(false);
                WriteReplies(output.Writer, slot, error);
                operation += slot.Length;
            }

            if (!await output.FlushIfLargeAsync().ConfigureAwait(false))
                return false;
        }

        return await output.FlushAsync().ConfigureAwait(false);
    }

    public void Clear()
    {
        for (int shard = 0; shard < _payloads.Length; shard++)
        {
            // A payload that once held large values is not kept for the life of the connection.
            if (_payloads[shard]?.Length > limits.MaxChunkBytes)
                _payloads[shard] = null;
            _payloads[shard]?.Clear();
            _replies[shard] = default;
            _errors[shard] = null;
            _answered[shard] = 0;
        }

        _others.Clear();
        _slots.Clear();
        _operations.Clear();
        _collected.Clear();
        _ready.ResetWrittenCount();
        _sealed = 0;
        _bytes = 0;
        IsFull = false;
    }

    /// <summary>
    /// Counts the bytes of a command against the limit of what may be under way; false: it has to wait for the next
    /// pipeline. A command that is longer than the limit goes alone, and so no request grows beyond one command or the limit.
    /// </summary>
    public bool TryCount(int bytes)
    {
        if (!IsEmpty && _bytes + bytes > limits.MaxChunkBytes)
            return false;
        _bytes += bytes;
        return true;
    }

    private void Close(Slot slot)
    {
        _slots.Add(slot);
        IsFull |= _slots.Count >= limits.MaxChunkCommands || _ready.WrittenCount >= limits.MaxChunkBytes;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask ServeAsync(int shard, KeyValuePayload payload)
    {
        try
        {
            _replies[shard] = KeyValueCodec.Replies(payload.IsReadOnly
                ? await client.QueryShardAsync(group.Name, shard, payload.ToArray()).ConfigureAwait(false)
                : await client.ExecuteOnShardAsync(group.Name, shard, payload.ToArray()).ConfigureAwait(false));
        }
        catch (ReplicationException refused)
        {
            _errors[shard] = RedisErrors.Refused(refused);
        }
        catch (Exception failure) when (failure is not OutOfMemoryException)
        {
            log.LogError(failure, "A request to {Group}/{Shard} failed in a way that no client should see", group.Name, shard);
            _errors[shard] = "UNKNOWN internal error (the outcome is unknown: it may yet take effect)";
        }
    }

    /// <summary>Takes the replies to a command's operations from its shards; returns what is wrong with one of them.</summary>
    private async ValueTask<string?> CollectAsync(Slot slot, int firstOperation)
    {
        _collected.Clear();
        string? error = null;
        long bytes = 0;
        for (int i = firstOperation; i < firstOperation + slot.Length; i++)
        {
            int shard = _operations[i];
            KeyValueReply reply = Next(shard);
            if (reply.Kind == KeyValueReplyKind.Error && reply.Bytes.Span.StartsWith(KeyValueMachine.ResultFull))
            {
                reply = await AskAgainAsync(shard).ConfigureAwait(false);
            }

            _answered[shard]++;
            bytes += reply.Bytes.Length;
            if (reply.Kind == KeyValueReplyKind.Error)
                error = RedisErrors.LessCertain(error, reply.Error);
            else if (bytes > MaxReplyBytes)
                error ??= $"ERR the reply would exceed {MaxReplyBytes} bytes";
            else
                _collected.Add(reply);
        }

        bool doneInPart = error is not null && slot.Form == Form.WrittenSum && _collected.Count > 0;
        return doneInPart ? RedisErrors.DoneInPart(error!) : error;
    }

    private KeyValueReply Next(int shard)
    {
        if (_errors[shard] is { } refused)
            return new KeyValueReply(KeyValueReplyKind.Error, Encoding.UTF8.GetBytes(refused));
        return _replies[shard].Next(out KeyValueReply reply) ? reply : new KeyValueReply(KeyValueReplyKind.Error, "ERR the reply is missing"u8.ToArray());
    }

    /// <summary>
    /// The values of a shard did not fit into one result: asks for those that have not been answered yet, and returns the
    /// first. Only now, when the client has taken the ones before, so that a connection never holds more than one result
    /// of a shard.
    /// </summary>
    private async ValueTask<KeyValueReply> AskAgainAsync(int shard)
    {
        KeyValuePayload payload = _payloads[shard]!;

        // What follows a read in a pipeline that writes has been written already: another read would see too much.
        if (!payload.IsReadOnly)
            return new KeyValueReply(KeyValueReplyKind.Error, "TRYAGAIN the values are too long for a pipeline that also writes; read this one by itself"u8.ToArray());

        var rest = new KeyValuePayload();
        KeyValueOperationReader operations = KeyValueCodec.Operations(payload.ToArray());
        for (int i = 0; operations.Next(out KeyValueOperation operation); i++)
        {
            if (i >= _answered[shard])
                Repeat(operation, rest);
        }

        await ServeAsync(shard, rest).ConfigureAwait(false);
        return Next(shard);
    }

    private static void Repeat(in KeyValueOperation read, KeyValuePayload target) => _ = read.Kind switch
    {
        KeyValueOperationKind.Get => target.Get(read.Key.Span),
        KeyValueOperationKind.Exists => target.Exists(read.Key.Span),
        KeyValueOperationKind.StringLength => target.StringLength(read.Key.Span),
        KeyValueOperationKind.Count => target.CountKeys(),
        _ => throw new InvariantViolationException($"{read.Kind} is no read"),
    };

    private void WriteReplies(PipeWriter output, Slot slot, string? error)
    {
        if (error is not null)
            output.WriteError(error);
        else if (slot.Form is Form.Sum or Form.WrittenSum)
            output.WriteInteger(_collected.Sum(reply => reply.Integer));
        else
            WriteCollected(output, slot);
    }

    private void WriteCollected(PipeWriter output, Slot slot)
    {
        if (slot.Form == Form.Array)
            output.WriteArrayHeader(_collected.Count);
        foreach (KeyValueReply reply in _collected)
        {
            switch (reply.Kind)
            {
                case KeyValueReplyKind.Ok:
                    output.Write("+OK\r\n"u8);
                    break;
                case KeyValueReplyKind.Integer:
                    output.WriteInteger(reply.Integer);
                    break;
                case KeyValueReplyKind.Bytes:
                    output.WriteBulk(reply.Bytes.Span);
                    break;
                default:
                    Invariant.That(reply.Kind == KeyValueReplyKind.Nil, "every kind of reply has a form in RESP");
                    output.WriteNil();
                    break;
            }
        }
    }
}
