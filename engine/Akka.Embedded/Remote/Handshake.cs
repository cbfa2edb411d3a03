#nullable enable
using System.Buffers;
using System.IO.Pipelines;
using Akka.Actor;

namespace Akka.Remote;

/// <summary>What an incarnation says of itself when it connects.</summary>
internal readonly record struct Hello(int Uid, Address From, string To);

/// <summary>The frames that open and close a connection.</summary>
internal static class Handshake
{
    public static void WriteHello(PipeWriter output, int uid, Address from, Address to) =>
        Frames.WriteControl(
            output, FrameKind.Hello, Frames.ProtocolVersion, uid.ToString(), from.ToString(), to.ToString());

    public static void WriteWelcome(PipeWriter output, int uid) =>
        Frames.WriteControl(output, FrameKind.Welcome, Frames.ProtocolVersion, uid.ToString());

    /// <summary>Says why, then closes.</summary>
    public static async Task CloseAsync(Connection connection, CloseReason reason, string text)
    {
        try
        {
            Frames.WriteControl(connection.Output, FrameKind.Close, (int)reason, text);
            await connection.Output.FlushAsync().ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or InvalidOperationException)
        {
            // It was gone already.
        }
        connection.Abort();
    }

    /// <exception cref="RemoteTransportException">What came is no hello, or of another version.</exception>
    public static async Task<Hello> ReadHelloAsync(PipeReader input, FrameReader frames, CancellationToken cancel) =>
        await ReadOneAsync(input, frames, ParseHello, cancel).ConfigureAwait(false);

    /// <summary>The UID of who was reached.</summary>
    /// <exception cref="RemoteTransportException">The peer refused.</exception>
    public static async Task<int> ReadAnswerAsync(
        PipeReader input, FrameReader frames, Remoting remoting, Address remote, CancellationToken cancel) =>
        await ReadOneAsync(input, frames, (in Frame frame) => ParseAnswer(frame, remoting, remote), cancel).ConfigureAwait(false);

    public static void ReadClose(in Frame frame, out CloseReason reason, out string text)
    {
        var header = new HeaderReader(frame.Header);
        reason = (CloseReason)header.ReadVarint();
        text = header.ReadString();
    }

    private delegate T Parse<T>(in Frame frame);

    private static async Task<T> ReadOneAsync<T>(PipeReader input, FrameReader frames, Parse<T> parse, CancellationToken cancel)
    {
        while (true)
        {
            var read = await input.ReadAsync(cancel).ConfigureAwait(false);
            var buffer = read.Buffer;
            bool got = TryParse(frames, ref buffer, parse, out var value);
            input.AdvanceTo(buffer.Start, got ? buffer.Start : buffer.End);
            if (got)
                return value;
            if (read.IsCompleted)
                throw new RemoteTransportException("the connection was closed during the handshake");
        }
    }

    private static bool TryParse<T>(FrameReader frames, ref ReadOnlySequence<byte> buffer, Parse<T> parse, out T value)
    {
        bool got = frames.TryRead(ref buffer, out var frame);
        value = got ? parse(frame) : default!;
        return got;
    }

    private static Hello ParseHello(in Frame frame)
    {
        if (frame.Kind != FrameKind.Hello)
            throw new RemoteTransportException("the connection did not begin with a hello");
        var header = new HeaderReader(frame.Header);
        int version = header.ReadVarint();
        if (version != Frames.ProtocolVersion)
            throw new RemoteTransportException($"protocol version {version}; this node speaks {Frames.ProtocolVersion}");
        int uid = ParseUid(header.ReadString());
        string from = header.ReadString();
        if (!Address.TryParse(from, out var address) || address.Host is null || address.Port is null)
            throw new RemoteTransportException($"'{from}' is no address of a remote system");
        return new Hello(uid, address, header.ReadString());
    }

    private static int ParseAnswer(in Frame frame, Remoting remoting, Address remote)
    {
        var header = new HeaderReader(frame.Header);
        switch (frame.Kind)
        {
            case FrameKind.Welcome:
                _ = header.ReadVarint();
                return ParseUid(header.ReadString());
            case FrameKind.Close:
                ReadClose(frame, out var reason, out string text);
                if (reason == CloseReason.Quarantined)
                    remoting.WasQuarantinedBy(remote);
                throw new RemoteTransportException($"{remote} refused the association: {reason} {text}".TrimEnd());
            default:
                throw new RemoteTransportException($"unexpected frame {frame.Kind} from {remote} during the handshake");
        }
    }

    private static int ParseUid(string text) =>
        int.TryParse(text, out int uid) ? uid : throw new RemoteTransportException("malformed UID in the handshake");
}
