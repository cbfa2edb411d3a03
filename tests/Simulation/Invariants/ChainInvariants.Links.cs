using ActorRepl.Protocols.Chain;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Simulation.Run;
using ActorRepl.Simulation.World;

namespace ActorRepl.Simulation.Invariants;

/// <summary>Of views, neighbours, commits and leases; and that no session goes back.</summary>
internal sealed partial class ChainInvariants
{
    // The views in order of their epochs.
    private readonly List<ChainView> _installed = [];

    // How often each membership was a view's for the first time in a row.
    private readonly Dictionary<Membership, int> _timesCommitted = [];

    // The latest epoch in which something was committed.
    private long _inForce = -1;
    private ReplicaId _lastHead;

    public int TimesCommitted(Membership members) => _timesCommitted.GetValueOrDefault(members);

    public void ViewInstalled(SimulatedReplica from, long epoch, byte[] bytes, bool isForced)
    {
        ChainView before = Newest, view = ChainView.Decode(bytes);
        if (view.Epoch != epoch || epoch != before.Epoch + 1)
            throw new RuleBrokenException("epochs follow each other", $"{from.Id} has a view of epoch {view.Epoch} installed as {epoch}, after {before.Epoch}");
        if (!before.IsLink(from.Id))
            throw new RuleBrokenException("views are of links", $"{from.Id} proposes {view}; links were {string.Join(" > ", before.Links)}");
        foreach (ChainMember member in view.Members)
        {
            if (member.Pardon == (before.Find(member.Id)?.Pardon ?? 0) || view.IsLink(member.Id))
                continue;
            _world.Coverage.Count(CoverageItem.Pardons);
        }

        Count(before, view, from.Id);
        Install(view);
        CheckComplete(view, $"{from.Id} had epoch {epoch} installed");
    }

    private void Count(ChainView before, ChainView view, ReplicaId from)
    {
        ReplicaId[] gone = [.. before.Links.Where(id => !view.IsLink(id))];
        if (view.Head != before.Head)
            _world.Coverage.Count(from == before.Head ? CoverageItem.Switchovers : CoverageItem.Failovers);
        foreach (ReplicaId id in gone)
            _world.Coverage.Count(id == before.Head ? CoverageItem.HeadsRemoved : id == before.Tail ? CoverageItem.TailsRemoved : CoverageItem.MiddlesRemoved);
        _world.Coverage.Count(CoverageItem.SeveralRemoved, gone.Length > 1 ? 1 : 0);
        _world.Coverage.Count(CoverageItem.LinksSpliced, view.Links.Count(id => !before.IsLink(id)));
        _world.Coverage.Count(CoverageItem.SlowRemoved, view.Members.Count(member => member.Slow > (before.Find(member.Id)?.Slow ?? 0)));
    }

    private void Install(ChainView view)
    {
        if (_installed.Count == 0 || !view.Membership!.Equals(Newest.Membership))
            _timesCommitted[view.Membership!] = TimesCommitted(view.Membership!) + 1;
        _installed.Add(view);
    }

    /// <summary>Every link has on its disk whatever is committed, but for one that has lost something, which takes no part.</summary>
    private void CheckComplete(ChainView view, string when)
    {
        var last = new LogPosition(_committed[^1], _committed.Count - 1);
        foreach (ReplicaId id in view.Links)
        {
            if (last.Index > 0 && !_shadows[id.Value].IsLost && !Holds(_shadows[id.Value].Durable, last, _committed))
                throw new RuleBrokenException("what is committed is on every link", $"{when}: {id}, link of {view}, does not have {last} on its disk");
        }
    }

