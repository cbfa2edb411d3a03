using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using ActorRepl.Hosting.Cluster;
using ActorRepl.Protocols.Checking;

namespace ActorRepl.MultiNode.Tests;

/// <summary>
/// Clients of the HTTP and the Redis gateways that go from node to node with their sessions, or ask for answers of a bounded age; what they see is
/// recorded. States are numbered by versions over HTTP, and by what INCR answers over Redis.
/// </summary>
internal sealed class GatewayClients(ProcessCluster cluster, int seed) : IDisposable
{
    private const int Keys = 4;
    private static readonly string[] Nearby = ["nearest", "secondary-preferred"];

    private readonly HttpClient _http = new(new SocketsHttpHandler { PooledConnectionLifetime = TimeSpan.FromSeconds(5) }) { Timeout = TimeSpan.FromSeconds(4) };
    private readonly ConcurrentQueue<SessionOperation> _promised = new(), _eventual = new();
    private readonly ConcurrentDictionary<string, int> _refusals = new(StringComparer.Ordinal);
    private readonly HistoryRecorder _linearizable = new();
    private readonly CancellationTokenSource _stop = new();
    private Task _running = Task.CompletedTask;
    private int _sessions;

    /// <summary>What sessions and bounded reads saw.</summary>
    public IReadOnlyCollection<SessionOperation> Promised => _promised;

    /// <summary>What clients saw that asked for no promise, written down as if it had been given.</summary>
    public IReadOnlyCollection<SessionOperation> Eventual => _eventual;

    public IReadOnlyList<RecordedOperation> Linearizable => _linearizable.Operations;

    /// <summary>How often what was answered instead.</summary>
    public string Refusals => string.Join(", ", _refusals.OrderByDescending(one => one.Value).Select(one => $"{one.Key} {one.Value}"));

