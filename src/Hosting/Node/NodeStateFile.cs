using ActorRepl.Actors.Nodes;
using ActorRepl.Persistence;

namespace ActorRepl.Hosting.Node;

/// <summary><c>node.state</c> in a node's directory: what it remembers of the cluster beside its replicas' data.</summary>
internal sealed class NodeStateFile(DataDirectory directory) : INodeStateStore
{
    public const string Name = "node.state";

    public ReadOnlyMemory<byte>? Load()
    {
        string path = Path.Combine(directory.Path, Name);
        return File.Exists(path) ? File.ReadAllBytes(path) : (ReadOnlyMemory<byte>?)null;
    }

    public void Save(ReadOnlyMemory<byte> bytes) => directory.Replace(Name, bytes.Span);
}
