using System.Net;
using System.Net.Sockets;

namespace ActorRepl.Hosting.Redis.Sockets;

/// <summary>Works wherever .NET does. Each wait looks at every socket that is watched.</summary>
internal sealed class SelectPoller : IPoller
{
    private readonly Dictionary<Socket, (int Token, Readiness Wanted)> _watched = [];
    private readonly List<Socket> _reading = [];
    private readonly List<Socket> _writing = [];
    private readonly Socket _wakeReceiver = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
    private readonly Socket _wakeSender = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
    private readonly byte[] _wake = new byte[1];

    public SelectPoller()
    {
        // Each is connected to the other, so that nobody else's datagram wakes this thread.
        _wakeReceiver.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _wakeSender.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _wakeSender.Connect(_wakeReceiver.LocalEndPoint!);
        _wakeReceiver.Connect(_wakeSender.LocalEndPoint!);
        _wakeReceiver.Blocking = false;
        _wakeSender.Blocking = false;
    }

    public void Add(Socket socket, int token, Readiness wanted) => _watched.Add(socket, (token, wanted));

    public void Change(Socket socket, int token, Readiness wanted) => _watched[socket] = (token, wanted);

    public void Remove(Socket socket, int token) => _watched.Remove(socket);

    public int Wait(Span<ReadySocket> ready, int timeoutMillis)
    {
        _reading.Clear();
        _writing.Clear();
        _reading.Add(_wakeReceiver);
        foreach ((Socket socket, (_, Readiness wanted)) in _watched)
        {
            if (wanted.HasFlag(Readiness.Read))
                _reading.Add(socket);
            if (wanted.HasFlag(Readiness.Write))
                _writing.Add(socket);
        }

        Socket.Select(_reading, _writing, null, timeoutMillis < 0 ? Timeout.InfiniteTimeSpan : TimeSpan.FromMilliseconds(timeoutMillis));
        int count = 0;
        foreach (Socket socket in _reading)
        {
            if (ReferenceEquals(socket, _wakeReceiver))
                ClearWake();
            else if (count < ready.Length)
                ready[count++] = new ReadySocket(_watched[socket].Token, Readiness.Read);
        }

        foreach (Socket socket in _writing)
        {
            if (count < ready.Length)
                ready[count++] = new ReadySocket(_watched[socket].Token, Readiness.Write);
        }

        return count;
    }

    public void WaitForWake(int timeoutMillis)
    {
        if (_wakeReceiver.Poll(TimeSpan.FromMilliseconds(timeoutMillis), SelectMode.SelectRead))
            ClearWake();
    }

    // A datagram that finds no room is not needed: others wait to be seen.
    public void Wake() => _wakeSender.Send([1], SocketFlags.None, out _);

    public void Dispose()
    {
        _wakeSender.Dispose();
        _wakeReceiver.Dispose();
    }

    private void ClearWake()
    {
        while (_wakeReceiver.Receive(_wake, SocketFlags.None, out SocketError error) > 0 && error == SocketError.Success)
        {
        }
    }
}
