namespace ActorRepl.Hosting.Redis;

/// <summary>Where a SCAN goes on.</summary>
internal sealed record ScanPosition(int Shard, byte[] From);

/// <summary>
/// Redis's cursors are numbers; keys are listed in order, from a key on. So a node remembers which key a number stands for, the last
/// <see cref="Most"/> of them. Of the node: another does not know them. Thread-safe.
/// </summary>
internal sealed class ScanCursors
{
    public const int Most = 16_384;

    private readonly Lock _lock = new();
    private readonly Dictionary<long, ScanPosition> _positions = [];
    private readonly Queue<long> _oldest = new();
    private long _last;

    public long Keep(ScanPosition position)
    {
        lock (_lock)
        {
            _positions[++_last] = position;
            _oldest.Enqueue(_last);
            if (_oldest.Count > Most)
                _positions.Remove(_oldest.Dequeue());
            return _last;
        }
    }

    /// <summary>The place of a cursor, which stays; null: it is not known here, or not any more.</summary>
    public ScanPosition? Find(long cursor)
    {
        lock (_lock)
            return _positions.GetValueOrDefault(cursor);
    }
}
