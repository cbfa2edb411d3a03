using ActorRepl.Actors.Client;
using ActorRepl.Actors.Crdt;
using ActorRepl.Hosting.Node;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace ActorRepl.Hosting;

/// <summary>Adds a node of a replicated cluster to any generic host.</summary>
public static class ActorReplServices
{
    /// <summary>
    /// Starts a node with the host and stops it in order with it. <see cref="IReplicationClient"/> is then a service, <see cref="ClusterValues"/>
    /// is one once the host has started, and group g takes the messages of ActorRepl.Actors.Messages at <c>/user/actorrepl/g/router</c>.
    /// </summary>
    public static IServiceCollection AddActorRepl(this IServiceCollection services, Action<ActorReplOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        var options = new ActorReplOptions();
        configure(options);
        services.AddLogging();
        services.AddSingleton<LateClient>();
        services.AddSingleton<IReplicationClient>(provider => provider.GetRequiredService<LateClient>());
        services.AddSingleton(provider => new NodeService(options, provider.GetRequiredService<LateClient>(),
            provider.GetRequiredService<ILoggerFactory>(), provider.GetRequiredService<IHostApplicationLifetime>()));
        services.AddSingleton(provider => new ClusterValues(provider.GetRequiredService<NodeService>().System));
        services.AddHostedService(provider => provider.GetRequiredService<NodeService>());
        return services;
    }
}
