using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;

namespace ActorRepl.Hosting.Redis;

/// <summary>
/// One client: reads what is there, sends it on as one <see cref="Pipeline"/>, writes the replies, and only then reads on.
/// So order holds, and a client that does not read its replies is not read from.
/// </summary>
internal sealed class RedisConnection(ConnectionContext connection, Pipeline pipeline, RedisDispatcher dispatcher, RespLimits limits, ILogger log)
    : IDisposable
{
    private readonly RespParser _parser = new(limits);
    private readonly ReplyStream _replies = new(connection.Transport.Output, limits.WriteTimeout);

    public async Task RunAsync()
    {
        PipeReader input = connection.Transport.Input;
        try
        {
            while (true)
            {
                ReadResult read = await input.ReadAsync().ConfigureAwait(false);
                bool open = TakeCommands(read.Buffer, out SequencePosition consumed);
                bool exhausted = read.IsCompleted && pipeline.IsEmpty;
                input.AdvanceTo(consumed, pipeline.IsEmpty ? read.Buffer.End : consumed);
                if (!pipeline.IsEmpty && !await AnswerAsync().ConfigureAwait(false))
                    return;
                if (!open || exhausted || read.IsCanceled)
                    return;
            }
        }
        catch (Exception gone) when (gone is ConnectionResetException or ConnectionAbortedException or IOException)
        {
            log.LogDebug("Connection {Connection} was closed by its client", connection.ConnectionId);
        }
    }

    public void Dispose() => _parser.Dispose();

    /// <summary>Takes the whole commands at the start of the buffer, as many as the pipeline holds; false: close after the replies.</summary>
    private bool TakeCommands(in ReadOnlySequence<byte> buffer, out SequencePosition consumed)
    {
        ReadOnlySequence<byte> rest = buffer;
        bool open = true;
        while (open && !pipeline.IsFull)
        {
            ParseStatus status = _parser.Parse(rest);
            if (status == ParseStatus.Incomplete)
                break;
            if (status == ParseStatus.Broken)
            {
                pipeline.AnswerError($"ERR Protocol error: {_parser.Error}");
                open = false;
                break;
            }

            if (status == ParseStatus.Command)
            {
                if (!pipeline.TryCount(_parser.Consumed))
                    break;
                open = dispatcher.Dispatch(_parser, pipeline);
            }

            rest = rest.Slice(_parser.Consumed);
        }

        consumed = rest.Start;
        return open;
    }

    private async ValueTask<bool> AnswerAsync()
    {
        await pipeline.ExecuteAsync().ConfigureAwait(false);
        bool taken = await pipeline.WriteAsync(_replies).ConfigureAwait(false);
        pipeline.Clear();
        if (_replies.TimedOut)
        {
            log.LogWarning("Connection {Connection} left its replies unread for {Timeout} and is closed", connection.ConnectionId, limits.WriteTimeout);
            connection.Abort();
        }

        return taken;
    }
}
