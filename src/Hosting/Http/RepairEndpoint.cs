using ActorRepl.Actors.Verify;
using ActorRepl.Hosting.Node;
using ActorRepl.Hosting.Status;
using Microsoft.AspNetCore.Http;

namespace ActorRepl.Hosting.Http;

/// <summary>
/// POST /repair?group=G&amp;shard=K: compares this node's replica with all that hold the same data, and exchanges what differs; answers when that is done.
/// <c>timeout</c>: seconds, 600 unless told.
/// </summary>
internal sealed class RepairEndpoint(NodeService node)
{
    public const int DefaultSeconds = 600, MostSeconds = 86_400;

    public static bool Handles(PathString path) => path.Value is "/repair";

    public Task HandleAsync(HttpContext context) => ShardOrder.ServeAsync(context, node, (DefaultSeconds, MostSeconds), async (runtime, group, shard, timeout) =>
    {
        RepairOutcome done = await runtime.RepairAsync(group, shard, timeout, context.RequestAborted).ConfigureAwait(false);
        var status = new ReplicaRepairStatus(shard, done.Node.Value, done.Comparisons, done.KeysCompared, done.KeysExchanged, done.Problem);
        await context.AnswerAsync(status, StatusJson.Default.ReplicaRepairStatus).ConfigureAwait(false);
    });
}
