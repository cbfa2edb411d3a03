using System.Net.Sockets;
using ActorRepl.Hosting.Cluster;

namespace ActorRepl.Hosting.Tests.Support;

/// <summary>Ports that nobody listens on, below the range the system gives to outgoing connections.</summary>
internal static class FreePorts
{
    public static int Base(int nodes)
    {
        for (int attempt = 0; attempt < 200; attempt++)
        {
            int port = Random.Shared.Next(10_000, 30_000);
            try
            {
                foreach (int id in Enumerable.Range(1, nodes))
                    new NodePorts(port, id).CheckFree();
                return port;
            }
            catch (UserErrorException)
            {
                // The next attempt is elsewhere.
            }
        }

        throw new SocketException((int)SocketError.AddressAlreadyInUse);
    }
}
