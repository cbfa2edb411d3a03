using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Raft;
using ActorRepl.Simulation.Faults;
using ActorRepl.Simulation.Run;
using ActorRepl.Simulation.World;

namespace ActorRepl.Simulation.Invariants;

/// <summary>Raft, with limits small enough that a few thousand steps meet them.</summary>
internal sealed class SimulatedRaft : ISimulatedProtocol
{
    public string Name => "raft";

    public IReadOnlyList<Profile> Profiles => RaftProfiles.All;

    public IReadOnlyDictionary<CoverageItem, long> Floors => RaftFloors.PerThousandSeeds;

    public bool HasViews => false;

    public bool GoesQuiet => true;

    public IProtocolFactory CreateFactory(Profile profile, DeterministicRandom random)
    {
        long heartbeat = (40 + random.Next(60)) * Instant.Millisecond;
        long electionMin = 2 * heartbeat + random.Next(200 * Instant.Millisecond);
        return new RaftFactory(new RaftOptions
        {
            HeartbeatMicros = heartbeat,
            ElectionMinMicros = electionMin,
            ElectionMaxMicros = electionMin + 10 * Instant.Millisecond + random.Next(profile.ElectionSpread),
            HintDelayMicros = 20 * Instant.Millisecond,
            QuietAfterMicros = profile.QuietAfter,
            LeaseReads = random.Chance(profile.Leases, 100),
            MaxClockDriftPpm = SimulatedClock.MaxDriftPpm,
            MaxBatchBytes = profile.MaxBatchBytes,
            MaxInFlightMessages = (int)(1 + random.Next(6)),
            CheckpointEntries = profile.CheckpointEntries,
            KeepEntries = profile.KeepEntries,
            CheckpointRetryMicros = 200 * Instant.Millisecond,
        });
    }

    public bool IsQuiet(IProtocol protocol) => ((RaftReplica)protocol).IsQuiet;

    public IInvariants CreateInvariants(SimulatedWorld world) => new RaftInvariants(world);

    public bool IsLeader(IProtocol protocol, out long term)
    {
        var raft = (RaftReplica)protocol;
        term = raft.CurrentTerm;
        return raft.IsLeader;
    }
}

/// <summary>
/// The properties of figure 3 of the Raft paper, and two that the paper takes for granted: a commit index does not go
/// back, and what is committed is on the disks of a majority.
/// </summary>
internal sealed partial class RaftInvariants(SimulatedWorld world) : IInvariants
{
    private readonly View[] _views = [.. Enumerable.Range(0, world.ReplicaIds.Count + 1).Select(_ => new View())];
    private readonly Dictionary<long, (ReplicaId Id, int Incarnation)> _leaders = [];

    // Per entry that was ever in a log: what it is, and the term of the one before it.
    private readonly Dictionary<(long Index, long Term), (uint Content, long PreviousTerm)> _entries = [];

    // Per index: the term of the committed entry, and the term in which it was committed.
    private readonly List<(long Term, long CommittedIn)> _committed = [(0, 0)];
    private ReplicaId _lastLeader;

    // Committed configurations in order, and how often each membership was one.
    private readonly List<(long Index, RaftConfiguration Configuration)> _configurations = [(0, new RaftConfiguration(world.FirstIds))];
    private readonly Dictionary<Membership, int> _timesCommitted = new() { [new Membership(world.FirstIds)] = 1 };

    public void Starting(SimulatedReplica replica, RecoveredState recovered)
    {
        View view = ViewOf(replica);
        if (recovered.Checkpoint is { } checkpoint)
            CheckConfigurationOf(replica, checkpoint);
        RaftConfiguration first = recovered.Configuration.IsEmpty ? _configurations[0].Configuration : RaftConfiguration.Decode(recovered.Configuration);
        view.Reset(recovered.Checkpoint?.Index ?? 0, recovered.Checkpoint?.Term ?? 0, first, []);
        foreach (EntryBatch batch in recovered.Log)
        {
            MatchLogs(replica, view.Log, batch);
            view.Log.Append(batch);
            view.Durable.Append(batch);
            view.Configurations.Append(batch);
        }
    }

    public void Writing(SimulatedReplica replica, WalEntry entry)
    {
        View view = ViewOf(replica);
        WalRecord record = entry.Record;
        if (record.TruncateFrom > 0)
        {
            if (((RaftReplica)replica.Protocol!).IsLeader)
                throw new RuleBrokenException("leader append-only", $"{replica.Id} leads and truncates from {record.TruncateFrom}");
            if (record.TruncateFrom <= view.Commit)
                throw new RuleBrokenException("commit never back", $"{replica.Id} truncates from {record.TruncateFrom}; {view.Commit} is committed");
            view.Log.Truncate(record.TruncateFrom);
            world.Coverage.Count(CoverageItem.ConfigurationsTruncated, view.Configurations.CurrentIndex >= record.TruncateFrom ? 1 : 0);
            view.Configurations.Truncate(record.TruncateFrom);
        }

        foreach (EntryBatch batch in record.Entries)
        {
            MatchLogs(replica, view.Log, batch);
            if (batch.Kind == EntryKind.Configuration && ((RaftReplica)replica.Protocol!).IsLeader)
                CheckChange(replica, view, batch);
            view.Log.Append(batch);
            view.Configurations.Append(batch);
        }

        view.Writing.Enqueue(entry);
    }

