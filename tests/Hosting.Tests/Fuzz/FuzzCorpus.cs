using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text;
using ActorRepl.Actors.Messages;
using ActorRepl.Actors.Settings;
using Akka.Actor;
using Akka.Configuration;

namespace ActorRepl.Fuzz;

/// <summary>Well-formed inputs of each port of a node, from which broken ones are made.</summary>
internal static class FuzzCorpus
{
    /// <summary>Of a node that has all that is spoken of here.</summary>
    public const string Settings = """
        actorrepl.groups {
          kv {}
          values { protocol = crdt }
          ring { protocol = quorum }
        }
        """;

    public static IReadOnlyList<byte[]> Redis { get; } =
    [
        Command("SET", "fuzz", "value"), Command("GET", "fuzz"), Command("DEL", "fuzz", "other"), Command("MGET", "fuzz", "a", "b"), Command("INCRBY", "n", "17"),
        Command("SET", "fuzz", "value", "PX", "1000", "NX"), Command("HELLO", "3"), Command("SCAN", "0", "MATCH", "f*", "COUNT", "10"), Command("APPEND", "fuzz", "more"),
        Command("MULTI"), Command("EXEC"), Command("EXPIRE", "fuzz", "10"), Command("GETRANGE", "fuzz", "0", "-1"), Command("SETRANGE", "fuzz", "3", "x"), Command("READ", "nearest,stale"),
        Command("ACK", "default"), Command("CLUSTER", "SLOTS"), Command("WAIT", "1", "10"), Command("ECHO", new string('x', 4096)), Command("SADD", "fuzz", "a", "b"), Command("SREM", "fuzz", "a"), Command("SMEMBERS", "fuzz"), Command("HSET", "fuzz", "field", "value"), Command("HGETALL", "fuzz"), Command("DECRBY", "n", "3"),
        Encoding.ASCII.GetBytes("GET fuzz\r\n"), Encoding.ASCII.GetBytes("SET fuzz \"a \\x41 b\"\r\n"),
    ];

    public static IReadOnlyList<byte[]> Http { get; } =
    [
        Request("GET", "/status"), Request("GET", "/metrics"), Request("GET", "/health/ready"), Request("GET", "/kv/kv/fuzz?read=eventual"), Request("GET", "/kv/kv?prefix=f&limit=3"),
        Request("PUT", "/kv/kv/fuzz", "value", "If-Match: \"3\"\r\n"), Request("DELETE", "/kv/kv/fuzz"), Request("POST", "/verify?group=nosuch&shard=1"), Request("GET", "/members?group=kv"),
        Request("POST", "/members", """{"action":"nosuch","group":"kv","nodes":[{"node":9}]}"""), Request("POST", "/transfer", """{"group":"nosuch","shard":0,"node":1}"""),
        Request("POST", "/kv/kv", """{"operations":[{"op":"put","key":"a","value":"b"}]}""", "Content-Type: application/json\r\n"),
        Request("GET", "/kv/ring/fuzz?read=quorum"), Request("PUT", "/kv/ring/fuzz", "value", "If-Match: \"3\"\r\n"), Request("DELETE", "/kv/ring/fuzz"), Request("GET", "/export/kv?shard=1"),
        Request("POST", "/crdt/values/counter/fuzz", """{"add":3}"""), Request("POST", "/crdt/values/set/fuzz", """{"operations":[{"insert":"milk"},{"remove":{"base64":"AAE="}}]}"""),
        Request("POST", "/crdt/values/text/fuzz", """{"at":0,"insert":"abc"}"""), Request("POST", "/crdt/values/text/fuzz", """{"at":0,"delete":3}"""),
        Request("POST", "/crdt/values/map/fuzz", """{"field":"visits","kind":"counter","add":1}"""), Request("POST", "/crdt/values/bounded-counter/fuzz", """{"take":3}"""),
        Request("GET", "/crdt/values/text/fuzz"), Request("GET", "/crdt/values/set/fuzz"), Request("GET", "/crdt/values/map/fuzz"),
        Encoding.ASCII.GetBytes("PUT /kv/kv/fuzz HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nvalue\r\n0\r\n\r\n"),
    ];

    /// <summary>
    /// What a TLS client says first: alone, and with bytes behind it that are none of a handshake. For a port with TLS, where nothing else comes
    /// from somebody without a certificate.
    /// </summary>
    public static IReadOnlyList<byte[]> Tls { get; } = [.. FirstFlights()];