    public void Stepped(SimulatedReplica replica)
    {
        var link = (ChainReplica)replica.Protocol!;
        Shadow shadow = ShadowOf(replica);
        if (link.Epoch < shadow.Epoch)
            throw new RuleBrokenException("epochs never go back", $"{replica.Id} went from {shadow.Epoch} to {link.Epoch}");
        if (link.Epoch >= _installed.Count || (link.Epoch >= 0 && !link.CurrentView.Links.AsSpan().SequenceEqual(_installed[(int)link.Epoch].Links)))
            throw new RuleBrokenException("one view an epoch", $"{replica.Id} is in {link.CurrentView}; that was never installed");
        if (shadow.IsHead && !link.IsActingHead && replica.PausedUntil > 0 && _world.Time < replica.PausedUntil + Instant.Second)
            _world.Coverage.Count(CoverageItem.SleepersFenced);
        // It says that it counts: from here on it is held to that.
        shadow.IsLost &= link.HasLostPromises;
        bool begins = link.IsActingHead && !(shadow.IsHead && shadow.Epoch == link.Epoch);
        (shadow.Epoch, shadow.IsHead) = (link.Epoch, link.IsActingHead);
        if (begins)
            Begins(replica, shadow);
        if (link.CommitIndex != shadow.Commit)
            Committed(replica, link, shadow);
        if (link.TakesPart)
        {
            CheckNeighbours(replica, link);
            if (_options.LeaseReads && link.Epoch < _inForce && link.HoldsLeaseAt(replica.Now.Monotonic))
                throw new RuleBrokenException("a lease is one's own", $"{replica.Id} holds a lease in epoch {link.Epoch}; {_inForce} is in force");
        }
    }

    private void Begins(SimulatedReplica replica, Shadow shadow)
    {
        _world.Coverage.Count(CoverageItem.Elections);
        _world.Coverage.Count(CoverageItem.LeaderChanges, _lastHead != replica.Id ? 1 : 0);
        _lastHead = replica.Id;
        if (shadow.IsLost)
            throw new RuleBrokenException("who has lost something is no link", $"{replica.Id} is head of epoch {shadow.Epoch}");
        _world.OnElected(replica);
    }

    private void Committed(SimulatedReplica replica, ChainReplica link, Shadow shadow)
    {
        if (link.CommitIndex < shadow.Commit)
            throw new RuleBrokenException("commit never back", $"{replica.Id} went from {shadow.Commit} to {link.CommitIndex}");
        for (long index = Math.Max(shadow.Commit, shadow.Log.BaseIndex) + 1; index <= link.CommitIndex; index++)
        {
            LogPosition at = shadow.Position(index);
            if (index < _committed.Count)
            {
                if (_committed[(int)index] != at.Term)
                    throw new RuleBrokenException("what is committed is never another", $"{replica.Id} commits {at}; term {_committed[(int)index]} was committed there");
                continue;
            }

            if (link is not { IsActingTail: true })
                throw new RuleBrokenException("the tail commits first", $"{replica.Id} commits {at}, which no tail has");
            // One that has lost its disk since had it then.
            foreach (ReplicaId id in link.CurrentView.Links)
            {
                if ((_book.Find(at)!.Durable & Bit(id)) == 0)
                    throw new RuleBrokenException("what is committed is on every link", $"{replica.Id} commits {at} in {link.CurrentView}; {id} never had it on its disk");
            }

            _committed.Add(at.Term);
            _committedIn.Add(link.Epoch);
            _world.Coverage.Count(CoverageItem.EntriesCommitted);
        }

        bool isNew = link.CommitIndex == _committed.Count - 1 && link.IsActingTail;
        shadow.Commit = link.CommitIndex;
        if (!isNew)
            return;
        // A view that was installed meanwhile, too, has it all.
        CheckComplete(Newest, $"{replica.Id} commits in epoch {link.Epoch}");
        if (link.Epoch > _inForce)
            ComesIntoForce(replica, link.Epoch);
    }

