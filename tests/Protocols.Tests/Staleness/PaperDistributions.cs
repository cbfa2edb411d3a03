using ActorRepl.Protocols.Staleness;

namespace ActorRepl.Protocols.Tests.Staleness;

/// <summary>Bailis et al. 2012, table 3: what was fitted to measurements of LinkedIn and Yammer, in the form of a latency file.</summary>
internal static class PaperDistributions
{
    public static WarsLatencies LinkedInSsd => LatencyFile.Parse(["WARS = 91.22% pareto 0.235 10, 8.78% exponential 1.66"]);

    public static WarsLatencies LinkedInDisk => LatencyFile.Parse(
    [
        "W = 38% pareto 1.05 1.51, 62% exponential 0.183",
        "ARS = 91.22% pareto 0.235 10, 8.78% exponential 1.66",
    ]);

    public static WarsLatencies Yammer => LatencyFile.Parse(
    [
        "W = 93.9% pareto 3 3.35, 6.1% exponential 0.0028",
        "ARS = 98.2% pareto 1.5 3.8, 1.8% exponential 0.0217",
    ]);
}
