using Akka.Actor;
using Akka.Cluster;

namespace Akka.DistributedData.Replication;

/// <summary>A read or write that waits for other replicas.</summary>
internal abstract class Operation(IKey key, object request)
{
    public IKey Key { get; } = key;
    public object Request { get; } = request;
    public long Number { get; set; }
    public IActorRef ReplyTo { get; set; }

    /// <summary>Asked at first, as many as are needed.</summary>
    public List<Address> Primary { get; set; }

    /// <summary>Asked as well, when the first take long.</summary>
    public List<Address> Secondary { get; set; }
    public HashSet<Address> Answered { get; } = [];
    public bool IsDone => Answered.Count >= Primary.Count;

    /// <summary>The message with which the replica is asked.</summary>
    public abstract object Question(UniqueAddress self);

    /// <summary>The question for those who have not answered the first.</summary>
    public virtual object SecondQuestion(UniqueAddress self) => Question(self);
    public abstract object Success();
    public abstract object Failure();
}

/// <summary>A read: what it has found so far.</summary>
internal sealed class ReadOperation(Get get, DataEnvelope local) : Operation(get.Key, get.Request)
{
    public DataEnvelope Found { get; set; } = local;

    public static object Answer(Get get, DataEnvelope found) => found switch
    {
        null => new NotFound(get.Key, get.Request),
        { IsDeleted: true } => new DataDeleted(get.Key, get.Request),
        _ => new GetSuccess(get.Key, get.Request, found.Data),
    };

    public override object Question(UniqueAddress self) => new ReadRequest(self, Number, Key.Id);
    public override object Success() => Answer(get, Found);
    public override object Failure() => new GetFailure(Key, Request);
}

/// <summary>A write of a value, a delta, or a deletion.</summary>
internal sealed class WriteOperation(IKey key, object request, DataEnvelope envelope) : Operation(key, request)
{
    /// <summary>What is tried first; null if the envelope is.</summary>
    public Delta Delta { get; init; }

    public override object Question(UniqueAddress self) =>
        Delta is null ? SecondQuestion(self) : new DeltaPropagation(self, Number, [Delta]);

    public override object SecondQuestion(UniqueAddress self) => new WriteRequest(self, Number, Key.Id, envelope);
    public override object Success() => envelope.IsDeleted ? new DeleteSuccess(Key, Request) : new UpdateSuccess(Key, Request);
    public override object Failure() => envelope.IsDeleted ? new ReplicationDeleteFailure(Key) : new UpdateTimeout(Key, Request);
}

/// <summary>An operation's time is up, or up for the first replicas asked.</summary>
internal sealed record OperationTimer(long Operation, bool IsLast);
