using System.Collections.Concurrent;
using System.Net;
using ActorRepl.Actors.Client;
using ActorRepl.Hosting.Http.Kv;
using Microsoft.AspNetCore.Http;

namespace ActorRepl.Hosting.Http;

/// <summary>Who may ask the node's data, how much at a time, and how what goes wrong is told. One for all that is served.</summary>
internal sealed class HttpAdmission(KvHttpOptions options)
{
    private readonly BearerToken _token = new(options.Token);
    private readonly ConcurrentDictionary<IPAddress, int> _inFlightOf = new();
    private int _inFlight;
    private int _watches;
    private long _bytes;

    /// <summary>Serves a request, and answers by a problem what cannot be served.</summary>
    public static async Task GuardAsync(HttpContext context, Func<Task> serve)
    {
        try
        {
            await serve().ConfigureAwait(false);
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

    /// <exception cref="ProblemException">Whoever asks must not.</exception>
    public void Check(HttpContext context, bool writes)
    {
        if (!_token.Allows(context.Request))
            throw new ProblemException(StatusCodes.Status401Unauthorized, "unauthorized", BearerToken.Wanted);
        if (writes && !_token.IsSet && context.IsFromWebPage() && !IsOwnPage(context.Request))
            throw new ProblemException(StatusCodes.Status403Forbidden, "web-page", "without a token, orders are not taken from web pages");
    }

    /// <summary>Serves a request if not too many are under way, or a watch if not too many are open. Requests from one address take half of the places at most.</summary>
    public async Task CountedAsync(HttpContext context, Func<Task> serve, bool watches)
    {
        IPAddress from = context.Connection.RemoteIpAddress ?? IPAddress.None;
        int most = watches ? options.MaxWatches : options.MaxInFlight, mostOfOne = (options.MaxInFlight + 1) / 2;
        int all = watches ? Interlocked.Increment(ref _watches) : Interlocked.Increment(ref _inFlight);
        int own = watches ? 0 : _inFlightOf.AddOrUpdate(from, 1, static (_, count) => count + 1);
        try
        {
            if (all > most)
                throw ProblemException.Overloaded($"{most} {(watches ? "watches are open" : "requests are under way")}");
            if (own > mostOfOne)
                throw ProblemException.Overloaded($"{mostOfOne} requests of {from} are under way");
            await serve().ConfigureAwait(false);
        }
        finally
        {
            Release(from, watches);
        }
    }

    /// <summary>Takes a body in if there is room for it beside those of others, and holds the room until it is served. One that does not say how long it is takes room as it comes.</summary>
    public async Task WithBodyAsync(HttpRequest request, int most, Func<byte[], Task> serve)
    {
        if (request.ContentLength > most)
            throw TooLong(most);
        long room = 0;
        try
        {
            Take(request.ContentLength ?? 0);
            using var body = new MemoryStream((int)(request.ContentLength ?? 0));
            byte[] piece = new byte[16 * 1024];
            for (int read; (read = await request.Body.ReadAsync(piece, request.HttpContext.RequestAborted).ConfigureAwait(false)) > 0;)
            {
                if (body.Length + read > most)
                    throw TooLong(most);
                Take(Math.Max(0, body.Length + read - room));
                body.Write(piece, 0, read);
            }

            await serve(body.ToArray()).ConfigureAwait(false);
        }
        finally
        {
            Interlocked.Add(ref _bytes, -room);
        }

        void Take(long more)
        {
            room += more;
            if (Interlocked.Add(ref _bytes, more) > options.MaxInFlightBytes)
                throw ProblemException.Overloaded($"{options.MaxInFlightBytes} bytes are being taken in");
        }
    }

    public static void Allow(HttpContext context, bool allowed, string methods)
    {
        if (allowed)
            return;
        context.Response.Headers.Allow = methods;
        throw new ProblemException(StatusCodes.Status405MethodNotAllowed, "method", $"this takes {methods}");
    }

    private static ProblemException? Problem(Exception failure) => failure switch
    {
        ProblemException problem => problem,
        ReplicationException refused => ProblemException.Of(refused),
        ArgumentException wrong => ProblemException.BadRequest(wrong.Message.Split(" (Parameter")[0]),
        BadHttpRequestException wrong => new ProblemException(wrong.StatusCode, "invalid", wrong.Message),
        _ => null,
    };

    /// <summary>A page that this node has served itself.</summary>
    private static bool IsOwnPage(HttpRequest request)
    {
        string origin = request.Headers.Origin.ToString();
        return request.Host.HasValue && string.Equals(origin, $"{request.Scheme}://{request.Host.Value}", StringComparison.OrdinalIgnoreCase)
            && OwnName.IsMeant(request);
    }

    private void Release(IPAddress from, bool watches)
    {
        if (watches)
        {
            Interlocked.Decrement(ref _watches);
            return;
        }

        Interlocked.Decrement(ref _inFlight);
        // Gone when nothing of it is under way: removed only if the count is still none.
        if (_inFlightOf.AddOrUpdate(from, 0, static (_, count) => count - 1) == 0)
            _inFlightOf.TryRemove(new KeyValuePair<IPAddress, int>(from, 0));
    }

    private static ProblemException TooLong(int most) => new(StatusCodes.Status413PayloadTooLarge, "too-long", $"a body has at most {most} bytes here");
}
