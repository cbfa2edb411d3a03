using ActorRepl.Actors.Client;
using ActorRepl.Actors.Messages;
using ActorRepl.Protocols.Kernel;
using Akka.Actor;

namespace ActorRepl.Actors.Routing;

/// <summary>
/// One request as its router keeps it, from admission to answer. Only the router touches it in between, and answers it
/// exactly once.
/// </summary>
internal abstract class Call
{
    public RequestKind Kind { get; protected set; }
    public ReadOnlyMemory<byte> Payload { get; protected set; }
    public int TimeoutMillis { get; protected set; }

    /// <summary>For a bounded read.</summary>
    public int MaxStalenessMillis { get; set; }

    /// <summary>For a read of a session: what it must see.</summary>
    public LogPosition AtLeast { get; set; }

    /// <summary>For reads: which replicas may answer.</summary>
    public ReadFrom From { get; set; }

    /// <summary>For a command.</summary>
    public WriteConcern Concern { get; set; }

    /// <summary>Of a group without a leader.</summary>
    public ConsistencyLevel Level { get; set; }

    /// <summary>Of a group without a leader: who is said to be able to take it; none: whoever is nearest.</summary>
    public ReplicaId Goal { get; set; }

    /// <summary>Of a group without a leader: how often it was sent on.</summary>
    public int Hops { get; set; }

    /// <summary>No replica but the leader may answer it, or none other would.</summary>
    public bool ForLeader { get; set; }

    /// <summary>Any replica may answer it that holds the state.</summary>
    public bool IsForAny => !ForLeader && From != ReadFrom.Primary
        && Kind is (RequestKind.StaleRead or RequestKind.FollowerRead or RequestKind.BoundedRead or RequestKind.SessionRead);

    /// <summary>It is not to be sent there again, as long as there is another.</summary>
    public ReplicaId Avoid { get; set; }

    /// <summary>How often a replica was too far behind for it.</summary>
    public int TooStale { get; set; }

    /// <summary>When it was last sent, as of <see cref="System.Diagnostics.Stopwatch"/>.</summary>
    public long SentAt { get; set; }

    /// <summary>The router's name for it; 0 while no router has it. Ids follow the order of arrival.</summary>
    public long Id { get; set; }

    /// <summary>In ms of <see cref="Environment.TickCount64"/>.</summary>
    public long Deadline { get; set; }

    /// <summary>Where it has been sent and may be under way; none: it waits here.</summary>
    public ReplicaId SentTo { get; set; }

    /// <summary>The batch it was last sent with.</summary>
    public long Batch { get; set; }

    /// <summary>Why it was last sent back to wait.</summary>
    public Rejection? LastRejection { get; set; }

    /// <summary>Counts the uses of a pooled object.</summary>
    public long Use { get; protected set; }

    /// <summary>What is asked, and on which terms.</summary>
    protected void Take(ReadOnlyMemory<byte> payload, in Client.CallTerms terms)
    {
        Kind = terms.Kind;
        Payload = payload;
        TimeoutMillis = terms.TimeoutMillis;
        MaxStalenessMillis = terms.MaxStalenessMillis;
        Concern = terms.Concern;
        Level = terms.Level;
        From = terms.From;
        AtLeast = terms.AtLeast;
    }

    /// <param name="result">The caller's to keep.</param>
    /// <param name="seen">A place in the shard's history that holds what the result was taken from.</param>
    public abstract void Complete(ReadOnlyMemory<byte> result, LogPosition seen);

    public abstract void Fail(in Rejection why);

    /// <summary>The caller has given up.</summary>
    public virtual void Cancel()
    {
    }
}

/// <summary>A call by a public message; the answer goes to its sender.</summary>
internal sealed class AskedCall : Call
{
    private readonly IActorRef _asker;
    private readonly IActorRef _router;

    public AskedCall(RequestKind kind, ReadOnlyMemory<byte> payload, int timeoutMillis, IActorRef asker, IActorRef router)
    {
        Kind = kind;
        Payload = payload;
        TimeoutMillis = timeoutMillis;
        _asker = asker;
        _router = router;
    }

    /// <summary>A session's result carries its status in front.</summary>
    public bool OfSession { get; init; }

    public override void Complete(ReadOnlyMemory<byte> result, LogPosition seen)
    {
        if (OfSession && SessionReply.Rejects(ref result) is { } why)
            Fail(why);
        else
            _asker.Tell(Kind == RequestKind.Command ? new Executed(result) { Seen = seen } : new QueryResult(result) { Seen = seen }, _router);
    }

    public override void Fail(in Rejection why) => _asker.Tell(new RequestRejected(why.Reason, why.OutcomeUnknown, Explain.Rejection(why)), _router);
}
