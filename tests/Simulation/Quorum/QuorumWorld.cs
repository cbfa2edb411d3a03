using ActorRepl.Protocols.Driver;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Quorum;

namespace ActorRepl.Simulation.Quorum;

/// <summary>How a request ended: a reply, or the reason why there is none.</summary>
internal sealed record QuorumOutcome(QuorumReply? Reply, Rejection? Why);

/// <summary>Replicas of a quorum group in one virtual time: everything follows from the seed.</summary>
internal sealed class QuorumWorld
{
    private readonly PriorityQueue<Action, (long Time, long Number)> _events = new();
    private readonly HashSet<(ReplicaId From, ReplicaId To)> _cut = [];
    private readonly Dictionary<long, Action<QuorumOutcome>> _waiting = [];
    private long _scheduled;
    private long _requests;
    private ulong _hash = 14695981039346656037;

    public QuorumWorld(ulong seed, QuorumOptions options, int nodes)
    {
        Random = new DeterministicRandom(seed);
        Options = options.Validate();
        Factory = new QuorumFactory(options);
        Ids = [.. Enumerable.Range(1, nodes).Select(number => new ReplicaId(number))];
        Nodes = [.. Ids.Select(id => new QuorumNode(this, id.Value))];
    }

    public DeterministicRandom Random { get; }
    public QuorumOptions Options { get; }
    public QuorumFactory Factory { get; }
    public IReadOnlyList<ReplicaId> Ids { get; }
    public IReadOnlyList<QuorumNode> Nodes { get; }
    public QuorumRules? Rules { get; set; }

    /// <summary>µs since the world began.</summary>
    public long Time { get; private set; }

    /// <summary>The true wall clock, µs since 1970.</summary>
    public long Wall => 1_700_000_000_000_000 + Time;

    public long Steps { get; private set; }
    public ulong Hash => _hash;

    /// <summary>Of a thousand messages, so many are lost, and so many come twice.</summary>
    public int Drop { get; set; }
    public int Duplicate { get; set; }
    public long MaxLatency { get; set; } = Instant.Millisecond;
    public long Messages { get; private set; }

    public QuorumNode this[int number] => Nodes[number - 1];

    public void Start()
    {
        foreach (QuorumNode node in Nodes)
            node.Start();
    }

    public void After(long delay, Action what) => _events.Enqueue(what, (Time + delay, ++_scheduled));

    public void Cut(ReplicaId from, ReplicaId to) => _cut.Add((from, to));

    /// <summary>Nobody hears it, and it hears nobody.</summary>
    public void Isolate(int number)
    {
        foreach (ReplicaId other in Ids)
        {
            Cut(new ReplicaId(number), other);
            Cut(other, new ReplicaId(number));
        }
    }

    public void HealNetwork() => _cut.Clear();

    public void Carry(ReplicaId from, ReplicaId to, PeerChannel channel, byte[] bytes)
    {
        Messages++;
        int copies = Random.Next(1000) < Drop ? 0 : Random.Next(1000) < Duplicate ? 2 : 1;
        for (int i = 0; i < copies; i++)
        {
            After(30 + Random.Next(MaxLatency), () =>
            {
                if (_cut.Contains((from, to)) || !this[to.Value].IsUp)
                    return;
                Mix((ulong)bytes.Length);
                this[to.Value].Receive(from, channel, bytes);
            });
        }
    }

    public void Submit(int node, QuorumRequest request, long patience, Action<QuorumOutcome> ended)
    {
        if (!this[node].IsUp)
        {
            ended(new QuorumOutcome(null, new Rejection(RejectReason.Unavailable)));
            return;
        }

        long id = ++_requests;
        _waiting[id] = ended;
        // Nobody waits for ever for a process that has died.
        After(patience + 50 * Instant.Millisecond, () => End(id, new QuorumOutcome(null, new Rejection(RejectReason.NoQuorum, OutcomeUnknown: true, Detail: "the coordinator is gone"))));
        this[node].Ask(new ClientRequest(id, request.IsWrite ? RequestKind.Command : RequestKind.Read, request.ToBytes(), this[node].Now.Monotonic + patience));
    }

    public void Answered(long requestId, byte[]? result, Rejection? why)
    {
        Mix((ulong)requestId * 31 + (ulong)(result?.Length ?? 0));
        End(requestId, new QuorumOutcome(result is null ? null : QuorumReply.Decode(result), why));
    }

    /// <summary>One thing happens. False: nothing is left to happen.</summary>
    public bool Step()
    {
        if (!_events.TryDequeue(out Action? what, out (long Time, long Number) at))
            return false;
        Time = at.Time;
        Steps++;
        Mix((ulong)Time);
        what();
        return true;
    }

    public void RunFor(long micros)
    {
        long end = Time + micros;
        while (_events.TryPeek(out _, out (long Time, long Number) next) && next.Time <= end)
            Step();
        Time = end;
    }

    /// <summary>Until this holds, for so long at most; looked at every few ms. False: it never did.</summary>
    public bool RunUntil(Func<bool> holds, long micros)
    {
        long end = Time + micros;
        while (!holds())
        {
            if (Time > end)
                return false;
            RunFor(5 * Instant.Millisecond);
        }

        return true;
    }

    private void End(long id, QuorumOutcome outcome)
    {
        if (_waiting.Remove(id, out Action<QuorumOutcome>? ended))
            ended(outcome);
    }

    private void Mix(ulong value) => _hash = (_hash ^ value) * 1099511628211;
}
