using System.IO.Pipelines;

namespace ActorRepl.Hosting.Redis;

/// <summary>
/// The replies on their way to a client. What a client does not read is held only up to the transport's limit; then the
/// connection waits, and one that makes no room for <paramref name="timeout"/> is given up.
/// </summary>
internal sealed class ReplyStream(PipeWriter writer, TimeSpan timeout)
{
    private const int Large = 64 * 1024;

    public PipeWriter Writer => writer;

    /// <summary>The client did not read in time.</summary>
    public bool TimedOut { get; private set; }

    public ValueTask<bool> FlushIfLargeAsync() => writer.UnflushedBytes < Large ? ValueTask.FromResult(true) : FlushAsync();

    /// <summary>False: the client is gone, or does not read.</summary>
    public ValueTask<bool> FlushAsync()
    {
        ValueTask<FlushResult> flush = writer.FlushAsync();
        return flush.IsCompletedSuccessfully ? ValueTask.FromResult(Taken(flush.Result)) : WaitAsync(flush);
    }

    private async ValueTask<bool> WaitAsync(ValueTask<FlushResult> flush)
    {
        try
        {
            return Taken(await flush.AsTask().WaitAsync(timeout).ConfigureAwait(false));
        }
        catch (TimeoutException)
        {
            TimedOut = true;
            return false;
        }
    }

    private static bool Taken(FlushResult result) => !result.IsCompleted && !result.IsCanceled;
}
