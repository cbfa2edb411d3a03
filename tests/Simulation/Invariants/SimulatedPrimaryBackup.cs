using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.PrimaryBackup;
using ActorRepl.Simulation.Faults;
using ActorRepl.Simulation.Run;
using ActorRepl.Simulation.World;

namespace ActorRepl.Simulation.Invariants;

/// <summary>Primary–backup, with limits small enough that a few thousand steps meet them.</summary>
internal sealed class SimulatedPrimaryBackup : ISimulatedProtocol
{
    public string Name => "primary-backup";

    public IReadOnlyList<Profile> Profiles => PrimaryBackupProfiles.All;

    public IReadOnlyDictionary<CoverageItem, long> Floors => PrimaryBackupFloors.PerThousandSeeds;

    public bool HasViews => true;

    public bool GoesQuiet => false;

    public IProtocolFactory CreateFactory(Profile profile, DeterministicRandom random)
    {
        long heartbeat = (20 + random.Next(40)) * Instant.Millisecond;
        return new Factory(new PrimaryBackupOptions
        {
            Concern = AnyConcern(random),
            HeartbeatMicros = heartbeat,
            LeaseMicros = 3 * heartbeat + random.Next(300 * Instant.Millisecond) + profile.MoreLease,
            MaxClockDriftPpm = SimulatedClock.MaxDriftPpm,
            DeadAfterBeats = (int)(4 + random.Next(7)),
            FirstAnswerMicros = 10 * heartbeat + random.Next(500 * Instant.Millisecond),
            CatchUpEntries = 1 + random.Next(20),
            ProposalRetryMicros = (20 + random.Next(200)) * Instant.Millisecond,
            TakeOverPatienceMicros = (20 + random.Next(100)) * Instant.Millisecond,
            SwitchoverMicros = (50 + random.Next(500)) * Instant.Millisecond,
            LeaseReads = random.Chance(profile.Leases, 100),
            MaxBatchBytes = profile.MaxBatchBytes,
            MaxInFlightMessages = (int)(1 + random.Next(6)),
            CheckpointEntries = profile.CheckpointEntries,
            KeepEntries = profile.KeepEntries,
            AtRiskBytes = random.Next(2_000),
            CheckpointRetryMicros = 200 * Instant.Millisecond,
            Parts = AnyParts(profile, random),
        });
    }

    public bool IsQuiet(IProtocol protocol) => false;

    public IInvariants CreateInvariants(SimulatedWorld world) => new PrimaryBackupInvariants(world);

    public bool IsLeader(IProtocol protocol, out long term)
    {
        var replica = (PrimaryBackupReplica)protocol;
        term = replica.Epoch;
        return replica.IsPrimary;
    }

    public bool IsWhole(IProtocol leader) => Array.TrueForAll(((PrimaryBackupReplica)leader).CurrentView.Members, member => member.InSync || !member.IsEligible);

    // Of ten groups, four are semi-synchronous, as groups are if nothing else is said.
    private static WriteConcern AnyConcern(DeterministicRandom random)
    {
        AckLevel level = random.Next(10) switch
        {
            < 4 => AckLevel.SemiSync,
            < 6 => AckLevel.Async,
            < 8 => AckLevel.Quorum,
            _ => AckLevel.Sync,
        };
        return new WriteConcern(
            level,
            (byte)(1 + random.Next(2)),
            (AckReach)(1 + random.Next(3)),
            (int)(50 + random.Next(500)),
            random.Chance(2, 3) ? OnAckTimeout.Degrade : OnAckTimeout.Refuse);
    }

    // In one group of six the last member gets the log from another than the primary. One is delayed only where no clock jumps by minutes.
    private static Dictionary<ReplicaId, MemberPart> AnyParts(Profile profile, DeterministicRandom random)
    {
        bool isCascaded = random.Chance(1, 6) && profile.Nodes > 2;
        var last = new ReplicaId(profile.Nodes);
        return profile.Delayed ? new() { [last] = new MemberPart(DelayMillis: (int)(50 + random.Next(1_000))) }
            : isCascaded ? new() { [last] = new MemberPart(Upstream: new ReplicaId((int)(1 + random.Next(profile.Nodes - 1)))) }
            : [];
    }

    /// <summary>Lets the rules know what the group was made with.</summary>
    internal sealed class Factory(PrimaryBackupOptions options) : IProtocolFactory
    {
        private readonly PrimaryBackupFactory _factory = new(options);

        public PrimaryBackupOptions Options => options;

        public string Name => _factory.Name;

        public IProtocol Create(ReplicaId self, IReadOnlyList<ReplicaId> replicas, ulong seed, bool joins = false) => _factory.Create(self, replicas, seed, joins);
    }
}
