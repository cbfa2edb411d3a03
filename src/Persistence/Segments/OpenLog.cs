using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Persistence.Segments;

/// <summary>
/// A log that is open: its index, the segment that is written to, and where. Written by one thread. What it finds when it is
/// opened is durable before anyone is told of it.
/// </summary>
internal sealed class OpenLog : IDisposable
{
    private readonly GroupBuffer _buffer;
    private readonly SegmentFolder _folder;
    private readonly int _newest;
    private bool _markedInUse;
    private SegmentFile _current;
    private int _offset;
    private long _number;
    private uint _checksum;

    private OpenLog(SegmentFolder folder, SegmentIndex index, SegmentPreparer preparer, SegmentFile current, LogEnd end, int newest)
    {
        _folder = folder;
        _newest = newest;
        Index = index;
        Preparer = preparer;
        _buffer = new GroupBuffer(index);
        _current = current;
        (_offset, _number, _checksum) = (current.Number == end.Segment ? end.Offset : SegmentFormat.FirstGroup, end.Number, end.Checksum);
    }

    public SegmentIndex Index { get; }

    public SegmentPreparer Preparer { get; }

    public GroupBuffer Buffer => _buffer;

    public string? Lost => _current.Header.Lost;

    public int Current => _current.Number;

    public int CurrentSize => _current.Size;

    /// <summary>Number of the group that is written next.</summary>
    public long NextGroup => _number + 1;

    public int Remaining => _current.Size - _offset;

    /// <summary>Bytes of the segments in use, of the current one only what is written.</summary>
    public long UsedBytes
    {
        get
        {
            long bytes = _offset;
            foreach (SegmentFile segment in Index.Segments.Values)
                bytes += segment.Number == Current ? 0 : segment.Size;
            return bytes;
        }
    }

    /// <summary>What is made to fail on purpose, and when.</summary>
    public required LogFaults Faults { get; init; }

    /// <exception cref="StorageDamagedException">Something that was durable is missing.</exception>
    /// <exception cref="StorageException">It cannot be opened now.</exception>
    public static OpenLog Open(SegmentFolder folder, SegmentOptions options, string? lost, Action<string> report, LogFaults faults)
    {
        List<SegmentFile> segments = OpenSegments(folder, out List<(string Path, int Size)> free);
        SegmentPreparer? preparer = null;
        try
        {
            SegmentIdentity.Content? expected = folder.Identity.Current;
            Guid store = segments.Count > 0 ? segments[0].Header.Store : Guid.NewGuid();
            if (expected is not null && segments.Count > 0 && expected.Id != store)
                throw new StorageDamagedException($"{folder.Path} is another store's: its id is {store:N}, {expected.Id:N} belongs here");
            if (expected is not null && lost is null && (segments.Count == 0 ? 0 : segments[^1].Number) < expected.Last)
                throw new StorageDamagedException(segments.Count == 0 ? $"{folder.Path} is missing" : $"segment {expected.Last} of {folder.Path} is missing");
            if (segments.Count == 0)
            {
                segments.Add(folder.Create(new SegmentHeader(store, 1, options.FirstSegmentBytes, lost is null ? null : $"{DateTime.UtcNow:u}: {lost}"), null));
            }

            // Nothing has been written since: a log is marked as in use before its first commit.
            bool clean = expected is { Open: false } && lost is null;
            var scan = new SegmentScan(segments, clean ? expected!.Groups : 0);
            SegmentIndex index = scan.Read();
            LogEnd end = scan.End;
            int newest = segments[^1].Number;
            if (!clean)
                folder.Identity.Update(_ => new SegmentIdentity.Content(store, Open: true, newest, 0));
            int at = segments.FindIndex(segment => segment.Number == end.Segment);
            SegmentFile[] ready = [.. segments.Skip(at + 1)];
            preparer = new SegmentPreparer(folder, options, segments[^1].Header, segments.Take(at + 1).Sum(segment => (long)segment.Size),
                ready, newest + 1, free, report);
            SegmentFile current = segments[at];
            if (!clean && end.Number > 0 && TryWriteAnew(current, end, preparer, report) is { } fresh)
            {
                // Read once more, as whoever comes after a crash will: the new copy has taken the old one's place.
                current = fresh;
                scan = new SegmentScan([.. segments.Take(at + 1), fresh], 0);
                index = scan.Read();
                Invariant.That(scan.End.Number == end.Number && scan.End.Segment == fresh.Number, "the last group is in its new place");
                end = scan.End;
            }

            foreach (SegmentFile segment in segments.Where(segment => segment.Number > current.Number))
                index.Segments.Remove(segment.Number);
            foreach (SegmentFile segment in segments.Where(segment => segment.Number < index.Segments.Keys.First()))
                preparer.Leave(segment);
            return new OpenLog(folder, index, preparer, current, end, newest) { Faults = faults };
        }
        catch
        {
            preparer?.Dispose();
            segments.ForEach(segment => segment.Dispose());
            throw;
        }
    }

