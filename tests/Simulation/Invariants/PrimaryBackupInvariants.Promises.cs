using System.Numerics;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.PrimaryBackup;
using ActorRepl.Simulation.Run;
using ActorRepl.Simulation.World;

namespace ActorRepl.Simulation.Invariants;

/// <summary>
/// Of views and acknowledgements: epochs follow each other, each with one primary; whatever was acknowledged has what was asked
/// for, and what was acknowledged stronger than Async stays in every later primary's log and on as many backups as the view
/// promises; an epoch that is over acknowledges nothing more that a later one does not have.
/// </summary>
internal sealed partial class PrimaryBackupInvariants
{
    // The views in order of their epochs.
    private readonly List<View> _installed = [];

    // The last entry that was acknowledged stronger than Async: all others are before it.
    private LogPosition _promised;

    // The latest epoch in which something was acknowledged or read.
    private long _serving;
    private ReplicaId _lastPrimary;

    public bool MayForce(SimulatedReplica replica) => replica.IsUp && Newest.IsInSync(replica.Id) && !ShadowOf(replica).IsLost
        && Newest.SyncSet.All(id => id == replica.Id || !_world.Replica(id).IsUp);

    public bool IsForced(SimulatedReplica replica) => ((PrimaryBackupReplica)replica.Protocol!).IsTakingOverByOrder;

    public void ViewInstalled(SimulatedReplica from, long epoch, byte[] bytes, bool isForced)
    {
        View before = Newest, view = View.Decode(bytes);
        if (view.Epoch != epoch || epoch != before.Epoch + 1)
            throw new RuleBrokenException("epochs follow each other", $"{from.Id} has a view of epoch {view.Epoch} installed as {epoch}, after {before.Epoch}");
        if (!before.IsInSync(from.Id))
            throw new RuleBrokenException("views are of the sync set", $"{from.Id} proposes {view}; in sync were {string.Join(",", before.SyncSet)}");
        foreach (ViewMember member in view.Members)
            Pardon(member, before);
        if (view.Primary != before.Primary)
            _world.Coverage.Count(from.Id == before.Primary ? CoverageItem.Switchovers : CoverageItem.Failovers);
        else if (!view.SyncSet.SequenceEqual(before.SyncSet))
            _world.Coverage.Count(CoverageItem.SyncSetChanges);
        Install(view);
        if (isForced)
            AcceptLoss(ShadowOf(from));
        CheckComplete(view);
        CheckKept(view, $"{from.Id} had epoch {epoch} installed");
    }

    public void Asked(SimulatedReplica replica, SimulatedRequest request) => ShadowOf(replica).Asked[request.Id] = (request, replica.Now.Monotonic, ((PrimaryBackupReplica)replica.Protocol!).CurrentView.VoterCount);

    public LogPosition Answering(SimulatedReplica replica, long requestId)
    {
        Shadow shadow = ShadowOf(replica);
        LogPosition seen = shadow.Position(shadow.Applied);
        // In the middle of a batch the driver still stands before it; after it, it knows of entries that are no commands.
        if (replica.Applied.Index > seen.Index)
            seen = replica.Applied;
        if (!shadow.Asked.Remove(requestId, out (SimulatedRequest Request, long At, int Voters) asked))
            throw new RuleBrokenException("answers are to requests", $"{replica.Id} answers {requestId}, which it was not asked, or again");
        if (asked.Request.Kind == RequestKind.Command)
            Acknowledged(replica, shadow, seen, asked.Request.Concern, replica.Now.Monotonic - asked.At, asked.Voters);
        if (asked.Request.Kind is RequestKind.Command or RequestKind.Read && shadow.Epoch > _serving)
            BeginsToServe(replica, shadow.Epoch);
        return seen;
    }

