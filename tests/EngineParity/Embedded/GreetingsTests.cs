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
                (await GreetAsync(node.Address, new Address("akka.tcp", "nobody", "127.0.0.1", port))).Dispose();
            Assert.True(patience.Elapsed < TimeSpan.FromSeconds(60), $"{remoting.AssociationCount} addresses are kept of {port} that greeted");
        }
        while (port < 2_500 || remoting.AssociationCount > 1_600);

        await using var friend = NetworkNode.Start("friend");
        var target = node.Record();
        (await friend.FindAsync(node, target.Ref)).Tell(1, ActorRefs.NoSender);
        Assert.Equal(1, (await target.NextWithSenderAsync<int>()).Item1);
    }

    [Fact]
    public async Task Who_greets_while_it_is_tried_in_vain_is_tried_again_at_once()
    {
        await using var node = NetworkNode.Start("greeted", "akka.remote.retry-gate-closed-for = 1 h");
        using var peer = new TcpListener(IPAddress.Loopback, FreePorts.Take());
        peer.Start();
        var address = new Address("akka.tcp", "peer", "127.0.0.1", ((IPEndPoint)peer.LocalEndpoint).Port);
        IActorRef there = ((ExtendedActorSystem)node.System).Provider.ResolveActorRef(new RootActorPath(address) / "user" / "any");
        there.Tell(1, ActorRefs.NoSender);
        using (TcpClient inVain = await peer.AcceptTcpClientAsync())
        {
            using Socket greeting = await GreetAsync(node.Address, address);
            inVain.Close();
            // What waited is sent again; so would be what comes later.
            using TcpClient again = await peer.AcceptTcpClientAsync().WaitAsync(TimeSpan.FromSeconds(20));
        }
    }

    private static async Task<Socket> GreetAsync(Address to, Address from)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { LingerState = new LingerOption(true, 0) };
        await socket.ConnectAsync(IPAddress.Loopback, to.Port!.Value);
        var stream = new NetworkStream(socket);
        PipeWriter output = PipeWriter.Create(stream);
        Handshake.WriteHello(output, 7, from, to);
        await output.FlushAsync();
        Assert.True(await stream.ReadAsync(new byte[256]) > 0);
        return socket;
    }
}