    /// <summary>Writes the group that is in the buffer, durable on return, and empties it.</summary>
    /// <exception cref="StorageFullException">There is no room: nothing was written.</exception>
    /// <exception cref="StorageFailedException">There is no next segment; nothing was written.</exception>
    /// <exception cref="IOException">What became of it is unknown: this log must be closed, and opened anew.</exception>
    public void Commit()
    {
        MarkInUse();
        int length = _buffer.Length;
        if (length > Remaining)
            Advance(length);
        GroupHeader header = _buffer.Close(_current.Salt, _offset, _number + 1, _checksum);
        Faults.BeforeWrite?.Invoke();
        _current.Write(_buffer.Bytes, _offset);
        Faults.BeforeSync?.Invoke();
        _current.Sync();

        int start;
        var left = new List<SegmentFile>();
        lock (Index.Lock)
        {
            if (_current.FirstGroup == 0)
                _current.FirstGroup = header.Number;
            start = _buffer.Publish(_current.Number, _offset);
            while (start > 0 && Index.Segments.First() is { Key: var oldest, Value: var segment } && oldest < start)
            {
                Invariant.That(segment.IsDead && oldest != Current, "a segment leaves the log when nothing in it lives");
                Index.Segments.Remove(oldest);
                left.Add(segment);
            }
        }

        left.ForEach(Preparer.Leave);
        (_offset, _number, _checksum) = (_offset + length, header.Number, header.Checksum);
        _buffer.Clear();
    }

    /// <summary>Says on disk, unsynced, that the last group is durable: whatever happens to it from now on is damage.</summary>
    public void Seal()
    {
        if (Remaining < SegmentFormat.Page || _number == 0)
            return;
        WriteSeal(_current, _offset, new GroupHeader(GroupKind.Group, _number, 0, 0, 0, _checksum));
    }

    /// <summary>Closes in order: the next one that opens it knows how many groups there must be.</summary>
    public void CloseInOrder()
    {
        Seal();
        _current.Sync();
        _folder.Identity.Update(content => content! with { Open = false, Groups = _number });
    }

    public void Dispose()
    {
        Preparer.Dispose();
        lock (Index.Lock)
        {
            foreach (SegmentFile segment in Index.Segments.Values)
                segment.Dispose();
        }

        _buffer.Dispose();
    }

    private static void WriteSeal(SegmentFile segment, int offset, GroupHeader last)
    {
        Span<byte> page = stackalloc byte[SegmentFormat.Page];
        page.Clear();
        new GroupHeader(GroupKind.Seal, last.Number, last.Checksum, SegmentFormat.Page, 0, 0).Write(page, segment.Salt, offset);
        segment.Write(page, offset);
    }

    /// <summary>
    /// Notes that the log is in use, before anything is written to it and not when it is opened: a full disk must not keep a
    /// node from reading what it has.
    /// </summary>
    private void MarkInUse()
    {
        if (_markedInUse)
            return;
        try
        {
            _folder.Identity.Update(content => content! with { Open = true, Last = Math.Max(content.Last, _newest), Groups = 0 });
        }
        catch (IOException e) when (NativeFile.IsNoSpace(e))
        {
            throw new StorageFullException($"no space to note that the log is in use: {e.Message}", e);
        }

        _markedInUse = true;
    }

    private void Advance(int length)
    {
        SegmentFile next = Preparer.Take(length);
        lock (Index.Lock)
            Index.Segments.Add(next.Number, next);
        (_current, _offset) = (next, SegmentFormat.FirstGroup);
    }

    /// <summary>
    /// Writes the last group into the next segment and syncs it there. Whether its old pages reached the disk is not known:
    /// a process that was killed may not have synced them, and a sync that failed may report success when asked again.
    /// Null: there is no space for that, so it is written anew where it is, byte for byte.
    /// </summary>
    private static SegmentFile? TryWriteAnew(SegmentFile current, LogEnd end, SegmentPreparer preparer, Action<string> report)
    {
        byte[] bytes = new byte[end.Offset - end.LastOffset];
        if (current.Read(bytes, end.LastOffset) < bytes.Length || !GroupHeader.TryRead(bytes, current.Salt, end.LastOffset, out GroupHeader header))
            throw new StorageFailedException($"{current.Path} does not read twice the same");
        SegmentFile fresh;
        try
        {
            fresh = preparer.Take(bytes.Length + SegmentFormat.Page);
        }
        catch (StorageFullException e)
        {
            // A full disk must not keep a node from reading what it has. Pages that are written anew are synced anew, too.
            current.Write(bytes, end.LastOffset);
            current.Sync();
            report($"{current.Path}: there is no space to move its last group, it was written anew where it is: {e.Message}");
            return null;
        }

        uint salt = RecordHeader.GroupSalt(fresh.Salt, header.Number);
        for (int i = 0, at = GroupHeader.Size; i < header.Records; i++)
            at += RecordHeader.Seal(bytes.AsSpan(at), salt);
        header = header.Write(bytes, fresh.Salt, SegmentFormat.FirstGroup);
        fresh.Write(bytes, SegmentFormat.FirstGroup);
        fresh.Sync();
        // One that was damaged where it lay was durable, and must not pass for torn here.
        WriteSeal(fresh, SegmentFormat.FirstGroup + bytes.Length, header);
        return fresh;
    }

    /// <summary>
    /// The segments of the log, oldest first: as far back from the newest as there is one after the other. Files before
    /// are free; the log itself says where it begins.
    /// </summary>
    private static List<SegmentFile> OpenSegments(SegmentFolder folder, out List<(string Path, int Size)> free)
    {
        var segments = new List<SegmentFile>();
        free = [];
        foreach ((int number, string path) in folder.List().AsEnumerable().Reverse())
        {
            SegmentFile? segment = free.Count == 0 && (segments.Count == 0 || segments[^1].Number == number + 1) ? SegmentFile.Open(path, number) : null;
            if (segment is null || segments.Count > 0 && segment.Header.Store != segments[0].Header.Store)
            {
                segment?.Dispose();
                if (segments.Count == 0)
                    throw new StorageDamagedException($"{path}, the newest segment, has no valid header");
                free.Add((path, (int)Math.Min(new FileInfo(path).Length, SegmentFormat.MaxSegment)));
            }
            else
            {
                segments.Add(segment);
            }
        }

        segments.Reverse();
        return segments;
    }
}
