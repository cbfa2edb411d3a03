using ActorRepl.Protocols.Checking;
using Xunit.Abstractions;

namespace ActorRepl.MultiNode.Tests;

/// <summary>What every run ends with.</summary>
internal static class Verdict
{
    /// <summary>Every acknowledged write is found through every node, and what clients shared is linearizable.</summary>
    public static async Task NothingIsLostAsync(ProcessCluster cluster, Workload workload, ITestOutputHelper output)
    {
        output.WriteLine($"{workload.Acknowledged} writes acknowledged, {workload.History.Count} shared operations recorded");
        Assert.True(workload.Acknowledged > 100, "the clients got something done");
        foreach (int id in cluster.Ids)
            Assert.Empty(await workload.MissingThroughAsync(id));
        CheckResult result = LinearizabilityChecker.Check(workload.History, new CheckerLimits { Timeout = TimeSpan.FromSeconds(60) });
        Assert.True(result.Verdict == Linearizability.Linearizable, $"{result.Verdict}: {result.Explanation}");
    }
}