    /// <summary>
    /// What another actor system sends to a node's port: recorded by standing between the two. The address that each conversation
    /// names is that of the node, so that it gets past the greeting.
    /// </summary>
    /// <param name="system">The name of the node's actor system.</param>
    /// <param name="port">Where it listens for other nodes.</param>
    public static async Task<IReadOnlyList<byte[]>> RecordNodePortAsync(string system, int port)
    {
        using TcpListener between = ListenBeside(port);
        int here = ((IPEndPoint)between.LocalEndpoint).Port;
        Task<byte[]> recording = RecordAsync(between, port, $":{here}", $":{port}");
        ActorSystem outside = ActorSystem.Create("fuzz", ConfigurationFactory.ParseString("""
            akka.actor.provider = remote
            akka.loglevel = OFF
            akka.stdout-loglevel = OFF
            akka.remote.dot-netty.tcp { hostname = "127.0.0.1", port = 0, maximum-frame-size = 4 MiB }
            """).WithFallback(RuntimeConfig.Reference));
        ActorSelection router = outside.ActorSelection($"akka.tcp://{system}@127.0.0.1:{here}/user/actorrepl/kv/router");
        for (int i = 0; i < 20; i++)
            router.Tell(new Execute(Encoding.UTF8.GetBytes($"fuzz{i}"), new byte[] { 1, 2, 3 }, TimeoutMillis: 500), ActorRefs.NoSender);
        byte[] conversation = await recording.ConfigureAwait(false);
        await outside.Terminate().ConfigureAwait(false);
        // Twice as it is: half of what is made of it breaks late, beyond the greeting.
        return [conversation, conversation, conversation[..(conversation.Length / 2)]];
    }

    private static IEnumerable<byte[]> FirstFlights()
    {
        foreach (SslProtocols version in (SslProtocols[])[SslProtocols.Tls12, SslProtocols.Tls13])
        {
            using var said = new MemoryStream();
            using var client = new SslStream(new OneWayStream(said));
            try
            {
                client.AuthenticateAsClient(new SslClientAuthenticationOptions { TargetHost = "localhost", EnabledSslProtocols = version });
            }
            catch (IOException)
            {
                // Nobody answers.
            }

            byte[] hello = said.ToArray();
            yield return hello;
            yield return [.. hello, 23, 3, 3, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8];
            yield return [.. hello, 20, 3, 3, 0, 1, 1, 22, 3, 3, 0, 4, 20, 0, 0, 0];
        }
    }

    private static byte[] Command(params string[] words) =>
        Encoding.ASCII.GetBytes($"*{words.Length}\r\n{string.Concat(words.Select(word => $"${word.Length}\r\n{word}\r\n"))}");

    private static byte[] Request(string method, string path, string? body = null, string headers = "") =>
        Encoding.ASCII.GetBytes($"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}{(body is null ? "" : $"Content-Length: {body.Length}\r\n")}\r\n{body}");

    // As many digits as the other port: the texts that name it keep their lengths.
    private static TcpListener ListenBeside(int port)
    {
        while (true)
        {
            var listener = new TcpListener(IPAddress.Loopback, 0);
            listener.Start();
            if ($"{((IPEndPoint)listener.LocalEndpoint).Port}".Length == $"{port}".Length)
                return listener;
            listener.Dispose();
        }
    }

    private static async Task<byte[]> RecordAsync(TcpListener between, int port, string mine, string theirs)
    {
        using Socket client = await between.AcceptSocketAsync().ConfigureAwait(false);
        using var node = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await node.ConnectAsync(IPAddress.Loopback, port).ConfigureAwait(false);
        using var ended = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        var said = new List<byte>();
        Task forth = PumpAsync(client, node, said, mine, theirs, ended.Token), back = PumpAsync(node, client, null, theirs, mine, ended.Token);
        await Task.WhenAll(forth, back).ConfigureAwait(false);
        return [.. said];
    }

    /// <summary>Keeps what is written; there is never anything to read.</summary>
    private sealed class OneWayStream(MemoryStream said) : Stream
    {
        public override bool CanRead => true;

        public override bool CanWrite => true;

        public override bool CanSeek => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override int Read(byte[] buffer, int offset, int count) => 0;

        public override void Write(byte[] buffer, int offset, int count) => said.Write(buffer, offset, count);

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }

    private static async Task PumpAsync(Socket from, Socket to, List<byte>? record, string replace, string by, CancellationToken ended)
    {
        byte[] buffer = new byte[64 * 1024];
        try
        {
            while (await from.ReceiveAsync(buffer, ended).ConfigureAwait(false) is > 0 and var read)
            {
                byte[] chunk = Encoding.Latin1.GetBytes(Encoding.Latin1.GetString(buffer, 0, read).Replace(replace, by, StringComparison.Ordinal));
                record?.AddRange(chunk);
                await to.SendAsync(chunk, ended).ConfigureAwait(false);
            }
        }
        catch (Exception over) when (over is OperationCanceledException or SocketException)
        {
            // The recording is as long as it is.
        }
    }
}
