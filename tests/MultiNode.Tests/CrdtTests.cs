using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using ActorRepl.Hosting.Cluster;
using ActorRepl.Hosting.Status;
using Xunit.Abstractions;

namespace ActorRepl.MultiNode.Tests;

/// <summary>
/// Nodes whose values all are changed at all of them, while one is stopped, one is cut off, one is killed, one loses its disk, and members come and go. Nothing that was acknowledged may be
/// lost, nothing that was removed may come back, and all are to end up the same.
/// </summary>
public class CrdtTests(ITestOutputHelper output)
{
    private const string Settings = """
        actorrepl.group-defaults { protocol = crdt, shards = 4, replicas = 3 }
        actorrepl.faults.enabled = on
        actorrepl.control { report-interval = 250 ms, tick = 100 ms, max-moves-per-node = 8 }
        """;

    private const int Shards = 4;

    /// <summary>How long the node is stopped; by hand: ACTORREPL_STOP_SECONDS=60.</summary>
    private static readonly TimeSpan Stopped = TimeSpan.FromSeconds(
        double.TryParse(Environment.GetEnvironmentVariable("ACTORREPL_STOP_SECONDS"), NumberStyles.Float, CultureInfo.InvariantCulture, out double seconds) ? seconds : 4);

    private static readonly TimeSpan CutOff = TimeSpan.FromSeconds(3);

    [Fact]
    public async Task Stopped_cut_off_and_killed_nodes_and_one_that_lost_its_disk_lose_no_acknowledged_change_and_all_end_up_the_same()
    {
        await using ProcessCluster cluster = await ProcessCluster.StartAsync(nodes: 3, settings: Settings);
        await using var writers = new CrdtWriters(cluster);
        await writers.MoreAsync(20, 1, 2, 3);
        var clock = Stopwatch.StartNew();

        await cluster.PauseAsync(3);
        long before = writers.Acknowledged;
        await Task.Delay(Stopped); // how long it is away
        output.WriteLine($"while node 3 was stopped for {Stopped.TotalSeconds} s: {writers.Acknowledged - before} changes");
        await writers.MoreAsync(20, 1, 2);
        await cluster.ResumeAsync(3);
        await writers.MoreAsync(20, 1, 2, 3);
        Said("node 3 is back");

        await cluster.FaultAsync(1, $"kind=cut&for={CutOff.TotalSeconds}s");
        foreach (int other in (int[])[2, 3])
            await cluster.FaultAsync(other, $"kind=cut&to=1&for={CutOff.TotalSeconds}s");
        await writers.MoreAsync(20, 1, 2, 3); // also the one that is cut off goes on
        await Task.Delay(CutOff); // until it is over
        Said("node 1 was cut off");

        await cluster.KillAsync(2);
        await writers.MoreAsync(20, 1, 3);
        cluster.Start(2);
        await cluster.WhenReadyAsync();
        await writers.MoreAsync(20, 1, 2, 3);
        Said("node 2 was killed and is back");

        // What was acknowledged by one disk alone is gone with it, and nothing else.
        writers.Level = "majority";
        await writers.MoreAsync(20, 2);
        await cluster.KillAsync(2);
        cluster.Lose(2);
        await writers.MoreAsync(20, 1, 3);
        cluster.Start(2);
        await cluster.WhenReadyAsync();
        await writers.MoreAsync(20, 1, 2, 3);
        await ProcessCluster.UntilAsync(() => VotesAsync(cluster, 2), "node 2 is counted again", () => cluster.StandingAsync(1));
        Said("node 2 has lost its disk and is counted again");
        await writers.MoreAsync(20, 1, 2, 3);
        await EndAsync(cluster, writers);
        Said("all is the same");

        void Said(string what) => output.WriteLine($"{what} after {clock.Elapsed.TotalSeconds:0.0} s, {writers.Acknowledged} changes");
    }

    [Fact]
    public async Task A_node_joins_and_another_leaves_under_changes_at_all_of_them_and_what_a_leaver_acknowledged_alone_is_kept()
    {
        await using ProcessCluster cluster = await ProcessCluster.StartAsync(nodes: 3, settings: Settings);
        await ProcessCluster.UntilAsync(async () => (await cluster.NodesAsync(1)).Count(node => node.Control == "voter") == 3, "all vote in the control group");
        await using var writers = new CrdtWriters(cluster);
        await writers.MoreAsync(20, 1, 2, 3);
        await cluster.JoinAsync(4);
        await OrderAsync(cluster, "/members?group=kv&do=add&node=4");
        await cluster.WhenHeldByAsync(1, 1, 2, 3, 4);
        writers.Start(4);
        await writers.MoreAsync(20, 1, 2, 3, 4);

        // Its replicas take changes until they are told that they are not counted any more.
        await OrderAsync(cluster, "/members?group=kv&do=remove&node=3");
        await cluster.WhenHeldByAsync(1, 1, 2, 4);
        await writers.MoreAsync(20, 1, 2, 3, 4);
        await EndAsync(cluster, writers);
    }

