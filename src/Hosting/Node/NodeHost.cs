using System.Net;
using ActorRepl.Actors.Client;
using ActorRepl.Hosting.Cluster;
using ActorRepl.Hosting.Http;
using ActorRepl.Hosting.Http.Kv;
using ActorRepl.Hosting.Metrics;
using ActorRepl.Hosting.Logging;
using ActorRepl.Hosting.Redis;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace ActorRepl.Hosting.Node;

/// <summary>A node process: the node itself, with the Redis and HTTP gateways in front of it.</summary>
internal static class NodeHost
{
    /// <summary>How long stopping may take in all.</summary>
    private static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(12);

    /// <summary>Everything is in place and nothing has been started.</summary>
    public static WebApplication Build(NodeSettings settings, ILoggerProvider logger)
    {
        NodeLaunch launch = settings.Launch;

        // Empty: no files of the working directory are read or watched, and nothing is kept in memory that a node does not use.
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Logging.AddProvider(logger).SetMinimumLevel(settings.LogLevel)
            .AddFilter("Microsoft", LogLevel.Warning)
            // What goes wrong on starting is said once, by the command.
            .AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.None);
        builder.Services.Configure<Microsoft.Extensions.Hosting.HostOptions>(host => host.ShutdownTimeout = StopPatience);
        builder.Services.AddActorRepl(settings.Configure);
        builder.Services.AddSingleton(new RedisGatewayOptions(new IPEndPoint(IPAddress.Loopback, launch.Ports.Redis), settings.RedisGroup, settings.Redis)
        {
            MaxConnections = settings.MaxConnections,
        });
        builder.Services.AddSingleton(provider => new RedisServer(Facts(launch, provider.GetRequiredService<IReplicationClient>()), settings.Redis));
        builder.Services.AddHostedService<RedisGateway>();
        builder.Services.AddSingleton(new MetricsCollector());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxConcurrentConnections = settings.MaxConnections;
            kestrel.Listen(IPAddress.Loopback, launch.Ports.Http);
        });

        WebApplication app = builder.Build();
        var endpoints = new StatusEndpoints(app.Services.GetRequiredService<NodeService>(), launch);
        var admin = new AdminEndpoints(app.Services.GetRequiredService<NodeService>());
        var faults = new FaultEndpoints(app.Services.GetRequiredService<NodeService>());
        MetricsCollector metrics = app.Services.GetRequiredService<MetricsCollector>();
        var verify = new VerifyEndpoint(app.Services.GetRequiredService<NodeService>());
        var keys = new KvEndpoints(app.Services.GetRequiredService<IReplicationClient>(), settings.Http);
        app.Run(context => KvEndpoints.Handles(context.Request.Path) ? keys.HandleAsync(context)
            : AdminEndpoints.Handles(context.Request.Path) ? admin.HandleAsync(context)
            : FaultEndpoints.Handles(context.Request.Path) ? faults.HandleAsync(context)
            : VerifyEndpoint.Handles(context.Request.Path) ? verify.HandleAsync(context)
            : context.Request.Path.Value is "/metrics" ? MetricsEndpoint.HandleAsync(context, metrics) : endpoints.HandleAsync(context));
        return app;
    }

    private static RedisServerFacts Facts(NodeLaunch launch, IReplicationClient client) => new(Engine.ProductVersion, Engine.Name, launch.Ports.Redis,
        () => ["cluster:" + launch.Cluster, $"node:{launch.Id}", .. client.Groups.Select(group => $"group_{group.Name}:protocol={group.Protocol},shards={group.Shards},replicas={group.Replicas}")]);
}
