namespace ActorRepl.Actors.Nodes;

/// <summary>Keeps the few bytes a node remembers beside its replicas' data.</summary>
public interface INodeStateStore
{
    /// <summary>What was saved last; null: nothing yet.</summary>
    ReadOnlyMemory<byte>? Load();

    /// <summary>Takes the place of what was saved before, all or nothing, and durably.</summary>
    void Save(ReadOnlyMemory<byte> bytes);
}

/// <summary>Forgets with the process: for nodes whose replicas' data does so too.</summary>
public sealed class MemoryNodeStateStore : INodeStateStore
{
    private ReadOnlyMemory<byte>? _bytes;

    public ReadOnlyMemory<byte>? Load() => _bytes;

    public void Save(ReadOnlyMemory<byte> bytes) => _bytes = bytes.ToArray();
}
