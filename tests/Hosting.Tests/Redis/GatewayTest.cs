using System.Text;
using ActorRepl.Actors.Client;
using ActorRepl.Hosting.Redis;
using ActorRepl.Hosting.Redis.Sockets;
using ActorRepl.Hosting.Tests.Support;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Machines;

namespace ActorRepl.Hosting.Tests.Redis;

/// <summary>A gateway on a group that is made up.</summary>
public abstract class GatewayTest
{
    private readonly Func<IPoller> _poller;

    private protected GatewayTest(Func<IPoller> poller) => _poller = poller;

    private protected FakeReplicationClient Group { get; } = new();

    private protected Task<GatewayHost> StartAsync(IReplicationClient client, RespLimits? limits = null, int threads = 1) =>
        GatewayHost.StartAsync(client, limits, _poller, threads);

    private protected static async Task<RawConnection[]> ConnectAsync(GatewayHost gateway, int count)
    {
        var clients = new RawConnection[count];
        for (int i = 0; i < count; i++)
            clients[i] = await gateway.ConnectAsync();
        return clients;
    }

    private protected static void Close(RawConnection[] clients)
    {
        foreach (RawConnection client in clients)
            client.Dispose();
    }

    /// <summary>Holds up the gateway's thread in the middle of one client's INCR, so that what others send meanwhile waits together.</summary>
    private protected async Task HoldWhileAsync(RawConnection client, Func<Task> meanwhile)
    {
        using var go = new ManualResetEventSlim();
        var held = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Group.Refuse = _ =>
        {
            Group.Refuse = _ => null;
            held.SetResult();
            Assert.True(go.Wait(TimeSpan.FromSeconds(20)));
            return null;
        };
        await client.CommandAsync("INCR", "held");
        await held.Task.WaitAsync(TimeSpan.FromSeconds(10));
        await meanwhile();
        go.Set();
        await client.ExpectAsync(":1\r\n");
    }

    private protected static async Task WaitUntilAsync(string what, Func<Task<bool>> condition)
    {
        DateTime end = DateTime.UtcNow + TimeSpan.FromSeconds(20);
        while (!await condition())
        {
            Assert.True(DateTime.UtcNow < end, $"waited 20 s until {what}");
            await Task.Delay(50);
        }
    }
}
