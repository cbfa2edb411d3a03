using ActorRepl.Protocols.Chain;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Simulation.Run;
using ActorRepl.Simulation.World;

namespace ActorRepl.Simulation.Invariants;

/// <summary>
/// What must hold of chains, after van Renesse and Schneider: a link's history is a prefix of its predecessor's (Update Propagation), what is
/// sent and not acknowledged is the difference (In-process Requests); and what follows from it: what is committed is on the disk of every link, whatever
/// the view, and is never another. This part is of logs.
/// </summary>
internal sealed partial class ChainInvariants : IInvariants
{
    private readonly SimulatedWorld _world;
    private readonly Shadow[] _shadows;
    private readonly EntryBook _book = new();
    private readonly ChainOptions _options;

    // The term of each entry that is committed, from the first.
    private readonly List<long> _committed = [0];

    // And in which epoch that came about.
    private readonly List<long> _committedIn = [0];

    public ChainInvariants(SimulatedWorld world)
    {
        _world = world;
        _options = ((SimulatedChain.Factory)world.Factory).Options;
        _shadows = [.. Enumerable.Range(0, world.ReplicaIds.Count + 1).Select(_ => new Shadow())];
        ReplicaId[] links = [.. _options.Order(world.FirstIds)];
        Install(ChainView.Create(0, links, [.. links.Select(id => new ChainMember(id))]));
    }

    /// <summary>One member at a time, and never the last link that stays: what it has was acknowledged on it alone.</summary>
    public bool MayLose(SimulatedReplica replica) => !_shadows.Any(shadow => shadow.IsLost) && !_world.Control!.HasProposals
        && (!Newest.IsLink(replica.Id) || Newest.Links.Any(id => id != replica.Id && _world.Target?.Voters.Contains(id) != false
            && _world.Replica(id).Protocol is not ChainReplica { IsLeaving: true }));

    public bool MayHandOver => !_shadows.Any(shadow => shadow.IsLost);

    public bool HasMajorityLeft(Membership members) => members.Voters.Any(id => Newest.IsLink(id) && !_shadows[id.Value].IsLost);

    public void Lost(SimulatedReplica replica) => ShadowOf(replica).IsLost = true;

    public void Starting(SimulatedReplica replica, RecoveredState recovered)
    {
        Shadow shadow = ShadowOf(replica);
        shadow.Reset(new LogPosition(recovered.Checkpoint?.Term ?? 0, recovered.Checkpoint?.Index ?? 0), []);
        shadow.Restart();
        foreach (EntryBatch batch in recovered.Log)
        {
            Match(replica, shadow.Log, batch, isDurable: true);
            shadow.Log.Append(batch);
            shadow.Durable.Append(batch);
        }
    }

    public void Writing(SimulatedReplica replica, WalEntry entry)
    {
        Shadow shadow = ShadowOf(replica);
        if (entry.Record.TruncateFrom is > 0 and var from && from <= shadow.Log.LastIndex)
        {
            CheckCut(replica, shadow, from);
            shadow.Log.Truncate(from);
        }

        foreach (EntryBatch batch in entry.Record.Entries)
        {
            Match(replica, shadow.Log, batch, isDurable: false);
            shadow.Log.Append(batch);
        }

        shadow.Writing.Enqueue(entry);
    }

    public void Durable(SimulatedReplica replica, long lsn)
    {
        Shadow shadow = ShadowOf(replica);
        while (shadow.Writing.TryPeek(out WalEntry? entry) && entry.Lsn <= lsn)
        {
            WalRecord record = shadow.Writing.Dequeue().Record;
            shadow.Durable.Take(record);
            foreach (EntryBatch batch in record.Entries)
            {
                for (long index = batch.FirstIndex; index <= batch.LastIndex; index++)
                    _book.Find(new LogPosition(batch.Term, index))!.Durable |= Bit(replica.Id);
            }
        }
    }

    public void Installed(SimulatedReplica replica, CheckpointManifest manifest)
    {
        Shadow shadow = ShadowOf(replica);
        var installed = new LogPosition(manifest.Term, manifest.Index);
        if (!IsCommitted(installed))
            throw new RuleBrokenException("checkpoints are of what is committed", $"{replica.Id} installs {installed}");
        shadow.Reset(installed, manifest.Tail);
        CheckComplete(Newest, $"{replica.Id} installed a checkpoint");
    }

