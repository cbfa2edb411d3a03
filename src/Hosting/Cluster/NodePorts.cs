using System.Net;
using System.Net.Sockets;

namespace ActorRepl.Hosting.Cluster;

/// <summary>The ports of node <paramref name="Id"/>, from 1; all on 127.0.0.1.</summary>
public readonly record struct NodePorts(int BasePort, int Id)
{
    public const int MaxNodes = 9;
    public const int DefaultBasePort = 7000;

    /// <summary>The highest base port whose nodes' ports all exist.</summary>
    public const int MaxBasePort = 65535 - 200 - MaxNodes;

    public int Redis => BasePort + Id;
    public int Http => BasePort + 100 + Id;

    /// <summary>Where other nodes connect.</summary>
    public int Peers => BasePort + 200 + Id;

    public IPEndPoint RedisAddress => new(IPAddress.Loopback, Redis);

    public Uri HttpAddress => new($"http://127.0.0.1:{Http}");

    /// <exception cref="UserErrorException">Somebody else listens on one of the ports; names it.</exception>
    public void CheckFree()
    {
        foreach ((int port, string purpose) in ((int, string)[])[(Redis, "Redis clients"), (Http, "HTTP"), (Peers, "other nodes")])
        {
            using var probe = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                if (!OperatingSystem.IsWindows())
                    probe.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
                probe.Bind(new IPEndPoint(IPAddress.Loopback, port));
                probe.Listen(1);
            }
            catch (SocketException inUse)
            {
                throw new UserErrorException(
                    $"port {port} (node {Id}, for {purpose}) cannot be used: {inUse.Message}; choose another --base-port");
            }
        }
    }
}
