using System.Numerics;

namespace ActorRepl.Persistence.Segments;

/// <summary>
/// Has the next segment ready before it is needed, on a thread of its own: from a file whose segment has left the log, or
/// a new one. Keeps few such files.
/// </summary>
internal sealed class SegmentPreparer : IDisposable
{
    private readonly SegmentFolder _folder;
    private readonly SegmentOptions _options;
    private readonly SegmentHeader _like;
    private readonly Action<string> _report;
    private readonly object _gate = new();
    private readonly Queue<SegmentFile> _ready = new();
    private readonly List<(string Path, int Size)> _free;
    private readonly List<SegmentFile> _leaving = [];
    private readonly Thread _thread;
    private int _next;
    private long _inLog;
    private int _wanted;
    private int _attempts;
    private int _failedAttempt;
    private StorageException? _failure;
    private bool _closed;

    /// <param name="folder">Where.</param>
    /// <param name="options">How large, and how many.</param>
    /// <param name="like">Store and loss of the headers.</param>
    /// <param name="inLog">Bytes of the segments that the log consists of.</param>
    /// <param name="ready">Segments behind the current one, empty.</param>
    /// <param name="next">Number of the first one to make.</param>
    /// <param name="free">Files that can be used again.</param>
    /// <param name="report">Gets what an operator should know.</param>
    public SegmentPreparer(
        SegmentFolder folder, SegmentOptions options, SegmentHeader like, long inLog, IEnumerable<SegmentFile> ready, int next,
        List<(string Path, int Size)> free, Action<string> report)
    {
        _folder = folder;
        _options = options;
        _like = like;
        _inLog = inLog;
        _ready = new Queue<SegmentFile>(ready);
        _next = next;
        _free = free;
        _report = report;
        MaxBytes = options.MaxBytes;
        _thread = new Thread(Run) { IsBackground = true, Name = "prepare wal" };
        _thread.Start();
    }

    /// <summary>All files together grow no further than this; 0: as far as there is space.</summary>
    public long MaxBytes { get; set; }

    /// <summary>The last attempt to make one found no space, and there is none ready.</summary>
    public bool IsFull
    {
        get
        {
            lock (_gate)
                return _ready.Count == 0 && _failure is StorageFullException;
        }
    }

    /// <summary>The next segment, with room for a group of that size; waits until there is one.</summary>
    /// <exception cref="StorageException">There is no space, or the disk failed; the next call tries anew.</exception>
    public SegmentFile Take(int group)
    {
        int size = checked(group + SegmentFormat.FirstGroup);
        lock (_gate)
        {
            Want(size);
            ThrowIfFailed();
            SegmentFile next = _ready.Dequeue();
            _inLog += next.Size;
            _wanted = 0;
            Monitor.PulseAll(_gate);
            return next;
        }
    }

    /// <summary>As <see cref="IsFull"/>, once an attempt that is under way has ended.</summary>
    public bool TurnsOutFull()
    {
        lock (_gate)
        {
            while (_ready.Count == 0 && _failure is null)
                Monitor.Wait(_gate);
            return IsFull;
        }
    }

    /// <summary>Tries to have one ready, if there was no space before.</summary>
    /// <exception cref="StorageException">There still is none.</exception>
    public void Retry()
    {
        lock (_gate)
        {
            Want(1);
            ThrowIfFailed();
        }
    }

    /// <summary>A segment has left the log: its file is used again, or removed, once nobody reads from it.</summary>
    public void Leave(SegmentFile segment)
    {
        lock (_gate)
        {
            _inLog -= segment.Size;
            _leaving.Add(segment);
            Monitor.PulseAll(_gate);
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _closed = true;
            Monitor.PulseAll(_gate);
        }

        _thread.Join();
        foreach (SegmentFile segment in _ready)
            segment.Dispose();
        foreach (SegmentFile segment in _leaving)
            segment.Dispose();
    }

    private void Want(int size)
    {
        if (_ready.TryPeek(out SegmentFile? ready) && ready.Size >= size)
        {
            _failure = null;
            return;
        }

        _wanted = Math.Max(_wanted, size);
        // An attempt that is under way may be for a smaller one, and knows nothing of files that are free by now.
        int underWay = _attempts;
        _failure = null;
        Monitor.PulseAll(_gate);
        while (!(_ready.TryPeek(out ready) && ready.Size >= size))
        {
            if (_failure is not null && _failedAttempt > underWay)
                return;
            if (_failure is not null)
            {
                _failure = null;
                Monitor.PulseAll(_gate);
            }

            Monitor.Wait(_gate);
        }

        _failure = null;
    }

