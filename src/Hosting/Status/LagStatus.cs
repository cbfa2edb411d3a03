using ActorRepl.Actors.Messages;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Modes;

namespace ActorRepl.Hosting.Status;

/// <summary>A follower's lag over the last minute or two, ms, beside its targets of 10, 100, 500 and 2,000 ms.</summary>
/// <param name="Samples">That were taken, ten a second at most.</param>
/// <param name="OnTarget">Each of the four is at most its target.</param>
public sealed record LagStatus(long Samples, double P50, double P95, double P99, double P999, bool OnTarget)
{
    internal static Dictionary<string, LagStatus>? Of(IReadOnlyList<FollowerLag> lags) =>
        lags.Count == 0 ? null : lags.ToDictionary(lag => $"{lag.Follower.Value}", lag => Of(lag.Lag));

    private static LagStatus Of(LagQuantiles lag) => new(
        lag.Count, Millis(lag.P50), Millis(lag.P95), Millis(lag.P99), Millis(lag.P999), lag.Meets(LagQuantiles.Targets));

    private static double Millis(long micros) => micros / (double)Instant.Millisecond;
}
