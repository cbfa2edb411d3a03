using ActorRepl.Protocols.Checking;
using ActorRepl.Protocols.Driver;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Machines;
using ActorRepl.Protocols.Multiplex;
using ActorRepl.Simulation.Faults;
using ActorRepl.Simulation.Invariants;
using ActorRepl.Simulation.Run;

namespace ActorRepl.Simulation.World;

/// <summary>
/// Replicas, clients, network, disks, clocks and faults in one virtual time. Everything that happens follows from the
/// seed: one event after another from the queue, each one step.
/// </summary>
internal sealed class SimulatedWorld
{
    private static readonly Profile Calm = new("calm") { Drop = 0, Duplicate = 0, Late = 0, SlowSync = 0 };

    private readonly EventQueue _queue = new();
    private readonly SimulatedReplica[] _replicas;
    private readonly SimulatedClient[] _clients;
    private readonly SimulatedOperator _operator;
    private readonly FaultSchedule _faults;
    private readonly Dictionary<string, string> _lastSeen = [];
    private readonly Dictionary<string, (string Value, long Version)> _lastPairs = [];
    private readonly List<long> _eventTimes = [0];
    private ulong _hash = 14695981039346656037;
    private long _requests;
    private long _values;

    public SimulatedWorld(ISimulatedProtocol protocol, ulong seed, Profile profile, Trace? trace)
    {
        Random = new DeterministicRandom(seed);
        if (profile.Spares == 0 && Random.Chance(1, 5))
            profile = profile with { Spares = 3 };
        if (profile.QuietAfter == 0 && Random.Chance(1, 4) && protocol.GoesQuiet)
            profile = profile with { QuietAfter = 100 * Instant.Millisecond };
        Profile = profile;
        GoesQuiet = profile.QuietAfter > 0;
        long beat = (20 + Random.Next(80)) * Instant.Millisecond;
        MultiplexerOptions = new MultiplexerOptions { BeatMicros = beat, SilenceMicros = 3 * beat + Random.Next(500 * Instant.Millisecond) };
        Trace = trace;
        Protocol = protocol;
        Factory = protocol.CreateFactory(profile, Random);
        IsNetworkOrdered = Random.Chance(1, 2);
        SegmentBytes = (int)(100 + Random.Next(800));
        Sessions = new SessionOptions { MaxSessions = Random.Chance(1, 3) ? 2 : 64, ExpiryMicros = Random.Chance(1, 4) ? Instant.Second : 3600 * Instant.Second };
        DriverOptions = new DriverOptions
        {
            MaxQueuedRequests = Random.Chance(1, 4) ? 2 : 1000,
            MaxWritesInFlight = (int)(1 + Random.Next(3)),
            TransferWindow = (int)(1 + Random.Next(3)),
            TransferPatienceMicros = 200 * Instant.Millisecond,
        };
        FirstIds = [.. Enumerable.Range(1, profile.Nodes).Select(number => new ReplicaId(number))];
        ReplicaIds = [.. Enumerable.Range(1, profile.Nodes + profile.Spares).Select(number => new ReplicaId(number))];
        Keys = [.. Enumerable.Range(0, profile.Keys).Select(number => $"key{number}")];
        Network = new SimulatedNetwork(this, ReplicaIds.Count);
        Control = protocol.HasViews ? new SimulatedControl(this) : null;
        Invariants = protocol.CreateInvariants(this);
        Agreement = new MachineAgreement(Invariants);
        _replicas = [.. ReplicaIds.Select(id => new SimulatedReplica(this, id.Value))];
        _clients = [.. Enumerable.Range(0, profile.Clients).Select(number => new SimulatedClient(this, number, hasSession: number % 3 != 0))];
        _operator = new SimulatedOperator(this);
        _faults = new FaultSchedule(this);
    }

    public DeterministicRandom Random { get; }
    public ISimulatedProtocol Protocol { get; }
    public IProtocolFactory Factory { get; }
    public IInvariants Invariants { get; }
    public MachineAgreement Agreement { get; }
    public SimulatedNetwork Network { get; }

    /// <summary>Installs views, where the protocol has them.</summary>
    public SimulatedControl? Control { get; }
    public Coverage Coverage { get; } = new();
    public Trace? Trace { get; }
    public Profile Profile { get; private set; }
    public SessionOptions Sessions { get; }

