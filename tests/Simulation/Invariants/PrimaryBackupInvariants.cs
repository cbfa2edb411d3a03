using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.PrimaryBackup;
using ActorRepl.Simulation.Run;
using ActorRepl.Simulation.World;

namespace ActorRepl.Simulation.Invariants;

/// <summary>
/// What must hold of primary–backup. This part is of logs: an entry of an index and a term is one and follows one; only what the
/// primary lacks is cut, and nothing that is applied; followers apply what a primary has committed.
/// </summary>
internal sealed partial class PrimaryBackupInvariants : IInvariants
{
    private readonly SimulatedWorld _world;
    private readonly Shadow[] _shadows;
    private readonly EntryBook _book = new();
    private readonly PrimaryBackupOptions _options;
    private ulong _everLost;

    public PrimaryBackupInvariants(SimulatedWorld world)
    {
        _world = world;
        _options = ((SimulatedPrimaryBackup.Factory)world.Factory).Options;
        _shadows = [.. Enumerable.Range(0, world.ReplicaIds.Count + 1).Select(_ => new Shadow())];
        Install(FirstView(world.FirstIds, _options));
    }

    /// <summary>One member at a time, and never the last one in sync: what it has was promised on it alone.</summary>
    public bool MayLose(SimulatedReplica replica) =>
        !_shadows.Any(shadow => shadow.IsLost) && !_world.Control!.HasProposals && !(Newest.IsInSync(replica.Id) && Newest.Backups.Length == 0);

    public bool HasMajorityLeft(Membership members) => true;

    public void Lost(SimulatedReplica replica)
    {
        Shadow shadow = ShadowOf(replica);
        shadow.IsLost = true;
        _everLost |= Bit(replica.Id);
    }

    public void Starting(SimulatedReplica replica, RecoveredState recovered)
    {
        Shadow shadow = ShadowOf(replica);
        var first = new LogPosition(recovered.Checkpoint?.Term ?? 0, recovered.Checkpoint?.Index ?? 0);
        shadow.Reset(first, []);
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
            shadow.Commit = Math.Min(shadow.Commit, from - 1);
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
        ulong bit = Bit(replica.Id);
        bool cuts = false;
        while (shadow.Writing.TryPeek(out WalEntry? entry) && entry.Lsn <= lsn)
        {
            WalRecord record = shadow.Writing.Dequeue().Record;
            cuts |= record.TruncateFrom > 0 && record.TruncateFrom <= _promised.Index;
            shadow.Durable.Take(record);
            foreach (EntryBatch batch in record.Entries)
            {
                for (long index = batch.FirstIndex; index <= batch.LastIndex; index++)
                    _book.Find(new LogPosition(batch.Term, index))!.Durable |= bit;
            }
        }

        if (cuts)
            CheckKept(Newest, $"{replica.Id} cut its log");
    }

    public void Installed(SimulatedReplica replica, CheckpointManifest manifest)
    {
        Shadow shadow = ShadowOf(replica);
        var installed = new LogPosition(manifest.Term, manifest.Index);
        LogPosition end = manifest.Tail.Count > 0 ? new LogPosition(manifest.Tail[^1].Term, manifest.Tail[^1].LastIndex) : installed;
        CheckNothingForgotten(replica, shadow, end);
        shadow.Reset(installed, manifest.Tail);
        CheckKept(Newest, $"{replica.Id} installed a checkpoint");
    }

    public long HistoryAt(SimulatedReplica replica, long index) => ShadowOf(replica).Log.TermAt(index);

    public void Applied(SimulatedReplica replica, long index)
    {
        Shadow shadow = ShadowOf(replica);
        shadow.Applied = index;
        EntryBook.Entry entry = _book.Find(shadow.Position(index))!;
        entry.Applied |= Bit(replica.Id);
        if (_options.PartOf(replica.Id).DelayMillis is > 0 and var delay && replica.Now.Wall - entry.Wall < delay * Instant.Millisecond)
            throw new RuleBrokenException("a delayed member is late", $"{replica.Id} applies entry {index} {(replica.Now.Wall - entry.Wall) / Instant.Millisecond} ms after it was made; it is to wait {delay}");
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
        ulong bit = Bit(replica.Id);
        foreach (ReadOnlyMemory<byte> payload in batch)
        {
            uint content = Crc32C.Compute(payload.Span, (uint)batch.Wall);
            EntryBook.Entry entry = _book.Match(new LogPosition(batch.Term, index), batch.Kind, content, previous, bit)
                ?? throw new RuleBrokenException("log matching", $"{replica.Id} has another entry {index} of term {batch.Term}, or after another, than a replica before it");
            entry.Wall = batch.Wall;
            if (isDurable)
                entry.Durable |= bit;
            previous = batch.Term;
            index++;
        }
    }

