using System.Net;
using ActorRepl.Actors.Client;
using ActorRepl.Hosting.Crdt;
using ActorRepl.Hosting.Http;
using ActorRepl.Hosting.Http.Crdt;
using ActorRepl.Hosting.Http.Kv;
using ActorRepl.Hosting.Tests.Support;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace ActorRepl.Hosting.Tests.Crdt;

/// <summary>One node with a CRDT group <c>kv</c>, and both gateways in front of it.</summary>
internal sealed class CrdtNode : IAsyncDisposable
{
    private readonly TempDirectory _directory;
    private readonly IHost _host;
    private readonly WebApplication _web;

    private CrdtNode(TempDirectory directory, IHost host, WebApplication web, GatewayHost redis)
    {
        (_directory, _host, _web, Redis) = (directory, host, web, redis);
        Http = new HttpClient { BaseAddress = new Uri(web.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single()), Timeout = TimeSpan.FromSeconds(20) };
    }

    public IReplicationClient Client => _host.Services.GetRequiredService<IReplicationClient>();

    public CrdtGroup Group => Client.Crdt("kv");

    public HttpClient Http { get; }

    public GatewayHost Redis { get; }

    public static async Task<CrdtNode> StartAsync()
    {
        var directory = new TempDirectory();
        HostApplicationBuilder builder = Host.CreateApplicationBuilder();
        builder.Services.AddActorRepl(options =>
        {
            options.Nodes = 1;
            options.Data = directory.Path;
            options.BasePort = FreePorts.Base(1);
            options.AddGroup("kv", g => g.Crdt(replicas: 1, shards: 2));
        });
        IHost host = builder.Build();
        await host.StartAsync();
        var client = host.Services.GetRequiredService<IReplicationClient>();

        WebApplicationBuilder web = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        web.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        WebApplication app = web.Build();
        var options = new KvHttpOptions { WatchEvery = TimeSpan.FromMilliseconds(5) };
        var crdt = new CrdtEndpoints(client, options, new HttpAdmission(options));
        var keys = new KvEndpoints(new ActorRepl.Hosting.Quorum.GatewayClient(client, new ActorRepl.Protocols.Machines.KeyValueOptions()), options, new HttpAdmission(options));
        app.Run(context => KvEndpoints.Handles(context.Request.Path) ? keys.HandleAsync(context) : crdt.HandleAsync(context));
        await app.StartAsync();
        return new CrdtNode(directory, host, app, await GatewayHost.StartAsync(client));
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await Redis.DisposeAsync();
        await _web.DisposeAsync();
        await _host.StopAsync();
        _host.Dispose();
        _directory.Dispose();
    }
}

/// <summary>One for all tests of a class; each has keys of its own.</summary>
public sealed class SharedCrdtNode : IAsyncLifetime
{
    internal CrdtNode Node { get; private set; } = null!;

    public async Task InitializeAsync() => Node = await CrdtNode.StartAsync();

    public async Task DisposeAsync() => await Node.DisposeAsync();
}
