using System.Globalization;
using System.Text;
using ActorRepl.Actors.Client;
using ActorRepl.Actors.Crdt;
using ActorRepl.Actors.Messages;
using ActorRepl.Actors.Settings;
using ActorRepl.Hosting.Tests.Support;
using Akka.Actor;
using Akka.Configuration;
using Akka.DistributedData;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace ActorRepl.Hosting.Tests.Samples;

/// <summary>The samples of docs/client.md, run.</summary>
[Collection(nameof(Processes.Processes))]
public sealed class ClientSamples : IAsyncLifetime
{
    private readonly TempDirectory _directory = new();
    private readonly int _basePort = FreePorts.Base(1);
    private IHost _host = null!;

    public async Task InitializeAsync()
    {
        string data = _directory.Path;
        int basePort = _basePort;
        // sample: host
        HostApplicationBuilder builder = Host.CreateApplicationBuilder();
        builder.Services.AddActorRepl(options =>
        {
            options.Nodes = 1;                                // of the cluster; this is node 1
            options.Data = data;
            options.BasePort = basePort;
            options.AddGroup("seats", g => g.Raft(replicas: 1, shards: 2).StateMachine(() => new SeatsMachine()));
            options.AddGroup("kv", g => g.Raft(replicas: 1, shards: 2));
        });
        IHost host = builder.Build();
        await host.StartAsync();
        // end
        _host = host;
    }

    public async Task DisposeAsync()
    {
        await _host.StopAsync();
        _host.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public async Task From_the_container()
    {
        IServiceProvider services = _host.Services;
        using var stopping = new CancellationTokenSource();
        // sample: call
        var client = services.GetRequiredService<IReplicationClient>();
        var deadline = new RequestOptions { Timeout = TimeSpan.FromSeconds(10) };
        ReadOnlyMemory<byte> holder = await client.ExecuteAsync("seats", "12A"u8.ToArray(), "12A=Ada"u8.ToArray(), deadline, stopping.Token);
        ReadOnlyMemory<byte> read = await client.QueryAsync("seats", "12A"u8.ToArray(), "12A"u8.ToArray(), deadline, stopping.Token);
        // end
        Assert.Equal("Ada", Encoding.UTF8.GetString(holder.Span));
        Assert.Equal("Ada", Encoding.UTF8.GetString(read.Span));
    }

    [Fact]
    public async Task In_a_session()
    {
        var client = _host.Services.GetRequiredService<IReplicationClient>();
        // sample: session
        IReplicationSession session = client.OpenSession("seats");
        try
        {
            await session.ExecuteAsync("14C"u8.ToArray(), "14C=Grace"u8.ToArray(), new RequestOptions { Timeout = TimeSpan.FromSeconds(10) });
        }
        catch (NoQuorumException away) when (away.OutcomeUnknown)
        {
            // The deadline has passed and the command may yet take effect: read to see, or tell whoever asked.
        }
        catch (ReplicationException refused) when (refused.IsTransient)
        {
            // Certainly not done: it may be sent again.
        }

        string token = session.Token;                         // hand it to the next request of this user, on any node
        ReadOnlyMemory<byte> seen = await client.OpenSession("seats", token).QueryAsync("14C"u8.ToArray(), "14C"u8.ToArray());
        // end
        Assert.Equal("Grace", Encoding.UTF8.GetString(seen.Span));
    }

    [Fact]
    public async Task By_the_version_that_was_read()
    {
        var client = _host.Services.GetRequiredService<IReplicationClient>();
        async Task TakeAsync()
        {
            // sample: conflict
            var keys = new KeyValueClient(client, "kv");
            var options = new RequestOptions { Timeout = TimeSpan.FromSeconds(10), Retry = RetryPolicy.Transient };
            while (true)
            {
                KeyValueItem? stock = await keys.GetAsync("stock"u8.ToArray(), options);
                int left = stock is null ? 10 : int.Parse(Encoding.UTF8.GetString(stock.Value.Span), CultureInfo.InvariantCulture);
                try
                {
                    byte[] fewer = Encoding.UTF8.GetBytes($"{left - 1}");
                    await keys.PutAsync("stock"u8.ToArray(), fewer, ifVersion: stock?.Version ?? KeyValueClient.Missing, options: options);
                    break;
                }
                catch (ConflictException)
                {
                    // Somebody was faster: look again.
                }
            }
            // end
        }

        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => TakeAsync()));
        var left = new KeyValueClient(client, "kv");
        KeyValueItem stock = (await left.GetAsync("stock"u8.ToArray()))!;
        Assert.Equal("2", Encoding.UTF8.GetString(stock.Value.Span));

