using System.Net;
using System.Net.Sockets;

namespace ActorRepl.EngineParity;

/// <summary>A TCP relay that can drop every connection and refuse new ones: a node behind it looks killed to its peers.</summary>
internal sealed class CutOff : IDisposable
{
    private readonly Lock _sync = new();
    private readonly List<Socket> _open = [];
    private readonly Socket _listener;
    private int _target;
    private bool _cut;

    public CutOff()
    {
        _listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen(100);
        Port = ((IPEndPoint)_listener.LocalEndPoint!).Port;
        _ = AcceptAsync();
    }

    /// <summary>The port others connect to.</summary>
    public int Port { get; }

    /// <summary>From now on connections lead to that port.</summary>
    public void LeadTo(int port)
    {
        lock (_sync)
        {
            _target = port;
            _cut = false;
        }
    }

    /// <summary>Drops all connections and lets none through.</summary>
    public void Cut()
    {
        lock (_sync)
        {
            _cut = true;
            foreach (var socket in _open)
                socket.Close(0);
            _open.Clear();
        }
    }

    /// <summary>Lets new connections through again.</summary>
    public void Mend()
    {
        lock (_sync)
            _cut = false;
    }

    public void Dispose()
    {
        Cut();
        _listener.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
                _ = RelayAsync(await _listener.AcceptAsync());
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Disposed.
        }
    }

    private async Task RelayAsync(Socket near)
    {
        using var far = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            int target;
            lock (_sync)
            {
                if (_cut)
                {
                    near.Close(0);
                    return;
                }
                target = _target;
            }
            await far.ConnectAsync(IPAddress.Loopback, target);
            near.NoDelay = far.NoDelay = true;
            lock (_sync)
            {
                if (_cut)
                    return;
                _open.AddRange([near, far]);
            }
            using var nearStream = new NetworkStream(near, ownsSocket: true);
            using var farStream = new NetworkStream(far, ownsSocket: true);
            await Task.WhenAny(nearStream.CopyToAsync(farStream), farStream.CopyToAsync(nearStream));
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException)
        {
            // Cut, or one end closed.
        }
        finally
        {
            near.Dispose();
            lock (_sync)
                _open.RemoveAll(socket => socket == near || socket == far);
        }
    }
}