    /// <summary>Only what the primary does not have is cut, and nothing that is in the machine.</summary>
    private void CheckCut(SimulatedReplica replica, Shadow shadow, long from)
    {
        if (from <= shadow.Applied)
            throw new RuleBrokenException("what is applied is not cut", $"{replica.Id} cuts from {from}; {shadow.Applied} is applied");
        var backup = (PrimaryBackupReplica)replica.Protocol!;
        if (backup.IsSealed || backup.Epoch >= _installed.Count)
            return;
        ReplicaId primary = _installed[(int)backup.Epoch].Primary;
        LogPosition first = shadow.Position(from);
        // A primary that is in a later epoch may have got it since.
        // Nor does one count that has lost something: it never begins, and others bring their logs.
        if (primary != replica.Id && !_shadows[primary.Value].IsLost && _shadows[primary.Value].Epoch == backup.Epoch && Holds(_shadows[primary.Value].Durable, first))
            throw new RuleBrokenException("only what the primary lacks is cut", $"{replica.Id} cuts {first}, which {primary}, primary of epoch {backup.Epoch}, has on disk");
    }

    /// <summary>A checkpoint may take the place of applied entries only if it has them too, or they were set aside, as far as they were still in the log.</summary>
    private void CheckNothingForgotten(SimulatedReplica replica, Shadow shadow, LogPosition installed)
    {
        long gone = Math.Max(((PrimaryBackupReplica)replica.Protocol!).BasePosition.Index, shadow.Log.BaseIndex);
        LogPosition at = shadow.Position(Math.Max(shadow.Applied, shadow.Log.BaseIndex));
        for (; at.Index > 0 && !_book.Contains(installed, at); at = _book.Before(at))
        {
            EntryBook.Entry entry = _book.Find(at)!;
            // What the primary has too comes again with its log.
            bool isShared = shadow.Epoch >= 0 && Holds(_shadows[_installed[(int)shadow.Epoch].Primary.Value].Log, at);
            if (isShared)
                continue;
            if (entry.Kind == EntryKind.Command && at.Index > gone && !shadow.Aside.Contains(at))
                throw new RuleBrokenException("what was applied is set aside before it is lost", $"{replica.Id} installs {installed}; {at}, which it has applied, is not in that history");
            entry.IsSetAside = true;
        }
    }

    private bool Holds(LogShadow log, LogPosition position) => position.Index <= log.BaseIndex
        ? _book.Contains(new LogPosition(log.BaseTerm, log.BaseIndex), position)
        : log.Holds(position.Index) && log.TermAt(position.Index) == position.Term;

    private static ulong Bit(ReplicaId id) => 1UL << id.Value;

    private Shadow ShadowOf(SimulatedReplica replica) => _shadows[replica.Id.Value];

    private View Newest => _installed[^1];

    /// <summary>A replica as its records and answers show it.</summary>
    private sealed class Shadow
    {
        public LogShadow Log { get; } = new();
        public LogShadow Durable { get; } = new();
        public Queue<WalEntry> Writing { get; } = new();
        public Dictionary<long, (SimulatedRequest Request, long At, int Voters)> Asked { get; } = [];
        public HashSet<LogPosition> Aside { get; } = [];

        /// <summary>Its disk has lost something, and no view has taken that into account.</summary>
        public bool IsLost { get; set; }
        public long Applied { get; set; }
        public long Commit { get; set; }
        public long Epoch { get; set; }
        public bool IsPrimary { get; set; }

        /// <summary>The first of the epochs in a row that it leads; the highest number if it does not.</summary>
        public long LeadsSince { get; set; } = long.MaxValue;
        public ReplicaMode Mode { get; set; }
        public bool IsDegraded { get; set; }

        /// <summary>When it was last degraded, on its monotonic clock.</summary>
        public long DegradedAt { get; set; }

        public void Restart()
        {
            Asked.Clear();
            (Epoch, IsPrimary, LeadsSince) = (View.Unknown.Epoch, false, long.MaxValue);
            (Mode, IsDegraded, DegradedAt) = (ReplicaMode.None, false, long.MinValue);
        }

        public LogPosition Position(long index) => new(Log.TermAt(index), index);

        public void Reset(LogPosition first, IReadOnlyList<EntryBatch> log)
        {
            Log.Reset(first.Index, first.Term, log);
            Durable.Reset(first.Index, first.Term, log);
            Writing.Clear();
            Applied = Commit = first.Index;
        }
    }
}
