using System.Buffers;
using System.Buffers.Text;
using System.IO.Pipelines;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text;
using ActorRepl.Hosting.Redis;

namespace ActorRepl.Hosting.Cluster;

public enum RespReplyKind
{
    Text,
    Error,
    Integer,
    Bulk,
    Nil,
}

/// <summary>A reply of a node: a line, an integer or bytes.</summary>
public readonly record struct RespReply(RespReplyKind Kind, byte[] Bytes, long Integer = 0)
{
    public string Text => Encoding.UTF8.GetString(Bytes);

    /// <summary>An error that says that nothing was done, and that trying again may help.</summary>
    public bool MayRetry => Kind == RespReplyKind.Error
        && Text.Split(' ')[0] is "TRYAGAIN" or "NOQUORUM" or "BUSY" or "STORAGE";

    public bool OutcomeUnknown => Kind == RespReplyKind.Error && Text.StartsWith("UNKNOWN ", StringComparison.Ordinal);
}

/// <summary>A connection to the Redis port of a node. Requests may be pipelined; replies come in their order. Not thread-safe.</summary>
public sealed class RespClient : IAsyncDisposable
{
    private readonly Socket _socket;
    private readonly PipeReader _input;
    private readonly PipeWriter _output;

    private RespClient(Socket socket, Stream stream)
    {
        _socket = socket;
        _input = PipeReader.Create(stream, new StreamPipeReaderOptions(bufferSize: 64 * 1024));
        _output = PipeWriter.Create(stream);
    }

    /// <exception cref="SocketException">Nobody answers.</exception>
    public static Task<RespClient> ConnectAsync(IPEndPoint address, CancellationToken cancellation = default) => ConnectAsync(address, null, "", cancellation);

    /// <param name="tls">Null: the port is not encrypted.</param>
    /// <param name="password">Empty: there is none.</param>
    /// <exception cref="SocketException">Nobody answers.</exception>
    /// <exception cref="IOException">Who answers is not trusted, or refuses the password.</exception>
    public static async Task<RespClient> ConnectAsync(IPEndPoint address, SslClientAuthenticationOptions? tls, string password, CancellationToken cancellation)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(address, cancellation).ConfigureAwait(false);
            var client = new RespClient(socket, await StreamAsync(socket, tls, cancellation).ConfigureAwait(false));
            if (password.Length > 0 && await client.CallAsync(cancellation, "AUTH"u8.ToArray(), Encoding.UTF8.GetBytes(password)).ConfigureAwait(false) is { Kind: RespReplyKind.Error } refused)
                throw new IOException($"{address} refuses the password: {refused.Text}");
            return client;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static async Task<Stream> StreamAsync(Socket socket, SslClientAuthenticationOptions? tls, CancellationToken cancellation)
    {
        var plain = new NetworkStream(socket, ownsSocket: true);
        if (tls is null)
            return plain;
        var stream = new SslStream(plain);
        try
        {
            await stream.AuthenticateAsClientAsync(tls, cancellation).ConfigureAwait(false);
            return stream;
        }
        catch (AuthenticationException refused)
        {
            throw new IOException($"no TLS with {socket.RemoteEndPoint}: {(refused.InnerException ?? refused).Message}", refused);
        }
    }

    /// <summary>Adds a command to what <see cref="FlushAsync"/> sends.</summary>
    public void Write(params ReadOnlySpan<ReadOnlyMemory<byte>> words)
    {
        _output.WriteArrayHeader(words.Length);
        foreach (ReadOnlyMemory<byte> word in words)
            _output.WriteBulk(word.Span);
    }

    public async ValueTask FlushAsync(CancellationToken cancellation = default) => await _output.FlushAsync(cancellation).ConfigureAwait(false);

    /// <summary>The next reply.</summary>
    /// <exception cref="IOException">The node closed the connection, or what it says is no RESP.</exception>
    public async ValueTask<RespReply> ReadAsync(CancellationToken cancellation = default)
    {
        while (true)
        {
            ReadResult read = await _input.ReadAsync(cancellation).ConfigureAwait(false);
            if (TryRead(read.Buffer, out RespReply reply, out SequencePosition consumed))
            {
                _input.AdvanceTo(consumed);
                return reply;
            }

            _input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
            if (read.IsCompleted)
                throw new IOException("the node closed the connection");
        }
    }

    public async Task<RespReply> CallAsync(CancellationToken cancellation, params ReadOnlyMemory<byte>[] words)
    {
        Write(words);
        await FlushAsync(cancellation).ConfigureAwait(false);
        return await ReadAsync(cancellation).ConfigureAwait(false);
    }

    public ValueTask DisposeAsync()
    {
        _socket.Dispose();
        return ValueTask.CompletedTask;
    }

    private static bool TryRead(in ReadOnlySequence<byte> buffer, out RespReply reply, out SequencePosition consumed)
    {
        reply = default;
        consumed = default;
        var reader = new SequenceReader<byte>(buffer);
        if (!reader.TryRead(out byte marker) || !reader.TryReadTo(out ReadOnlySequence<byte> line, "\r\n"u8))
            return false;
        byte[] text = line.ToArray();
        reply = marker switch
        {
            (byte)'+' => new RespReply(RespReplyKind.Text, text),
            (byte)'-' => new RespReply(RespReplyKind.Error, text),
            (byte)':' => new RespReply(RespReplyKind.Integer, text, Number(text)),
            (byte)'$' when text is [(byte)'-', ..] => new RespReply(RespReplyKind.Nil, []),
            (byte)'$' => new RespReply(RespReplyKind.Bulk, []),
            _ => throw new IOException($"a reply begins with byte 0x{marker:x2}"),
        };
        if (reply.Kind == RespReplyKind.Bulk)
        {
            int length = checked((int)Number(text));
            if (reader.Remaining < length + 2)
                return false;
            byte[] value = new byte[length];
            reader.TryCopyTo(value);
            reader.Advance(length + 2);
            reply = new RespReply(RespReplyKind.Bulk, value);
        }

        consumed = reader.Position;
        return true;
    }

    private static long Number(ReadOnlySpan<byte> text) =>
        Utf8Parser.TryParse(text, out long number, out int used) && used == text.Length
            ? number : throw new IOException($"'{Encoding.UTF8.GetString(text)}' is no number");
}
