using System.Globalization;
using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
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
            await RefuseAsync(context, StatusCodes.Status403Forbidden, "faults are put from the node's own machine only").ConfigureAwait(false);
        else if (posts && context.Request.Headers.Origin.Count > 0)
            await RefuseAsync(context, StatusCodes.Status403Forbidden, "orders are not taken from web pages").ConfigureAwait(false);
        else if (!posts && !HttpMethods.IsGet(context.Request.Method))
            await RefuseAsync(context, StatusCodes.Status405MethodNotAllowed, "/faults takes GET and POST").ConfigureAwait(false);
        else if (node.Runtime is null)
            await RefuseAsync(context, StatusCodes.Status503ServiceUnavailable, "the node is starting").ConfigureAwait(false);
        else if (node.Faults is not { } faults)
            await RefuseAsync(context, StatusCodes.Status403Forbidden, Off).ConfigureAwait(false);
        else
            await AnswerAsync(context, faults, posts).ConfigureAwait(false);
    }

    private static async Task AnswerAsync(HttpContext context, NodeFaults faults, bool posts)
    {
        try
        {
            FaultsReport report = !posts ? faults.Report()
                : context.Request.Query["kind"] == "clear" ? faults.Clear()
                : await faults.SetAsync(Order(context.Request.Query)).ConfigureAwait(false);
            await WriteAsync(context, report, StatusJson.Default.FaultsReport).ConfigureAwait(false);
        }
        catch (UserErrorException wrong)
        {
            await RefuseAsync(context, StatusCodes.Status400BadRequest, wrong.Message).ConfigureAwait(false);
        }
    }

    private static FaultOrder Order(IQueryCollection query) => new(
        Text(query, "kind") ?? "", Number(query, "to"), Text(query, "amount"), Text(query, "jitter"), Text(query, "shard"), Number(query, "record") ?? 1, Text(query, "for"));

    private static string? Text(IQueryCollection query, string name) => query[name].ToString() is { Length: > 0 } text ? text : null;

    private static int? Number(IQueryCollection query, string name) => Text(query, name) is not { } text ? null
        : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : throw new UserErrorException($"{name} is '{text}'; it must be a number");

    private static Task RefuseAsync(HttpContext context, int code, string reason)
    {
        context.Response.StatusCode = code;
        return WriteAsync(context, new HealthStatus("refused", [reason]), StatusJson.Default.HealthStatus);
    }

    private static async Task WriteAsync<T>(HttpContext context, T value, JsonTypeInfo<T> type)
    {
        byte[] body = JsonSerializer.SerializeToUtf8Bytes(value, type);
        context.Response.ContentType = "application/json; charset=utf-8";
        context.Response.ContentLength = body.Length;
        await context.Response.Body.WriteAsync(body, context.RequestAborted).ConfigureAwait(false);
    }
}