    public void Stepped(SimulatedReplica replica)
    {
        var backup = (PrimaryBackupReplica)replica.Protocol!;
        Shadow shadow = ShadowOf(replica);
        if (backup.Epoch < shadow.Epoch)
            throw new RuleBrokenException("epochs never go back", $"{replica.Id} went from {shadow.Epoch} to {backup.Epoch}");
        if (shadow.IsPrimary && !backup.IsPrimary && replica.PausedUntil > 0 && _world.Time < replica.PausedUntil + Instant.Second)
            _world.Coverage.Count(CoverageItem.SleepersFenced);
        bool begins = backup.IsPrimary && !(shadow.IsPrimary && shadow.Epoch == backup.Epoch);
        if (backup.CurrentView.Primary != replica.Id)
            shadow.LeadsSince = long.MaxValue;
        else if (shadow.LeadsSince == long.MaxValue)
            shadow.LeadsSince = backup.Epoch;
        (shadow.Epoch, shadow.IsPrimary) = (backup.Epoch, backup.IsPrimary);
        if (begins)
            Begins(replica, shadow);
        if (backup.CommitIndex != shadow.Commit)
            Committed(replica, shadow, backup.CommitIndex);
        if (backup.IsDegraded)
            shadow.DegradedAt = replica.Now.Monotonic;
        CountDegraded(shadow, backup.IsDegraded);
        if (backup.CurrentMode != shadow.Mode)
            _world.Coverage.Count(CoverageItem.ModeChanges);
        shadow.Mode = backup.CurrentMode;
    }

    /// <summary>An operator would rather have one that lacks something than none: what was promised is from now on what that one has.</summary>
    private void AcceptLoss(Shadow heir)
    {
        _world.Coverage.Count(CoverageItem.ForcedTakeOvers);
        _world.Coverage.Count(CoverageItem.ForcedLosses, Holds(heir.Durable, _promised) ? 0 : 1);
        while (!Holds(heir.Durable, _promised))
            _promised = _book.Before(_promised);
    }

    private void Begins(SimulatedReplica replica, Shadow shadow)
    {
        _world.Coverage.Count(CoverageItem.Elections);
        _world.Coverage.Count(CoverageItem.LeaderChanges, _lastPrimary != replica.Id ? 1 : 0);
        _lastPrimary = replica.Id;
        if (shadow.Epoch >= _installed.Count || _installed[(int)shadow.Epoch].Primary != replica.Id)
            throw new RuleBrokenException("one primary an epoch", $"{replica.Id} takes itself for the primary of epoch {shadow.Epoch}: {(shadow.Epoch < _installed.Count ? _installed[(int)shadow.Epoch] : "there is no such view")}");
        // A view may name one that has just lost something: it does not begin.
        if (shadow.IsLost)
            throw new RuleBrokenException("who has lost something does not lead", $"{replica.Id} leads epoch {shadow.Epoch}");
        _world.OnElected(replica);
    }

    private void Committed(SimulatedReplica replica, Shadow shadow, long commit)
    {
        // A primary that is deposed takes back what it has not applied.
        if (commit < shadow.Applied || (commit < shadow.Commit && shadow.IsPrimary))
            throw new RuleBrokenException("commit never back", $"{replica.Id} went from {shadow.Commit} to {commit}; {shadow.Applied} is applied");
        for (long index = Math.Max(shadow.Commit, shadow.Log.BaseIndex) + 1; index <= Math.Min(commit, shadow.Log.LastIndex); index++)
        {
            LogPosition at = shadow.Position(index);
            EntryBook.Entry entry = _book.Find(at)!;
            if (!shadow.IsPrimary && !entry.IsCommitted)
                throw new RuleBrokenException("backups commit what a primary has committed", $"{replica.Id} commits {at}, which no primary has");
            if (shadow.IsPrimary && !Holds(shadow.Durable, at))
                throw new RuleBrokenException("committed is durable at the primary", $"{replica.Id} commits {at} before it has it on disk");
            _world.Coverage.Count(CoverageItem.EntriesCommitted, entry.IsCommitted ? 0 : 1);
            entry.IsCommitted = true;
        }

        shadow.Commit = commit;
    }

