using ActorRepl.Protocols.Checking;
using Xunit.Abstractions;

namespace ActorRepl.MultiNode.Tests;

/// <summary>
/// What the gateways promise a request, read-your-writes and monotonic reads of sessions at any node, staleness within its bound, and linearizable reads,
/// holds while nodes are cut off, slow and killed. Every run ends in the checkers.
/// </summary>
public class GatewayConsistencyTests(ITestOutputHelper output)
{
    [Fact]
    public async Task Sessions_bounds_and_linearizable_reads_hold_on_both_gateways_while_nodes_are_cut_off_and_killed()
    {
        int seed = Random.Shared.Next();
        output.WriteLine($"seed {seed}");
        await using ProcessCluster cluster = await ProcessCluster.StartAsync(settings: "actorrepl.faults.enabled = on");
        using var clients = new GatewayClients(cluster, seed);
        clients.Start();
        await RecordsAsync(clients, 300);
        for (int round = 0; round < 2; round++)
        {
            int away = await cluster.LeaderOfAsync(round) ?? 1 + round;
            foreach (int other in cluster.Ids.Where(id => id != away))
                await cluster.FaultAsync(other, $"kind=cut&to={away}&for=2s");
            await cluster.FaultAsync(away, "kind=cut&for=2s");
            await ProcessCluster.UntilAsync(async () => await cluster.FaultsAsync(away) is { Faults.Count: 0 }, "the cut ends");
            await RecordsAsync(clients, 200);
            int slow = away % 3 + 1;
            await cluster.FaultAsync(slow, "kind=delay&amount=60ms&jitter=40ms&for=1s");
            int killed = slow % 3 + 1;
            await cluster.KillAsync(killed);
            await RecordsAsync(clients, 200);
            cluster.Start(killed);
            await cluster.WhenReadyAsync();
        }

        await RecordsAsync(clients, 200);
        await clients.StopAsync();
        int writes = clients.Promised.Count(one => one.IsWrite), bounded = clients.Promised.Count(one => one.Bound is not null);
        output.WriteLine($"{writes} writes and {clients.Promised.Count - writes - bounded} reads of sessions, {bounded} of bounded staleness, {clients.Linearizable.Count} linearizable; refused: {clients.Refusals}");
        Assert.True(writes > 100 && bounded > 100, "all kinds of clients got something done");

        IReadOnlyList<string> broken = SessionChecker.Check(clients.Promised);
        Assert.True(broken.Count == 0, $"{broken.Count} promises are broken: {string.Join(Environment.NewLine, broken.Take(5))}");
        CheckResult result = LinearizabilityChecker.Check(clients.Linearizable, new CheckerLimits { Timeout = TimeSpan.FromSeconds(60) });
        Assert.True(result.Verdict == Linearizability.Linearizable, $"{result.Verdict}: {result.Explanation}");

        // Without a token the same clients do see older states: otherwise nothing was tried.
        int older = SessionChecker.Check(clients.Eventual).Count;
        output.WriteLine($"{clients.Eventual.Count} operations without a session: {older} saw an older state");
        Assert.True(older > 0, "eventual reads saw older states while nodes were cut off");
    }

    private static Task RecordsAsync(GatewayClients clients, int more)
    {
        int wanted = clients.Promised.Count + more;
        return ProcessCluster.UntilAsync(() => Task.FromResult(clients.Promised.Count >= wanted), $"{more} more operations are served");
    }
}
