using System.Buffers;
using System.Text;
using ActorRepl.Actors.Client;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Machines;

namespace ActorRepl.Hosting.Redis;

/// <summary>
/// Commands of one connection that are under way together, answered in the order they came. A shard's commands keep their
/// order inside its part; the parts of different shards run in parallel.
/// </summary>
internal sealed partial class Pipeline(RequestGatherer gatherer, RespLimits limits, RedisServer server, RedisClientInfo client, Action answered)
{
    /// <summary>A command's place: bytes written already, or a number of operations, and what its form needs to know.</summary>
    private readonly record struct Slot(Form Form, int Length, object? Asked = null);

    /// <summary>The longest reply to one command; an MGET of more is refused.</summary>
    private const long MaxReplyBytes = 64 << 20;

    private readonly List<PipelinePart> _parts = [];
    private readonly List<Slot> _slots = [];
    private readonly List<PipelinePart> _operations = [];
    private readonly List<KeyValueReply> _collected = [];
    private readonly ArrayBufferWriter<byte> _ready = new(16);
    private int _sealed;
    private int _bytes;
    private int _waiting;

    // How far the replies have been written, and what is known of the command that comes next.
    private int _nextSlot;
    private int _nextReady;
    private int _nextOperation;
    private string? _error;
    private int _collectedOperations;
    private long _collectedBytes;

    // Commands whose replies are not written: one before them stands for all.
    private int _passOver;

    public GroupInfo Group => gatherer.Group;

    public bool IsEmpty => _slots.Count == 0;

    public bool IsFull { get; private set; }

    /// <summary>Shards have not answered yet.</summary>
    public bool IsWaiting => _waiting > 0;

    /// <summary>The operations of the shard that owns the key; the next operation goes there.</summary>
    public KeyValuePayload For(ReadOnlySpan<byte> key, bool write)
    {
        int shard = gatherer.Group.ShardOf(key);
        if (client.Reads.IsSession && PartOf(shard) is { Session: null } part)
        {
            part.Session = client.Session ??= gatherer.OpenSession();
            part.Key = key.ToArray();
        }

        return ForShard(shard, write);
    }

    public KeyValuePayload ForShard(int shard, bool write)
    {
        PipelinePart part = PartOf(shard);
        part.Reads |= !write;
        _operations.Add(part);
        Invariant.That(_transaction is null || ReferenceEquals(_transactionPart, part), "a transaction is of one shard");
        return _transaction ?? part.Operations;
    }

    /// <summary>So many more operations were added to where the last one went.</summary>
    public void Again(int operations)
    {
        for (; operations > 0; operations--)
            _operations.Add(_operations[^1]);
    }

    /// <summary>Whether the command's keys are all of one shard.</summary>
    public bool AreOfOneShard(RedisCommand known, RespParser command)
    {
        int lastKey = known.LastKey < 0 ? command.Count - 1 : known.LastKey;
        int shard = Group.ShardOf(command[known.FirstKey]);
        for (int i = known.FirstKey + known.Step; i <= lastKey; i += known.Step)
        {
            if (Group.ShardOf(command[i]) != shard)
                return false;
        }

        return true;
    }

    /// <summary>The command is answered by the operations just added.</summary>
    public void Answer(Form form, int operations = 1, object? asked = null) => Close(new Slot(form, operations, asked));

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

    /// <summary>No more commands come: every shard's part goes on its way.</summary>
    public void Send()
    {
        Invariant.That(_waiting == 0, "a pipeline is sent once");
        _waiting = _parts.Count;
        foreach (PipelinePart part in _parts)
        {
            gatherer.Filling[part.Shard] = null;
            gatherer.Add(part);
        }
    }

    /// <summary>One part has its answer.</summary>
    public void OnAnswered()
    {
        Invariant.That(_waiting > 0, "a part is answered once");
        if (--_waiting == 0)
            answered();
    }

    /// <summary>
    /// Writes replies in order until all are written (true), the output holds <paramref name="large"/> bytes, or a shard has
    /// to be asked again (<see cref="IsWaiting"/>).
    /// </summary>
    public bool Write(ArrayBufferWriter<byte> output, int large)
    {
        for (; _nextSlot < _slots.Count; _nextSlot++)
        {
            if (output.WrittenCount >= large)
                return false;
            Slot slot = _slots[_nextSlot];
            if (slot.Form == Form.Ready)
            {
                if (_passOver == 0)
                    output.Write(_ready.WrittenSpan.Slice(_nextReady, slot.Length));
                else
                    _passOver--;
                _nextReady += slot.Length;
                continue;
            }

            if (!Collect(slot))
                return false;
            if (_passOver == 0)
                WriteReplies(output, slot);
            else
                _passOver--;
            _nextOperation += slot.Length;
            _collected.Clear();
            _error = null;
            _collectedBytes = 0;
        }

        return true;
    }

    /// <summary>The connection is gone, perhaps in the middle of a command.</summary>
    public void Abandon()
    {
        foreach (PipelinePart part in _parts)
        {
            if (ReferenceEquals(gatherer.Filling[part.Shard], part))
                gatherer.Filling[part.Shard] = null;
        }
    }

