using ActorRepl.Protocols.Kernel;
using ActorRepl.Simulation.Faults;
using ActorRepl.Simulation.World;

namespace ActorRepl.Simulation.Invariants;

/// <summary>What must hold after every step. Told of all that changes, so that only what changed is looked at.</summary>
internal interface IInvariants
{
    /// <summary>A replica is about to start from what its disk held.</summary>
    void Starting(SimulatedReplica replica, RecoveredState recovered);

    /// <summary>A record is handed to the disk.</summary>
    void Writing(SimulatedReplica replica, WalEntry entry);

    /// <summary>Records up to this LSN are durable, and the replica is about to be told.</summary>
    void Durable(SimulatedReplica replica, long lsn);

    /// <summary>A checkpoint of a peer took the place of machine and log.</summary>
    void Installed(SimulatedReplica replica, CheckpointManifest manifest);

    /// <summary>A replica has taken one input, with all that followed from it.</summary>
    void Stepped(SimulatedReplica replica);

    /// <summary>Whether this replica's disk may lose something without the group losing its majority.</summary>
    bool MayLose(SimulatedReplica replica);

    /// <summary>Whether a majority of these would be left: nobody sane aims at another membership.</summary>
    bool HasMajorityLeft(Membership members);

    /// <summary>This replica's disk has lost something that had been durable.</summary>
    void Lost(SimulatedReplica replica);

    /// <summary>How often a membership has come into force and been committed.</summary>
    int TimesCommitted(Membership members);
}

/// <summary>A protocol as the simulator runs it.</summary>
internal interface ISimulatedProtocol
{
    string Name { get; }

    /// <summary>Small limits, so that a short history meets all of them.</summary>
    IProtocolFactory CreateFactory(Profile profile, DeterministicRandom random);

    IInvariants CreateInvariants(SimulatedWorld world);

    /// <summary>Whether the replica has stopped its timers because nobody uses the shard.</summary>
    bool IsQuiet(IProtocol protocol);

    /// <summary>Whether the replica takes itself for the one that orders commands, and in which term.</summary>
    bool IsLeader(IProtocol protocol, out long term);
}

/// <summary>A rule did not hold. <see cref="Rule"/> names it in a few words.</summary>
internal sealed class RuleBrokenException(string rule, string what) : Exception($"{rule}: {what}")
{
    public string Rule { get; } = rule;
}
