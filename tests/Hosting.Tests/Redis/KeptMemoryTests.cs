using ActorRepl.Hosting.Tests.Support;

namespace ActorRepl.Hosting.Tests.Redis;

/// <summary>Weighs the memory of the process, and so runs while no other test does.</summary>
[Collection(nameof(KeptMemoryTests))]
public sealed class KeptMemoryTests
{
    [Fact]
    public async Task A_connection_keeps_nothing_of_what_a_large_command_took()
    {
        const int connections = 20;
        await using GatewayHost gateway = await GatewayHost.StartAsync(new FakeReplicationClient());
        string large = new('\u00ff', 1_100_000), many = string.Concat(Enumerable.Repeat("$1\r\nk\r\n", 16_000));
        long before = 0;
        var clients = new List<RawConnection>();
        for (int i = 0; i < connections; i++)
        {
            clients.Add(await gateway.ConnectAsync());
            await clients[i].CommandAsync("HELLO", "3", large);
            Assert.InRange((await clients[i].ReadLineAsync()).Length, 1, 200);
            await clients[i].CommandAsync("ECHO", large);
            await clients[i].ReadReplyAsync();
            await clients[i].SendAsync($"*16001\r\n$4\r\nMGET\r\n{many}");
            await clients[i].ExpectAsync("*16000\r\n" + string.Concat(Enumerable.Repeat("$-1\r\n", 16_000)));
            await clients[i].SendAsync("PING\r\n");
            await clients[i].ExpectAsync("+PONG\r\n");

            // What the first one takes, pools of the process keep.
            if (i == 0)
                before = GC.GetTotalMemory(forceFullCollection: true);
        }

        long kept = GC.GetTotalMemory(forceFullCollection: true) - before;
        Assert.True(kept < connections * 1536L * 1024, $"{kept / connections} bytes a connection");
        clients.ForEach(client => client.Dispose());
    }
}

[CollectionDefinition(nameof(KeptMemoryTests), DisableParallelization = true)]
public sealed class AloneCollection;