        var conflict = await Assert.ThrowsAsync<ConflictException>(() => left.PutAsync("stock"u8.ToArray(), "9"u8.ToArray(), ifVersion: stock.Version - 1).AsTask());
        Assert.False(conflict.OutcomeUnknown || conflict.IsTransient);
        await Assert.ThrowsAsync<ConflictException>(() => left.DeleteAsync("stock"u8.ToArray(), ifVersion: stock.Version - 1).AsTask());
        Assert.False(await left.DeleteAsync("nothing"u8.ToArray()));
        Assert.True(await left.DeleteAsync("stock"u8.ToArray(), ifVersion: stock.Version));
        await left.PutAsync("short"u8.ToArray(), "x"u8.ToArray(), expiresIn: TimeSpan.FromMilliseconds(20));
        for (DateTime end = DateTime.UtcNow.AddSeconds(20); await left.GetAsync("short"u8.ToArray()) is not null; await Task.Delay(5))
            Assert.True(DateTime.UtcNow < end, "the key ends");
        await Assert.ThrowsAsync<InvalidRequestException>(() => left.PutAsync(default, "x"u8.ToArray()).AsTask());
        InvalidOperationException told = await Assert.ThrowsAsync<InvalidOperationException>(() => new KeyValueClient(client, "seats").GetAsync("13F"u8.ToArray()).AsTask());
        Assert.Contains("'seats' has a state machine of its own", told.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Values_that_every_node_holds()
    {
        IServiceProvider services = _host.Services;
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        CancellationToken stopping = limit.Token;
        int here = 0;
        // sample: everywhere
        var values = services.GetRequiredService<ClusterValues>();    // once the host has started
        await values.Text("motd").UpdateAsync((text, self) => text.Change(t => t.Insert(CrdtSource.Of(self), 0, "Hello")), new WriteMajority(TimeSpan.FromSeconds(3)));
        await values.Set<string>("present").UpdateAsync((set, self) => set.Add(self, "ann"));
        await foreach (ORSet<string> present in values.Set<string>("present").WatchAsync(stopping))
        {
            here = present.Count;                                     // now, and after changes
            break;
        }

        // end
        Assert.Equal(1, here);
    }

    [Fact]
    public async Task By_message()
    {
        string node = $"akka.tcp://actorrepl@127.0.0.1:{_basePort + 201}";
        // sample: message
        Config config = ConfigurationFactory.ParseString("""
            akka.actor.provider = remote
            akka.remote.dot-netty.tcp { hostname = "127.0.0.1", port = 0, maximum-frame-size = 4 MiB }
            """).WithFallback(RuntimeConfig.Reference);           // the serializer of the messages
        ActorSystem outside = ActorSystem.Create("outside", config);
        ActorSelection router = outside.ActorSelection(node + "/user/actorrepl/seats/router");
        object answer = await router.Ask<object>(new Execute("1D"u8.ToArray(), "1D=Alan"u8.ToArray(), TimeoutMillis: 10_000), TimeSpan.FromSeconds(11));
        string said = answer switch
        {
            Executed done => Encoding.UTF8.GetString(done.Result.Span),
            RequestRejected { OutcomeUnknown: true } unknown => $"perhaps: {unknown.Message}",
            RequestRejected refused => $"not done: {refused.Reason}, {refused.Message}",
            _ => "an answer of another kind",
        };
        // end
        await outside.Terminate();
        Assert.Equal("Alan", said);
    }

    [Fact]
    public async Task The_page_shows_these_samples_as_they_stand()
    {
        string root = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(root, "ActorRepl.sln")))
            root = Path.GetDirectoryName(root) ?? throw new DirectoryNotFoundException("the sources are not above the test");
        string page = string.Concat(await Task.WhenAll(Directory.EnumerateFiles(Path.Combine(root, "docs"), "*.md").Select(file => File.ReadAllTextAsync(file))));
        foreach (string file in Directory.EnumerateFiles(Path.Combine(root, "tests", "Hosting.Tests", "Samples"), "*.cs"))
        {
            foreach ((string name, string sample) in Samples(await File.ReadAllLinesAsync(file)))
                Assert.True(page.Contains(sample, StringComparison.Ordinal), $"no page of docs shows sample '{name}' of {Path.GetFileName(file)} as it stands");
        }
    }

    private static IEnumerable<(string Name, string Text)> Samples(string[] lines)
    {
        const string Start = "// sample: ";
        for (int i = 0; i < lines.Length; i++)
        {
            int indent = lines[i].IndexOf(Start, StringComparison.Ordinal);
            if (indent < 0 || lines[i].AsSpan(0, indent).ContainsAnyExcept(' '))
                continue;
            int end = Array.FindIndex(lines, i, line => line.Trim() == "// end");
            yield return (lines[i].Trim()[Start.Length..], string.Join('\n', lines[(i + 1)..end].Select(line => line.Length > indent ? line[indent..] : "")));
        }
    }
}