    public void Durable(SimulatedReplica replica, long lsn)
    {
        View view = ViewOf(replica);
        while (view.Writing.TryPeek(out WalEntry? entry) && entry.Lsn <= lsn)
            view.Durable.Take(view.Writing.Dequeue().Record);
    }

    public void Installed(SimulatedReplica replica, CheckpointManifest manifest)
    {
        View view = ViewOf(replica);
        long commit = Math.Max(view.Commit, manifest.Index);
        if (manifest.Index < view.Commit)
            throw new RuleBrokenException("commit never back", $"{replica.Id} installs {manifest.Index}; {view.Commit} is committed");
        if (TermCommittedAt(manifest.Index) is var term && term != 0 && term != manifest.Term)
            throw new RuleBrokenException("state machine safety", $"{replica.Id} installs {manifest.Index} of term {manifest.Term}; term {term} is committed there");
        CheckConfigurationOf(replica, manifest);
        view.Reset(manifest.Index, manifest.Term, RaftConfiguration.Decode(manifest.Configuration), manifest.Tail);
        view.Commit = commit;
    }

    public void Stepped(SimulatedReplica replica)
    {
        var raft = (RaftReplica)replica.Protocol!;
        View view = ViewOf(replica);
        long term = raft.CurrentTerm;
        if (term < view.Term)
            throw new RuleBrokenException("terms never go back", $"{replica.Id} went from {view.Term} to {term}");
        bool isElected = raft.IsLeader && !(view.Leads && view.Term == term);
        view.Term = term;
        view.Leads = raft.IsLeader;
        world.Coverage.Count(CoverageItem.LeasesUsed, raft.LeasesUsed - view.LeasesUsed);
        view.LeasesUsed = raft.LeasesUsed;
        if (isElected)
            Elected(replica, view);
        if (raft.CommitIndex != view.Commit)
            Committed(replica, view, raft.CommitIndex);
        CheckInForce(replica, view, raft);
        CountPart(view, raft);
        if (raft.IsQuiet != view.IsQuiet)
            Quieted(replica, view, raft);
    }

    private void Quieted(SimulatedReplica replica, View view, RaftReplica raft)
    {
        view.IsQuiet = raft.IsQuiet;
        world.Coverage.Count(raft.IsQuiet ? CoverageItem.WentQuiet : CoverageItem.WokeUp);
        if (raft.IsQuiet && view.Log.LastIndex != view.Commit)
            throw new RuleBrokenException("quiet replicas have nothing under way", $"{replica.Id} goes quiet at {view.Commit} with a log to {view.Log.LastIndex}");
    }

    private void Elected(SimulatedReplica replica, View view)
    {
        world.Coverage.Count(CoverageItem.Elections);
        world.Coverage.Count(CoverageItem.LeaderChanges, _lastLeader != replica.Id ? 1 : 0);
        _lastLeader = replica.Id;
        world.OnElected(replica);
        CheckMayLead(replica, view);
        if (!_leaders.TryAdd(view.Term, (replica.Id, replica.Incarnation)))
            throw new RuleBrokenException("one leader a term", $"{replica.Id} leads term {view.Term}, which {_leaders[view.Term].Id} has led");
        CheckLeases(replica, view.Term);
        for (long index = view.Log.BaseIndex + 1; index < _committed.Count; index++)
        {
            (long committed, long committedIn) = _committed[(int)index];
            if (committed != 0 && committedIn < view.Term && (!view.Log.Holds(index) || view.Log.TermAt(index) != committed))
                throw new RuleBrokenException("leader completeness", $"{replica.Id} leads term {view.Term} without entry {index} of term {committed}, committed in term {committedIn}");
        }
    }

    // A leader with a lease answers from its own state: there must be no other that commits meanwhile.
    private void CheckLeases(SimulatedReplica elected, long term)
    {
        foreach (SimulatedReplica other in world.Replicas)
        {
            if (other.IsUp && other != elected && other.Protocol is RaftReplica raft && raft.CurrentTerm < term && raft.WouldReadOnLease(other.Now.Monotonic))
                throw new RuleBrokenException("a lease is one's own", $"{elected.Id} leads term {term} while {other.Id} of term {raft.CurrentTerm} holds a lease");
        }
    }