    /// <summary>Idle replicas go quiet, and each node has a multiplexer.</summary>
    public bool GoesQuiet { get; }
    public MultiplexerOptions MultiplexerOptions { get; }
    public DriverOptions DriverOptions { get; }
    /// <summary>Those who hold the shard at first.</summary>
    public IReadOnlyList<ReplicaId> FirstIds { get; }
    public IReadOnlyList<ReplicaId> ReplicaIds { get; }
    public IReadOnlyList<SimulatedReplica> Replicas => _replicas;
    public string[] Keys { get; }

    /// <summary>The members that an operator is waiting for.</summary>
    public Membership? Target => _operator.Target;
    public List<RecordedOperation> History { get; } = [];

    public bool IsNetworkOrdered { get; }
    public int SegmentBytes { get; }

    /// <summary>µs since the world began.</summary>
    public long Time { get; private set; }

    /// <summary>Events so far: the clock of histories.</summary>
    public long Events { get; private set; }

    /// <summary>Inputs that replicas have taken so far.</summary>
    public long Steps { get; private set; }

    /// <summary>Faults are over; what was broken is to come back.</summary>
    public bool IsHealing { get; private set; }

    /// <summary>A fingerprint of everything that happened.</summary>
    public ulong Hash => _hash;

    /// <summary>Faults for so many steps, then healing, then the history is judged.</summary>
    public void Run(long steps)
    {
        foreach (SimulatedReplica replica in _replicas)
            replica.StartLater(Random.Next(20 * Instant.Millisecond));
        for (int client = 0; client < _clients.Length; client++)
            Wake(client, 0, Random.Next(500 * Instant.Millisecond));
        if (Profile.Spares > 0)
            _operator.Begin();
        Control?.Begin();
        _faults.ScheduleNext();
        while (Steps < steps)
            Step();
        Heal();
    }

    /// <summary>The last event at or before a moment.</summary>
    public long EventAt(long time)
    {
        int found = _eventTimes.BinarySearch(time);
        int next = found < 0 ? ~found : found;
        while (next < _eventTimes.Count && _eventTimes[next] <= time)
            next++;
        return Math.Max(0, next - 1);
    }

    public void OnElected(SimulatedReplica leader) => _faults.OnElected(leader);

    public void OnWriting(SimulatedReplica replica) => _faults.OnWriting(replica);

    public void Schedule(in Event scheduled) => _queue.Add(scheduled);

    public void After(long delay, Action end) => Schedule(new Event { Time = Time + delay, Kind = EventKind.FaultEnds, Incarnation = Event.Any, Payload = end });

    /// <summary>True in so many of a thousand cases.</summary>
    public bool Chance(int permille) => permille > 0 && Random.Next(1000) < permille;

    public void Mix(ulong value) => _hash = (_hash ^ value) * 1099511628211;

    public SimulatedReplica Replica(ReplicaId id) => _replicas[id.Value - 1];

    // ---- clients ----

    public long NextRequestId(int client) => ++_requests * SimulatedClient.MaxClients + client;

    public string NextValue(int client) => $"{client}.{++_values} ";

    public string LastSeen(string key) => _lastSeen.GetValueOrDefault(key, "");

    public void Saw(string key, string value) => _lastSeen[key] = value;

    /// <summary>What was last read of a pair of keys, and the version of its first.</summary>
    public (string Value, long Version) LastPair(string pair) => _lastPairs.GetValueOrDefault(pair, ("", KeyValueVersion.Missing));

    public void SawPair(string pair, string value, long version) => _lastPairs[pair] = (value, version);

    public void Wake(int client, long token, long delay) =>
        Schedule(new Event { Time = Time + delay, Kind = EventKind.ClientWakes, Target = client, Incarnation = Event.Any, A = token });

    /// <summary>False: it was lost on its way.</summary>
    public bool SendRequest(ReplicaId to, SimulatedRequest request)
    {
        if (Chance(Profile.Drop))
            return false;
        Schedule(new Event
        {
            Time = Time + 50 + Random.Next(Profile.Latency) + (Chance(Profile.Late) ? Random.Next(Profile.LateBy) : 0),
            Kind = EventKind.Request,
            Target = to.Value,
            Incarnation = Event.Any,
            Payload = request,
        });
        return true;
    }

