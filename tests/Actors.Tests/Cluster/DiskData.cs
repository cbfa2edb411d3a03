using ActorRepl.Persistence;
using Akka.Configuration;

namespace ActorRepl.Actors.Tests.Cluster;

/// <summary>Data directories of a cluster's nodes, gone at the end.</summary>
internal sealed class DiskData : IDisposable
{
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("actorrepl-");

    public Config Config(int node)
    {
        DirectoryInfo directory = _root.CreateSubdirectory($"node-{node}");
        return ConfigurationFactory.ParseString($"""
            akka.persistence.journal.plugin = {PersistenceConfig.JournalPluginId}
            akka.persistence.snapshot-store.plugin = {PersistenceConfig.SnapshotPluginId}
            """).WithFallback(PersistenceConfig.For(directory.FullName));
    }

    public void Dispose() => _root.Delete(recursive: true);
}
