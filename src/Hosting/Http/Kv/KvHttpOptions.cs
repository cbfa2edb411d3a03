namespace ActorRepl.Hosting.Http.Kv;

/// <summary>What HTTP clients of keys may ask of a node; see hocon/reference.conf, <c>actorrepl.http</c>.</summary>
public sealed record KvHttpOptions
{
    /// <summary>What follows <c>Bearer</c> in a request's <c>Authorization</c>; empty: nobody has to say anything.</summary>
    public string Token { get; init; } = "";

    /// <summary>Requests under way together; beyond it they are answered 503 at once.</summary>
    public int MaxInFlight { get; init; } = 1024;

    /// <summary>Bytes of bodies that are taken in together; beyond it requests are answered 503 at once.</summary>
    public long MaxInFlightBytes { get; init; } = 64 << 20;

    /// <summary>Watches together.</summary>
    public int MaxWatches { get; init; } = 256;

    /// <summary>Bytes of a key.</summary>
    public int MaxKeyBytes { get; init; } = 1024;

    /// <summary>Bytes of a value.</summary>
    public int MaxValueBytes { get; init; } = 1 << 20;

    /// <summary>Between two looks for changes, while there are none.</summary>
    public TimeSpan WatchEvery { get; init; } = TimeSpan.FromMilliseconds(100);
}