    private void Acknowledged(SimulatedReplica replica, Shadow shadow, LogPosition at, in WriteConcern asked, long waited, int voters)
    {
        var primary = (PrimaryBackupReplica)replica.Protocol!;
        View view = primary.CurrentView;
        EntryBook.Entry entry = _book.Find(at)!;
        if (!primary.IsPrimary || at.Term < shadow.LeadsSince)
        {
            CheckInherited(replica, shadow, view, at, entry);
            return;
        }

        voters = Math.Min(voters, view.VoterCount);
        WriteConcern concern = Resolve(asked, voters);
        if ((entry.Durable & Bit(replica.Id)) == 0)
            throw new RuleBrokenException("acknowledged is durable at the primary", $"{replica.Id} acknowledges {at} before it has it on disk");
        bool isMet = IsMet(view, FewestBackups(at.Term, view), voters, concern, entry);
        bool mayDegrade = concern.OnTimeout == OnAckTimeout.Degrade
            && (waited >= concern.TimeoutMillis * Instant.Millisecond || primary.IsDegraded || shadow.DegradedAt >= replica.Now.Monotonic - waited);
        if (!isMet && !mayDegrade)
            throw new RuleBrokenException("acknowledged has what was asked for", $"{replica.Id} acknowledges {at} after {waited} µs in {view}; asked was {concern}; received by {Names(entry.Received)}, durable at {Names(entry.Durable)}, applied at {Names(entry.Applied)}");
        _world.Coverage.Count(CoverageItem.DegradedAcks, isMet ? 0 : 1);
        // One that may have degraded counts as Async even where the backups have it: that need not be so in a view under way. But if it
        // comes too late for Async, it has to be one that had not.
        if (isMet && (!mayDegrade || shadow.Epoch < _serving) && concern is { Level: not AckLevel.Async, Reach: not AckReach.Received })
            Promised(replica, view, at);
        else
            AcknowledgedAsync(replica, shadow, at);
    }

    // An entry that outlived its primary was committed by a later one, with as many as its view promises; whoever had packed it
    // tells its client when the log tells (kernel rule 6).
    private void CheckInherited(SimulatedReplica replica, Shadow shadow, View view, LogPosition at, EntryBook.Entry entry)
    {
        _world.Coverage.Count(CoverageItem.InheritedAcks);
        if (!entry.IsCommitted && !(shadow.IsPrimary && at.Index <= ((PrimaryBackupReplica)replica.Protocol!).CommitIndex))
            throw new RuleBrokenException("backups commit what a primary has committed", $"{replica.Id} acknowledges {at} in epoch {shadow.Epoch}, which no primary has committed");
        Promised(replica, view, at);
    }

    // Whoever holds a lease acknowledges without asking: there must be no other that serves meanwhile.
    private void BeginsToServe(SimulatedReplica replica, long epoch)
    {
        _serving = epoch;
        foreach (SimulatedReplica other in _world.Replicas)
        {
            if (other.IsUp && other != replica && other.Protocol is PrimaryBackupReplica earlier && earlier.Epoch < epoch && earlier.HoldsLeaseAt(other.Now.Monotonic))
                throw new RuleBrokenException("a lease is one's own", $"{replica.Id} serves in epoch {epoch} while {other.Id} of epoch {earlier.Epoch} holds a lease");
        }
    }

    private void AcknowledgedAsync(SimulatedReplica replica, Shadow shadow, LogPosition at)
    {
        _world.Coverage.Count(CoverageItem.AsyncAcks);
        if (shadow.Epoch < _serving)
            throw new RuleBrokenException("an epoch that is over acknowledges nothing", $"{replica.Id} acknowledges {at} in epoch {shadow.Epoch}; epoch {_serving} has begun to serve");
        _acknowledged.Add(at);
    }

    private void Promised(SimulatedReplica replica, View view, LogPosition at)
    {
        _world.Coverage.Count(CoverageItem.StrongAcks);
        LogPosition later = at.IsAfter(_promised) ? at : _promised, earlier = at.IsAfter(_promised) ? _promised : at;
        if (!_book.Contains(later, earlier))
            throw new RuleBrokenException("what was acknowledged is not lost", $"{replica.Id} acknowledges {at} in a history that is not that of {_promised}, which was acknowledged before");
        _promised = later;
        CheckComplete(Newest);
        // Of a primary that is late, too: those of its own view may have lost it since, and been taken into account.
        CheckKept(Newest, $"{replica.Id} acknowledged {at} in {view}");
    }

    // The view may have changed since the entry was committed: who left it has the entry all the same.
    private static bool IsMet(View view, int fewestBackups, int voters, in WriteConcern concern, EntryBook.Entry entry)
    {
        int needed = concern.Level switch
        {
            AckLevel.Async => 0,
            AckLevel.SemiSync => concern.Backups,
            // All of nobody is nobody only in a shard of one.
            AckLevel.Sync => Math.Max(fewestBackups, Math.Min(1, voters - 1)),
            AckLevel.Quorum => voters / 2,
            _ => throw new InvalidOperationException($"a concern is resolved: {concern}"),
        };
        int Others(ulong reached) => BitOperations.PopCount(reached & ~Bit(view.Primary));
        return concern.Reach switch
        {
            _ when concern.Level == AckLevel.Async => true,
            AckReach.Received => Others(entry.Received) >= needed,
            AckReach.Durable => Others(entry.Durable) >= needed && view.Backups.Count(id => (entry.Durable & Bit(id)) != 0) >= view.Promise,
            _ => Others(entry.Applied) >= needed && view.Backups.Count(id => (entry.Durable & Bit(id)) != 0) >= view.Promise,
        };
    }

