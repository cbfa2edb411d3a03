using System.Buffers.Binary;
using System.Net;
using System.Net.Http.Headers;

namespace ActorRepl.Benchmarks;

/// <summary>
/// As little of an etcd v3 client as puts and linearizable gets need: unary gRPC over one HTTP/2 connection,
/// the two request messages packed by hand, so that the client costs the machine as little as it can.
/// </summary>
internal sealed class EtcdClient : IDisposable
{
    private static readonly MediaTypeHeaderValue Grpc = new("application/grpc");
    private readonly HttpClient _http;

    public EtcdClient(Uri endpoint) => _http = new HttpClient(new SocketsHttpHandler { UseProxy = false })
    {
        BaseAddress = endpoint,
        DefaultRequestVersion = HttpVersion.Version20,
        DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
    };

    public Task PutAsync(byte[] key, byte[] value) => CallAsync("/etcdserverpb.KV/Put", Frame((1, key), (2, value)));

    public Task GetAsync(byte[] key) => CallAsync("/etcdserverpb.KV/Range", Frame((1, key)));

    public void Dispose() => _http.Dispose();

    private async Task CallAsync(string method, byte[] frame)
    {
        using var content = new ByteArrayContent(frame);
        content.Headers.ContentType = Grpc;
        using var request = new HttpRequestMessage(HttpMethod.Post, method) { Content = content, Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact };
        request.Headers.TE.Add(new TransferCodingWithQualityHeaderValue("trailers"));
        using HttpResponseMessage response = await _http.SendAsync(request);
        await response.Content.ReadAsByteArrayAsync();
        string status = response.TrailingHeaders.TryGetValues("grpc-status", out IEnumerable<string>? values)
            || response.Headers.TryGetValues("grpc-status", out values) ? values.First() : "none";
        if (status != "0")
            throw new InvalidOperationException($"etcd answered {method} with gRPC status {status}");
    }

    // gRPC: no compression (1 byte), length (4, big-endian); protobuf: length-delimited fields.
    private static byte[] Frame(params ReadOnlySpan<(int Field, byte[] Bytes)> fields)
    {
        using var body = new MemoryStream();
        body.Write(stackalloc byte[5]);
        foreach ((int field, byte[] bytes) in fields)
        {
            body.WriteByte((byte)(field << 3 | 2));
            for (int length = bytes.Length; ; length >>= 7)
            {
                body.WriteByte((byte)(length >= 0x80 ? length & 0x7F | 0x80 : length));
                if (length < 0x80)
                    break;
            }

            body.Write(bytes);
        }

        byte[] frame = body.ToArray();
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(1), frame.Length - 5);
        return frame;
    }
}
