using ActorRepl.Actors.Client;
using ActorRepl.Actors.Verify;
using ActorRepl.Hosting.Node;
using ActorRepl.Hosting.Status;
using ActorRepl.Protocols.Kernel;
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

    public async Task HandleAsync(HttpContext context)
    {
        if (!HttpMethods.IsPost(context.Request.Method))
            await context.RefuseAsync(StatusCodes.Status405MethodNotAllowed, "/verify takes POST").ConfigureAwait(false);
        else if (context.IsFromWebPage())
            await context.RefuseAsync(StatusCodes.Status403Forbidden, "orders are not taken from web pages").ConfigureAwait(false);
        else if (node.Runtime is null)
            await context.RefuseAsync(StatusCodes.Status503ServiceUnavailable, "the node is starting").ConfigureAwait(false);
        else
            await VerifyAsync(context).ConfigureAwait(false);
    }

    private async Task VerifyAsync(HttpContext context)
    {
        try
        {
            IQueryCollection query = context.Request.Query;
            int seconds = query.Number("timeout") ?? DefaultSeconds;
            if (seconds is < 1 or > MostSeconds)
                throw new UserErrorException($"timeout is {seconds}; it must be 1 to {MostSeconds} seconds");
            ShardVerification found = await node.Runtime!.VerifyAsync(
                query.Required("group"), query.RequiredNumber("shard"), TimeSpan.FromSeconds(seconds), context.RequestAborted).ConfigureAwait(false);
            await context.AnswerAsync(ShardVerifyStatus.Of(found), StatusJson.Default.ShardVerifyStatus).ConfigureAwait(false);
        }
        catch (UserErrorException wrong)
        {
            await context.RefuseAsync(StatusCodes.Status400BadRequest, wrong.Message).ConfigureAwait(false);
        }
        catch (ReplicationException refused)
        {
            int code = refused.Rejection.Reason == RejectReason.Invalid ? StatusCodes.Status409Conflict : StatusCodes.Status503ServiceUnavailable;
            await context.RefuseAsync(code, refused.Message).ConfigureAwait(false);
        }
    }
}
