using ActorRepl.Protocols.Driver;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Quorum;

namespace ActorRepl.Simulation.Quorum;

/// <summary>How a request ended: a reply, or the reason why there is none.</summary>
/// <param name="IsSilence">Nobody answered: a coordinator may yet try.</param>
internal sealed record QuorumOutcome(QuorumReply? Reply, Rejection? Why, bool IsSilence = false)
{
    /// <summary>Of a batch.</summary>
    public QuorumPart[]? Parts { get; init; }
}

/// <summary>Replicas of a quorum group in one virtual time: everything follows from the seed.</summary>
internal sealed class QuorumWorld
{
    private readonly PriorityQueue<Action, (long Time, long Number)> _events = new();
    private readonly HashSet<(ReplicaId From, ReplicaId To)> _cut = [];
    private readonly Dictionary<long, Action<QuorumOutcome>> _waiting = [];
    private static readonly QuorumReply Done = new(default, []);
    private long _scheduled;
    private long _requests;
    private ulong _hash = 14695981039346656037;

    public QuorumWorld(ulong seed, QuorumOptions options, int nodes, int spares = 0)
    {
        Random = new DeterministicRandom(seed);
        Options = options.Validate();
        Factory = new QuorumFactory(options);
        Ids = [.. Enumerable.Range(1, nodes + spares).Select(number => new ReplicaId(number))];
        Founders = [.. Ids.Take(nodes)];
        Nodes = [.. Ids.Select(id => new QuorumNode(this, id.Value))];
    }

    public DeterministicRandom Random { get; }
    public QuorumOptions Options { get; }
    public QuorumFactory Factory { get; }
    public IReadOnlyList<ReplicaId> Ids { get; }
    public IReadOnlyList<QuorumNode> Nodes { get; }

    /// <summary>Those that the ring is made with; the others may join it.</summary>
    public IReadOnlyList<ReplicaId> Founders { get; }

    /// <summary>What the control group keeps: the epoch, and its view; empty: that of the founders.</summary>
    public long Epoch { get; private set; }
    public byte[] View { get; private set; } = [];

    /// <summary>The control group cannot be reached.</summary>
    public bool IsControlAway { get; set; }

    public RingView Ring => View.Length == 0 ? RingView.Found(Founders, Options) : RingView.Decode(View);
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
        foreach (ReplicaId id in Founders)
            this[id.Value].Start();
    }

    /// <summary>To the control group and back.</summary>
    public void AfterControl(Action what)
    {
        if (!IsControlAway && Random.Next(1000) >= Drop)
            After(200 + Random.Next(2 * MaxLatency), what);
    }

    /// <summary>Whoever is first has the epoch; everybody who is up hears of it, sooner or later.</summary>
    public void Install(long expectedEpoch, byte[] view)
    {
        if (expectedEpoch != Epoch)
            return;
        RingView next = RingView.Decode(view);
        Invariant.That(next.Epoch == Epoch + 1, "a view says its epoch");
        Rules?.Installed(Ring, next);
        (Epoch, View) = (Epoch + 1, view);
        foreach (QuorumNode node in Nodes)
        {
            long delay = Random.Next(10) switch { 0 => 3 * Instant.Second, <= 2 => 300 * Instant.Millisecond, _ => 5 * Instant.Millisecond };
            After(1 + Random.Next(delay), node.TellViewIfUp);
        }
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
        Invariant.That(bytes.Length <= Options.MaxSendBytes, "a frame has room for every message");
        int copies = Random.Next(1000) < Drop ? 0 : Random.Next(1000) < Duplicate ? 2 : 1;
        for (int i = 0; i < copies; i++)
        {
            After(30 + Random.Next(MaxLatency) + this[from.Value].Lateness, () =>
            {
                if (_cut.Contains((from, to)) || !this[to.Value].IsUp)
                    return;
                Mix((ulong)bytes.Length);
                this[to.Value].Receive(from, channel, bytes);
            });
        }
    }

    public void Submit(int node, QuorumRequest request, long patience, Action<QuorumOutcome> ended) =>
        Submit(node, request.IsWrite ? RequestKind.Command : RequestKind.Read, request.ToBytes(), patience, ended);

    public void Submit(int node, RequestKind kind, byte[] payload, long patience, Action<QuorumOutcome> ended)
    {
        if (!this[node].IsUp)
        {
            ended(new QuorumOutcome(null, new Rejection(RejectReason.Unavailable)));
            return;
        }

        long id = ++_requests;
        _waiting[id] = ended;
        // Nobody waits for ever for a process that has died.
        After(patience + 50 * Instant.Millisecond, () => End(id, new QuorumOutcome(null, new Rejection(RejectReason.NoQuorum, OutcomeUnknown: true, Detail: "the coordinator is gone"), IsSilence: true)));
        this[node].Ask(new ClientRequest(id, kind, payload, this[node].Now.Monotonic + patience));
    }

    public void Answered(long requestId, byte[]? result, Rejection? why)
    {
        Mix((ulong)requestId * 31 + (ulong)(result?.Length ?? 0));
        if (result is not null && QuorumBatch.Is(result))
            End(requestId, new QuorumOutcome(null, null) { Parts = QuorumBatch.DecodeReplies(result) });
        else
            End(requestId, new QuorumOutcome(result is null ? null : result.Length == 0 ? Done : QuorumReply.Decode(result), why));
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