    /// <summary>Whoever served reads in an earlier epoch must have stopped.</summary>
    private void ComesIntoForce(SimulatedReplica replica, long epoch)
    {
        _inForce = epoch;
        foreach (SimulatedReplica other in _world.Replicas)
        {
            if (_options.LeaseReads && other.IsUp && other != replica && ((ChainReplica)other.Protocol!).Epoch < epoch && ((ChainReplica)other.Protocol!).HoldsLeaseAt(other.Now.Monotonic))
                throw new RuleBrokenException("a lease is one's own", $"{replica.Id} commits in epoch {epoch}; {other.Id} holds a lease in {((ChainReplica)other.Protocol!).Epoch}");
        }
    }

    private void CheckNeighbours(SimulatedReplica replica, ChainReplica link)
    {
        if (Find(link.CurrentView.PredecessorOf(replica.Id), link.Epoch) is { } before)
            CheckPair(before, link);
        if (Find(link.CurrentView.SuccessorOf(replica.Id), link.Epoch) is { } after)
            CheckPair(link, after);
    }

    private ChainReplica? Find(ReplicaId id, long epoch) =>
        !id.IsNone && _world.Replica(id) is { IsUp: true, Protocol: ChainReplica { TakesPart: true } link } && link.Epoch == epoch ? link : null;

    private static void CheckPair(ChainReplica before, ChainReplica after)
    {
        long shared = after.VerifiedIndex;
        if (shared > before.VerifiedIndex || (before.PositionAt(shared) is { } there && after.PositionAt(shared) is { } here && there != here))
            throw new RuleBrokenException("update propagation", $"{after.Self} has {after.PositionAt(shared)} in epoch {after.Epoch}; its predecessor {before.Self} has {before.PositionAt(shared)} of {before.VerifiedIndex}");
        if (after.SettledIndex > before.SettledIndex)
            throw new RuleBrokenException("update propagation", $"{after.Self} takes {after.SettledIndex} for settled; its predecessor {before.Self} has {before.SettledIndex}");
        bool isOfEpoch = before.CommitIndex > 0 && before.PositionAt(before.CommitIndex) is { } commit && commit.Term == before.Epoch;
        if (isOfEpoch && before.CommitIndex > after.CommitIndex)
            throw new RuleBrokenException("in-process requests", $"{before.Self} has {before.CommitIndex} acknowledged; its successor {after.Self} has committed {after.CommitIndex}");
        (long acknowledged, long sent) = before.InProcess;
        if (sent > acknowledged && sent > before.VerifiedIndex)
            throw new RuleBrokenException("in-process requests", $"{before.Self} has sent up to {sent}; its log is known up to {before.VerifiedIndex}");
    }

    // ---- clients ----

    public void Asked(SimulatedReplica replica, SimulatedRequest request) => ShadowOf(replica).Asked[request.Id] = request;

    public LogPosition Answering(SimulatedReplica replica, long requestId)
    {
        Shadow shadow = ShadowOf(replica);
        if (!shadow.Asked.Remove(requestId, out SimulatedRequest? asked))
            throw new RuleBrokenException("answers are to requests", $"{replica.Id} answers {requestId}, which it was not asked, or again");
        if (asked.Kind == RequestKind.Read && !((ChainReplica)replica.Protocol!).IsActingTail)
            _world.Coverage.Count(CoverageItem.ReadsAtLinks);
        return replica.Applied;
    }

    public void SessionSaw(int client, LogPosition before, LogPosition now)
    {
        if (now.Index < before.Index || !IsCommitted(now))
            throw new RuleBrokenException("no session goes back", $"client {client} has seen {before}, and reads of {now}");
    }

    public void SessionLost(int client, LogPosition seen) =>
        throw new RuleBrokenException("nothing that was seen is lost", $"client {client} was told that {seen} is lost");

    public void Ended(SimulatedReplica leader)
    {
        var last = new LogPosition(_committed[^1], _committed.Count - 1);
        if (!Holds(ShadowOf(leader).Log, last, _committed))
            throw new RuleBrokenException("what is committed is not lost", $"{last} was committed and is not in the history of {leader.Id}");
    }
}
