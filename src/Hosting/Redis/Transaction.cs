using System.Buffers;
using System.Text;

namespace ActorRepl.Hosting.Redis;

/// <summary>What a connection has queued since MULTI, and the keys that it watches.</summary>
internal sealed class Transaction(RespLimits limits, HeldBytes held)
{
    private const int MostCommands = 4096;
    private const int MostWatched = 1024;

    // What lists and objects take beside the bytes of a command or a key.
    private const int ItemBytes = 96;

    private readonly List<byte[]> _commands = [];
    private readonly Dictionary<string, (byte[] Key, long Version)> _watched = [];
    private int _bytes;
    private int _kept;
    private int _counted;

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

    /// <summary>Why the command cannot be queued; null: it is.</summary>
    public string? Queue(RespParser command)
    {
        byte[] bytes = Copy(command);
        if (_commands.Count == MostCommands || _bytes + bytes.Length > limits.MaxCommandBytes)
            return "ERR the transaction is too long";
        if (!TryKeep(bytes.Length))
            return RedisErrors.NoRoom;
        _commands.Add(bytes);
        _bytes += bytes.Length;
        return null;
    }

    /// <summary>Why the key cannot be watched; null: it is. The first version that was seen counts.</summary>
    public string? Watch(byte[] key, long version)
    {
        string name = Encoding.Latin1.GetString(key);
        if (_watched.ContainsKey(name))
            return null;
        if (_watched.Count == MostWatched)
            return "ERR too many keys are watched";
        if (!TryKeep((1 + sizeof(char)) * key.Length))
            return RedisErrors.NoRoom;
        _watched.Add(name, (key, version));
        return null;
    }

    /// <summary>Nothing is queued any more, and nothing watched.</summary>
    public void Close()
    {
        _commands.Clear();
        _commands.Capacity = 0;
        _watched.Clear();
        _watched.TrimExcess();
        held.Give(_counted);
        (_bytes, _kept, _counted, IsOpen, IsWrong, Shard) = (0, 0, 0, false, false, null);
    }

    /// <summary>In a transaction it changes nothing: EXEC has looked at the keys by then, and closes.</summary>
    public void Unwatch()
    {
        if (!IsOpen)
            Close();
    }

    /// <summary>What a few short commands take is free.</summary>
    private bool TryKeep(int bytes)
    {
        _kept += bytes + ItemBytes;
        if (_kept <= HeldBytes.FreeBytes)
            return true;
        if (!held.TryTake(bytes + ItemBytes))
        {
            _kept -= bytes + ItemBytes;
            return false;
        }

        _counted += bytes + ItemBytes;
        return true;
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
