using System.Net;
using ActorRepl.Hosting.Faults;
using ActorRepl.Hosting.Node;
using ActorRepl.Hosting.Status;
using Microsoft.AspNetCore.Http;

namespace ActorRepl.Hosting.Http;

/// <summary>
/// GET /faults; POST /faults with the order in the query, <c>kind=clear</c> to end all. From this machine only. 400 for an
/// order that is wrong, 403 where faults are off, 503 while the node starts.
/// </summary>
internal sealed class FaultEndpoints(NodeService node)
{
    public const string Off = "faults are off: start the cluster with 'actorrepl up --faults', or set actorrepl.faults.enabled = on";

    public static bool Handles(PathString path) => path.Value == "/faults";

    public async Task HandleAsync(HttpContext context)
    {
        bool posts = HttpMethods.IsPost(context.Request.Method);
        if (context.Connection.RemoteIpAddress is { } from && !IPAddress.IsLoopback(from))
            await context.RefuseAsync(StatusCodes.Status403Forbidden, "faults are put from the node's own machine only").ConfigureAwait(false);
        else if (posts && context.IsFromWebPage())
            await context.RefuseAsync(StatusCodes.Status403Forbidden, "orders are not taken from web pages").ConfigureAwait(false);
        else if (!posts && !HttpMethods.IsGet(context.Request.Method))
            await context.RefuseAsync(StatusCodes.Status405MethodNotAllowed, "/faults takes GET and POST").ConfigureAwait(false);
        else if (node.Runtime is null)
            await context.RefuseAsync(StatusCodes.Status503ServiceUnavailable, "the node is starting").ConfigureAwait(false);
        else if (node.Faults is not { } faults)
            await context.RefuseAsync(StatusCodes.Status403Forbidden, Off).ConfigureAwait(false);
        else
            await CarryOutAsync(context, faults, posts).ConfigureAwait(false);
    }

    private static async Task CarryOutAsync(HttpContext context, NodeFaults faults, bool posts)
    {
        try
        {
            FaultsReport report = !posts ? faults.Report()
                : context.Request.Query.Text("kind") == "clear" ? faults.Clear()
                : await faults.SetAsync(Order(context.Request.Query)).ConfigureAwait(false);
            await context.AnswerAsync(report, StatusJson.Default.FaultsReport).ConfigureAwait(false);
        }
        catch (UserErrorException wrong)
        {
            await context.RefuseAsync(StatusCodes.Status400BadRequest, wrong.Message).ConfigureAwait(false);
        }
    }

    private static FaultOrder Order(IQueryCollection query) => new(
        query.Text("kind") ?? "", query.Number("to"), query.Text("amount"), query.Text("jitter"), query.Text("shard"), query.Number("record") ?? 1, query.Text("for"));
}