    private void ThrowIfFailed()
    {
        if (_failure is null)
            return;
        _wanted = 0;
        throw _failure;
    }

    private void Run()
    {
        while (true)
        {
            SegmentHeader header;
            string? file;
            SegmentFile[] small;
            lock (_gate)
            {
                while (!_closed && !TakeBack() && !NeedsOne())
                    Monitor.Wait(_gate, _leaving.Count > 0 ? TimeSpan.FromMilliseconds(100) : Timeout.InfiniteTimeSpan);
                if (_closed)
                    return;
                if (!NeedsOne())
                    continue;
                // Empty, and the newest: their numbers are used again, by larger ones. After a write that failed there are two.
                small = [.. _ready];
                _ready.Clear();
                if (small.Length > 0)
                    _next = small[0].Number;
                (header, file) = Plan();
                _attempts++;
            }

            Make(header, file, small);
        }
    }

    /// <summary>Tries once after a failure, when someone asks again; until then there is nothing to do.</summary>
    private bool NeedsOne() => _failure is null && !(_ready.TryPeek(out SegmentFile? ready) && ready.Size >= _wanted);

    private (SegmentHeader Header, string? File) Plan()
    {
        int size = Math.Max(Grown(), SegmentFormat.RoundUp(_wanted));
        // A file that is there spares writing a new one, if it is not much too small.
        int found = _free.FindIndex(free => free.Size >= Math.Max(Grown() / 4, _wanted));
        if (found < 0)
            return (_like with { Number = _next, Size = size }, null);
        (string path, int actual) = _free[found];
        _free.RemoveAt(found);
        return (_like with { Number = _next, Size = actual }, path);
    }

    private long FreeBytes => _free.Sum(free => (long)free.Size);

    /// <summary>From small to large, so that a small node has small files: about a quarter of what the log has.</summary>
    private int Grown() => (int)Math.Clamp(
        (long)BitOperations.RoundUpToPowerOf2((ulong)Math.Max(1, _inLog)) / 4, _options.FirstSegmentBytes, _options.SegmentBytes);

    private void Make(SegmentHeader header, string? file, SegmentFile[] inPlaceOf)
    {
        SegmentFile? made = null;
        StorageException? failure = null;
        try
        {
            // The newest first: there is never a gap.
            for (int i = inPlaceOf.Length - 1; i >= 0; i--)
                Drop(inPlaceOf[i]);
            if (file is null && MaxBytes > 0 && Volatile.Read(ref _inLog) + FreeBytes + header.Size > MaxBytes)
                throw new StorageFullException($"no space: the log has its limit of {MaxBytes} bytes");
            made = _folder.Create(header, file);
            _folder.Identity.Update(content => content! with { Last = Math.Max(content.Last, header.Number) });
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            failure = e as StorageException ?? (e is IOException io && NativeFile.IsNoSpace(io)
                ? new StorageFullException($"no space: {e.Message}", e)
                : new StorageFailedException($"no segment could be made: {e.Message}", e));
            if (made is not null)
            {
                made.Dispose();
                _folder.Discard(made.Path, header.Number);
                made = null;
            }
        }

        lock (_gate)
        {
            _failure = failure;
            _failedAttempt = failure is null ? _failedAttempt : _attempts;
            if (made is not null)
            {
                _ready.Enqueue(made);
                _next = header.Number + 1;
            }

            Monitor.PulseAll(_gate);
        }

        if (failure is StorageFailedException)
            _report(failure.Message);
    }

    private void Drop(SegmentFile small)
    {
        small.Dispose();
        // Nobody must miss it after a crash.
        _folder.Identity.Update(content => content! with { Last = small.Number - 1 });
        File.Delete(small.Path);
    }

    /// <summary>Takes back the files that nobody reads from any more; true: there is something new to do.</summary>
    private bool TakeBack()
    {
        for (int i = _leaving.Count - 1; i >= 0; i--)
        {
            SegmentFile segment = _leaving[i];
            if (!segment.IsUnpinned)
                continue;
            _leaving.RemoveAt(i);
            segment.Dispose();
            if (FreeBytes + segment.Size <= _options.SpareBytes && segment.Size >= Grown() / 4)
                _free.Add((segment.Path, segment.Size));
            else
                SegmentFolder.TryDelete(segment.Path);
            if (_failure is StorageFullException)
                _failure = null;
        }

        return NeedsOne();
    }
}
