using ActorRepl.Actors.Client;
using ActorRepl.Hosting.Crdt;
using ActorRepl.Hosting.Redis.Crdt;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Hosting.Redis;

/// <summary>
/// Puts the parts of pipelines together into requests: at any time one of writes a shard for each point at which they count as done (<see cref="WriteTerms"/>), and one
/// of reads for each way of reading (<see cref="ReadTerms"/>). While requests are under way the next ones grow, so that the busier a node is, the less a command costs; they
/// go together when all answers are there, or after <see cref="RespLimits.GatherFor"/>, and those whose shard is late are not waited for again.
/// A part that both reads and writes makes a request of its own, so that the room in its result is its own.
/// </summary>
internal sealed class RequestGatherer(GatewayLoop loop, IReplicationClient client, GroupInfo group, RespLimits limits)
{
    private const int KeptRequests = 64;
    private const int CopiesMillis = 1000;

    // Clients choose how old an answer may be, to the ms, and how long to wait for backups; beyond so many ways, requests travel alone.
    private const int MostWays = 16;

    private readonly Dictionary<ReadTerms, Lane[]> _reads = new() { [default] = NewLanes(group.Shards) };
    private readonly Dictionary<WriteTerms, Lane[]> _writes = new() { [default] = NewLanes(group.Shards) };
    private readonly List<Lane> _gathering = [];
    private readonly long _longestHold = (long)limits.GatherFor.TotalMilliseconds;
    private readonly Stack<SharedRequest> _free = new();
    private readonly Stack<PipelinePart> _freeParts = new();
    private IReadOnlyList<GroupInfo>? _known;
    private GroupInfo _group = group;

    // Since when something has been gathering, in ms of TickCount64; and the requests under way that it waits for.
    private long _since;
    private long _lastSent;
    private int _waitedFor;

    private Task<int>? _copies;
    private long _copiesAt;

    /// <summary>The group as the client knows it by now: how its keys are placed may be certain only once the node has started.</summary>
    public GroupInfo Group
    {
        get
        {
            if (!ReferenceEquals(_known, client.Groups))
                (_known, _group) = (client.Groups, client.Groups.Single(one => one.Name == _group.Name));
            return _group;
        }
    }

    /// <summary>Counts what is held for clients.</summary>
    public HeldBytes Held => loop.Held;

    /// <summary>Members beside the leader that have every write that was acknowledged, as it was within the last second.</summary>
    public Task<int> CopiesBesideLeader()
    {
        if (_copies is null || Environment.TickCount64 - _copiesAt >= CopiesMillis)
            (_copies, _copiesAt) = (AcknowledgedCopies.BesideLeaderAsync(client, Group), Environment.TickCount64);
        return _copies;
    }

    /// <summary>A session that has seen nothing yet.</summary>
    public IReplicationSession OpenSession() => client.OpenSession(_group.Name);

    /// <summary>Where the pipeline that is being filled has its part of a shard, by shard; null: nowhere yet.</summary>
    public PipelinePart?[] Filling { get; } = new PipelinePart?[group.Shards];

    /// <summary>When what has been gathered goes although others are under way, in ms of <see cref="Environment.TickCount64"/>; null: there is nothing.</summary>
    public long? NextDue => _gathering.Count == 0 ? null : _since + _longestHold;

    /// <summary>What comes now has to wait for answers, and these should be here soon.</summary>
    public bool ExpectsAnswers => _waitedFor > 0 && Environment.TickCount64 - _lastSent < _longestHold;

    /// <summary>What has been gathered may go now.</summary>
    public bool MaySend => _gathering.Count > 0 && (_waitedFor == 0 || Environment.TickCount64 - _since >= _longestHold);

    public PipelinePart RentPart(Pipeline owner, int shard)
    {
        PipelinePart part = _freeParts.TryPop(out PipelinePart? free) ? free : new PipelinePart();
        part.Owner = owner;
        part.Shard = shard;
        return part;
    }

    public void Return(PipelinePart part)
    {
        Held.Give(part.Held);
        part.Held = 0;

        // What once held large values is not kept.
        if (_freeParts.Count >= 4 * KeptRequests || part.Operations.Length > limits.MaxChunkBytes / 8)
            return;
        part.Clear();
        _freeParts.Push(part);
    }

    public void Add(PipelinePart part)
    {
        part.Alone |= part.Session is not null || (part.Writes && part.Reads);
        Lane lane = (part.Writes ? LanesOf(_writes, part.WriteTerms, part) : LanesOf(_reads, part.ReadTerms, part))[part.Shard];
        if (part.Alone)
        {
            SharedRequest alone = Rent(lane);
            alone.Add(part);
            Send(alone);
            return;
        }

        if (lane.Gathering is { } full && full.Operations.Length + part.Operations.Length > limits.MaxChunkBytes)
        {
            Send(full);
            lane.Gathering = Rent(lane);
        }
        else if (lane.Gathering is null)
        {
            lane.Gathering = Rent(lane);
            if (_gathering.Count == 0)
                _since = Environment.TickCount64;
            _gathering.Add(lane);
        }

        lane.Gathering.Add(part);
    }

    /// <summary>Sends what has been gathered, if it may go.</summary>
    public void SendReady()
    {
        if (!MaySend)
            return;
        if (_waitedFor > 0)
            NoteLate();

        foreach (Lane lane in _gathering)
        {
            SharedRequest request = lane.Gathering!;
            lane.Gathering = null;
            Send(request);
        }

        _gathering.Clear();
    }

