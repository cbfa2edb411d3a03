using System.Net.Sockets;
using ActorRepl.Hosting.Cluster;

namespace ActorRepl.MultiNode.Tests;

internal enum Outcome
{
    Acknowledged,

    /// <summary>Certainly not done.</summary>
    Refused,

    /// <summary>Done or not: the connection broke, or the node could not tell.</summary>
    Unknown,
}

/// <summary>A client that goes on to the next node when one does not answer. One command at a time.</summary>
internal sealed class RetryingClient(ProcessCluster cluster, int firstNode) : IAsyncDisposable
{
    // Longer than the nodes' own request timeout: they refuse first.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(8);

    private int _node = firstNode;
    private RespClient? _connection;

    public async Task<(Outcome Outcome, RespReply Reply)> CallAsync(params string[] words)
    {
        using var patience = new CancellationTokenSource(Patience);
        bool sent = false;
        try
        {
            _connection ??= await RespClient.ConnectAsync(cluster.Redis(_node), patience.Token);
            sent = true;
            RespReply reply = await _connection.CallAsync(patience.Token, [.. words.Select(word => (ReadOnlyMemory<byte>)System.Text.Encoding.UTF8.GetBytes(word))]);
            if (reply.Kind != RespReplyKind.Error)
                return (Outcome.Acknowledged, reply);
            return (reply.MayRetry ? Outcome.Refused : Outcome.Unknown, reply);
        }
        catch (Exception lost) when (lost is SocketException or IOException or OperationCanceledException)
        {
            await MoveOnAsync();
            return (sent ? Outcome.Unknown : Outcome.Refused, default);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_connection is { } connection)
            await connection.DisposeAsync();
    }

    private async Task MoveOnAsync()
    {
        await DisposeAsync();
        _connection = null;
        _node = _node % cluster.Ids.Count + 1;
    }
}