    /// <summary>A client does not wait for a request any more; it may be done all the same.</summary>
    public void Cancel(ReplicaId at, long requestId)
    {
        Coverage.Count(CoverageItem.Cancels);
        Schedule(new Event
        {
            Time = Time + 50 + Random.Next(Profile.Latency),
            Kind = EventKind.Input,
            Target = at.Value,
            Incarnation = Replica(at).Incarnation,
            Payload = new Input.Cancel([requestId]),
        });
    }

    public void Answer(SimulatedAnswer answer)
    {
        Mix((ulong)answer.RequestId ^ ((ulong)Crc32C.Compute(answer.Result.Span) << 32));
        if (Chance(Profile.Drop))
            return;
        Schedule(new Event
        {
            Time = Time + 50 + Random.Next(Profile.Latency),
            Kind = EventKind.Answer,
            Target = (int)(answer.RequestId % SimulatedClient.MaxClients),
            Incarnation = Event.Any,
            Payload = answer,
        });
    }

    // ---- steps ----

    private void Step()
    {
        Event next = _queue.Take();
        Time = next.Time;
        Events++;
        _eventTimes.Add(Time);
        Mix((ulong)next.Time * 31 + (ulong)next.Kind * 7 + (ulong)next.Target);
        switch (next.Kind)
        {
            case EventKind.ClientWakes when next.Target == SimulatedOperator.Number:
                _operator.Wake(next.A);
                break;
            case EventKind.Answer when next.Target == SimulatedOperator.Number:
                _operator.Answer((SimulatedAnswer)next.Payload!);
                break;
            case EventKind.ClientWakes:
                _clients[next.Target].Wake(next.A);
                break;
            case EventKind.Answer:
                _clients[next.Target].Answer((SimulatedAnswer)next.Payload!);
                break;
            case EventKind.Fault:
                _faults.Strike();
                break;
            case EventKind.FaultEnds:
                ((Action)next.Payload!)();
                break;
            case EventKind.Bundle or EventKind.MultiplexerTick or EventKind.MultiplexerFlush:
                StepMultiplexer(_replicas[next.Target - 1], next);
                break;
            default:
                StepReplica(_replicas[next.Target - 1], next);
                break;
        }
    }

    private void StepMultiplexer(SimulatedReplica node, in Event next)
    {
        if (node.PausedUntil > Time)
        {
            Event later = next;
            later.Time = node.PausedUntil;
            Schedule(later);
        }
        else if (next.Kind != EventKind.Bundle || !Network.IsCut(new ReplicaId((int)(next.A >> 8)), node.Id))
        {
            node.Multiplexer.Handle(next);
        }
    }

    private void StepReplica(SimulatedReplica replica, in Event next)
    {
        if (next.Incarnation != Event.Any && next.Incarnation != replica.Incarnation)
            return;
        if (next.Kind == EventKind.Start)
        {
            if (!replica.IsUp)
            {
                Steps++;
                replica.Start();
            }

            return;
        }

        if (!replica.IsUp)
            return;
        if (replica.PausedUntil > Time)
        {
            Event later = next;
            later.Time = replica.PausedUntil;
            Schedule(later);
            return;
        }

        if (next.Kind == EventKind.Deliver && Network.IsCut(new ReplicaId((int)(next.A >> 8)), replica.Id))
            return;
        Steps++;
        replica.Handle(next);
    }

    // ---- the end ----

    private const long HealingTime = 30 * Instant.Second;
    private const long HealingSteps = 200_000;

    private void Heal()
    {
        Trace?.Write(Time, "", "healing");
        IsHealing = true;
        Profile = Calm with { Nodes = Profile.Nodes, Spares = Profile.Spares, Lists = Profile.Lists };
        _faults.EndAll();
        Until("operations that were under way end", () => _clients.All(client => client.IsIdle));
        Until("the change of members that was under way ends", () => _operator.IsIdle);
        Until("the group has a leader that serves again", () => Replicas.Any(replica => replica.IsUp && Protocol.IsLeader(replica.Protocol!, out _)));

        SimulatedClient reader = _clients[0];
        reader.FinalReads = new Queue<string>(Keys);
        long done = reader.Done + Keys.Length;
        for (int i = 0; i < 20 && reader.Done < done; i++)
        {
            Wake(0, SimulatedClient.Now, 1);
            Until("a read ends", () => reader.IsIdle && reader.FinalReads.Count == 0);
            if (reader.Done < done)
                reader.FinalReads = new Queue<string>(Keys);
        }

        if (reader.Done < done)
            throw new RuleBrokenException("availability", "reads fail although everything is healed");
        Until("a change of members is completed", () => Leader() is { } leader && leader.Status.LeavingVoters.Count == 0);
        Until("the group is whole again", () => Leader() is { } leader && Protocol.IsWhole(leader.Protocol!));
        // A command that a client has given up may still commit: only replicas at the same entry can be compared.
        Until("all replicas catch up", () => Leader() is { } leader && Protocol.IsWhole(leader.Protocol!) && Holders(leader).All(replica => replica.IsUp
            && replica.Status.AppliedIndex >= (Protocol.HasViews ? leader.Status.LastIndex : Agreement.LastIndex)
            && replica.Status.AppliedIndex == leader.Status.AppliedIndex));
        if (GoesQuiet && Profile.Spares == 0)
            FailInTheQuiet();
        CompareMachines();
        Invariants.Ended(Leader()!);
        JudgeHistory();
        _operator.CheckRefused();
    }

