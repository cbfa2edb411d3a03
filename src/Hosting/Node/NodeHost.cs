using System.Net;
using System.Net.Security;
using ActorRepl.Actors.Client;
using ActorRepl.Hosting.Cluster;
using ActorRepl.Hosting.Http;
using ActorRepl.Hosting.Http.Crdt;
using ActorRepl.Hosting.Http.Kv;
using ActorRepl.Hosting.Metrics;
using ActorRepl.Hosting.Logging;
using ActorRepl.Hosting.Quorum;
using ActorRepl.Hosting.Redis;
using ActorRepl.Hosting.Tls;
using ActorRepl.Protocols.Machines;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace ActorRepl.Hosting.Node;

/// <summary>A node process: the node itself, with the Redis and HTTP gateways in front of it.</summary>
internal static class NodeHost
{
    /// <summary>How long stopping may take in all.</summary>
    private static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(12);

    private static readonly TimeSpan HandshakePatience = TimeSpan.FromSeconds(10);

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
        builder.Services.AddSingleton(new RedisGatewayOptions(new IPEndPoint(settings.RedisBind, launch.Ports.Redis), settings.RedisGroup, settings.Redis)
        {
            Tls = settings.Tls is { Redis: not TlsMode.Off } tls ? tls.Server(tls.Redis) : null,
            MaxConnections = settings.MaxConnections,
        });
        builder.Services.AddSingleton(provider => new RedisServer(Facts(launch, provider.GetRequiredService<IReplicationClient>()), settings.Redis));
        builder.Services.AddSingleton(provider => new GatewayClient(provider.GetRequiredService<IReplicationClient>(), new KeyValueOptions
        {
            MaxKeyBytes = settings.Redis.MaxKeyBytes,
            MaxValueBytes = settings.Redis.MaxValueBytes,
        }));
        builder.Services.AddHostedService(provider => new RedisGateway(provider.GetRequiredService<GatewayClient>(), provider.GetRequiredService<RedisGatewayOptions>(),
            provider.GetRequiredService<RedisServer>(), provider.GetRequiredService<ILogger<RedisGateway>>()));
        builder.Services.AddSingleton(new MetricsCollector());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxConcurrentConnections = settings.MaxConnections;
            kestrel.Listen(settings.HttpBind, launch.Ports.Http, listen => Encrypt(listen, settings.Tls));
        });

        WebApplication app = builder.Build();
        var endpoints = new StatusEndpoints(app.Services.GetRequiredService<NodeService>(), launch);
        var admin = new AdminEndpoints(app.Services.GetRequiredService<NodeService>());
        var faults = new FaultEndpoints(app.Services.GetRequiredService<NodeService>());
        MetricsCollector metrics = app.Services.GetRequiredService<MetricsCollector>();
        var verify = new VerifyEndpoint(app.Services.GetRequiredService<NodeService>());
        var repair = new RepairEndpoint(app.Services.GetRequiredService<NodeService>());
        var admission = new HttpAdmission(settings.Http);
        var keys = new KvEndpoints(app.Services.GetRequiredService<GatewayClient>(), settings.Http, admission);
        var token = new BearerToken(settings.Http.Token);
        var export = new ExportEndpoint(app.Services.GetRequiredService<NodeService>(), admission);
        var crdts = new CrdtEndpoints(app.Services.GetRequiredService<IReplicationClient>(), settings.Http, admission);
        bool isNamed = !token.IsSet && IPAddress.IsLoopback(settings.HttpBind);
        app.Run(context => isNamed && !OwnName.IsMeant(context.Request) && !BearerToken.IsOpen(context.Request.Path) ? context.RefuseAsync(StatusCodes.Status421MisdirectedRequest, OwnName.Wanted)
            : ExportEndpoint.Handles(context.Request.Path) ? export.HandleAsync(context)
            : KvEndpoints.Handles(context.Request.Path) ? keys.HandleAsync(context)
            : CrdtEndpoints.Handles(context.Request.Path) ? crdts.HandleAsync(context)
            : !token.Allows(context.Request) && !BearerToken.IsOpen(context.Request.Path) ? RefuseAsync(context)
            : AdminEndpoints.Handles(context.Request.Path) ? admin.HandleAsync(context)
            : FaultEndpoints.Handles(context.Request.Path) ? faults.HandleAsync(context)
            : RepairEndpoint.Handles(context.Request.Path) ? repair.HandleAsync(context)
            : VerifyEndpoint.Handles(context.Request.Path) ? verify.HandleAsync(context)
            : context.Request.Path.Value is "/metrics" ? MetricsEndpoint.HandleAsync(context, metrics) : endpoints.HandleAsync(context));
        return app;
    }

    private static void Encrypt(ListenOptions listen, NodeTls? tls)
    {
        if (tls is not { Http: not TlsMode.Off })
            return;
        SslServerAuthenticationOptions options = tls.Server(tls.Http);
        listen.UseHttps((_, _, _, _) => ValueTask.FromResult(options), null!, HandshakePatience);
    }

    private static Task RefuseAsync(HttpContext context)
    {
        context.Response.Headers.WWWAuthenticate = "Bearer";
        return context.RefuseAsync(StatusCodes.Status401Unauthorized, BearerToken.Wanted);
    }

    private static RedisServerFacts Facts(NodeLaunch launch, IReplicationClient client) => new(Engine.ProductVersion, Engine.Name, launch.Ports.Redis,
        () => ["cluster:" + launch.Cluster, $"node:{launch.Id}", .. client.Groups.Select(group => $"group_{group.Name}:protocol={group.Protocol},shards={group.Shards},replicas={group.Replicas}")]);
}