    private void Committed(SimulatedReplica replica, View view, long commit)
    {
        if (commit < view.Commit)
            throw new RuleBrokenException("commit never back", $"{replica.Id} went from {view.Commit} to {commit}");
        for (long index = Math.Max(view.Commit, view.Log.BaseIndex) + 1; index <= commit; index++)
        {
            while (_committed.Count <= index)
                _committed.Add((0, 0));
            long term = view.Log.TermAt(index);
            (long known, _) = _committed[(int)index];
            if (known == 0)
            {
                _committed[(int)index] = (term, view.Term);
                world.Coverage.Count(CoverageItem.EntriesCommitted);
            }
            else if (known != term)
            {
                throw new RuleBrokenException("state machine safety", $"{replica.Id} commits entry {index} of term {term}; of term {known} it was committed before");
            }
        }

        foreach ((long index, RaftConfiguration configuration) in view.Configurations.Between(view.Commit + 1, commit))
            Committed(index, configuration);
        view.Commit = commit;
        if (view.Leads)
            CheckMajority(replica, view, commit);
    }

    // A leader commits by the configuration that was in force before the step, and may put the next one into its log then.
    private void CheckMajority(SimulatedReplica leader, View view, long index)
    {
        long term = view.Log.TermAt(index);
        RaftConfiguration configuration = view.Seen is { } before && HasMajority(before, index, term) ? before : view.Configurations.Current;
        if (!HasMajority(configuration, index, term))
            throw new RuleBrokenException("committed is durable on a majority", $"{leader.Id} commits entry {index} of term {term}, which a majority of {configuration} does not hold");
        if (!Array.Exists(configuration.Voters, id => Holds(id, index, term)) && !Array.Exists(configuration.OldVoters, id => Holds(id, index, term)))
            throw new RuleBrokenException("committed is durable with state", $"{leader.Id} commits entry {index} of term {term}, which only witnesses hold");
        world.Coverage.Count(CoverageItem.WitnessesCounted, configuration.Witnesses.Length > 0 ? 1 : 0);
    }

    private bool HasMajority(RaftConfiguration configuration, long index, long term) =>
        HasMajority(configuration.Counted, index, term) && (!configuration.IsJoint || HasMajority(configuration.OldCounted, index, term));

    private bool HasMajority(ReplicaId[] counted, long index, long term)
    {
        int found = 0;
        foreach (ReplicaId id in counted)
            found += Holds(id, index, term) ? 1 : 0;
        return found > counted.Length / 2;
    }

    // What damage took away had been there; the replica has no vote since.
    private bool Holds(ReplicaId id, long index, long term)
    {
        View view = _views[id.Value];
        LogShadow durable = view.Durable;
        return view.IsLost || durable.BaseIndex > index || (durable.Holds(index) && durable.TermAt(index) == term);
    }

    // If index and term of two entries agree, so do the entries and all before them: each names its predecessor.
    private void MatchLogs(SimulatedReplica replica, LogShadow log, EntryBatch batch)
    {
        long index = batch.FirstIndex;
        if (index - 1 > log.LastIndex || index <= log.BaseIndex)
            throw new RuleBrokenException("log matching", $"{replica.Id} writes entry {index} after {log.LastIndex}");
        long previous = log.TermAt(index - 1);
        if (batch.Kind == EntryKind.Placeholder)
        {
            MatchPlaceholders(replica, batch, previous);
            return;
        }

        foreach (ReadOnlyMemory<byte> payload in batch)
        {
            (uint Content, long PreviousTerm) entry = (Crc32C.Compute(payload.Span, (uint)batch.Wall ^ (uint)batch.Kind), previous);
            if (!_entries.TryAdd((index, batch.Term), entry) && _entries[(index, batch.Term)] != entry)
                throw new RuleBrokenException("log matching", $"{replica.Id} has another entry {index} of term {batch.Term} than a replica before it");
            previous = batch.Term;
            index++;
        }
    }

    private long TermCommittedAt(long index) => index < _committed.Count ? _committed[(int)index].Term : 0;

    private View ViewOf(SimulatedReplica replica) => _views[replica.Id.Value];

    private sealed class View
    {
        public LogShadow Log { get; } = new();
        public LogShadow Durable { get; } = new();
        public ConfigurationShadow Configurations { get; } = new();
        public Queue<WalEntry> Writing { get; } = new();
        public long Commit { get; set; }
        public long Term { get; set; }
        public bool Leads { get; set; }
        public bool IsQuiet { get; set; }
        public long LeasesUsed { get; set; }

        /// <summary>The configuration the replica goes by, as it was last looked at.</summary>
        public RaftConfiguration? Seen { get; set; }

        /// <summary>Its disk lost something, and no pardon has come since.</summary>
        public bool IsLost { get; set; }
        public bool HasLostPromises { get; set; }
        public bool IsRemoved { get; set; }
        public bool Led { get; set; }

        public void Reset(long baseIndex, long baseTerm, RaftConfiguration configuration, IReadOnlyList<EntryBatch> log)
        {
            Configurations.Reset(baseIndex, configuration, log);
            Seen = null;
            IsRemoved = false;
            Log.Reset(baseIndex, baseTerm, log);
            Durable.Reset(baseIndex, baseTerm, log);
            Writing.Clear();
            Commit = baseIndex;
            Leads = false;
            IsQuiet = false;
            Term = 0;
            LeasesUsed = 0;
        }
    }
}
