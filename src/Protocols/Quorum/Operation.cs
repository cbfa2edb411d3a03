using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Quorum;

/// <summary>Something that a coordinator waits for answers to. Who did what is kept as bits of <see cref="Owners"/>.</summary>
internal abstract class Operation(long token, long requestId, ReadOnlyMemory<byte> key, KeyOwners owners, ConsistencyLevel level, long deadline)
{
    public long Token { get; } = token;
    public long RequestId { get; } = requestId;

    /// <summary>The requests that are answered together with this one, and its place among them; null: it is answered by itself.</summary>
    public PendingBatch? Batch { get; init; }

    public int Place { get; init; }
    public ReadOnlyMemory<byte> Key { get; } = key;
    public KeyOwners Owners { get; private set; } = owners;
    public ConsistencyLevel Level { get; } = level;
    public long Deadline { get; } = deadline;

    /// <summary>The client has its answer, or waits no more.</summary>
    public bool IsAnswered { get; private set; }

    /// <summary>False: it was before.</summary>
    public bool Close() => !IsAnswered && (IsAnswered = true);

    /// <summary>When it is looked at next: a deadline, an owner to ask again, hints.</summary>
    public long LookAt { get; set; } = long.MaxValue;

    /// <summary>When the client asked, and who has answered since.</summary>
    public long BegunAt { get; set; }
    public ulong Heard { get; set; }

    /// <summary>What was asked is asked again then, of those who have not answered.</summary>
    public long AskAgainAt { get; set; }
    public long AskAgainAfter { get; set; }

    /// <summary>The ring has changed: what was done by those who are owners still counts.</summary>
    public void Retarget(KeyOwners owners)
    {
        Move(Owners, owners);
        Heard = owners.Translate(Heard, Owners);
        Owners = owners;
    }

    protected abstract void Move(KeyOwners from, KeyOwners to);
}

/// <summary>A write on its way to the owners of its key.</summary>
internal sealed class WriteOperation(long token, long requestId, ReadOnlyMemory<byte> key, KeyOwners owners, ConsistencyLevel level, int durable, long deadline)
    : Operation(token, requestId, key, owners, level, deadline)
{
    /// <summary>Of a write that replaces what it does not know: owners are asked first. Null: nobody is.</summary>
    public Inquiry? Inquiry { get; set; }

    /// <summary>Of one that is written before they are asked: what they say of it. Null: nobody is asked.</summary>
    public Covering? Covering { get; init; }

    /// <summary>It was begun before, and something of it may stay whatever becomes of this.</summary>
    public bool IsSecond { get; init; }

    /// <summary>Set once it is known what is written.</summary>
    public KeyVersions Versions { get; set; } = KeyVersions.Empty;

    public int Durable { get; } = durable;

    /// <summary>Whoever asks has no use for a context.</summary>
    public bool IsBlind { get; init; }

    /// <summary>Whoever asks waits for the coordinator's own disk alone: the other owners get it when it suits.</summary>
    public bool IsOwnEnough { get; init; }

    /// <summary>Owners that have it on their disk.</summary>
    public ulong Acked { get; set; }

    /// <summary>The conditional write that this one commits.</summary>
    public SerialOperation? Serial { get; set; }

    /// <summary>Owners for which somebody keeps a hint, durably.</summary>
    public ulong Hinted { get; set; }

    public long HintsAt { get; set; }
    public bool HintsSent { get; set; }

    public ulong Missing => Owners.Everybody & ~Acked;

    /// <summary>Whom it is sent to again.</summary>
    public ulong Silent => Covering is null || IsAnswered ? Missing : Missing | (Owners.Readers.Mask & ~Covering.Heard);

    /// <summary>Nothing is left to do: who does not have it gets it from the hints, or by anti-entropy.</summary>
    public bool IsOver => IsAnswered && (Missing == 0 || HintsSent);

    protected override void Move(KeyOwners from, KeyOwners to)
    {
        (Acked, Hinted) = (to.Translate(Acked, from), to.Translate(Hinted, from));
        Inquiry?.Move(from, to);
        Covering?.Move(from, to);
    }
}

/// <summary>What the owners of a key say of a write that replaces all that its coordinator knew.</summary>
/// <param name="request">What is written once more if that was not all.</param>
/// <param name="level">So many owners must have known no more.</param>
internal sealed class Covering(QuorumRequest request, ConsistencyLevel level)
{
    public QuorumRequest Request => request;
    public ConsistencyLevel Level => level;

