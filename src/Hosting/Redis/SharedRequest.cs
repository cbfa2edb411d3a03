using ActorRepl.Actors.Client;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Machines;

namespace ActorRepl.Hosting.Redis;

/// <summary>One shard's operations of the commands that are under way together on one connection, and what came of them.</summary>
internal sealed class PipelinePart
{
    public Pipeline? Owner { get; set; }

    public int Shard { get; set; }

    public KeyValuePayload Operations { get; } = new();

    /// <summary>Some operations read.</summary>
    public bool Reads { get; set; }

    /// <summary>Some operations write.</summary>
    public bool Writes => !Operations.IsReadOnly;

    /// <summary>It makes a request of its own, so that all the room in a result is for it.</summary>
    public bool Alone { get; set; }

    /// <summary>When what it writes counts as done.</summary>
    public WriteTerms WriteTerms { get; set; }

    /// <summary>Who may answer it if it only reads.</summary>
    public ReadTerms ReadTerms { get; set; }

    /// <summary>The session that it is of; null: none.</summary>
    public IReplicationSession? Session { get; set; }

    /// <summary>A key of the shard.</summary>
    public byte[] Key { get; set; } = [];

    public KeyValueReplyReader Replies { get; set; }

    /// <summary>Why the operations were refused, as clients are told; null: they were not.</summary>
    public string? Error { get; set; }

    /// <summary>Its replies are a piece of a large result that is of others, too.</summary>
    public bool IsShare { get; set; }

    /// <summary>Bytes of its replies that <see cref="HeldBytes"/> counts.</summary>
    public int Held { get; set; }

    /// <summary>Operations whose replies have been taken.</summary>
    public int Answered { get; set; }

    public void Clear()
    {
        Owner = null;
        Operations.Clear();
        Reads = false;
        Alone = false;
        WriteTerms = default;
        ReadTerms = default;
        Session = null;
        Key = [];
        Replies = default;
        Error = null;
        IsShare = false;
        Answered = 0;
    }
}

/// <summary>
/// One request to a shard with the operations of as many connections as had some at the same moment: what a request costs
/// on its way through routers, replicas and journals is shared by all of them.
/// </summary>
internal sealed class SharedRequest(GatewayLoop loop) : IOutcomeReceiver
{
    private readonly List<PipelinePart> _parts = [];
    private ReadOnlyMemory<byte> _result;
    private Exception? _failure;

    public KeyValuePayload Operations { get; } = new();

    /// <summary>Where it was gathered.</summary>
    public RequestGatherer.Lane Lane { get; set; } = null!;

    /// <summary>When what it writes counts as done.</summary>
    public WriteTerms WriteTerms { get; private set; }

    /// <summary>Who may answer what only reads.</summary>
    public ReadTerms ReadTerms { get; private set; }

    /// <summary>The one part of a session's request; null: it is no such.</summary>
    public PipelinePart? OfSession => _parts is [{ Session: not null } part] ? part : null;

    public void Add(PipelinePart part)
    {
        // Who reads what is true now is to see no key that has ended: docs/redis.md, "Expiry".
        if (_parts.Count == 0 && !part.Writes && part.ReadTerms.IsLinearizable)
            Operations.AsOf(ExpiryArguments.Now);
        _parts.Add(part);
        if (part.Writes)
            WriteTerms = part.WriteTerms;
        else
            ReadTerms = part.ReadTerms;
        Operations.Add(part.Operations);
    }

    void IOutcomeReceiver.OnResult(ReadOnlyMemory<byte> result)
    {
        _result = result;
        loop.Post(this);
    }

    void IOutcomeReceiver.OnFailure(Exception failure)
    {
        _failure = failure;
        loop.Post(this);
    }

    /// <summary>
    /// A key has ended by the time of the replica that was asked and not by the log: the same has to be asked of the leader, whose clock stamps the log, and,
    /// where it says the same, as a command, which brings the log the time. At most once each.
    /// </summary>
    public bool IsDue => _failure is null && _result.Length == 1 && _result.Span[0] == (byte)KeyValueReplyKind.Due;

    /// <summary>The leader has been asked, because another replica's answer was that a key is due.</summary>
    public bool WasAskedOfPrimary { get; private set; }

    /// <summary>Forgets the answer.</summary>
    public void AskAgain(bool ofPrimary)
    {
        _result = default;
        WasAskedOfPrimary |= ofPrimary;
    }

    /// <summary>Gives every part what is its own; on the loop's thread. Returns what no client should see.</summary>
    public Exception? Answer()
    {
        string? error = _failure switch
        {
            null => null,
            // A read that brought the log the time was a read: nothing of it can yet take effect.
            ReplicationException { OutcomeUnknown: true } refused when Operations.IsReadOnly =>
                RedisErrors.Refused(ReplicationException.Of(refused.Rejection with { OutcomeUnknown = false })),
            ReplicationException refused => RedisErrors.Refused(refused),
            _ => RedisErrors.Internal,
        };
        Exception? defect = error == RedisErrors.Internal ? _failure : null;
        KeyValueReplyReader replies = KeyValueCodec.Replies(_result);
        foreach (PipelinePart part in _parts)
        {
            part.Error = error;
            try
            {
                part.Replies = error is null ? replies.Take(part.Operations.Count) : default;
            }
            catch (InvalidDataException unreadable)
            {
                part.Error = error = RedisErrors.Internal;
                defect = unreadable;
            }

            part.IsShare = _parts.Count > 1 && _result.Length > HeldBytes.FreeBytes;
            part.Owner!.OnAnswered(part);
        }

        return defect;
    }

    public void Clear()
    {
        _parts.Clear();
        WriteTerms = default;
        ReadTerms = default;
        Operations.Clear();
        WasAskedOfPrimary = false;
        _result = default;
        _failure = null;
    }
}
