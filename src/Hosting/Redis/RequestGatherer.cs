using ActorRepl.Actors.Client;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Hosting.Redis;

/// <summary>
/// Puts the parts of pipelines together into requests: at any time one of reads and one of writes a shard, until they are
/// sent or full. A part that both reads and writes makes a request of its own, so that the room in its result is its own.
/// </summary>
internal sealed class RequestGatherer(GatewayLoop loop, IReplicationClient client, GroupInfo group, RespLimits limits)
{
    private const int KeptRequests = 64;

    private readonly SharedRequest?[] _reads = new SharedRequest?[group.Shards];
    private readonly SharedRequest?[] _writes = new SharedRequest?[group.Shards];
    private readonly List<int> _shards = [];
    private readonly Stack<SharedRequest> _free = new();
    private readonly Stack<PipelinePart> _freeParts = new();

    public GroupInfo Group => group;

    /// <summary>Where the pipeline that is being filled has its part of a shard, by shard; null: nowhere yet.</summary>
    public PipelinePart?[] Filling { get; } = new PipelinePart?[group.Shards];

    public PipelinePart RentPart(Pipeline owner, int shard)
    {
        PipelinePart part = _freeParts.TryPop(out PipelinePart? free) ? free : new PipelinePart();
        part.Owner = owner;
        part.Shard = shard;
        return part;
    }

    public void Return(PipelinePart part)
    {
        // What once held large values is not kept.
        if (_freeParts.Count >= 4 * KeptRequests || part.Operations.Length > limits.MaxChunkBytes / 8)
            return;
        part.Clear();
        _freeParts.Push(part);
    }

    public void Add(PipelinePart part)
    {
        part.Alone |= part.Reads && part.Writes;
        if (part.Alone)
        {
            SharedRequest alone = Rent();
            alone.Add(part);
            Send(part.Shard, alone);
            return;
        }

        SharedRequest?[] gathering = part.Writes ? _writes : _reads;
        if (gathering[part.Shard] is { } full && full.Operations.Length + part.Operations.Length > limits.MaxChunkBytes)
        {
            gathering[part.Shard] = null;
            Send(part.Shard, full);
        }

        if (_reads[part.Shard] is null && _writes[part.Shard] is null)
            _shards.Add(part.Shard);
        (gathering[part.Shard] ??= Rent()).Add(part);
    }

    /// <summary>Sends what has been gathered.</summary>
    public void SendAll()
    {
        foreach (int shard in _shards)
        {
            SendGathered(shard, _writes);
            SendGathered(shard, _reads);
        }

        _shards.Clear();
    }

    /// <summary>After its answer.</summary>
    public void Return(SharedRequest request)
    {
        if (_free.Count >= KeptRequests || request.Operations.Length > limits.MaxChunkBytes)
            return;
        request.Clear();
        _free.Push(request);
    }

    private SharedRequest Rent() => _free.TryPop(out SharedRequest? free) ? free : new SharedRequest(loop);

    private void SendGathered(int shard, SharedRequest?[] gathered)
    {
        if (gathered[shard] is not { } request)
            return;
        gathered[shard] = null;
        Send(shard, request);
    }

    private void Send(int shard, SharedRequest request)
    {
        try
        {
            RequestKind kind = request.Operations.IsReadOnly ? RequestKind.Read : RequestKind.Command;
            client.Send(group.Name, shard, kind, request.Operations.Written.Span, request);
        }
        catch (Exception failure) when (failure is not OutOfMemoryException)
        {
            ((IOutcomeReceiver)request).OnFailure(failure);
        }
    }
}
