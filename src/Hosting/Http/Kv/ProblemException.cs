using System.Globalization;
using System.Text.Json;
using ActorRepl.Actors.Client;
using ActorRepl.Protocols.Kernel;
using Microsoft.AspNetCore.Http;

namespace ActorRepl.Hosting.Http.Kv;

/// <summary>A request is answered by a problem (RFC 9457).</summary>
/// <param name="status">The HTTP status.</param>
/// <param name="reason">One word, for programs.</param>
/// <param name="detail">A sentence, for people.</param>
internal sealed class ProblemException(int status, string reason, string detail) : Exception(detail)
{
    private const int RetryAfterSeconds = 1;

    public int Status => status;

    public string Reason => reason;

    /// <summary>It may yet take effect.</summary>
    public bool OutcomeUnknown { get; init; }

    /// <summary>The same may be served in a moment.</summary>
    public bool Retry { get; init; }

    public static ProblemException BadRequest(string detail) => new(StatusCodes.Status400BadRequest, "invalid", detail);

    /// <summary>Too much of something is under way.</summary>
    public static ProblemException Overloaded(string detail) => new(StatusCodes.Status503ServiceUnavailable, "overloaded", detail) { Retry = true };

    public static ProblemException Of(ReplicationException refused)
    {
        Rejection why = refused.Rejection;
        if (why.OutcomeUnknown)
            return new ProblemException(StatusCodes.Status504GatewayTimeout, "unknown", refused.Message) { OutcomeUnknown = true };
        (int status, string reason, bool retry) = why.Reason switch
        {
            RejectReason.NoQuorum => (StatusCodes.Status503ServiceUnavailable, "no-quorum", true),
            RejectReason.StorageUnavailable => (StatusCodes.Status507InsufficientStorage, "storage", false),
            RejectReason.Overloaded => (StatusCodes.Status503ServiceUnavailable, "overloaded", true),
            RejectReason.TooStale => (StatusCodes.Status503ServiceUnavailable, "too-stale", true),
            RejectReason.Conflict => (StatusCodes.Status412PreconditionFailed, "conflict", false),
            RejectReason.HistoryLost => (StatusCodes.Status409Conflict, "history-lost", false),
            RejectReason.Invalid => (StatusCodes.Status400BadRequest, "invalid", false),
            _ => (StatusCodes.Status503ServiceUnavailable, "unavailable", true),
        };
        return new ProblemException(status, reason, refused.Message) { Retry = retry };
    }

    /// <summary>Of the machine's errors, whose first word is Redis's code.</summary>
    public static ProblemException OfMachine(string error) => error.StartsWith("OOM ", StringComparison.Ordinal)
        ? new ProblemException(StatusCodes.Status507InsufficientStorage, "memory", error)
        : BadRequest(error);

    public Task WriteAsync(HttpContext context)
    {
        HttpResponse response = context.Response;
        response.StatusCode = status;
        response.ContentType = "application/problem+json";
        if (Retry)
            response.Headers.RetryAfter = RetryAfterSeconds.ToString(CultureInfo.InvariantCulture);
        if (status == StatusCodes.Status401Unauthorized)
            response.Headers.WWWAuthenticate = "Bearer";
        using var body = new MemoryStream();
        using (var json = new Utf8JsonWriter(body))
        {
            json.WriteStartObject();
            json.WriteString("type", "about:blank");
            json.WriteString("title", reason);
            json.WriteNumber("status", status);
            json.WriteString("detail", Message);
            json.WriteBoolean("outcomeUnknown", OutcomeUnknown);
            json.WriteEndObject();
        }

        response.ContentLength = body.Length;
        return HttpMethods.IsHead(context.Request.Method) ? Task.CompletedTask : response.Body.WriteAsync(body.ToArray(), context.RequestAborted).AsTask();
    }
}
