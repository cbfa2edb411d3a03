using System.Net.Sockets;

namespace ActorRepl.Hosting.Redis.Sockets;

/// <summary>What a socket is watched for, or ready for.</summary>
[Flags]
internal enum Readiness
{
    None = 0,
    Read = 1,
    Write = 2,
}

/// <summary>A socket, by the token it is watched under, that can be read from or written to without waiting.</summary>
internal readonly record struct ReadySocket(int Token, Readiness For);

/// <summary>
/// Tells one thread which of its sockets are ready, as often as it asks (level-triggered). Only that thread uses it, but for
/// <see cref="Wake"/>.
/// </summary>
internal interface IPoller : IDisposable
{
    /// <summary>Starts to watch a socket, which must not block.</summary>
    void Add(Socket socket, int token, Readiness wanted);

    /// <summary>Watches for something else from now on; for nothing, too.</summary>
    void Change(Socket socket, int token, Readiness wanted);

    /// <summary>Before the socket is closed.</summary>
    void Remove(Socket socket, int token);

    /// <summary>Waits for a socket, for <see cref="Wake"/>, or until the time is up (ms; −1: for ever); returns how many are ready.</summary>
    int Wait(Span<ReadySocket> ready, int timeoutMillis);

    /// <summary>Waits for <see cref="Wake"/> alone, for so many ms at most.</summary>
    void WaitForWake(int timeoutMillis);

    /// <summary>Ends the wait that goes on, or the next one. From any thread.</summary>
    void Wake();
}

internal static class Poller
{
    /// <summary>The best this system has.</summary>
    public static IPoller Create() => EpollPoller.IsSupported ? new EpollPoller() : new SelectPoller();
}