    /// <summary>Nobody asks anything any more: that the leader is gone must be noticed all the same.</summary>
    private void FailInTheQuiet()
    {
        UntilQuiet();
        LoseQuietLeader(leader => leader.Crash());
        UntilQuiet();
        LoseQuietLeader(leader => leader.Stop());
        UntilQuiet();
    }

    private void UntilQuiet() => Until("idle replicas go quiet", () => Replicas.All(replica => replica.IsUp && Protocol.IsQuiet(replica.Protocol!)
        && replica.Status.AppliedIndex == Replicas[0].Status.AppliedIndex));

    private void LoseQuietLeader(Action<SimulatedReplica> end)
    {
        SimulatedReplica leader = Replicas.Single(replica => Protocol.IsLeader(replica.Protocol!, out _));
        if (Replicas.Count(replica => replica != leader && replica.Status.Voter) <= Replicas.Count / 2)
            return;
        Coverage.Count(CoverageItem.QuietLeadersLost);
        end(leader);
        Until("a quiet group elects another leader", () => Replicas.Any(replica => replica.IsUp && Protocol.IsLeader(replica.Protocol!, out _)));
        leader.StartLater(Random.Next(2 * Instant.Second));
    }

    /// <summary>The leader of the latest term among those that run.</summary>
    public SimulatedReplica? Leader()
    {
        SimulatedReplica? leader = null;
        long highest = -1;
        foreach (SimulatedReplica replica in _replicas)
        {
            if (replica.IsUp && Protocol.IsLeader(replica.Protocol!, out long term) && term > highest)
                (leader, highest) = (replica, term);
        }

        return leader;
    }

    /// <summary>Members that have the state.</summary>
    private IEnumerable<SimulatedReplica> Holders(SimulatedReplica leader) =>
        leader.Status.Members is { } members ? members.Voters.Concat(members.Learners).Select(Replica) : Replicas;

    private void CompareMachines()
    {
        byte[]? first = null;
        foreach (SimulatedReplica replica in Leader() is { } leader ? Holders(leader) : Replicas)
        {
            byte[] content = replica.MachineContent(Profile.Lists ? Keys.Concat(SimulatedClient.MoreKeys) : Keys, withMemory: !Profile.Lists);
            first ??= content;
            if (!content.AsSpan().SequenceEqual(first))
                throw new RuleBrokenException("state machine safety", $"the state of {replica.Id} is not that of {Replicas[0].Id} after the same commands: {Convert.ToHexString(content)} and {Convert.ToHexString(first)}");
        }
    }

    private void Until(string what, Func<bool> isSo)
    {
        long deadline = Time + HealingTime;
        long lastStep = Steps + HealingSteps;
        while (!isSo())
        {
            if (Time > deadline || Steps > lastStep)
                throw new RuleBrokenException("availability", $"after healing, {what}: not within {HealingTime / Instant.Second} s or {HealingSteps} steps");
            Step();
        }
    }

    private void JudgeHistory()
    {
        CheckResult result = LinearizabilityChecker.Check(Invariants.ThatLasted(History), new CheckerLimits { MaxConfigurations = 500_000 });
        if (result.Verdict == Linearizability.NotLinearizable)
            throw new RuleBrokenException("linearizability", result.Explanation!);
        if (result.Verdict == Linearizability.Unknown)
            Coverage.Count(CoverageItem.HistoriesUndecided);
    }
}