    /// <summary>Who had nothing that it did not know.</summary>
    public ulong Covered { get; private set; }

    /// <summary>Who had more, or may have had.</summary>
    public ulong Lacking { get; private set; }

    public ulong Heard => Covered | Lacking;

    // What it has been once counts: what is there later need not be older than the write.
    public void Hear(ulong owner, bool knewAll)
    {
        Covered |= knewAll ? owner : 0;
        Lacking |= knewAll ? 0 : owner;
    }

    public void Move(KeyOwners from, KeyOwners to) => (Covered, Lacking) = (to.Translate(Covered, from), to.Translate(Lacking, from));
}

/// <summary>What a write that is to replace all there is has heard so far: first which writes owners know, and, where those are more than its coordinator knows, the versions themselves.</summary>
/// <param name="request">What is written once it is known what is replaced.</param>
/// <param name="level">Of so many owners it must be known.</param>
internal sealed class Inquiry(QuorumRequest request, ConsistencyLevel level)
{
    public QuorumRequest Request => request;
    public ConsistencyLevel Level => level;

    /// <summary>Who has said which writes he knows.</summary>
    public ulong Told { get; set; }

    /// <summary>All of them.</summary>
    public VersionVector Clock { get; set; } = VersionVector.Empty;

    /// <summary>The coordinator lacks some: the owners are asked for their versions.</summary>
    public bool Fetches { get; set; }

    /// <summary>Who has sent them.</summary>
    public ulong Sent { get; set; }

    /// <summary>Who has sent what is ahead of this replica's clock, and was not taken.</summary>
    public ulong Ahead { get; set; }

    /// <summary>All of them, merged.</summary>
    public KeyVersions Found { get; set; } = KeyVersions.Empty;

    /// <summary>Enough is known: it is written as soon as the coordinator has looked what it has itself.</summary>
    public bool IsOver { get; set; }

    public ulong Heard => Fetches ? Sent : Told;

    public void Move(KeyOwners from, KeyOwners to) => (Told, Sent) = (to.Translate(Told, from), to.Translate(Sent, from));
}

/// <summary>A read, and the repair that it leads to.</summary>
internal sealed class ReadOperation(long token, long requestId, ReadOnlyMemory<byte> key, KeyOwners owners, ConsistencyLevel level, long deadline)
    : Operation(token, requestId, key, owners, level, deadline)
{
    // By the owners' places; null: not answered.
    private KeyVersions?[] _answers = new KeyVersions?[owners.All.Length];

    /// <summary>Who has answered.</summary>
    public ulong Answered { get; private set; }

    /// <summary>All that was answered, merged.</summary>
    public KeyVersions Merged { get; private set; } = KeyVersions.Empty;

    /// <summary>Enough have answered: <see cref="Merged"/> is what the client gets, once enough have it.</summary>
    public bool IsDecided { get; set; }

    /// <summary>What the client gets.</summary>
    public KeyVersions Result { get; set; } = KeyVersions.Empty;

    /// <summary>Those who have the result on their disk.</summary>
    public ulong Has { get; set; }

    /// <summary>Those who were sent it.</summary>
    public ulong Repaired { get; set; }

    /// <summary>Whoever was asked has answered, and the client has its answer.</summary>
    public bool IsOver => IsAnswered && (Owners.Readers.Mask & ~Answered) == 0;

    public KeyVersions? AnswerOf(int place) => _answers[place];

    /// <summary>False: it has answered before, or is not asked.</summary>
    public bool TryAdd(ReplicaId from, KeyVersions versions)
    {
        int place = Owners.IndexOf(from);
        if (place < 0 || _answers[place] is not null)
            return false;
        _answers[place] = versions;
        Answered |= 1UL << place;
        Merged = Merged.Merge(versions);
        return true;
    }

    protected override void Move(KeyOwners from, KeyOwners to)
    {
        var answers = new KeyVersions?[to.All.Length];
        for (int i = 0; i < to.All.Length; i++)
            answers[i] = from.IndexOf(to.All[i]) is >= 0 and var place ? _answers[place] : null;
        _answers = answers;
        (Answered, Has, Repaired) = (to.Translate(Answered, from), to.Translate(Has, from), to.Translate(Repaired, from));
    }
}

/// <summary>A hint on its way to its owner.</summary>
internal sealed record HintDelivery(ReplicaId Owner, ReadOnlyMemory<byte> Key, KeyVersions Versions, long GiveUpAt);
