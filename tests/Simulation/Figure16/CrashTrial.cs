using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Raft;

namespace ActorRepl.Simulation.Figure16;

/// <summary>
/// One trial of figure 16: five servers, of which the leader has just broadcast heartbeats and crashes; how long until one of
/// the other four leads. They are the replicas of production, without pre-vote; the leader is its last heartbeat. Times are in µs.
/// </summary>
internal sealed class CrashTrial
{
    /// <summary>A trial without a leader for this long is given up.</summary>
    public const long Limit = 20 * Instant.Second;

    private const int Servers = 5;
    private const long Term = 1;
    private static readonly ReplicaId[] All = [.. Enumerable.Range(1, Servers).Select(id => new ReplicaId(id))];

    private readonly Server[] _survivors;
    private readonly PriorityQueue<(Server Target, Input Input), (long At, long Order)> _queue = new();
    private readonly DeterministicRandom _random;
    private readonly LatencyModel _latency;
    private readonly long _electionMin;
    private long _scheduled;
    private long _now;

    public CrashTrial(TimeoutRange range, LatencyModel latency, ulong seed)
    {
        _random = new DeterministicRandom(seed);
        _latency = latency;
        _electionMin = range.MinMicros;
        RaftOptions options = range.Options;
        _survivors = [.. All.Skip(1).Select(id => new Server(id, new RaftReplica(id, All, _random.NextUInt64(), options.Validate())))];
    }

    /// <summary>From the crash until a new leader has won; <see cref="Limit"/> if none has by then.</summary>
    public long Run()
    {
        foreach (Server server in _survivors)
            Step(server, new Input.Start(Recovered(entries: server.Id.Value)));
        foreach (Server server in _survivors)
            Schedule(_latency.OneWay(_random), server, new Input.Received(All[0], new Heartbeat(Term, 0, 1)));
        long crash = _random.Next(_electionMin / 2);
        while (_queue.TryDequeue(out (Server Target, Input Input) next, out (long At, long) when) && when.At - crash < Limit)
        {
            _now = when.At;
            Step(next.Target, next.Input);
            if (next.Target.Replica.Status.Role == "leader")
                return _now - crash;
        }

        return Limit;
    }

    // Logs of four lengths: the two longest can win, as a majority of the five has to be no longer than the winner's.
    private static RecoveredState Recovered(int entries) => new()
    {
        HardState = new HardState(Term, All[0], NonVoter: false).Encode(),
        Configuration = new RaftConfiguration(All).Encode(),
        Log = [EntryBatch.Pack(EntryKind.Command, 1, Term, 0, new ReadOnlyMemory<byte>[entries])],
        LastLsn = 1,
    };

    private void Step(Server server, Input input)
    {
        server.Replica.Step(input, new Instant(_now, 0, 0), server.Effects);
        foreach (Effect effect in server.Effects.List)
            CarryOut(server, effect);
        server.Effects.Clear();
    }

    private void CarryOut(Server server, Effect effect)
    {
        switch (effect)
        {
            case Effect.Append append:
                // One write at a time; what is sent when durable leaves when it ends.
                server.DiskFreeAt = Math.Max(_now, server.DiskFreeAt) + _latency.Write(_random);
                Schedule(server.DiskFreeAt - _now, server, new Input.Durable(append.Lsn));
                break;
            case Effect.Send send:
                Deliver(server, send.To, send.Message, _now);
                break;
            case Effect.SendWhenDurable send:
                Deliver(server, send.To, send.Message, Math.Max(_now, server.DiskFreeAt));
                break;
            case Effect.Arm arm:
                Schedule(arm.DelayMicros, server, new Input.Timer(arm.Id, arm.Generation));
                break;
        }
    }

    private void Deliver(Server from, ReplicaId to, PeerMessage message, long leavesAt)
    {
        if (to != All[0])
            Schedule(leavesAt - _now + _latency.OneWay(_random), _survivors[to.Value - 2], new Input.Received(from.Id, message));
    }

    private void Schedule(long delay, Server target, Input input) => _queue.Enqueue((target, input), (_now + delay, _scheduled++));

    private sealed class Server
    {
        public Server(ReplicaId id, RaftReplica replica)
        {
            (Id, Replica) = (id, replica);
            Effects.StartAfter(1);
        }

        public ReplicaId Id { get; }
        public RaftReplica Replica { get; }
        public Effects Effects { get; } = new();
        public long DiskFreeAt { get; set; }
    }
}
