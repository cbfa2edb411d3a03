using System.Buffers.Text;
using System.Net.Sockets;
using System.Text;
using ActorRepl.Hosting.Cli.Keys;
using ActorRepl.Hosting.Cluster;
using ActorRepl.Hosting.Redis;
using ActorRepl.Hosting.Status;

namespace ActorRepl.Hosting.Cli;

/// <summary><c>actorrepl get</c>, <c>put</c> and <c>del</c>: one command to whichever node serves it.</summary>
/// <param name="cluster">Whose nodes.</param>
/// <param name="named">The group whose keys are meant; null: the one that Redis clients see.</param>
internal sealed class KeyCommands(LocalCluster cluster, GroupKeys? named = null)
{
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>For the answer of one node: a node's own time for a request, and as much again.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(10);

    // What the connection is told first; null: nothing.
    private (string Command, string Words)? _terms;

    /// <param name="read">Who may answer, and what the answer may have missed (<see cref="ReadText"/>); null: the primary, nothing.</param>
    public async Task<int> GetAsync(string key, string? read, bool json, CancellationToken cancellation)
    {
        byte[]? value = named is null ? await GetAsync(key, read, cancellation).ConfigureAwait(false) : await named.GetAsync(key, read, cancellation).ConfigureAwait(false);
        if (json)
            Terminal.Json(Report(key, value), StatusJson.Default.KeyReport);
        else if (value is not null)
            Print(value);
        else
            Terminal.Problem($"there is no key '{key}'");
        return value is not null ? ExitCode.Success : ExitCode.Failure;
    }

    private async Task<byte[]?> GetAsync(string key, string? read, CancellationToken cancellation)
    {
        _terms = read is null ? null : ("READ", read);
        RespReply reply = await CallAsync(cancellation, "GET"u8.ToArray(), Bytes(key)).ConfigureAwait(false);
        return reply.Kind == RespReplyKind.Bulk ? reply.Bytes : null;
    }

    /// <param name="ack">When the write counts as done (<see cref="ConcernText"/>); null: as the group says.</param>
    public async Task<int> PutAsync(string key, string value, string? ack, bool json, CancellationToken cancellation)
    {
        _terms = ack is null ? null : ("ACK", ack);
        if (named is not null)
            await named.PutAsync(Bytes(key), Bytes(value), ack, cancellation).ConfigureAwait(false);
        else
            await CallAsync(cancellation, "SET"u8.ToArray(), Bytes(key), Bytes(value)).ConfigureAwait(false);
        if (json)
            Terminal.Json(new PutReport(key, true), StatusJson.Default.PutReport);
        else
            Terminal.Line("OK");
        return ExitCode.Success;
    }

    public async Task<int> DeleteAsync(string[] keys, bool json, CancellationToken cancellation)
    {
        long removed = named is not null ? await named.DeleteAsync(keys, cancellation).ConfigureAwait(false)
            : (await CallAsync(cancellation, ["DEL"u8.ToArray(), .. keys.Select(key => (ReadOnlyMemory<byte>)Bytes(key))]).ConfigureAwait(false)).Integer;
        if (json)
            Terminal.Json(new DeleteReport(removed), StatusJson.Default.DeleteReport);
        else
            Terminal.Line($"{removed}");
        return ExitCode.Success;
    }

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    /// <summary>Asks the nodes in turn until one serves the command. A write that a node was sent, and has not answered, may have been done, and goes to no other.</summary>
    private async Task<RespReply> CallAsync(CancellationToken cancellation, params ReadOnlyMemory<byte>[] words)
    {
        string last = "";
        bool isRead = words[0].Span.SequenceEqual("GET"u8);
        foreach (NodePorts node in cluster.Nodes)
        {
            bool isSent = false;
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            patience.CancelAfter(Patience);
            try
            {
                await using RespClient client = await cluster.Access.ConnectAsync(node, patience.Token).ConfigureAwait(false);
                if (_terms is var (command, terms) && await client.CallAsync(patience.Token, Bytes(command), Bytes(terms)).ConfigureAwait(false) is { Kind: RespReplyKind.Error } refused)
                    throw new UserErrorException($"node {node.Id} answered: {refused.Text}");
                isSent = true;
                RespReply reply = await client.CallAsync(patience.Token, words).ConfigureAwait(false);
                if (reply.Kind != RespReplyKind.Error)
                    return reply;
                last = $"node {node.Id} answered: {reply.Text}";
                if (!reply.MayRetry)
                    break;
            }
            catch (Exception gone) when (gone is SocketException or IOException || (gone is OperationCanceledException && !cancellation.IsCancellationRequested))
            {
                string why = gone is OperationCanceledException ? $"nothing within {Patience.TotalSeconds} s" : gone.Message;
                if (isSent && !isRead)
                    throw new UserErrorException($"node {node.Id} (127.0.0.1:{node.Redis}) was sent the command and did not answer ({why}): it may have been done");
                last = last.Length > 0 ? last : $"node {node.Id} (127.0.0.1:{node.Redis}) does not answer: {why}";
            }
        }

        throw new UserErrorException(last);
    }

    private static KeyReport Report(string key, byte[]? value)
    {
        if (value is null)
            return new KeyReport(key, false, null, null);
        try
        {
            return new KeyReport(key, true, Strict.GetString(value), null);
        }
        catch (DecoderFallbackException)
        {
            return new KeyReport(key, true, null, Convert.ToBase64String(value));
        }
    }

    private static void Print(byte[] value)
    {
        using Stream output = Console.OpenStandardOutput();
        output.Write(value);
        output.Write("\n"u8);
    }
}