    public void Start() => _running = Task.WhenAll(
    [
        .. Many(4, HttpSessionAsync), .. Many(3, HttpBoundedAsync), .. Many(2, HttpEventualAsync), .. Many(4, HttpLinearizableAsync),
        .. Many(3, (random, _) => RedisAsync(random, "session")), .. Many(2, (random, _) => RedisAsync(random, "300ms")),
    ]);

    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await _running;
    }

    public void Dispose()
    {
        _http.Dispose();
        _stop.Dispose();
    }

    private IEnumerable<Task> Many(int count, Func<Random, int, Task> client) =>
        Enumerable.Range(0, count).Select(i => Task.Run(() => client(new Random(seed + client.Method.Name.Length * 100 + i), i)));

    /// <summary>One session: the token goes from node to node, with every write and read.</summary>
    private async Task HttpSessionAsync(Random random, int number)
    {
        int session = Interlocked.Increment(ref _sessions);
        string token = "";
        while (!_stop.IsCancellationRequested)
        {
            bool writes = random.Next(3) == 0;
            string key = $"h{random.Next(Keys)}";
            using HttpRequestMessage request = Request(random, writes, key, writes ? "" : $"?from={Nearby[random.Next(2)]}");
            request.Headers.Add("X-Session-Token", token);
            long called = Now;
            using HttpResponseMessage? answer = await SendAsync(request);
            if (answer is not null && PositionOf(answer) is { } position)
            {
                _promised.Enqueue(new SessionOperation(session, key, writes, position, called, Now));
                token = answer.Headers.GetValues("X-Session-Token").Single();
            }

            await PauseAsync(random);
        }
    }

    private async Task HttpBoundedAsync(Random random, int number)
    {
        while (!_stop.IsCancellationRequested)
        {
            // Each by itself: a bound is no session.
            int session = Interlocked.Increment(ref _sessions);
            string key = $"h{random.Next(Keys)}";
            int bound = ((int[])[0, 50, 300, 1500])[random.Next(4)];
            using HttpRequestMessage request = Request(random, false, key, $"?from={Nearby[random.Next(2)]}");
            request.Headers.Add("X-Max-Staleness-Ms", $"{bound}");
            long called = Now;
            using HttpResponseMessage? answer = await SendAsync(request);
            if (answer is not null && PositionOf(answer) is { } position)
                _promised.Enqueue(new SessionOperation(session, key, false, position, called, Now) { Bound = bound * 1000 });
            await PauseAsync(random);
        }
    }

    /// <summary>Sends no token, and takes whatever a replica has.</summary>
    private async Task HttpEventualAsync(Random random, int number)
    {
        int session = Interlocked.Increment(ref _sessions);
        while (!_stop.IsCancellationRequested)
        {
            bool writes = random.Next(3) == 0;
            string key = $"e{number}";
            using HttpRequestMessage request = Request(random, writes, key, writes ? "" : "?read=eventual&from=nearest");
            long called = Now;
            using HttpResponseMessage? answer = await SendAsync(request);
            if (answer is not null && PositionOf(answer) is { } position)
                _eventual.Enqueue(new SessionOperation(session, key, writes, position, called, Now));
            await PauseAsync(random);
        }
    }

    private async Task HttpLinearizableAsync(Random random, int number)
    {
        var begun = Stopwatch.StartNew();
        for (int i = 0; !_stop.IsCancellationRequested; i++)
        {
            // Keys of a short life: what never returned stays open to the end of a key's history.
            string key = $"l{(int)(begun.Elapsed.TotalSeconds / 1.5)}-{random.Next(3)}";
            bool writes = random.Next(2) == 0;
            string value = $"{number}.{i}";
            int call = _linearizable.Call(number, writes ? RecordedAction.Write : RecordedAction.Read, key, writes ? value : "");
            using HttpRequestMessage request = Request(random, writes, key, "", value);
            using HttpResponseMessage? answer = await SendAsync(request);
            if (answer is null || PositionOf(answer) is null)
            {
                // Of a problem, only an unknown outcome leaves open what was done; without any answer nothing is known.
                bool isCertain = answer is not null && answer.StatusCode != HttpStatusCode.GatewayTimeout;
                if (!writes || isCertain)
                    _linearizable.Fail(call);
            }
            else
            {
                _linearizable.Return(call, writes ? null : answer.StatusCode == HttpStatusCode.NotFound ? "" : await answer.Content.ReadAsStringAsync());
            }

            await PauseAsync(random);
        }
    }

    /// <summary>A connection's own session, or bound; a connection that is lost is followed by a new one, with nothing seen.</summary>
    private async Task RedisAsync(Random random, string words)
    {
        while (!_stop.IsCancellationRequested)
        {
            int session = Interlocked.Increment(ref _sessions);
            try
            {
                await using RespClient client = await RespClient.ConnectAsync(cluster.Redis(AnyNode(random)), _stop.Token);
                await CallAsync(client, "READ", "nearest", words);
                for (int i = 0; i < 200 && !_stop.IsCancellationRequested; i++)
                {
                    bool writes = random.Next(3) == 0;
                    string key = $"r{random.Next(Keys)}";
                    long called = Now;
                    RespReply reply = await CallAsync(client, writes ? "INCR" : "GET", key);
                    if (reply.Kind == RespReplyKind.Error)
                        Refused(reply.Text.Split(' ')[0]);
                    else
                        _promised.Enqueue(new SessionOperation(words == "session" ? session : Interlocked.Increment(ref _sessions), key, writes,
                            writes ? reply.Integer : reply.Kind == RespReplyKind.Nil ? 0 : long.Parse(reply.Text, CultureInfo.InvariantCulture), called, Now)
                        { Bound = words == "session" || writes ? null : 300_000 });
                    await PauseAsync(random);
                }
            }
            catch (Exception lost) when (lost is SocketException or IOException or OperationCanceledException)
            {
                Refused("connection lost");
                await PauseAsync(random);
            }
        }
    }

    private static async Task<RespReply> CallAsync(RespClient client, params string[] words)
    {
        using var limited = new CancellationTokenSource(TimeSpan.FromSeconds(4));
        return await client.CallAsync(limited.Token, [.. words.Select(word => (ReadOnlyMemory<byte>)Encoding.ASCII.GetBytes(word))]);
    }

    private HttpRequestMessage Request(Random random, bool writes, string key, string query, string? value = null)
    {
        var request = new HttpRequestMessage(writes ? HttpMethod.Put : HttpMethod.Get, new Uri(new NodePorts(cluster.BasePort, AnyNode(random)).HttpAddress, $"/kv/kv/{key}{query}"));
        if (writes)
            request.Content = new StringContent(value ?? "x");
        request.Headers.Add("X-Timeout-Ms", "1500");
        return request;
    }

    private int AnyNode(Random random) => cluster.Ids[random.Next(cluster.Ids.Count)];

    /// <summary>Null: no answer.</summary>
    private async Task<HttpResponseMessage?> SendAsync(HttpRequestMessage request)
    {
        try
        {
            HttpResponseMessage answer = await _http.SendAsync(request);
            if (answer.StatusCode is not (HttpStatusCode.OK or HttpStatusCode.NoContent or HttpStatusCode.NotFound))
                Refused($"{(int)answer.StatusCode}");
            return answer;
        }
        catch (Exception lost) when (lost is HttpRequestException or TaskCanceledException)
        {
            // A node that is down refuses at once.
            Refused("connection lost");
            await Task.Delay(20);
            return null;
        }
    }

    private void Refused(string how) => _refusals.AddOrUpdate(how, 1, (_, before) => before + 1);

    /// <summary>Null: it is no answer.</summary>
    private static long? PositionOf(HttpResponseMessage answer) => answer.StatusCode switch
    {
        HttpStatusCode.OK or HttpStatusCode.NoContent => long.Parse(answer.Headers.ETag!.Tag.Trim('"'), CultureInfo.InvariantCulture),
        HttpStatusCode.NotFound => 0,
        _ => null,
    };

    private static long Now => (long)Stopwatch.GetElapsedTime(0).TotalMicroseconds;

    private static Task PauseAsync(Random random) => Task.Delay(random.Next(1, 8));
}
