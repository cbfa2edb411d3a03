using System.Net;
using System.Net.Sockets;
using System.IO.Pipelines;
using Akka.Actor;
using Akka.Remote;

namespace ActorRepl.EngineParity.Embedded;

/// <summary>Whoever reaches the port can say any address is his; what is kept of that has a limit.</summary>
public sealed class GreetingsTests
{
    [Fact]
    public async Task Addresses_that_only_greeted_are_forgotten()
    {
        await using var node = NetworkNode.Start("greeted");
        var remoting = (Remoting)((RemoteActorRefProvider)((ExtendedActorSystem)node.System).Provider).Transport;
        var patience = System.Diagnostics.Stopwatch.StartNew();
        int port = 1;
        do
        {
            for (int i = 0; i < 500; i++, port++)
                await GreetAsync(node.Address, new Address("akka.tcp", "nobody", "127.0.0.1", port));
            Assert.True(patience.Elapsed < TimeSpan.FromSeconds(60), $"{remoting.AssociationCount} addresses are kept of {port} that greeted");
        }
        while (port < 2_500 || remoting.AssociationCount > 1_600);

        await using var friend = NetworkNode.Start("friend");
        var target = node.Record();
        (await friend.FindAsync(node, target.Ref)).Tell(1, ActorRefs.NoSender);
        Assert.Equal(1, (await target.NextWithSenderAsync<int>()).Item1);
    }

    private static async Task GreetAsync(Address to, Address from)
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { LingerState = new LingerOption(true, 0) };
        await socket.ConnectAsync(IPAddress.Loopback, to.Port!.Value);
        await using var stream = new NetworkStream(socket);
        PipeWriter output = PipeWriter.Create(stream);
        Handshake.WriteHello(output, 7, from, to);
        await output.FlushAsync();
        Assert.True(await stream.ReadAsync(new byte[256]) > 0);
    }
}
