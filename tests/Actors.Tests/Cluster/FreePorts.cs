using System.Net;
using System.Net.Sockets;

namespace ActorRepl.Actors.Tests.Cluster;

/// <summary>Ports that nobody listens on and nobody else is given, also while their nodes are down.</summary>
internal static class FreePorts
{
    // Below those that the system gives to outgoing connections and to who asks for any.
    private static int _last = Random.Shared.Next(10_000, 25_000);

    public static int[] Take(int count) => [.. Enumerable.Range(0, count).Select(_ => Take())];

    public static int Take()
    {
        while (true)
        {
            int port = Interlocked.Increment(ref _last);
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                socket.Bind(new IPEndPoint(IPAddress.Loopback, port));
                return port;
            }
            catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressAlreadyInUse)
            {
                // The next one.
            }
        }
    }
}
