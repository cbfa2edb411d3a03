using System.Globalization;
using ActorRepl.Actors.Client;
using ActorRepl.Hosting.Redis;
using ActorRepl.Protocols.Kernel;
using Microsoft.AspNetCore.Http;

namespace ActorRepl.Hosting.Http.Kv;

/// <summary>How one request is to be treated: which replica may answer, how old the answer may be, when a write is done, how long it may take.</summary>
internal sealed record KvTerms(RequestOptions Options, string? Session)
{
    public const string StalenessHeader = "X-Max-Staleness-Ms", SessionHeader = "X-Session-Token", TimeoutHeader = "X-Timeout-Ms";

    // Who waits holds a place that others need.
    public const int MostMillis = 300_000;

    /// <summary>The state now, from wherever it is: keys whose time is over are to be gone.</summary>
    public bool IsLinearizable => Session is null && Options.ReadKind is RequestKind.Read or RequestKind.FollowerRead;

    /// <exception cref="ProblemException">Something in it is not known, or does not go with the rest.</exception>
    public static KvTerms Of(HttpRequest request)
    {
        string? session = request.Headers.TryGetValue(SessionHeader, out var token) ? token.ToString() : null;
        int? staleness = Millis(request.Headers[StalenessHeader], StalenessHeader, 0);
        string read = request.Query.Text("read") ?? (session is not null ? "session" : staleness is not null ? "bounded" : "linearizable");
        if (read == "bounded" != staleness is not null)
            throw ProblemException.BadRequest($"{StalenessHeader} and read=bounded go together");
        if (read == "session")
            session ??= "";
        else if (session is not null)
            throw ProblemException.BadRequest($"{SessionHeader} and read={read} do not go together");
        RequestKind kind = read switch
        {
            "linearizable" => RequestKind.Read,
            "bounded" => RequestKind.BoundedRead,
            "session" => RequestKind.SessionRead,
            "eventual" or "stale" => RequestKind.StaleRead,
            _ => throw ProblemException.BadRequest($"read is '{read}'; it must be linearizable, bounded, session or eventual"),
        };
        try
        {
            var options = new RequestOptions
            {
                ReadKind = kind,
                MaxStaleness = staleness is { } millis ? TimeSpan.FromMilliseconds(millis) : null,
                ReadFrom = request.Query.Text("from") is { } from ? ReadText.Parse(from).From : ReadFrom.Default,
                Level = request.Query.Text("level") is { } level ? LevelOf(level) : default,
                Concern = request.Query.Text("ack") is { } ack ? ConcernText.Parse(ack) : default,
                Timeout = Millis(request.Headers[TimeoutHeader], TimeoutHeader, 1) is { } timeout ? TimeSpan.FromMilliseconds(timeout) : null,
            };
            return new KvTerms(options, session);
        }
        catch (FormatException wrong)
        {
            throw ProblemException.BadRequest(wrong.Message);
        }
    }

    private static ConsistencyLevel LevelOf(string text) => ConsistencyLevel.TryParse(text, out ConsistencyLevel level) ? level
        : throw ProblemException.BadRequest($"level is '{text}'; it must be {ConsistencyLevel.Texts}");

    private static int? Millis(string? text, string name, int least) => string.IsNullOrEmpty(text) ? null
        : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int millis) && millis >= least && millis <= MostMillis ? millis
        : throw ProblemException.BadRequest($"{name} is '{text}'; it must be {least} to {MostMillis} ms");
}
