namespace ActorRepl.Hosting.Redis;

/// <summary>Where a SCAN goes on.</summary>
internal sealed record ScanPosition(int Shard, byte[] From);

/// <summary>
/// Redis's cursors are numbers; keys are listed in order, from a key on. So a node remembers which key a number stands for, the last
/// <see cref="Most"/> of them, and of one connection the last <see cref="MostOfOne"/>, so that none can make all others begin again. Any
/// connection may use them; another node does not know them. Thread-safe.
/// </summary>
internal sealed class ScanCursors
{
    public const int Most = 16_384;
    public const int MostOfOne = 1024;

    private readonly Lock _lock = new();
    private readonly Dictionary<long, (ScanPosition Position, long Client)> _positions = [];
    private readonly Dictionary<long, Queue<long>> _ofClient = [];

    // Of those that clients have lost by themselves some are among them still.
    private Queue<long> _oldest = new();
    private long _last;

    /// <summary>A number for a place that this client is told.</summary>
    public long Keep(long client, ScanPosition position)
    {
        lock (_lock)
        {
            _positions[++_last] = (position, client);
            _oldest.Enqueue(_last);
            if (!_ofClient.TryGetValue(client, out Queue<long>? own))
                _ofClient[client] = own = new Queue<long>();
            own.Enqueue(_last);
            if (own.Count > MostOfOne)
                Forget(own.Peek());
            while (_positions.Count > Most)
                Forget(_oldest.Dequeue());
            if (_oldest.Count > 2 * Most)
                _oldest = new Queue<long>(_oldest.Where(_positions.ContainsKey));
            return _last;
        }
    }

    /// <summary>The place of a cursor, which stays; null: it is not known here, or not any more.</summary>
    public ScanPosition? Find(long cursor)
    {
        lock (_lock)
            return _positions.GetValueOrDefault(cursor).Position;
    }

    // Of a client's own, the oldest is always the first to go.
    private void Forget(long cursor)
    {
        if (!_positions.Remove(cursor, out (ScanPosition, long Client) gone))
            return;
        Queue<long> own = _ofClient[gone.Client];
        own.Dequeue();
        if (own.Count == 0)
            _ofClient.Remove(gone.Client);
    }
}
