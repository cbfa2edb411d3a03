using ActorRepl.Persistence.Commit;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Persistence.Segments;

/// <summary>Writes the log: a group is one write and one sync.</summary>
internal sealed class SegmentWriter : GroupCommit<OpenLog>
{
    /// <summary>Room at a segment's end that events leave to what deletes, so that a full disk can be emptied.</summary>
    private const int MaxReserve = 1 << 20;

    /// <summary>Persistence ids written anew in one group, before the segment that has their latest record goes.</summary>
    private const int NamesAGroup = 1_024;

    private readonly Func<OpenLog> _open;
    private readonly Action<string> _report;
    private readonly SegmentCompactor _compactor;
    private volatile OpenLog? _log;

    /// <param name="open">Opens the log, for the first time or after it has failed.</param>
    /// <param name="options">The limits.</param>
    /// <param name="report">Gets what an operator should know.</param>
    public SegmentWriter(Func<OpenLog> open, SegmentOptions options, Action<string> report)
        : base(options.MaxWaitingWrites, options.MaxTransactionBytes, "write wal")
    {
        _open = open;
        _report = report;
        _compactor = new SegmentCompactor(this, options.CompactAboveBytes, report);
        Start();
    }

    /// <summary>The log as it is open now; null: it is not, the next piece of work opens it.</summary>
    public OpenLog? Log => _log;

    /// <summary>For tests: what there is of space for the segments in use; 0: no limit.</summary>
    internal long Limit { get; set; }

    protected override void CommitGroup()
    {
        try
        {
            OpenLog log = Open();
            StorageFullException? full = TryWrite(log);
            // What deletions have left behind makes room, before anything is refused.
            while (full is not null && LetGo(log))
                full = TryWrite(log);
            if (full is not null)
            {
                Refuse(full);
                Execute(log);
                Write(log);
            }

            Group.ForEach(work => work.Complete());
            _compactor.StartIfWorthwhile(log);
        }
        catch (StorageFullException e)
        {
            // Not even what deletes has room.
            _log?.Buffer.Clear();
            FailAll(e);
        }
        catch (StorageException e)
        {
            CloseAfterFailure();
            FailAll(e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The same pages are never synced a second time: a sync that failed may report success when asked again.
            CloseAfterFailure();
            FailAll(new StorageFailedException($"the log failed, what became of this write is unknown: {e.Message}", e));
        }
    }

    /// <summary>Writes the group, all or nothing; returns why what adds to the log cannot be, and has written nothing then.</summary>
    private StorageFullException? TryWrite(OpenLog log)
    {
        try
        {
            Execute(log);
            if (log.Buffer.IsEmpty || IsFull(log) is not { } full)
            {
                Write(log);
                return null;
            }

            log.Buffer.Clear();
            return full;
        }
        catch (StorageFullException full) when (Group.Exists(work => work.NeedsSpace))
        {
            log.Buffer.Clear();
            return full;
        }
    }

    /// <summary>Fills the buffer; what is at fault itself fails alone.</summary>
    private void Execute(OpenLog log)
    {
        for (int i = 0; i < Group.Count;)
        {
            GroupBuffer.Mark before = log.Buffer.Here();
            try
            {
                Group[i].Execute(log);
                i++;
            }
            catch (Exception e) when (e is not StorageException and not IOException)
            {
                log.Buffer.Back(before);
                Group[i].Fail(e);
                Group.RemoveAt(i);
            }
        }
    }

    /// <summary>Why what adds to the log is refused; null: there is space.</summary>
    private StorageFullException? IsFull(OpenLog log)
    {
        if (!Group.Exists(work => work.NeedsSpace))
            return null;
        if (log.Faults.NoSpace?.Invoke() is { } none)
            return none;
        int length = log.Buffer.Length, reserve = Math.Min(MaxReserve, log.CurrentSize / 8);
        if (Limit > 0 && log.UsedBytes + length > Limit)
            return new StorageFullException($"no space: the log has its limit of {Limit} bytes");
        try
        {
            // One that is not made yet may turn out not to fit, when the reserve is gone.
            if (length + reserve > log.Remaining && log.Preparer.TurnsOutFull())
                log.Preparer.Retry();
            return null;
        }
        catch (StorageFullException full)
        {
            return full;
        }
    }

    /// <summary>Refuses what adds to the log; the rest can do without it.</summary>
    private void Refuse(StorageFullException full)
    {
        foreach (StoreWork<OpenLog> work in Group)
        {
            if (work.NeedsSpace)
                work.Fail(full);
        }

        Group.RemoveAll(work => work.NeedsSpace);
    }

    private void Write(OpenLog log)
    {
        GroupBuffer.Mark before = log.Buffer.Here();
        FreeSegments(log);
        // Nothing is refused for the sake of what can wait.
        if (log.Buffer.Length > log.Remaining && log.Preparer.TurnsOutFull())
            log.Buffer.Back(before);
        if (log.Buffer.IsEmpty)
            return;
        log.Commit();
        CountCommit();
    }

    /// <summary>
    /// Moves the beginning of the log behind the segments in which nothing lives, once the persistence ids whose latest
    /// record is there are written anew.
    /// </summary>
    private static void FreeSegments(OpenLog log)
    {
        int start = 0, names = 0;
        foreach (SegmentFile segment in log.Index.Segments.Values)
        {
            if (segment.Number == log.Current || segment.LiveEvents > 0 || names + segment.LiveNames > NamesAGroup && names > 0)
                break;
            names += segment.LiveNames;
            start = segment.Number + 1;
        }

        if (start == 0)
            return;
        int written = 0;
        foreach (JournalName? name in log.Index.Names)
        {
            if (name is null || name.DeclaredIn == 0 || name.DeclaredIn >= start)
                continue;
            // More than fit into one group: the rest goes with the next one, and then the segment.
            if (written++ == NamesAGroup)
                return;
            log.Buffer.Declare(name);
        }

        long group = log.NextGroup;
        foreach (SegmentFile segment in log.Index.Segments.Values)
        {
            if (segment.Number >= start && segment.FirstGroup > 0)
            {
                group = segment.FirstGroup;
                break;
            }
        }

        log.Buffer.Start(start, group);
    }

    /// <summary>Has segments leave in a group of their own; false: there is none that can, or not even room for saying so.</summary>
    private bool LetGo(OpenLog log)
    {
        try
        {
            FreeSegments(log);
            if (log.Buffer.IsEmpty)
                return false;
            log.Commit();
            CountCommit();
            return true;
        }
        catch (StorageFullException)
        {
            log.Buffer.Clear();
            return false;
        }
    }

    /// <summary>Nothing waits: segments leave without waiting for the next write, and the last group is sealed.</summary>
    protected override void AfterGroup(bool idle)
    {
        if (!idle)
            return;
        try
        {
            if (_log is not { } log)
                return;
            while (NothingWaits && LetGo(log))
            {
            }

            log.Seal();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            CloseAfterFailure();
        }
    }

    private OpenLog Open() => _log ??= _open();

    /// <summary>What the log holds is found out when it is opened again.</summary>
    private void CloseAfterFailure()
    {
        OpenLog? log = _log;
        _log = null;
        log?.Dispose();
    }

    protected override void Close()
    {
        if (_log is not { } log)
            return;
        try
        {
            log.CloseInOrder();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _report($"the log could not be closed in order: {e.Message}");
        }

        CloseAfterFailure();
    }
}
