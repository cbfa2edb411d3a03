using ActorRepl.Actors.Verify;
using ActorRepl.Hosting.Node;
using ActorRepl.Hosting.Status;
using Microsoft.AspNetCore.Http;

namespace ActorRepl.Hosting.Http;

/// <summary>
/// POST /verify?group=G&amp;shard=K: compares the states of the shard's replicas. It writes one entry that changes nothing, hence POST.
/// <c>timeout</c>: seconds for each step, 20 unless told.
/// </summary>
internal sealed class VerifyEndpoint(NodeService node)
{
    public const int DefaultSeconds = 20, MostSeconds = 3_600;

    public static bool Handles(PathString path) => path.Value is "/verify";

    public Task HandleAsync(HttpContext context) => ShardOrder.ServeAsync(context, node, (DefaultSeconds, MostSeconds), async (runtime, group, shard, timeout) =>
    {
        ShardVerification found = await runtime.VerifyAsync(group, shard, timeout, context.RequestAborted).ConfigureAwait(false);
        await context.AnswerAsync(ShardVerifyStatus.Of(found), StatusJson.Default.ShardVerifyStatus).ConfigureAwait(false);
    });
}
