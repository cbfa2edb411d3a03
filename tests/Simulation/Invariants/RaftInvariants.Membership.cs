using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Raft;
using ActorRepl.Simulation.Run;
using ActorRepl.Simulation.World;

namespace ActorRepl.Simulation.Invariants;

/// <summary>
/// What must hold of configurations: in force as soon as they are in the log, never two steps at once, each overlapping the
/// one before, in checkpoints with the state that they belong to; and who leads is counted and has state.
/// </summary>
internal sealed partial class RaftInvariants
{
    public int TimesCommitted(Membership members) => _timesCommitted.GetValueOrDefault(members);

    public void Lost(SimulatedReplica replica) => ViewOf(replica).IsLost = true;

    /// <summary>
    /// In every configuration in force anywhere a majority must be left, and where witnesses are counted nobody with state
    /// may lose any: a witness knows that there was an entry and cannot give it back.
    /// </summary>
    public bool MayLose(SimulatedReplica replica)
    {
        if (ViewOf(replica).IsLost)
            return false;
        foreach (View view in _views)
        {
            if (view.Configurations is { IsEmpty: false, Current: var configuration } && !(MayLose(configuration.Counted, replica.Id) && MayLose(configuration.OldCounted, replica.Id)
                && configuration.Witnesses.Length + configuration.OldWitnesses.Length == 0))
                return false;
        }

        return world.Target is not { } target || MayLose([.. target.Voters, .. target.Witnesses], replica.Id) && target.Witnesses.Count == 0;
    }

    public bool HasMajorityLeft(Membership members)
    {
        ReplicaId[] counted = [.. members.Voters, .. members.Witnesses];
        return counted.Count(id => _views[id.Value].IsLost) <= (counted.Length - 1) / 2 && !members.Voters.All(id => _views[id.Value].IsLost);
    }

    private bool MayLose(ReplicaId[] counted, ReplicaId id) =>
        Array.IndexOf(counted, id) < 0 || counted.Count(other => _views[other.Value].IsLost) < (counted.Length - 1) / 2;

    private static void CheckChange(SimulatedReplica leader, View view, EntryBatch batch)
    {
        var raft = (RaftReplica)leader.Protocol!;
        RaftConfiguration before = view.Configurations.Current;
        RaftConfiguration next = default!;
        foreach (ReadOnlyMemory<byte> payload in batch)
            next = RaftConfiguration.Decode(payload);
        bool overlaps = before.IsJoint
            ? !next.IsJoint && next.Counted.SequenceEqual(before.Counted)
            : next.IsJoint ? next.OldCounted.SequenceEqual(before.Counted) : next.Counted.SequenceEqual(before.Counted);
        if (!overlaps)
            throw new RuleBrokenException("consecutive configurations overlap", $"{leader.Id} goes from {before} to {next}");
        if (view.Configurations.CurrentIndex > raft.CommitIndex)
            throw new RuleBrokenException("one change at a time", $"{leader.Id} goes on to {next} while {before} is not committed");
        if (view.Log.TermAt(raft.CommitIndex) != raft.CurrentTerm)
            throw new RuleBrokenException("no change before an entry of the term", $"{leader.Id} goes on to {next} in term {raft.CurrentTerm} without a committed entry of it");
    }

    private static void CheckInForce(SimulatedReplica replica, View view, RaftReplica raft)
    {
        if (ReferenceEquals(raft.Configuration, view.Seen) && !view.Configurations.HasChanged)
            return;
        if (!raft.Configuration.Encode().AsSpan().SequenceEqual(view.Configurations.Current.Encode()))
            throw new RuleBrokenException("configurations are in force once in the log", $"{replica.Id} goes by {raft.Configuration}; the last in its log is {view.Configurations.Current}");
        view.Seen = raft.Configuration;
        view.Configurations.HasChanged = false;
    }

    private void CheckMayLead(SimulatedReplica replica, View view)
    {
        RaftConfiguration configuration = view.Configurations.Current;
        bool wasVoter = view.Configurations.CurrentIndex > view.Commit && view.Configurations.BeforeCurrent.IsVoter(replica.Id);
        if (!(configuration.IsVoter(replica.Id) || wasVoter) || view.IsLost)
            throw new RuleBrokenException("leaders are voters with state", $"{replica.Id} leads in {configuration}");
        world.Coverage.Count(CoverageItem.NewcomersElected, world.FirstIds.Contains(replica.Id) ? 0 : 1);
        world.Coverage.Count(CoverageItem.JointsInherited, configuration.IsJoint ? 1 : 0);
    }

    private void Committed(long index, RaftConfiguration configuration)
    {
        if (index <= _configurations[^1].Index)
            return;
        _configurations.Add((index, configuration));
        world.Coverage.Count(configuration.IsJoint ? CoverageItem.JointsCommitted : CoverageItem.ConfigurationsCommitted);
        if (!configuration.IsJoint)
            _timesCommitted[configuration.Membership] = TimesCommitted(configuration.Membership) + 1;
    }

    /// <summary>A checkpoint has the configuration that was in force at its index.</summary>
    private void CheckConfigurationOf(SimulatedReplica replica, CheckpointManifest manifest)
    {
        RaftConfiguration expected = _configurations.FindLast(known => known.Index <= manifest.Index).Configuration;
        if (!manifest.Configuration.Span.SequenceEqual(expected.Encode()))
            throw new RuleBrokenException("checkpoints have their configuration", $"{replica.Id} has a checkpoint at {manifest.Index} with {RaftConfiguration.Decode(manifest.Configuration)}; in force there was {expected}");
    }

    private void CountPart(View view, RaftReplica raft)
    {
        if (view.HasLostPromises && !raft.HasLostPromises)
        {
            world.Coverage.Count(CoverageItem.Pardons);
            view.IsLost = false;
        }

        view.HasLostPromises = raft.HasLostPromises;
        if (raft.IsRemoved && !view.IsRemoved)
            world.Coverage.Count(view.Led ? CoverageItem.RemovedLeaders : CoverageItem.RemovalsKnown);
        view.IsRemoved = raft.IsRemoved;
        view.Led = raft.IsLeader;
    }

    // A witness's entries have no content: what they stand for was written by their leader before.
    private void MatchPlaceholders(SimulatedReplica replica, EntryBatch batch, long previous)
    {
        for (long index = batch.FirstIndex; index <= batch.LastIndex; index++)
        {
            if (!_entries.TryGetValue((index, batch.Term), out (uint Content, long PreviousTerm) known) || known.PreviousTerm != previous)
                throw new RuleBrokenException("log matching", $"{replica.Id} holds the place of entry {index} of term {batch.Term} after term {previous}, which no leader wrote");
            previous = batch.Term;
        }
    }
}