    /// <summary>Of the views since an entry was made: it is committed in one of them, and answered later.</summary>
    private int FewestBackups(long epoch, View view) => _installed.Where(each => each.Epoch >= epoch && each.Epoch <= view.Epoch).Min(each => each.Backups.Length);

    private WriteConcern Resolve(in WriteConcern asked, int voters)
    {
        WriteConcern group = _options.Concern;
        return new WriteConcern(
            asked.Level == AckLevel.Default ? group.Level : asked.Level,
            asked.Backups != 0 ? asked.Backups : asked.Level == AckLevel.Default ? (byte)Math.Min(Math.Max((byte)1, group.Backups), voters - 1) : Math.Max((byte)1, group.Backups),
            asked.Reach == AckReach.Default ? group.Reach : asked.Reach,
            asked.TimeoutMillis == 0 ? group.TimeoutMillis : asked.TimeoutMillis,
            asked.OnTimeout == OnAckTimeout.Default ? group.OnTimeout : asked.OnTimeout);
    }

    /// <summary>The primary of a view has everything that was acknowledged stronger than Async.</summary>
    private void CheckComplete(View view)
    {
        Shadow primary = _shadows[view.Primary.Value];
        if (!primary.IsLost && !Holds(primary.Durable, _promised))
            throw new RuleBrokenException("what was acknowledged is not lost", $"{view.Primary}, primary of epoch {view.Epoch}, does not have {_promised} on disk, which was acknowledged");
    }

    /// <summary>At least as many backups as the view promises have it on disk (invariant I).</summary>
    private void CheckKept(View view, string when)
    {
        // One that has lost something had it, and helps nobody to take over since.
        int kept = view.Backups.Count(id => _shadows[id.Value] is var shadow && (shadow.IsLost || Holds(shadow.Durable, _promised)));
        if (kept < view.Promise)
            throw new RuleBrokenException("what was acknowledged is on as many backups as promised", $"when {when}, {_promised} was on {kept} of them; {view}");
    }

    // From the view on that names its loss, a member's disk is what it is.
    private void Pardon(in ViewMember member, View before)
    {
        Shadow shadow = _shadows[member.Id.Value];
        if (!shadow.IsLost || member.Pardon == 0 || member.Pardon == (before.Find(member.Id)?.Pardon ?? 0))
            return;
        shadow.IsLost = false;
        _world.Coverage.Count(CoverageItem.Pardons);
    }

    private void Install(View view)
    {
        bool isNew = _installed.Count == 0 || !Newest.Membership!.Equals(view.Membership);
        _installed.Add(view);
        if (isNew && view.Membership is { } members)
            _timesCommitted[members] = TimesCommitted(members) + 1;
    }

    private static View FirstView(IReadOnlyList<ReplicaId> replicas, PrimaryBackupOptions options)
    {
        ViewMember[] members =
        [
            .. replicas.Select(id => options.PartOf(id) is var part ? new ViewMember(id, InSync: false, DelayMillis: part.DelayMillis, Upstream: part.Upstream) : default)
                .Select(member => member with { InSync = member.IsEligible }),
        ];
        return View.Create(0, members.First(member => member.InSync).Id, options.PromiseFor(members.Count(member => member.InSync) - 1, members.Length), members);
    }

    private void CountDegraded(Shadow shadow, bool isDegraded)
    {
        if (isDegraded == shadow.IsDegraded)
            return;
        shadow.IsDegraded = isDegraded;
        _world.Coverage.Count(isDegraded ? CoverageItem.Degraded : shadow.IsPrimary ? CoverageItem.Healed : CoverageItem.DegradedLost);
    }

    private static string Names(ulong replicas) => string.Join(",", Enumerable.Range(1, 63).Where(id => (replicas & (1UL << id)) != 0).Select(id => $"n{id}"));
}