    // If index and term of two entries agree, so do the entries and all before them: each names its predecessor.
    private void Match(SimulatedReplica replica, LogShadow log, EntryBatch batch, bool isDurable)
    {
        long index = batch.FirstIndex;
        if (index - 1 > log.LastIndex || index <= log.BaseIndex)
            throw new RuleBrokenException("log matching", $"{replica.Id} writes entry {index} after {log.LastIndex}");
        long previous = log.TermAt(index - 1);
        if (batch.Term < previous)
            throw new RuleBrokenException("log matching", $"{replica.Id} writes entry {index} of term {batch.Term} after one of {previous}");
        foreach (ReadOnlyMemory<byte> payload in batch)
        {
            uint content = Crc32C.Compute(payload.Span, (uint)batch.Wall);
            EntryBook.Entry entry = _book.Match(new LogPosition(batch.Term, index), batch.Kind, content, previous, Bit(replica.Id))
                ?? throw new RuleBrokenException("log matching", $"{replica.Id} has another entry {index} of term {batch.Term}, or after another, than a replica before it");
            if (isDurable)
                entry.Durable |= Bit(replica.Id);
            previous = batch.Term;
            index++;
        }
    }

    /// <summary>Only what its predecessor, or who feeds it, lacks is cut, and nothing that is committed.</summary>
    private void CheckCut(SimulatedReplica replica, Shadow shadow, long from)
    {
        var link = (ChainReplica)replica.Protocol!;
        _world.Coverage.Count(CoverageItem.Truncations);
        // One that is out of the chain, and behind, may cut in an epoch that is over what a later one is to commit.
        if (from < _committed.Count && IsCommitted(shadow.Position(from)) && (_committedIn[(int)from] <= link.Epoch || Newest.IsLink(replica.Id)))
            throw new RuleBrokenException("what is committed is not cut", $"{replica.Id} cuts from {from}; entries up to {_committed.Count - 1} are committed");
        if (link.CurrentView.Head is { IsNone: false } head && head != replica.Id && _shadows[head.Value] is { IsLost: false } first && first.Epoch == link.Epoch
            && first.Log.Holds(from) && first.Log.TermAt(from) == shadow.Log.TermAt(from))
            throw new RuleBrokenException("only what the head lacks is cut", $"{replica.Id} cuts {shadow.Position(from)}, which {head}, head of epoch {link.Epoch}, has");
    }

    private bool IsCommitted(LogPosition position) => position.Index < _committed.Count && _committed[(int)position.Index] == position.Term;

    private static bool Holds(LogShadow log, LogPosition position, List<long> committed) => position.Index <= log.BaseIndex
        ? log.BaseIndex < committed.Count && committed[(int)log.BaseIndex] == log.BaseTerm
        : log.Holds(position.Index) && log.TermAt(position.Index) == position.Term;

    private static ulong Bit(ReplicaId id) => 1UL << id.Value;

    private Shadow ShadowOf(SimulatedReplica replica) => _shadows[replica.Id.Value];

    private ChainView Newest => _installed[^1];

    /// <summary>A replica as its records and answers show it.</summary>
    private sealed class Shadow
    {
        public LogShadow Log { get; } = new();
        public LogShadow Durable { get; } = new();
        public Queue<WalEntry> Writing { get; } = new();
        public Dictionary<long, SimulatedRequest> Asked { get; } = [];

        /// <summary>Its disk has lost something, and it has not been pardoned.</summary>
        public bool IsLost { get; set; }
        public long Commit { get; set; }
        public long Epoch { get; set; }
        public bool IsHead { get; set; }

        public void Restart()
        {
            Asked.Clear();
            (Epoch, IsHead) = (ChainView.Unknown.Epoch, false);
        }

        public LogPosition Position(long index) => new(Log.TermAt(index), index);

        public void Reset(LogPosition first, IReadOnlyList<EntryBatch> log)
        {
            Log.Reset(first.Index, first.Term, log);
            Durable.Reset(first.Index, first.Term, log);
            Writing.Clear();
            Commit = first.Index;
        }
    }
}