    /// <summary>What a session asks is known to the session: it learns from each answer what it has seen.</summary>
    private static async Task SendInSessionAsync(SharedRequest request, PipelinePart part, IReplicationSession session, bool asCommand)
    {
        IOutcomeReceiver receiver = request;
        try
        {
            byte[] payload = request.Operations.ToArray();
            receiver.OnResult(asCommand
                ? await session.SendAsync(part.Key, payload, part.WriteTerms.Options).ConfigureAwait(false)
                : await session.QueryAsync(part.Key, payload, new RequestOptions { ReadFrom = part.ReadTerms.From }).ConfigureAwait(false));
        }
        catch (Exception failure) when (failure is not OutOfMemoryException)
        {
            receiver.OnFailure(failure);
        }
    }

    /// <summary>Reads whose answer was that the log has to be brought the time: once more to the leader, if it was another's answer, then as a command.</summary>
    public void SendDue(SharedRequest request)
    {
        bool isOthers = !request.WasAskedOfPrimary && !Group.IsReadAtPrimary(request.ReadTerms.AskedKind, request.ReadTerms.From);
        request.AskAgain(ofPrimary: isOthers);
        if (request.OfSession is { } part)
        {
            _ = SendInSessionAsync(request, part, part.Session!, asCommand: true);
            return;
        }

        try
        {
            RequestOptions? options = isOthers ? new RequestOptions().AtPrimary : null;
            client.Send(_group.Name, request.Lane.Shard, isOthers ? RequestKind.Read : RequestKind.Command, request.Operations.Written.Span, request, options);
        }
        catch (Exception failure) when (failure is not OutOfMemoryException)
        {
            ((IOutcomeReceiver)request).OnFailure(failure);
        }
    }

    /// <summary>Carries out the commands of a CRDT group, each by itself.</summary>
    public void CarryOut(Pipeline pipeline, LateReply[] replies) =>
        _ = LateReply.CarryOutAsync(client, _group.Name, replies, defect => loop.Post(new LateAnswers(pipeline, defect)));

    /// <summary>After its answer.</summary>
    public void Return(SharedRequest request)
    {
        Lane lane = request.Lane;
        lane.UnderWay--;
        if (lane.Late)
        {
            lane.Late = false;
            _waitedFor += lane.UnderWay;
        }
        else
        {
            _waitedFor--;
        }

        if (_free.Count >= KeptRequests || request.Operations.Length > limits.MaxChunkBytes)
            return;
        request.Clear();
        _free.Push(request);
    }

    /// <summary>Where what is asked in the same way gathers: reads of the same terms, writes that count as done at the same point.</summary>
    private Lane[] LanesOf<T>(Dictionary<T, Lane[]> ways, T way, PipelinePart part)
        where T : struct, IEquatable<T>
    {
        if (ways.TryGetValue(way, out Lane[]? lanes))
            return lanes;
        if (!part.Alone && ways.Count >= MostWays)
            DropIdleWay(ways);
        if (part.Alone || ways.Count >= MostWays)
        {
            part.Alone = true;
            return ways[default];
        }

        return ways[way] = NewLanes(_group.Shards);
    }

    /// <summary>One that nobody uses now makes way for another.</summary>
    private static void DropIdleWay<T>(Dictionary<T, Lane[]> ways)
        where T : struct, IEquatable<T>
    {
        foreach ((T way, Lane[] lanes) in ways)
        {
            if (way.Equals(default) || lanes.Any(lane => lane.UnderWay > 0 || lane.Gathering is not null))
                continue;
            ways.Remove(way);
            return;
        }
    }

    /// <summary>Nobody waits for these again until they have answered something.</summary>
    private void NoteLate()
    {
        foreach (Lane lane in _reads.Values.Concat(_writes.Values).SelectMany(lanes => lanes))
            lane.Late = lane.UnderWay > 0;
        _waitedFor = 0;
    }

    private static Lane[] NewLanes(int shards) => [.. Enumerable.Range(0, shards).Select(shard => new Lane(shard))];

    private SharedRequest Rent(Lane lane)
    {
        SharedRequest request = _free.TryPop(out SharedRequest? free) ? free : new SharedRequest(loop);
        request.Lane = lane;
        return request;
    }

    private void Send(SharedRequest request)
    {
        request.Lane.UnderWay++;
        _lastSent = Environment.TickCount64;
        if (!request.Lane.Late)
            _waitedFor++;
        if (request.OfSession is { } part)
        {
            _ = SendInSessionAsync(request, part, part.Session!, part.Writes);
            return;
        }

        try
        {
            bool reads = request.Operations.IsReadOnly;
            RequestOptions? options = reads ? request.ReadTerms.Options : request.WriteTerms.Options;
            client.Send(_group.Name, request.Lane.Shard, reads ? request.ReadTerms.AskedKind : RequestKind.Command, request.Operations.Written.Span, request, options);
        }
        catch (Exception failure) when (failure is not OutOfMemoryException)
        {
            ((IOutcomeReceiver)request).OnFailure(failure);
        }
    }

    /// <summary>The reads, or the writes, of one shard.</summary>
    internal sealed class Lane(int shard)
    {
        public int Shard => shard;

        /// <summary>Requests that have no answer yet.</summary>
        public int UnderWay { get; set; }

        /// <summary>The next request; null: there is nothing for it yet.</summary>
        public SharedRequest? Gathering { get; set; }

        /// <summary>It has not answered for so long that the others no longer wait for it.</summary>
        public bool Late { get; set; }
    }
}