    private async Task EndAsync(ProcessCluster cluster, CrdtWriters writers)
    {
        await writers.StopAsync();
        output.WriteLine($"{writers.Acknowledged} changes were acknowledged, of {writers.Unknown} it is not known");
        await writers.CheckAsync();
        for (int shard = 0; shard < Shards; shard++)
        {
            int number = shard;
            ShardVerifyStatus? found = null;
            await ProcessCluster.UntilAsync(async () => (found = await cluster.VerifyAsync(1, number)) is { Equal: true }, $"shard {shard} is the same everywhere", () => Task.FromResult(JsonSerializer.Serialize(found)));
            await ProcessCluster.UntilAsync(
                async () => (await cluster.ReplicaAsync(1, number))?.Spread is { KeptUpdates: 0, Tags: 0, Unreadable: 0, UnreadableMessages: 0 } spread && spread.Members.All(member => member.Lacks == 0),
                $"nothing of shard {shard} is kept for anybody");
        }

        string said = "";
        await ProcessCluster.UntilAsync(
            async () =>
            {
                (int code, said) = await cluster.CommandAsync("status");
                return code == 0;
            },
            "every node is ready",
            () => Task.FromResult(said));
        Assert.Matches(@"kv +0 +node 1 .* has all, .* has all", said);
        Assert.Matches("actorrepl_updates_kept\\{[^}]*group=\"kv\"[^}]*\\} 0", await cluster.GetAsync(1, "/metrics"));
    }

    private static async Task<bool> VotesAsync(ProcessCluster cluster, int node) =>
        (await cluster.ReportAsync(node)).Status?.Groups.Single(group => group.Name == "kv").Local is { Count: Shards } replicas && replicas.All(replica => replica.Voter);

    private static async Task OrderAsync(ProcessCluster cluster, string order)
    {
        (System.Net.HttpStatusCode code, string said) = await cluster.OrderAsync(1, order);
        Assert.True(code == System.Net.HttpStatusCode.OK, said);
    }
}

/// <summary>A writer for each node. Each adds elements of its own to sets and removes some again, counts, and types into a text that all share.</summary>
internal sealed class CrdtWriters : IAsyncDisposable
{
    private const int Sets = 8;

