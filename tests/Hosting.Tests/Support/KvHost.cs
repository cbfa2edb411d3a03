using System.Net;
using ActorRepl.Actors.Client;
using ActorRepl.Hosting.Http;
using ActorRepl.Hosting.Http.Kv;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace ActorRepl.Hosting.Tests.Support;

/// <summary>The HTTP gateway on a free port, over a fake group.</summary>
internal sealed class KvHost : IAsyncDisposable
{
    private readonly WebApplication _app;

    private KvHost(WebApplication app)
    {
        _app = app;
        Client = new HttpClient { BaseAddress = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single()), Timeout = TimeSpan.FromSeconds(20) };
    }

    public HttpClient Client { get; }

    public static async Task<KvHost> StartAsync(IReplicationClient client, KvHttpOptions? options = null)
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        WebApplication app = builder.Build();
        options ??= new KvHttpOptions { WatchEvery = TimeSpan.FromMilliseconds(5) };
        var endpoints = new KvEndpoints(new ActorRepl.Hosting.Quorum.GatewayClient(client, new ActorRepl.Protocols.Machines.KeyValueOptions()), options, new HttpAdmission(options));
        app.Run(endpoints.HandleAsync);
        await app.StartAsync();
        return new KvHost(app);
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _app.DisposeAsync();
    }
}
