using System.Collections.Concurrent;
using ActorRepl.Hosting.Cluster;
using ActorRepl.Protocols.Checking;

namespace ActorRepl.MultiNode.Tests;

/// <summary>
/// Clients of a group without a leader: some write keys of their own, once each, at the group's level; others share a few keys, which they change by conditional
/// writes and read serially, and what they see is recorded for the checker.
/// </summary>
internal sealed class QuorumWorkload(ProcessCluster cluster, int seed)
{
    // Short histories a key: an unknown outcome stays open to the end, and each doubles the checker's work.
    private static readonly TimeSpan SharedKeyLife = TimeSpan.FromSeconds(1.5);

    private readonly ConcurrentDictionary<string, string> _acknowledged = new();
    private readonly HistoryRecorder _history = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly System.Diagnostics.Stopwatch _clock = System.Diagnostics.Stopwatch.StartNew();
    private Task _clients = Task.CompletedTask;

    public int Acknowledged => _acknowledged.Count;

    /// <summary>Answers to operations of a quorum that were no success, from nodes that run.</summary>
    public ConcurrentQueue<string> Failures { get; } = new();

    public IReadOnlyList<RecordedOperation> History => _history.Operations;

    /// <param name="writers">At which nodes keys of their own are written.</param>
    /// <param name="sharing">At which nodes keys are shared; such a client goes on to the next node when one is lost.</param>
    public void Start(int[] writers, int[] sharing) => _clients = Task.WhenAll(
        [.. writers.Select(node => Task.Run(() => WriteOwnAsync(node))), .. sharing.Select((node, i) => Task.Run(() => ShareAsync(node, i)))]);

    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await _clients;
    }

    /// <summary>Reads through a node every key whose write was acknowledged; those that are not as they were written.</summary>
    public async Task<IReadOnlyList<string>> MissingThroughAsync(int node)
    {
        var wrong = new List<string>();
        await using var client = new RetryingClient(cluster, node);
        foreach ((string key, string value) in _acknowledged)
        {
            (Outcome outcome, RespReply reply) = await client.CallAsync("GET", key);
            if (outcome != Outcome.Acknowledged || reply.Kind == RespReplyKind.Nil || reply.Text != value)
                wrong.Add($"{key} through node {node}: {outcome}, {(reply.Bytes is null ? "nothing" : reply.Text)}");
        }

        return wrong;
    }

    // Always at one node: what fails there while that node runs is a failed quorum.
    private async Task WriteOwnAsync(int node)
    {
        await using var client = new RetryingClient(cluster, node);
        for (int i = 0; !_stop.IsCancellationRequested; i++)
        {
            string key = $"own-{node}-{i}", value = $"{key}:{new string((char)('a' + i % 26), 20 + i % 300)}";
            (Outcome outcome, RespReply reply) = await client.CallAsync("SET", key, value);
            if (outcome == Outcome.Acknowledged)
                _acknowledged[key] = value;
            else
                Failures.Enqueue($"SET {key}: {outcome}, {(reply.Bytes is null ? "no answer" : reply.Text)}");
            (outcome, reply) = await client.CallAsync("GET", key);
            if (outcome != Outcome.Acknowledged || (_acknowledged.ContainsKey(key) && (reply.Kind == RespReplyKind.Nil || reply.Text != value)))
                Failures.Enqueue($"GET {key}: {outcome}, {(reply.Bytes is null ? "nothing" : reply.Text)}");
        }
    }

    /// <summary>A write that returns what was before, and a read that could also have changed the key: both go through the serial path.</summary>
    private async Task ShareAsync(int node, int number)
    {
        var random = new Random(seed + number);
        await using var client = new RetryingClient(cluster, node);
        for (int i = 0; !_stop.IsCancellationRequested; i++)
        {
            string key = $"shared-{(int)(_clock.Elapsed / SharedKeyLife)}-{random.Next(3)}";
            bool writes = random.Next(2) == 0;
            string value = $"{number}.{i}";
            int call = _history.Call(number, writes ? RecordedAction.Write : RecordedAction.Read, key, writes ? value : "");
            (Outcome outcome, RespReply reply) = writes ? await client.CallAsync("SET", key, value, "GET") : await client.CallAsync("GETEX", key, "PERSIST");
            if (outcome == Outcome.Acknowledged)
                _history.Return(call, writes ? null : reply.Kind == RespReplyKind.Nil ? "" : reply.Text);
            else if (outcome == Outcome.Refused || !writes)
                _history.Fail(call);
            await Task.Delay(random.Next(1, 6)); // a pace at which the checker can follow
        }
    }
}
