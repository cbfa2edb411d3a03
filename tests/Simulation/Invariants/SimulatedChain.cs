using ActorRepl.Protocols.Chain;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Machines;
using ActorRepl.Simulation.Faults;
using ActorRepl.Simulation.Run;
using ActorRepl.Simulation.World;

namespace ActorRepl.Simulation.Invariants;

/// <summary>Chains, with limits small enough that a few thousand steps meet them.</summary>
internal sealed class SimulatedChain : ISimulatedProtocol
{
    private static readonly Func<IKeyFinder>? Keys = MachineKeys.Of(() => new KeyValueMachine(hashSeed: 1));

    public string Name => "chain";

    public IReadOnlyList<Profile> Profiles => ChainProfiles.All;

    public IReadOnlyDictionary<CoverageItem, long> Floors => ChainFloors.PerThousandSeeds;

    public bool HasViews => true;

    public bool HasConcerns => false;

    public bool GoesQuiet => false;

    public IProtocolFactory CreateFactory(Profile profile, DeterministicRandom random)
    {
        long heartbeat = (20 + random.Next(40)) * Instant.Millisecond;
        return new Factory(new ChainOptions
        {
            HeartbeatMicros = heartbeat,
            LeaseMicros = 3 * heartbeat + random.Next(300 * Instant.Millisecond) + profile.MoreLease,
            MaxClockDriftPpm = SimulatedClock.MaxDriftPpm,
            DeadAfterBeats = (int)(3 + random.Next(8)),
            FirstAnswerMicros = 10 * heartbeat + random.Next(500 * Instant.Millisecond),
            CatchUpEntries = 1 + random.Next(20),
            SpliceMicros = (50 + random.Next(500)) * Instant.Millisecond,
            ProposalRetryMicros = (20 + random.Next(200)) * Instant.Millisecond,
            SwitchoverMicros = (50 + random.Next(500)) * Instant.Millisecond,
            LeaseReads = random.Chance(profile.Leases, 100),
            ApportionedReads = random.Chance(2, 3),
            MaxBatchBytes = profile.MaxBatchBytes,
            MaxInFlightMessages = (int)(1 + random.Next(6)),
            CheckpointEntries = profile.CheckpointEntries,
            KeepEntries = profile.KeepEntries,
            CheckpointRetryMicros = 200 * Instant.Millisecond,
            RemoveSlow = random.Chance(1, 2),
            SlowMicros = (50 + random.Next(200)) * Instant.Millisecond,
            SlowAfterMicros = (50 + random.Next(300)) * Instant.Millisecond,
            RejoinAfterMicros = (20 + random.Next(100)) * Instant.Millisecond,
            Regions = AnyRegions(profile, random),
        }, random.Chance(3, 4) ? Keys : null);
    }

    public bool IsQuiet(IProtocol protocol) => false;

    public IInvariants CreateInvariants(SimulatedWorld world) => new ChainInvariants(world);

    public bool IsLeader(IProtocol protocol, out long term)
    {
        var replica = (ChainReplica)protocol;
        term = replica.Epoch;
        return replica.IsActingHead;
    }

    public bool IsWhole(IProtocol leader)
    {
        ChainView view = ((ChainReplica)leader).CurrentView;
        return Array.TrueForAll(view.Members, member => member.ReadOnly || view.IsLink(member.Id));
    }

    // In one group of three the replicas are in two regions, one after the other.
    private static Dictionary<ReplicaId, string> AnyRegions(Profile profile, DeterministicRandom random) => random.Chance(1, 3)
        ? Enumerable.Range(1, profile.Nodes + profile.Spares).ToDictionary(number => new ReplicaId(number), number => number % 2 == 0 ? "east" : "west")
        : [];

    /// <summary>Lets the rules know what the group was made with.</summary>
    internal sealed class Factory(ChainOptions options, Func<IKeyFinder>? keys) : IProtocolFactory
    {
        private readonly ChainFactory _factory = new(options, keys);

        public ChainOptions Options => options;

        public string Name => _factory.Name;

        public IProtocol Create(ReplicaId self, IReadOnlyList<ReplicaId> replicas, ulong seed, bool joins = false) => _factory.Create(self, replicas, seed, joins);
    }
}
