using System.Text;
using ActorRepl.Hosting.Cluster;

namespace ActorRepl.Hosting.Import;

/// <summary>The way to one node over which an import stores records.</summary>
internal interface IImportLink : IAsyncDisposable
{
    /// <summary>Sends the batch once and takes what is done out of it; returns why the first of the rest was not.</summary>
    Task<string?> ExchangeAsync(List<ImportRecord> batch, CancellationToken cancellation);
}

/// <summary>Stores records in the group that Redis clients see, as they do: one pipeline a batch.</summary>
internal sealed class RedisLink(RespClient client, ImportTally tally) : IImportLink
{
    private static readonly TimeSpan ReplyTimeout = TimeSpan.FromSeconds(15);

    public async Task<string?> ExchangeAsync(List<ImportRecord> batch, CancellationToken cancellation)
    {
        using var limited = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limited.CancelAfter(ReplyTimeout);
        byte[] set = "SET"u8.ToArray(), until = "PXAT"u8.ToArray();
        foreach (ImportRecord record in batch)
        {
            if (record.ExpiresAt == 0)
                client.Write(set, record.Key, record.Value);
            else
                client.Write(set, record.Key, record.Value, until, Encoding.ASCII.GetBytes($"{record.ExpiresAt}"));
        }

        await client.FlushAsync(limited.Token).ConfigureAwait(false);

        string? problem = null;
        var again = new List<ImportRecord>();
        int answered = 0;
        try
        {
            for (; answered < batch.Count; answered++)
            {
                RespReply reply = await client.ReadAsync(limited.Token).ConfigureAwait(false);
                if (reply.Kind != RespReplyKind.Error)
                {
                    tally.Acknowledge();
                    continue;
                }

                problem ??= reply.Text;
                if (reply.MayRetry || reply.OutcomeUnknown)
                    again.Add(batch[answered]);
                else
                    tally.Fail([batch[answered]], reply.Text);
            }
        }
        finally
        {
            again.AddRange(batch.Skip(answered));
            batch.Clear();
            batch.AddRange(again);
        }

        return problem;
    }

    public ValueTask DisposeAsync() => client.DisposeAsync();
}
