using System.Buffers;
using System.Text;
using ActorRepl.Actors.Client;
using ActorRepl.Hosting.Redis.Crdt;
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

    // What one large pipeline or command needed is not kept by a connection for as long as it lives.
    private const int KeptItems = 1024;
    private const int KeptBytes = 16 * 1024;
    private const int FewBytes = 16;

    private readonly List<PipelinePart> _parts = [];
    private readonly List<Slot> _slots = [];
    private readonly List<PipelinePart> _operations = [];
    private readonly List<KeyValueReply> _collected = [];
    private ArrayBufferWriter<byte> _ready = new(FewBytes);
    private readonly List<LateReply> _late = [];
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

    // Bytes of results that are too few to count; and those that are counted and belong to parts that were asked again since.
    private int _uncounted;
    private int _pinned;
    private int _lateHeld;
    private bool _abandoned;

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
        if (Reads.IsSession && PartOf(shard) is { Session: null } part)
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
        int lastKey = known.LastKeyOf(command);
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

    /// <summary>The command is carried out by itself, once the pipeline is sent.</summary>
    public void AnswerLater(LateReply reply)
    {
        _late.Add(reply);
        Close(new Slot(Form.Late, 0, reply));
    }

    /// <summary>With how many members beside the leader have every write that was acknowledged.</summary>
    public void AnswerCopies()
    {
        Task<int> copies = gatherer.CopiesBesideLeader();
        AnswerLater(new LateReply(writes: false, async (_, _, reply) => reply.WriteInteger(await copies.ConfigureAwait(false))));
    }

    /// <summary>The client's version of RESP.</summary>
    public int Protocol => client.Protocol;

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
        _waiting = _parts.Count + (_late.Count > 0 ? 1 : 0);
        if (_late.Count > 0)
            gatherer.CarryOut(this, [.. _late]);
        foreach (PipelinePart part in _parts)
        {
            gatherer.Filling[part.Shard] = null;
            gatherer.Add(part);
        }
    }

    /// <summary>One part has its answer.</summary>
    public void OnAnswered(PipelinePart part)
    {
        if (_abandoned)
            part.Replies = default;
        else if (_uncounted + part.Replies.Length <= HeldBytes.FreeBytes)
            _uncounted += part.Replies.Length;
        else if (gatherer.Held.TryTake(part.Replies.Length))
            part.Held = part.Replies.Length;
        else
            (part.Replies, part.Error) = (default, part.Writes ? RedisErrors.NoRoomForResult : RedisErrors.NoRoom);
        OnAnswered();
    }

    /// <summary>The commands that are carried out by themselves have their replies.</summary>
    public void OnCarriedOut()
    {
        foreach (LateReply late in _late)
        {
            if (_abandoned || late.Reply.Length <= LateReply.FreeBytes)
                continue;
            if (gatherer.Held.TryTake(late.Reply.Length))
                _lateHeld += late.Reply.Length;
            else
                late.GiveUp();
        }

        OnAnswered();
    }

    private void OnAnswered()
    {
        Invariant.That(_waiting > 0, "a part is answered once");
        if (--_waiting == 0)
            answered();
    }

    /// <summary>The client takes no replies: what is left of them keeps no result alive that is of others, too.</summary>
    public void OnBlocked()
    {
        foreach (PipelinePart part in _parts.Where(part => part.IsShare))
        {
            part.Replies = part.Replies.Copy();
            part.IsShare = false;
        }
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

            if (slot.Form == Form.Late)
            {
                if (_passOver == 0)
                    output.Write(((LateReply)slot.Asked!).Reply);
                else
                    _passOver--;
                continue;
            }

            if (!Collect(slot))
                return false;
            if (_passOver == 0)
                WriteReplies(output, slot);
            else
                _passOver--;
            _nextOperation += slot.Length;
            DropCollected();
            _error = null;
            _collectedBytes = 0;
        }

        return true;
    }

    /// <summary>The connection is gone, perhaps in the middle of a command.</summary>
    public void Abandon()
    {
        _abandoned = true;
        DropCollected();
        DropLate();
        foreach (PipelinePart part in _parts)
        {
            gatherer.Held.Give(part.Held);
            part.Held = 0;
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
        Empty(_operations);
        Empty(_collected);
        DropLate();
        _ready.ResetWrittenCount();
        if (_ready.Capacity > KeptBytes)
            _ready = new ArrayBufferWriter<byte>(FewBytes);
        _sealed = 0;
        _bytes = 0;
        _nextSlot = 0;
        _nextReady = 0;
        _nextOperation = 0;
        _passOver = 0;
        _uncounted = 0;
        IsFull = false;
    }

    // While keys are watched, values are not to be older than their versions.
    private ReadTerms Reads => client.HasWatched ? default : client.Reads;

    private static void Empty<T>(List<T> list)
    {
        list.Clear();
        if (list.Capacity > KeptItems)
            list.Capacity = 0;
    }

    private PipelinePart PartOf(int shard)
    {
        if (gatherer.Filling[shard] is not { } part)
        {
            gatherer.Filling[shard] = part = gatherer.RentPart(this, shard);
            part.WriteTerms = client.Writes;
            part.ReadTerms = Reads.IsSession ? Reads with { Kind = default } : Reads;
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
            if (reply.Kind == KeyValueReplyKind.Full && !part.Writes && _error is not null)
            {
                // The command is refused: what else it asks for is not needed.
                part.Answered++;
                _collectedOperations++;
                continue;
            }

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
            else if (_collectedBytes > limits.MaxReplyBytes)
            {
                _error ??= $"ERR the reply would exceed {limits.MaxReplyBytes} bytes";
                DropCollected();
            }
            else
                _collected.Add(reply);
        }

        _collectedOperations = 0;
        if (_error is not null && slot.Form is Form.WrittenSum or Form.AllOk && _collected.Count > 0)
            _error = RedisErrors.DoneInPart(_error);
        return true;
    }

    private void DropCollected()
    {
        Empty(_collected);
        gatherer.Held.Give(_pinned);
        _pinned = 0;
    }

    private void DropLate()
    {
        _late.Clear();
        gatherer.Held.Give(_lateHeld);
        _lateHeld = 0;
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
        if (_collected.Count > 0)
            (_pinned, part.Held) = (_pinned + part.Held, 0);
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