    private readonly ProcessCluster _cluster;
    private readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(3) };
    private readonly CancellationTokenSource _stopping = new();
    private readonly ConcurrentDictionary<string, bool> _there = [];
    private readonly ConcurrentDictionary<string, bool> _removed = [];
    private readonly ConcurrentDictionary<string, bool> _uncertain = [];
    private readonly int[] _done = new int[5];
    private readonly List<Task> _writers = [];
    private int _unknown;

    public CrdtWriters(ProcessCluster cluster)
    {
        _cluster = cluster;
        for (int node = 1; node <= 3; node++)
            Start(node);
    }

    /// <summary>On how many disks a change is when it is acknowledged.</summary>
    public string Level { get; set; } = "local";

    public long Acknowledged => _done.Sum();

    public int Unknown => _unknown;

    public void Start(int node) => _writers.Add(Task.Run(() => WriteAsync(node)));

    /// <summary>Waits until each of these nodes has acknowledged so many more.</summary>
    public Task MoreAsync(int more, params int[] nodes)
    {
        int[] wanted = [.. nodes.Select(node => Volatile.Read(ref _done[node]) + more)];
        return ProcessCluster.UntilAsync(() => Task.FromResult(nodes.Index().All(node => Volatile.Read(ref _done[node.Item]) >= wanted[node.Index])), $"changes at {string.Join(", ", nodes)} are acknowledged");
    }

    public async Task StopAsync()
    {
        await _stopping.CancelAsync();
        await Task.WhenAll(_writers);
    }

    /// <summary>Waits until all nodes have the same, and compares it with what was acknowledged.</summary>
    public async Task CheckAsync()
    {
        string[] seen = [];
        await ProcessCluster.UntilAsync(async () =>
        {
            seen = await Task.WhenAll(Enumerable.Range(1, 3).Select(AllOfAsync));
            return seen.All(one => one.Length > 0 && one == seen[0]);
        }, "all nodes have the same", () => Task.FromResult(string.Join(Environment.NewLine, seen.Select(one => $"{one.Length}: {one[..Math.Min(200, one.Length)]}"))));

        HashSet<string> elements = [];
        for (int set = 0; set < Sets; set++)
            elements.UnionWith((await ValueAsync(1, $"set/set-{set}")).EnumerateArray().Select(element => element.GetString()!));
        string[] lost = [.. _there.Keys.Where(element => !elements.Contains(element) && !_removed.ContainsKey(element) && !_uncertain.ContainsKey(element))];
        string[] back = [.. _removed.Keys.Where(elements.Contains)];
        Assert.True(lost.Length == 0 && back.Length == 0, $"lost: {string.Join(", ", lost.Take(5))}; back: {string.Join(", ", back.Take(5))}");

        long counted = (await ValueAsync(2, "counter/count")).GetInt64();
        Assert.InRange(counted, _there.Count, _there.Count + _unknown);
        string text = (await ValueAsync(3, "text/page")).GetString()!;
        Assert.InRange(text.Length, _there.Count, _there.Count + _unknown);
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _http.Dispose();
        _stopping.Dispose();
    }

    private async Task WriteAsync(int node)
    {
        for (int i = 0; !_stopping.IsCancellationRequested; i++)
        {
            string element = $"{node}-{i}";
            bool removes = i % 5 == 4 && _there.ContainsKey($"{node}-{i - 2}");
            string gone = $"{node}-{i - 2}";
            object change = removes ? new { remove = gone } : new { insert = element };
            string path = $"set/set-{(removes ? SetOf(gone) : SetOf(element))}";
            if (!await ChangeAsync(node, path, change, element, gone, removes) || removes)
                continue;
            await CountAsync(node);
        }
    }

    private async Task<bool> ChangeAsync(int node, string path, object change, string element, string gone, bool removes)
    {
        string of = removes ? gone : element;
        try
        {
            if (!await PostAsync(node, path, change))
                return false;
            (removes ? _removed : _there)[of] = true;
            Interlocked.Increment(ref _done[node]);
            return true;
        }
        catch (Exception silent) when (silent is HttpRequestException or TaskCanceledException)
        {
            _uncertain[of] = true;
            Interlocked.Increment(ref _unknown);
            await PauseAsync();
            return false;
        }
    }

    /// <summary>For each element that is there: until it is known to be counted and typed, or not to be known.</summary>
    private async Task CountAsync(int node)
    {
        foreach ((string path, object change) in ((string, object)[])[("counter/count", new { add = 1 }), ("text/page", new { at = 0, insert = $"{node}" })])
        {
            try
            {
                while (!await PostAsync(node, path, change))
                    await PauseAsync();
            }
            catch (Exception silent) when (silent is HttpRequestException or TaskCanceledException)
            {
                // It may be there or not: there are as many too few as were acknowledged too often.
                Interlocked.Increment(ref _unknown);
                await RepeatAsync(node, path, change);
            }
        }
    }

    /// <summary>Counts once more, for the one that may have been lost.</summary>
    private async Task RepeatAsync(int node, string path, object change)
    {
        while (true)
        {
            await PauseAsync();
            try
            {
                if (await PostAsync(node, path, change))
                    return;
            }
            catch (Exception silent) when (silent is HttpRequestException or TaskCanceledException)
            {
                Interlocked.Increment(ref _unknown);
            }
        }
    }

    /// <summary>False: refused, and not done.</summary>
    private async Task<bool> PostAsync(int node, string path, object change)
    {
        using HttpResponseMessage response = await _http.PostAsJsonAsync(UriOf(node, $"{path}?level={Level}"), change);
        if (response.IsSuccessStatusCode)
            return true;
        JsonElement problem = await response.Content.ReadFromJsonAsync<JsonElement>();
        if (problem.GetProperty("outcomeUnknown").GetBoolean())
            throw new HttpRequestException(problem.GetProperty("detail").GetString());
        await PauseAsync();
        return false;
    }

    // How long a node that refused or was silent is left alone.
    private static Task PauseAsync() => Task.Delay(50);

    private async Task<string> AllOfAsync(int node)
    {
        try
        {
            IEnumerable<string> paths = [.. Enumerable.Range(0, Sets).Select(set => $"set/set-{set}"), "counter/count", "text/page"];
            return string.Join('\n', await Task.WhenAll(paths.Select(async path => (await ValueAsync(node, path)).GetRawText())));
        }
        catch (Exception silent) when (silent is HttpRequestException or TaskCanceledException)
        {
            return "";
        }
    }

    private async Task<JsonElement> ValueAsync(int node, string path) => (await _http.GetFromJsonAsync<JsonElement>(UriOf(node, path))).GetProperty("value");

    private Uri UriOf(int node, string path) => new(new NodePorts(_cluster.BasePort, node).HttpAddress, $"/crdt/kv/{path}");

    private static int SetOf(string element) => element.Aggregate(0, (hash, letter) => (31 * hash + letter) & 0xffff) % Sets;
}