    public void Clear()
    {
        Invariant.That(_waiting == 0, "what is under way is not forgotten");
        foreach (PipelinePart part in _parts)
            gatherer.Return(part);
        _parts.Clear();
        _slots.Clear();
        _operations.Clear();
        _ready.ResetWrittenCount();
        _sealed = 0;
        _bytes = 0;
        _nextSlot = 0;
        _nextReady = 0;
        _nextOperation = 0;
        _passOver = 0;
        IsFull = false;
    }

    private PipelinePart PartOf(int shard)
    {
        if (gatherer.Filling[shard] is not { } part)
        {
            gatherer.Filling[shard] = part = gatherer.RentPart(this, shard);
            part.Concern = client.Concern;
            part.ReadTerms = client.Reads.IsSession ? client.Reads with { Kind = default } : client.Reads;
            _parts.Add(part);
        }

        return part;
    }

    private void Close(Slot slot)
    {
        _slots.Add(slot);
        IsFull |= _slots.Count >= limits.MaxChunkCommands || _ready.WrittenCount >= limits.MaxChunkBytes;
    }

    /// <summary>Takes the replies to a command's operations, and what is wrong with one of them; false: a shard is asked again.</summary>
    private bool Collect(Slot slot)
    {
        for (int i = _nextOperation + _collectedOperations; i < _nextOperation + slot.Length; i++)
        {
            PipelinePart part = _operations[i];
            KeyValueReply reply = Next(part);
            if (reply.Kind == KeyValueReplyKind.Full)
            {
                if (!part.Writes && (!part.Alone || part.Answered > 0))
                {
                    AskAgain(part);
                    return false;
                }

                // What follows it has been written already, and another read would see too much.
                reply = new KeyValueReply(KeyValueReplyKind.Error, part.Writes
                    ? "TRYAGAIN the values are too long for a pipeline that also writes; read this one by itself"u8.ToArray()
                    : "ERR the value is longer than a result may be"u8.ToArray());
            }

            part.Answered++;
            _collectedOperations++;
            _collectedBytes += reply.Bytes.Length;
            if (reply.Kind == KeyValueReplyKind.Error)
                _error = RedisErrors.LessCertain(_error, reply.Error);
            else if (_collectedBytes > MaxReplyBytes)
                _error ??= $"ERR the reply would exceed {MaxReplyBytes} bytes";
            else
                _collected.Add(reply);
        }

        _collectedOperations = 0;
        if (_error is not null && slot.Form == Form.WrittenSum && _collected.Count > 0)
            _error = RedisErrors.DoneInPart(_error);
        return true;
    }

    private static KeyValueReply Next(PipelinePart part)
    {
        if (part.Error is { } refused)
            return new KeyValueReply(KeyValueReplyKind.Error, Encoding.UTF8.GetBytes(refused));
        KeyValueReplyReader replies = part.Replies;
        bool more = replies.Next(out KeyValueReply reply);
        part.Replies = replies;
        return more ? reply : new KeyValueReply(KeyValueReplyKind.Error, "ERR the reply is missing"u8.ToArray());
    }

    /// <summary>
    /// The values of a shard did not fit into one result: asks for those that have not been answered yet. Only now, when
    /// the client has taken the ones before, so that a connection never holds more than one result of a shard.
    /// </summary>
    private void AskAgain(PipelinePart part)
    {
        PipelinePart rest = gatherer.RentPart(this, part.Shard);
        KeyValueOperationReader operations = KeyValueCodec.Operations(part.Operations.ToArray());
        for (int i = 0; operations.Next(out KeyValueOperation operation); i++)
        {
            if (i >= part.Answered)
                Repeat(operation, rest.Operations);
        }

        rest.Reads = rest.Alone = true;
        rest.ReadTerms = part.ReadTerms;
        (rest.Session, rest.Key) = (part.Session, part.Key);
        for (int i = 0; i < _operations.Count; i++)
        {
            if (ReferenceEquals(_operations[i], part))
                _operations[i] = rest;
        }

        _parts[_parts.IndexOf(part)] = rest;
        gatherer.Return(part);
        _waiting = 1;
        gatherer.Add(rest);
    }

    private static void Repeat(in KeyValueOperation read, KeyValuePayload target) => _ = read.Kind switch
    {
        KeyValueOperationKind.Get => target.Get(read.Key.Span),
        KeyValueOperationKind.Exists => target.Exists(read.Key.Span),
        KeyValueOperationKind.StringLength => target.StringLength(read.Key.Span),
        KeyValueOperationKind.GetRange => target.GetRange(read.Key.Span, read.Amount, read.Last),
        KeyValueOperationKind.ExpiresAt => target.ExpiresAt(read.Key.Span),
        KeyValueOperationKind.VersionOf => target.VersionOf(read.Key.Span),
        KeyValueOperationKind.Scan => target.Scan(read.Key.Span, read.Expected?.ToArray(), (int)read.Amount),
        KeyValueOperationKind.Count => target.CountKeys(),
        _ => throw new InvariantViolationException($"{read.Kind} is no read"),
    };
}
