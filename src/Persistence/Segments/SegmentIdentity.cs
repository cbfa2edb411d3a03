using System.Text.Json;

namespace ActorRepl.Persistence.Segments;

/// <summary>
/// A hidden file beside the log that remembers which log belongs here, up to which segment it goes and whether it was
/// closed in order, so that one that is missing, a stranger's, or short of its newest segments is noticed.
/// </summary>
internal sealed class SegmentIdentity(string directory, LogFaults faults)
{
    public const string FileName = ".wal.id";

    private readonly string _path = Path.Combine(directory, FileName);
    private readonly Lock _lock = new();

    // The newest segment that a change named which may be in the file, or not: its sync failed. 0: there is none.
    private int _mayName;

    /// <summary>What the file certainly had last, durably.</summary>
    public Content? Current { get; private set; }

    /// <summary>What was written last; null: there has been no log.</summary>
    /// <exception cref="StorageDamagedException">The file is not readable.</exception>
    public Content? Read()
    {
        lock (_lock)
        {
            Current = null;
            if (!File.Exists(_path))
                return null;
            try
            {
                Content? content = JsonSerializer.Deserialize<Content>(File.ReadAllBytes(_path));
                return Current = content is { Last: > 0 } && content.Id != Guid.Empty ? content : throw new JsonException("it has no id");
            }
            catch (JsonException e)
            {
                throw new StorageDamagedException($"{_path} is damaged: {e.Message}", e);
            }
        }
    }

    /// <summary>
    /// Whoever reads the file after a crash may find this segment in it, and must find it in the log.
    /// </summary>
    public bool MayName(int segment)
    {
        lock (_lock)
            return segment <= Math.Max(_mayName, Current?.Last ?? 0);
    }

    /// <summary>Writes what has changed, durable on return.</summary>
    /// <exception cref="IOException">Not written, or written and not durable: the next change is written in any case.</exception>
    public void Update(Func<Content?, Content> change)
    {
        lock (_lock)
        {
            Content next = change(Current);
            if (next == Current && _mayName == 0)
                return;
            faults.BeforeIdentity?.Invoke();
            DurableFile.PutInPlace(_path, JsonSerializer.SerializeToUtf8Bytes(next));
            _mayName = Math.Max(_mayName, next.Last);
            faults.BeforeIdentitySync?.Invoke();
            DurableFile.SyncDirectory(directory);
            Current = next;
            _mayName = 0;
        }
    }

    /// <param name="Id">Also in every segment.</param>
    /// <param name="Open">False: it was closed in order.</param>
    /// <param name="Last">Number of the newest segment; it is there before anything is written to it.</param>
    /// <param name="Groups">Number of the last group when it was closed.</param>
    public sealed record Content(Guid Id, bool Open, int Last, long Groups);
}
