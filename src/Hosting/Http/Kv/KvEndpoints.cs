using ActorRepl.Actors.Client;
using ActorRepl.Hosting.Quorum;
using Microsoft.AspNetCore.Http;

namespace ActorRepl.Hosting.Http.Kv;

/// <summary>/kv, /watch and /openapi.json: what is asked by which path and method.</summary>
internal sealed class KvEndpoints(GatewayClient client, KvHttpOptions options, HttpAdmission admission)
{
    private static readonly byte[] OpenApi = ReadOpenApi();

    public static bool Handles(PathString path) => KvTarget.Handles(path) || path.Value is "/openapi.json";

    public Task HandleAsync(HttpContext context) => HttpAdmission.GuardAsync(context, () =>
    {
        if (context.Request.Path.Value is "/openapi.json")
            return DescribeAsync(context);
        admission.Check(context, writes: !HttpMethods.IsGet(context.Request.Method) && !HttpMethods.IsHead(context.Request.Method));
        KvTarget target = KvTarget.Of(context);
        return admission.CountedAsync(context, () => RouteAsync(context, target), watches: target.Root == "watch");
    });

    private async Task RouteAsync(HttpContext context, KvTarget target)
    {
        string method = context.Request.Method;
        bool reads = HttpMethods.IsGet(method) || HttpMethods.IsHead(method);
        var one = new KvClient(client, target.Group, KvTerms.Of(context.Request));
        if (target.Root == "watch")
        {
            HttpAdmission.Allow(context, HttpMethods.IsGet(method), "GET");
            context.Request.Query.Only("prefix", "after");
            await new KvWatch(client, one.Group, KvWatch.PrefixOf(context.Request), options.WatchEvery).RunAsync(context).ConfigureAwait(false);
        }
        else if (target.Key is not { } key)
        {
            HttpAdmission.Allow(context, reads || HttpMethods.IsPost(method), "GET, HEAD, POST");
            context.Request.Query.Only(["level", .. reads ? (string[])["read", "from", "prefix", "limit", "after"] : ["ack"]]);
            await (reads ? KvList.ListAsync(context, one)
                : admission.WithBodyAsync(context.Request, 2 * options.MaxValueBytes, body => KvBatch.CarryOutAsync(context, one, body, options))).ConfigureAwait(false);
        }
        else
        {
            HttpAdmission.Allow(context, reads || HttpMethods.IsPut(method) || HttpMethods.IsDelete(method), "GET, HEAD, PUT, DELETE");
            context.Request.Query.Only(["encoding", "level", .. reads ? (string[])["read", "from"] : ["ack"], .. HttpMethods.IsPut(method) ? (string[])["ttl-ms", "expires-at-ms"] : []]);
            if (key.Length == 0 || key.Length > options.MaxKeyBytes)
                throw ProblemException.BadRequest($"a key has 1 to {options.MaxKeyBytes} bytes, this one has {key.Length}");
            if (client.Quorum(one.Group.Name) is { } quorum && KvVersions.Handles(context.Request))
            {
                KvTerms terms = KvTerms.Of(context.Request);
                await (reads ? KvVersions.GetAsync(context, quorum, terms, key)
                    : HttpMethods.IsDelete(method) ? KvVersions.DeleteAsync(context, quorum, terms, key)
                    : admission.WithBodyAsync(context.Request, options.MaxValueBytes, value => KvVersions.PutAsync(context, quorum, terms, key, value))).ConfigureAwait(false);
                return;
            }

            await (reads ? KvItem.GetAsync(context, one, key)
                : HttpMethods.IsDelete(method) ? KvItem.DeleteAsync(context, one, key)
                : admission.WithBodyAsync(context.Request, options.MaxValueBytes, value => KvItem.PutAsync(context, one, key, value))).ConfigureAwait(false);
        }
    }

    private static async Task DescribeAsync(HttpContext context)
    {
        context.Response.ContentType = "application/json";
        context.Response.ContentLength = OpenApi.Length;
        if (!HttpMethods.IsHead(context.Request.Method))
            await context.Response.Body.WriteAsync(OpenApi, context.RequestAborted).ConfigureAwait(false);
    }

    private static byte[] ReadOpenApi()
    {
        using Stream file = typeof(KvEndpoints).Assembly.GetManifestResourceStream("openapi.json")!;
        byte[] bytes = new byte[file.Length];
        file.ReadExactly(bytes);
        return bytes;
    }
}
