using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text;
using ActorRepl.Actors.Client;
using ActorRepl.Hosting.Cluster;
using ActorRepl.Protocols.Checking;
using ActorRepl.Protocols.Placement;

namespace ActorRepl.MultiNode.Tests;

/// <summary>
/// Clients that write while nodes are killed: some write keys of their own, once each, and remember what was
/// acknowledged and when; others share a few keys, and what they see is recorded for the checker.
/// </summary>
internal sealed class Workload(ProcessCluster cluster, int seed)
{
    public const int Shards = 4;
    private const int WritersPerShard = 2;
    private const int SharingClients = 6;
    private const int SharedKeys = 6;
    private const int ReadBackChunk = 200;

    // Short histories a key: an unknown outcome stays open to the end, and each doubles the checker's work.
    private static readonly TimeSpan SharedKeyLife = TimeSpan.FromSeconds(1.5);

    private readonly ConcurrentDictionary<string, string> _attempted = new();
    private readonly ConcurrentDictionary<string, string> _acknowledged = new();
    private readonly AcknowledgedTimes _times = new(Shards);
    private readonly HistoryRecorder _history = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly long _started = Stopwatch.GetTimestamp();
    private Task _clients = Task.CompletedTask;

    public int Acknowledged => _acknowledged.Count;

    /// <summary>Acknowledged writes of a shard by the clients that have keys of their own.</summary>
    public int AcknowledgedOf(int shard) => _times.CountOf(shard);

    /// <summary>What was answered to writes that were not acknowledged.</summary>
    public ConcurrentQueue<string> Failures { get; } = new();
    public IReadOnlyList<RecordedOperation> History => _history.Operations;

    public void Start()
    {
        IEnumerable<Task> writers = Enumerable.Range(0, Shards * WritersPerShard).Select(i => Task.Run(() => WriteOwnKeysAsync(i)));
        IEnumerable<Task> sharing = Enumerable.Range(0, SharingClients).Select(i => Task.Run(() => ShareKeysAsync(i)));
        _clients = Task.WhenAll([.. writers, .. sharing]);
    }

    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await _clients;
    }

    /// <summary>The longest time between two acknowledged writes of a shard from a moment on, within a window.</summary>
    public TimeSpan LongestGap(int shard, long from, TimeSpan window) =>
        _times.LongestGap(shard, from, from + (long)(window.TotalSeconds * Stopwatch.Frequency));

    /// <summary>Reads every key back through one node: what was acknowledged is there, what was not is whole or absent.</summary>
    public async Task<IReadOnlyList<string>> MissingThroughAsync(int node)
    {
        var wrong = new List<string>();
        await using RespClient client = await RespClient.ConnectAsync(cluster.Redis(node));
        foreach (KeyValuePair<string, string>[] chunk in _attempted.Chunk(ReadBackChunk))
        {
            foreach ((string key, string _) in chunk)
                client.Write("GET"u8.ToArray(), Encoding.UTF8.GetBytes(key));
            await client.FlushAsync();
            foreach ((string key, string value) in chunk)
            {
                RespReply reply = await client.ReadAsync();
                if (reply.Kind == RespReplyKind.Error)
                    wrong.Add($"{key} cannot be read through node {node}: {reply.Text}");
                else if (reply.Kind == RespReplyKind.Nil && _acknowledged.ContainsKey(key))
                    wrong.Add($"{key} was acknowledged and is gone (node {node})");
                else if (reply.Kind == RespReplyKind.Bulk && reply.Text != value)
                    wrong.Add($"{key} holds something else than was written (node {node})");
            }
        }

        return wrong;
    }

    private async Task WriteOwnKeysAsync(int writer)
    {
        int shard = writer % Shards;
        var random = new Random(seed + writer);
        await using var client = new RetryingClient(cluster, writer % cluster.Ids.Count + 1);
        for (int i = 0; !_stop.IsCancellationRequested; i++)
        {
            string key = KeyOn(shard, $"own-{writer}-{i}");
            string value = $"{key}:{new string((char)('a' + random.Next(26)), random.Next(20, 400))}";
            _attempted[key] = value;
            (Outcome outcome, RespReply reply) = await client.CallAsync("SET", key, value);
            if (outcome != Outcome.Acknowledged)
                Failures.Enqueue($"{key}: {outcome}, {(reply.Bytes is null ? "no answer" : reply.Text)}");
            if (outcome == Outcome.Acknowledged)
            {
                _acknowledged[key] = value;
                _times.Add(shard);
            }
            else if (outcome == Outcome.Refused)
            {
                _attempted.TryRemove(key, out string? _);
                // A node that is down refuses connections at once; do not spin on it.
                await Task.Delay(5);
            }
        }
    }

    private async Task ShareKeysAsync(int number)
    {
        var random = new Random(seed + 1000 + number);
        await using var client = new RetryingClient(cluster, number % cluster.Ids.Count + 1);
        for (int i = 0; !_stop.IsCancellationRequested; i++)
        {
            int life = (int)(Stopwatch.GetElapsedTime(_started) / SharedKeyLife);
            string key = $"shared-{life}-{random.Next(SharedKeys)}";
            string value = $"{number}.{i};";
            RecordedAction action = random.Next(3) switch { 0 => RecordedAction.Read, 1 => RecordedAction.Write, _ => RecordedAction.Append };
            int call = _history.Call(number, action, key, action == RecordedAction.Read ? "" : value);
            (Outcome outcome, RespReply reply) = action switch
            {
                RecordedAction.Read => await client.CallAsync("GET", key),
                RecordedAction.Write => await client.CallAsync("SET", key, value),
                _ => await client.CallAsync("APPEND", key, value),
            };
            if (outcome == Outcome.Acknowledged)
                _history.Return(call, action == RecordedAction.Read ? reply.Text : null);
            else if (outcome == Outcome.Refused || action == RecordedAction.Read)
                _history.Fail(call);
            await Task.Delay(random.Next(2, 12));
        }
    }

    public static string KeyOn(int shard, string prefix)
    {
        for (int salt = 0; ; salt++)
        {
            string key = $"{prefix}-{salt}";
            if (ShardHash.ShardOf(Encoding.UTF8.GetBytes(key), Shards, KeyPlacement.Braces) == shard)
                return key;
        }
    }
}
