using ActorRepl.Hosting.Cli.Keys;
using ActorRepl.Hosting.Cluster;

namespace ActorRepl.Hosting.Import;

/// <summary>Stores records in a group that is named, over HTTP: each by a request of its own, some at the same time.</summary>
internal sealed class HttpLink(HttpGateway gateway, GroupKeys keys, NodePorts node, ImportTally tally) : IImportLink
{
    private const int AtOnce = 16;

    public async Task<string?> ExchangeAsync(List<ImportRecord> batch, CancellationToken cancellation)
    {
        string? problem = null;
        var again = new List<ImportRecord>();
        try
        {
            foreach (ImportRecord[] some in batch.Chunk(AtOnce))
            {
                string?[] problems = await Task.WhenAll(some.Select(record => StoreAsync(record, cancellation))).ConfigureAwait(false);
                again.AddRange(some.Where((_, i) => problems[i] is not null));
                problem ??= problems.FirstOrDefault(one => one is not null);
            }
        }
        finally
        {
            batch.Clear();
            batch.AddRange(again);
        }

        return problem;
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    /// <summary>Null: it is counted, as stored or as refused for good; otherwise why it has to be sent again.</summary>
    private async Task<string?> StoreAsync(ImportRecord record, CancellationToken cancellation)
    {
        try
        {
            using HttpRequestMessage put = keys.Put(record.Key, record.Value, record.ExpiresAt == 0 ? "" : $"&expires-at-ms={record.ExpiresAt}");
            using HttpResponseMessage done = await gateway.SendAsync(node, put, cancellation).ConfigureAwait(false);
            tally.Acknowledge();
            return null;
        }
        catch (Exception unsure) when (unsure is UnservedException or UnansweredException or RefusedException { Reason: RefusedException.Unknown })
        {
            return unsure.Message;
        }
        catch (RefusedException refused)
        {
            tally.Fail([record], refused.Message);
            return null;
        }
    }
}
