using ActorRepl.Protocols.Checking;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Simulation.Faults;
using ActorRepl.Simulation.Run;
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

    /// <summary>Whether an operator may stop a leader: those who are left have everything.</summary>
    bool MayHandOver => true;

    // ---- for protocols with views, whose history can be lost in part ----

    /// <summary>The term of the entry that a replica has at an index, where terms tell histories apart; 0: there is one history.</summary>
    long HistoryAt(SimulatedReplica replica, long index) => 0;

    /// <summary>A replica's machine has applied the command at this index.</summary>
    void Applied(SimulatedReplica replica, long index)
    {
    }

    /// <summary>A client's request has reached a replica.</summary>
    void Asked(SimulatedReplica replica, SimulatedRequest request)
    {
    }

    /// <summary>A replica answers a request from its machine as it stands now; up to where that is.</summary>
    LogPosition Answering(SimulatedReplica replica, long requestId) => default;

    /// <summary>A client's session saw one position after the other.</summary>
    void SessionSaw(int client, LogPosition before, LogPosition now)
    {
    }

    /// <summary>A client was told that what its session had seen is lost.</summary>
    void SessionLost(int client, LogPosition seen)
    {
    }

    /// <summary>Whether an operator may give the lead to this replica whatever is lost: all that might know more are down.</summary>
    bool MayForce(SimulatedReplica replica) => false;

    /// <summary>Whether this replica takes over by order of an operator.</summary>
    bool IsForced(SimulatedReplica replica) => false;

    /// <summary>The control group has installed a view; by order of an operator if <paramref name="isForced"/>.</summary>
    void ViewInstalled(SimulatedReplica from, long epoch, byte[] view, bool isForced)
    {
    }

    /// <summary>A replica keeps entries that it is about to lose.</summary>
    void SetAside(SimulatedReplica replica, IReadOnlyList<EntryBatch> lost)
    {
    }

    /// <summary>This operation of the history is an answer from the state up to a position.</summary>
    void Recorded(int operation, LogPosition seen)
    {
    }

    /// <summary>Everything has healed and caught up; what this replica has is the shard's history.</summary>
    void Ended(SimulatedReplica leader)
    {
    }

    /// <summary>Of what clients did, that which is part of the history that lasted: to be judged.</summary>
    IEnumerable<RecordedOperation> ThatLasted(IReadOnlyList<RecordedOperation> history) => history;
}

/// <summary>A protocol as the simulator runs it.</summary>
internal interface ISimulatedProtocol
{
    string Name { get; }

    /// <summary>Its schedules of faults; the first is the plainest.</summary>
    IReadOnlyList<Profile> Profiles { get; }

    /// <summary>What a thousand seeds of the mixed schedule must have met, each at least so often. About a third of what they do meet.</summary>
    IReadOnlyDictionary<CoverageItem, long> Floors { get; }

    /// <summary>A control group installs views, and reads of sessions are answered anywhere.</summary>
    bool HasViews { get; }

    /// <summary>Clients say when a write counts as done.</summary>
    bool HasConcerns => HasViews;

    /// <summary>Idle replicas can stop their timers.</summary>
    bool GoesQuiet { get; }

    /// <summary>Small limits, so that a short history meets all of them.</summary>
    IProtocolFactory CreateFactory(Profile profile, DeterministicRandom random);

    IInvariants CreateInvariants(SimulatedWorld world);

    /// <summary>Whether the replica has stopped its timers because nobody uses the shard.</summary>
    bool IsQuiet(IProtocol protocol);

    /// <summary>Whether the replica takes itself for the one that orders commands, and in which term.</summary>
    bool IsLeader(IProtocol protocol, out long term);

    /// <summary>Whether a leader has got back all that faults had taken from the group.</summary>
    bool IsWhole(IProtocol leader) => true;
}

/// <summary>A rule did not hold. <see cref="Rule"/> names it in a few words.</summary>
internal sealed class RuleBrokenException(string rule, string what) : Exception($"{rule}: {what}")
{
    public string Rule { get; } = rule;
}
