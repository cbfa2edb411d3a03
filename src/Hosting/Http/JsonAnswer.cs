using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using ActorRepl.Hosting.Status;
using Microsoft.AspNetCore.Http;

namespace ActorRepl.Hosting.Http;

/// <summary>What the endpoints have in common: questions and orders in the query, answers and refusals as JSON.</summary>
internal static class JsonAnswer
{
    private const string ContentType = "application/json; charset=utf-8";

    /// <summary>Answers with a value; to HEAD, with what would be said of it.</summary>
    public static async Task AnswerAsync<T>(this HttpContext context, T value, JsonTypeInfo<T> type, int code = StatusCodes.Status200OK)
    {
        byte[] body = JsonSerializer.SerializeToUtf8Bytes(value, type);
        context.Response.StatusCode = code;
        context.Response.ContentType = ContentType;
        context.Response.ContentLength = body.Length;
        if (!HttpMethods.IsHead(context.Request.Method))
            await context.Response.Body.WriteAsync(body, context.RequestAborted).ConfigureAwait(false);
    }

    /// <summary>Answers that it is not done, and why not.</summary>
    public static Task RefuseAsync(this HttpContext context, int code, string reason) =>
        context.AnswerAsync(new HealthStatus("refused", [reason]), StatusJson.Default.HealthStatus, code);

    /// <summary>Whether a page in somebody's browser asks: that is nobody who may give orders.</summary>
    public static bool IsFromWebPage(this HttpContext context) => context.Request.Headers.Origin.Count > 0;

    /// <summary>What the query says; null: nothing.</summary>
    public static string? Text(this IQueryCollection query, string name) => query[name].ToString() is { Length: > 0 } text ? text : null;

    /// <summary>A word that is not known, or not of such a request, would be an end or a level that is not heeded.</summary>
    /// <exception cref="Kv.ProblemException">It says another.</exception>
    public static void Only(this IQueryCollection query, params string[] names)
    {
        if (query.Keys.FirstOrDefault(name => !names.Contains(name, StringComparer.OrdinalIgnoreCase)) is { } other)
            throw Kv.ProblemException.BadRequest($"the query has no '{other}' here; {(names.Length == 0 ? "it has none" : $"it may have {string.Join(", ", names)}")}");
    }

    /// <summary>A number from 0; null: the query does not say.</summary>
    /// <exception cref="UserErrorException">It says something that is none.</exception>
    public static int? Number(this IQueryCollection query, string name) => query.Text(name) is not { } text ? null
        : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number
        : throw new UserErrorException($"{name} is '{text}'; it must be a number");

    /// <exception cref="UserErrorException">The query does not say.</exception>
    public static string Required(this IQueryCollection query, string name) => query.Text(name) ?? throw Missing(name);

    /// <exception cref="UserErrorException">The query does not say, or something that is no number.</exception>
    public static int RequiredNumber(this IQueryCollection query, string name) => query.Number(name) ?? throw Missing(name);

    private static UserErrorException Missing(string name) => new($"{name} is missing");
}
