using ActorRepl.Actors.Nodes;
using ActorRepl.Persistence;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Hosting.Node;

/// <summary>The folder <c>lost</c> in a node's directory.</summary>
internal sealed class LostEntriesFolder(DataDirectory directory) : ILostEntriesStore
{
    public string Keep(LostEntries lost) => LostEntriesFiles.Keep(directory.Path, lost);
}
