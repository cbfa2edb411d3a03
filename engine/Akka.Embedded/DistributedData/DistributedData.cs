using System.Collections.Immutable;
using Akka.Actor;
using Akka.Configuration;
using Akka.Event;

namespace Akka.DistributedData;

/// <inheritdoc cref="DistributedData"/>
public class DistributedDataProvider : ExtensionIdProvider<DistributedData>
{
    public override DistributedData CreateExtension(ExtendedActorSystem system) => new(system);
}

public static class DistributedDataExtensions
{
    /// <inheritdoc cref="Akka.DistributedData.DistributedData"/>
    public static DistributedData DistributedData(this ActorSystem system) => Akka.DistributedData.DistributedData.Get(system);
}

/// <summary>Values that every node of the cluster has a replica of, may change at once, and that converge.</summary>
public class DistributedData : IExtension
{
    private readonly ReplicatorSettings _settings;
    private readonly ExtendedActorSystem _system;

    public DistributedData(ExtendedActorSystem system)
    {
        _system = system;
        _settings = ReplicatorSettings.Create(system);
        if (IsTerminated)
        {
            system.Log.Warning("Replicator points to dead letters: the cluster node is terminated or lacks the role [{0}]", _settings.Role);
            Replicator = system.DeadLetters;
        }
        else
        {
            string name = system.Settings.Config.GetString("akka.cluster.distributed-data.name");
            Replicator = system.SystemActorOf(Replication.Replicator.Props(_settings).WithDispatcher(_settings.Dispatcher), name);
        }
    }

    /// <summary>Takes <see cref="Get"/>, <see cref="Update"/>, <see cref="Delete"/>, <see cref="Subscribe"/> and the like, of this node only.</summary>
    public IActorRef Replicator { get; }

    /// <summary>True if this node has no replica: it is no member any more, or not of the role.</summary>
    public bool IsTerminated =>
        Cluster.Cluster.Get(_system) is var cluster
        && (cluster.IsTerminated || (_settings.Role.Length > 0 && !cluster.SelfRoles.Contains(_settings.Role)));

    public static DistributedData Get(ActorSystem system) => system.WithExtension<DistributedData, DistributedDataProvider>();

    /// <summary>The settings' defaults, which the engine has from its own reference.conf.</summary>
    public static Config DefaultConfig() => Config.Empty;

    /// <summary>The value, or null if there is none.</summary>
    /// <exception cref="DataDeletedException">The key was deleted.</exception>
    /// <exception cref="TimeoutException">Too few replicas answered in time.</exception>
    public async Task<T> GetAsync<T>(IKey<T> key, IReadConsistency consistency = null, CancellationToken cancellation = default)
        where T : class, IReplicatedData<T> => await AskAsync(Dsl.Get(key, consistency), cancellation).ConfigureAwait(false) switch
    {
        GetSuccess success => success.Get(key),
        NotFound => null,
        IGetResponse failed => failed.Get(key),
        var other => throw Unexpected(other),
    };

    /// <summary>Merges the replica into the value.</summary>
    /// <inheritdoc cref="GetAsync"/>
    public async Task UpdateAsync<T>(IKey<T> key, T replica, IWriteConsistency consistency = null, CancellationToken cancellation = default)
        where T : IReplicatedData<T>
    {
        object answer = await AskAsync(Dsl.Update(key, replica, consistency), cancellation).ConfigureAwait(false);
        if (answer is not IUpdateResponse response) throw Unexpected(answer);
        response.ThrowOnFailure();
    }

    /// <inheritdoc cref="GetAsync"/>
    public async Task DeleteAsync<T>(IKey<T> key, IWriteConsistency consistency = null, CancellationToken cancellation = default)
        where T : IReplicatedData<T>
    {
        switch (await AskAsync(Dsl.Delete(key, consistency ?? WriteLocal.Instance), cancellation).ConfigureAwait(false))
        {
            case DeleteSuccess: break;
            case DataDeleted deleted: throw new DataDeletedException(deleted.Message);
            case ReplicationDeleteFailure: throw new TimeoutException($"too few replicas confirmed the deletion of '{key}' in time");
            case var other: throw Unexpected(other);
        }
    }

    /// <summary>The ids of the keys known here.</summary>
    public async Task<IImmutableSet<string>> GetKeysAsync(CancellationToken cancellation = default) =>
        await AskAsync(GetKeyIds.Instance, cancellation).ConfigureAwait(false) is GetKeysIdsResult result ? result.Keys : [];

    private Task<object> AskAsync(object message, CancellationToken cancellation) => Replicator.Ask<object>(message, cancellation);

    private static NotSupportedException Unexpected(object answer) => new($"the replicator answered {answer}");
}
