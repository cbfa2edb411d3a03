using System.Security.Cryptography;
using System.Text;
using ActorRepl.Actors.Client;
using Microsoft.AspNetCore.Http;

namespace ActorRepl.Hosting.Http.Kv;

/// <summary>/kv, /watch and /openapi.json: who may ask, how much at a time, and how what goes wrong is told.</summary>
internal sealed class KvEndpoints(IReplicationClient client, KvHttpOptions options)
{
    private static readonly byte[] OpenApi = ReadOpenApi();

    private readonly byte[] _token = SHA256.HashData(Encoding.UTF8.GetBytes(options.Token));
    private int _inFlight;
    private int _watches;
    private long _bytes;

    public static bool Handles(PathString path) => KvTarget.Handles(path) || path.Value is "/openapi.json";

    public async Task HandleAsync(HttpContext context)
    {
        try
        {
            if (context.Request.Path.Value is "/openapi.json")
                await DescribeAsync(context).ConfigureAwait(false);
            else
                await AdmitAsync(context).ConfigureAwait(false);
        }
        catch (Exception failure) when (!context.Response.HasStarted && Problem(failure) is { } problem)
        {
            await problem.WriteAsync(context).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // Who asked is gone.
        }
    }

    private static ProblemException? Problem(Exception failure) => failure switch
    {
        ProblemException problem => problem,
        ReplicationException refused => ProblemException.Of(refused),
        ArgumentException wrong => ProblemException.BadRequest(wrong.Message),
        BadHttpRequestException wrong => new ProblemException(wrong.StatusCode, "invalid", wrong.Message),
        _ => null,
    };

    private async Task AdmitAsync(HttpContext context)
    {
        if (!IsAllowed(context.Request))
            throw new ProblemException(StatusCodes.Status401Unauthorized, "unauthorized", "this needs the header Authorization: Bearer and the node's token");
        KvTarget target = KvTarget.Of(context);
        bool watches = target.Root == "watch";
        bool writes = !HttpMethods.IsGet(context.Request.Method) && !HttpMethods.IsHead(context.Request.Method);
        if (writes && options.Token.Length == 0 && context.IsFromWebPage())
            throw new ProblemException(StatusCodes.Status403Forbidden, "web-page", "without a token, orders are not taken from web pages");
        int most = watches ? options.MaxWatches : options.MaxInFlight;
        await CountedAsync(() => RouteAsync(context, target), watches, most).ConfigureAwait(false);
    }

    private async Task CountedAsync(Func<Task> serve, bool watches, int most)
    {
        if ((watches ? Interlocked.Increment(ref _watches) : Interlocked.Increment(ref _inFlight)) > most)
        {
            Release(watches);
            throw ProblemException.Overloaded($"{most} {(watches ? "watches are open" : "requests are under way")}");
        }

        try
        {
            await serve().ConfigureAwait(false);
        }
        finally
        {
            Release(watches);
        }
    }

    private void Release(bool watches)
    {
        if (watches)
            Interlocked.Decrement(ref _watches);
        else
            Interlocked.Decrement(ref _inFlight);
    }

    private async Task RouteAsync(HttpContext context, KvTarget target)
    {
        string method = context.Request.Method;
        bool reads = HttpMethods.IsGet(method) || HttpMethods.IsHead(method);
        var one = new KvClient(client, target.Group, KvTerms.Of(context.Request));
        if (target.Root == "watch")
        {
            Allow(context, HttpMethods.IsGet(method), "GET");
            await new KvWatch(client, one.Group, KvWatch.PrefixOf(context.Request), options.WatchEvery).RunAsync(context).ConfigureAwait(false);
        }
        else if (target.Key is not { } key)
        {
            Allow(context, reads || HttpMethods.IsPost(method), "GET, HEAD, POST");
            await (reads ? KvList.ListAsync(context, one)
                : WithBodyAsync(context.Request, 2 * options.MaxValueBytes, body => KvBatch.CarryOutAsync(context, one, body, options))).ConfigureAwait(false);
        }
        else
        {
            Allow(context, reads || HttpMethods.IsPut(method) || HttpMethods.IsDelete(method), "GET, HEAD, PUT, DELETE");
            if (key.Length == 0 || key.Length > options.MaxKeyBytes)
                throw ProblemException.BadRequest($"a key has 1 to {options.MaxKeyBytes} bytes, this one has {key.Length}");
            await (reads ? KvItem.GetAsync(context, one, key)
                : HttpMethods.IsDelete(method) ? KvItem.DeleteAsync(context, one, key)
                : WithBodyAsync(context.Request, options.MaxValueBytes, value => KvItem.PutAsync(context, one, key, value))).ConfigureAwait(false);
        }
    }

    private static void Allow(HttpContext context, bool allowed, string methods)
    {
        if (allowed)
            return;
        context.Response.Headers.Allow = methods;
        throw new ProblemException(StatusCodes.Status405MethodNotAllowed, "method", $"this takes {methods}");
    }

    private bool IsAllowed(HttpRequest request)
    {
        const string scheme = "Bearer ";
        string given = request.Headers.Authorization.ToString();
        return options.Token.Length == 0 || (given.StartsWith(scheme, StringComparison.OrdinalIgnoreCase)
            && CryptographicOperations.FixedTimeEquals(SHA256.HashData(Encoding.UTF8.GetBytes(given[scheme.Length..])), _token));
    }

    /// <summary>Takes a body in if there is room for it beside those of others, and holds the room until it is served.</summary>
    private async Task WithBodyAsync(HttpRequest request, int most, Func<byte[], Task> serve)
    {
        if (request.ContentLength > most)
            throw TooLong(most);
        long room = request.ContentLength ?? most;
        try
        {
            if (Interlocked.Add(ref _bytes, room) > options.MaxInFlightBytes)
                throw ProblemException.Overloaded($"{options.MaxInFlightBytes} bytes are being taken in");
            await serve(await BodyAsync(request, most).ConfigureAwait(false)).ConfigureAwait(false);
        }
        finally
        {
            Interlocked.Add(ref _bytes, -room);
        }
    }

    private static async Task<byte[]> BodyAsync(HttpRequest request, int most)
    {
        using var body = new MemoryStream((int)(request.ContentLength ?? 0));
        byte[] piece = new byte[16 * 1024];
        for (int read; (read = await request.Body.ReadAsync(piece, request.HttpContext.RequestAborted).ConfigureAwait(false)) > 0;)
        {
            if (body.Length + read > most)
                throw TooLong(most);
            body.Write(piece, 0, read);
        }

        return body.ToArray();
    }

    private static ProblemException TooLong(int most) => new(StatusCodes.Status413PayloadTooLarge, "too-long", $"a body has at most {most} bytes here");

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
