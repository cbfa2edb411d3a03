using System.Text;
using ActorRepl.Hosting.Metrics;
using Microsoft.AspNetCore.Http;

namespace ActorRepl.Hosting.Http;

/// <summary>GET /metrics: what the meters of this process have counted, in Prometheus' text format.</summary>
internal static class MetricsEndpoint
{
    public static async Task HandleAsync(HttpContext context, MetricsCollector metrics)
    {
        if (!HttpMethods.IsGet(context.Request.Method) && !HttpMethods.IsHead(context.Request.Method))
        {
            await context.RefuseAsync(StatusCodes.Status405MethodNotAllowed, "/metrics takes GET").ConfigureAwait(false);
            return;
        }

        byte[] body = Encoding.UTF8.GetBytes(metrics.Text());
        context.Response.ContentType = "text/plain; version=0.0.4; charset=utf-8";
        context.Response.ContentLength = body.Length;
        if (!HttpMethods.IsHead(context.Request.Method))
            await context.Response.Body.WriteAsync(body, context.RequestAborted).ConfigureAwait(false);
    }
}
