using ActorRepl.Protocols.Convergence;
using ActorRepl.Protocols.Driver;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Simulation.Convergence;

/// <summary>How a request ended: a reply, or the reason why there is none.</summary>
internal sealed record ConvergentOutcome(byte[]? Reply, Rejection? Why);

/// <summary>Replicas of a CRDT group in one virtual time: everything follows from the seed.</summary>
internal sealed class ConvergentWorld
{
    private readonly PriorityQueue<Action, (long Time, long Number)> _events = new();
    private readonly HashSet<(ReplicaId From, ReplicaId To)> _cut = [];
    private readonly Dictionary<long, Action<ConvergentOutcome>> _waiting = [];
    private long _scheduled;
    private long _requests;
    private ulong _hash = 14695981039346656037;

    public ConvergentWorld(ulong seed, ConvergentOptions options, int members, int spares)
    {
        Random = new DeterministicRandom(seed);
        Options = options.Validate();
        Members = new Membership(Enumerable.Range(1, members).Select(number => new ReplicaId(number)));
        Nodes = [.. Enumerable.Range(1, members + spares).Select(number => new ConvergentNode(this, number))];
    }

    public DeterministicRandom Random { get; }

    /// <summary>Of nodes that start from now on.</summary>
    public ConvergentOptions Options { get; set; }
    public ConvergentFactory Factory => new(Options);
    public IReadOnlyList<ConvergentNode> Nodes { get; }
    public ConvergentRules? Rules { get; set; }

    /// <summary>The view that is in force.</summary>
    public long Epoch { get; private set; }
    public Membership Members { get; private set; }
    public IEnumerable<ConvergentNode> MemberNodes => Nodes.Where(node => Members.Voters.Contains(node.Id));

    /// <summary>µs since the world began.</summary>
    public long Time { get; private set; }

    /// <summary>The true wall clock, µs since 1970.</summary>
    public long Wall => 1_700_000_000_000_000 + Time;

    public long Steps { get; private set; }
    public ulong Hash => _hash;

    /// <summary>Of a thousand messages, so many are lost, and so many come twice.</summary>
    public int Drop { get; set; }
    public int Duplicate { get; set; }

    /// <summary>From, to, the message: one that never arrives.</summary>
    public Func<int, int, byte[], bool>? Loses { get; set; }
    public long MaxLatency { get; set; } = Instant.Millisecond;
    public long Messages { get; private set; }
    public int LargestMessage { get; private set; }

    public ConvergentNode this[int number] => Nodes[number - 1];

    public void Start()
    {
        foreach (ConvergentNode node in MemberNodes)
            node.Start();
    }

    public void After(long delay, Action what) => _events.Enqueue(what, (Time + delay, ++_scheduled));

    public void Cut(ReplicaId from, ReplicaId to) => _cut.Add((from, to));

    /// <summary>Nobody hears it, and it hears nobody.</summary>
    public void Isolate(int number)
    {
        foreach (ConvergentNode other in Nodes)
        {
            Cut(new ReplicaId(number), other.Id);
            Cut(other.Id, new ReplicaId(number));
        }
    }

    public void HealNetwork() => _cut.Clear();

    /// <summary>The control group installs a view; members hear of it sooner or later. Who is none any more is stopped, its disk cleared.</summary>
    public void Install(Membership members)
    {
        Epoch++;
        // Who comes back after it was taken out is a replica of its own, with nothing of the one before it.
        foreach (ConvergentNode node in Nodes.Where(node => members.Members.Contains(node.Id) && !Members.Members.Contains(node.Id)))
            node.LoseDisk();
        Members = members;
        foreach (ConvergentNode node in Nodes)
        {
            if (!members.Members.Contains(node.Id))
                After(1 + Random.Next(300 * Instant.Millisecond), () => Retire(node));
            else if (node.IsUp)
                After(1 + Random.Next(300 * Instant.Millisecond), node.TellView);
            else
                After(1 + Random.Next(300 * Instant.Millisecond), node.Start);
        }
    }

    private void Retire(ConvergentNode node)
    {
        if (!Members.Members.Contains(node.Id))
            node.LoseDisk();
    }

    public void Carry(ReplicaId from, ReplicaId to, PeerChannel channel, byte[] bytes)
    {
        Messages++;
        LargestMessage = Math.Max(LargestMessage, bytes.Length);
        int copies = Random.Next(1000) < Drop ? 0 : Random.Next(1000) < Duplicate ? 2 : 1;
        for (int i = 0; i < copies; i++)
        {
            After(30 + Random.Next(MaxLatency), () =>
            {
                if (_cut.Contains((from, to)) || Loses?.Invoke(from.Value, to.Value, bytes) == true || !this[to.Value].IsUp)
                    return;
                Mix((ulong)bytes.Length);
                this[to.Value].Receive(from, channel, bytes);
            });
        }
    }

    public void Submit(int node, RequestKind kind, byte[] payload, long patience, Action<ConvergentOutcome> ended)
    {
        if (!this[node].IsUp)
        {
            ended(new ConvergentOutcome(null, new Rejection(RejectReason.Unavailable)));
            return;
        }

        long id = ++_requests;
        _waiting[id] = ended;
        // Nobody waits for ever for a process that has died.
        After(patience + Instant.Second, () => End(id, new ConvergentOutcome(null, new Rejection(RejectReason.NoQuorum, OutcomeUnknown: true, Detail: "the replica is gone"))));
        this[node].Ask(new ClientRequest(id, kind, payload, this[node].Now.Monotonic + patience));
    }

    public void Answered(long requestId, byte[]? result, Rejection? why)
    {
        Mix((ulong)requestId * 31 + (ulong)(result?.Length ?? 0));
        End(requestId, new ConvergentOutcome(result, why));
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
            RunFor(20 * Instant.Millisecond);
        }

        return true;
    }

    private void End(long id, ConvergentOutcome outcome)
    {
        if (_waiting.Remove(id, out Action<ConvergentOutcome>? ended))
            ended(outcome);
    }

    private void Mix(ulong value) => _hash = (_hash ^ value) * 1099511628211;
}
