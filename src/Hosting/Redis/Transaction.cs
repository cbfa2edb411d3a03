using System.Buffers;

namespace ActorRepl.Hosting.Redis;

/// <summary>What a connection has queued since MULTI, and the keys that it watches.</summary>
internal sealed class Transaction(RespLimits limits)
{
    private const int MostCommands = 4096;
    private const int MostWatched = 1024;

    private readonly List<byte[]> _commands = [];
    private readonly Dictionary<string, (byte[] Key, long Version)> _watched = [];
    private long _bytes;

    /// <summary>MULTI has been said.</summary>
    public bool IsOpen { get; private set; }

    /// <summary>A command was wrong when it was queued, or a key could not be watched: EXEC does nothing.</summary>
    public bool IsWrong { get; set; }

    /// <summary>The shard of the keys so far; null: none yet.</summary>
    public int? Shard { get; set; }

    public IReadOnlyList<byte[]> Commands => _commands;

    public bool Watches => _watched.Count > 0;

    public IEnumerable<(ReadOnlyMemory<byte> Key, long Version)> Watched => _watched.Values.Select(one => ((ReadOnlyMemory<byte>)one.Key, one.Version));

    public void Open() => IsOpen = true;

    /// <summary>False: there are too many.</summary>
    public bool TryQueue(RespParser command)
    {
        byte[] bytes = Copy(command);
        if (_commands.Count == MostCommands || _bytes + bytes.Length > limits.MaxCommandBytes)
            return false;
        _commands.Add(bytes);
        _bytes += bytes.Length;
        return true;
    }

    /// <summary>The first version that was seen counts.</summary>
    public bool TryWatch(byte[] key, long version) =>
        _watched.Count < MostWatched && (_watched.TryAdd(Convert.ToHexString(key), (key, version)) || true);

    /// <summary>Nothing is queued any more, and nothing watched.</summary>
    public void Close()
    {
        _commands.Clear();
        _watched.Clear();
        (_bytes, IsOpen, IsWrong, Shard) = (0, false, false, null);
    }

    public void Unwatch()
    {
        _watched.Clear();
        IsWrong &= IsOpen;
    }

    private static byte[] Copy(RespParser command)
    {
        var bytes = new ArrayBufferWriter<byte>();
        bytes.WriteArrayHeader(command.Count);
        for (int i = 0; i < command.Count; i++)
            bytes.WriteBulk(command[i]);
        return bytes.WrittenSpan.ToArray();
    }
}
