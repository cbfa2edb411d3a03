using System.Diagnostics;
using System.IO.Compression;
using System.Text;
using System.Text.Json;
using ActorRepl.Hosting.Cluster;
using ActorRepl.Hosting.Tests.Support;
using ActorRepl.Protocols.Tests;

namespace ActorRepl.Hosting.Tests.Processes;

/// <summary>The commands against a cluster that was started by one of them.</summary>
[Collection(nameof(Processes))]
public sealed class CommandTests : IAsyncLifetime
{
    private readonly TempDirectory _directory = new();
    private readonly int _basePort = FreePorts.Base(3);

    private string Data => Path.Combine(_directory.Path, "data");

    public async Task InitializeAsync() =>
        await SucceedsAsync("up", "--data", Data, "--base-port", $"{_basePort}", "--detach");

    public async Task DisposeAsync()
    {
        foreach (ClusterNode node in ClusterFile.Read(Data)?.Nodes ?? [])
        {
            if (NodeProcess.IsRunning(node.Pid, node.Id, Data))
                NodeProcess.Kill(node.Pid);
        }

        var left = Stopwatch.StartNew();
        while (ClusterFile.Read(Data)!.Nodes.Any(node => NodeProcess.IsRunning(node.Pid, node.Id, Data)) && left.Elapsed < TimeSpan.FromSeconds(10))
            await Task.Delay(20);
        _directory.Dispose();
    }

    [Fact]
    public async Task Keys_over_http_and_redis_at_any_node_with_a_session_an_end_and_a_watch()
    {
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(20) };
        Uri At(int node, string path) => new(new NodePorts(_basePort, node).HttpAddress, path);
        using HttpResponseMessage watch = await http.GetAsync(At(3, "/watch/kv?prefix=w"), HttpCompletionOption.ResponseHeadersRead);
        using var events = new StreamReader(await watch.Content.ReadAsStreamAsync());
        string? token = "";
        for (int i = 1; i <= 6; i++)
        {
            using var put = new HttpRequestMessage(HttpMethod.Put, At(1 + i % 3, $"/kv/kv/w{i}?ttl-ms={(i == 6 ? 300 : 600_000)}")) { Content = new StringContent($"value {i}") };
            put.Headers.Add("X-Session-Token", token);
            using HttpResponseMessage done = await http.SendAsync(put);
            Assert.Equal(System.Net.HttpStatusCode.NoContent, done.StatusCode);
            token = done.Headers.GetValues("X-Session-Token").Single();
            if (i == 6)
                break; // it may have ended by now

            // Read at the node after, which need not lead: the session sees its write.
            using var get = new HttpRequestMessage(HttpMethod.Get, At(1 + (i + 1) % 3, $"/kv/kv/w{i}"));
            get.Headers.Add("X-Session-Token", token);
            using HttpResponseMessage got = await http.SendAsync(get);
            Assert.Equal($"value {i}", await got.Content.ReadAsStringAsync());
        }

        var seen = new List<string>();
        while (seen.Count < 7 && await events.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(20)) is { } line)
        {
            if (line.StartsWith("event: ", StringComparison.Ordinal) && line != "event: from")
                seen.Add(line[7..]);
        }

        Assert.Equal(["expired", "set", "set", "set", "set", "set", "set"], seen.Order());
        Assert.Equal(System.Net.HttpStatusCode.NotFound, (await http.GetAsync(At(2, "/kv/kv/w6"))).StatusCode);
        using RawConnection redis = await RawConnection.OpenAsync(new NodePorts(_basePort, 2).Redis);
        await redis.SendAsync("MULTI\r\nSET {k}a 1\r\nINCR {k}a\r\nEXEC\r\nSET {k}e x PX 50\r\n");
        await redis.ExpectAsync("+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n:2\r\n+OK\r\n");
        string left;
        var patience = Stopwatch.StartNew();
        do
        {
            await redis.CommandAsync("GET", "{k}e");
            left = await redis.ReadReplyAsync();
        }
        while (left != "$-1\r\n" && patience.Elapsed < TimeSpan.FromSeconds(10));

        Assert.Equal("$-1\r\n", left);

        // A session of Redis: any replica answers, and has what the connection has written.
        await redis.CommandAsync("READ", "nearest", "session");
        await redis.ExpectAsync("+OK\r\n");
        for (int i = 0; i < 100; i++)
        {
            await redis.SendAsync($"SET s{i % 7} {i:D3} PX 60000\r\n");
            await redis.ExpectAsync("+OK\r\n");
            await redis.SendAsync($"GET s{i % 7}\r\n");
            await redis.ExpectAsync($"$3\r\n{i:D3}\r\n");
        }

        await redis.SendAsync("READ\r\n");
        await redis.ExpectAsync("$15\r\nnearest session\r\n");
    }

    [Fact]
    public async Task A_day_in_the_life_of_a_cluster()
    {
        Assert.Equal("OK", await SucceedsAsync("put", "name", "Ada Lovelace", "--data", Data));
        Assert.Equal("Ada Lovelace", await SucceedsAsync("get", "name", "--base-port", $"{_basePort}", "--data", _directory.Path));
        using (JsonDocument json = JsonDocument.Parse(await SucceedsAsync("get", "name", "--json", "--data", Data)))
            Assert.Equal("Ada Lovelace", json.RootElement.GetProperty("value").GetString());
        await FailsAsync("there is no key 'nobody'", "get", "nobody", "--data", Data);

        using (var http = new HttpClient())
        {
            string metrics = await http.GetStringAsync(new Uri(new NodePorts(_basePort, 1).HttpAddress, "/metrics"));
            Assert.Contains("# TYPE actorrepl_wal_records_total counter", metrics, StringComparison.Ordinal);
            Assert.Matches("actorrepl_follower_lag_seconds_count\\{[^}]*follower=\"[23]\"\\} [0-9]+", metrics);
        }

        string verified = await SucceedsAsync("verify", "kv", "--data", Data);
        Assert.Equal(4, verified.Split('\n').Count(line => line.EndsWith("1,2,3     equal", StringComparison.Ordinal)));
        await FailsAsync("there is no group 'other'; there are kv", "verify", "other", "--data", Data);

        await FailsAsync($"the cluster in {Data} is already running", "up", "--data", Data, "--base-port", $"{FreePorts.Base(3)}");
        await FailsAsync("there is no node 4; the nodes are 1, 2, 3", "kill", "4", "--data", Data);

        using (JsonDocument json = JsonDocument.Parse(await SucceedsAsync("top", "--count", "1", "--json", "--data", Data)))
        {
            Assert.All(json.RootElement.GetProperty("nodes").EnumerateArray(), node => Assert.True(node.GetProperty("memoryBytes").GetInt64() > 1 << 20 && node.GetProperty("cpu").GetDouble() >= 0));
            Assert.Equal(5, json.RootElement.GetProperty("shards").EnumerateArray().Count(shard => shard.GetProperty("leader").GetInt32() > 0));
        }

        using (JsonDocument json = JsonDocument.Parse(await SucceedsAsync("kill", "2", "--json", "--data", Data)))
            Assert.Equal(("killed", 2), (json.RootElement.GetProperty("done").GetString(), json.RootElement.GetProperty("nodes")[0].GetProperty("node").GetInt32()));
        CommandResult status = await CommandLine.RunAsync("status", "--json", "--data", Data);
        Assert.Equal(1, status.ExitCode);
        using (JsonDocument json = JsonDocument.Parse(status.Output))
        {
            string?[] states = [.. json.RootElement.GetProperty("nodes").EnumerateArray().Select(node => node.GetProperty("state").GetString())];
            Assert.Equal("down", states[1]);
        }

        CommandResult incomplete = await CommandLine.RunAsync("verify", "kv", "--shard", "0", "--data", Data);
        Assert.Equal(1, incomplete.ExitCode);
        Assert.StartsWith("actorrepl: kv/0: node 2 does not say", incomplete.Error, StringComparison.Ordinal);
        await FailsAsync("node 2 is not running", "kill", "2", "--data", Data);
        Assert.Equal("1", await SucceedsAsync("del", "name", "nobody", "--data", Data));
        Assert.Contains("ready", await SucceedsAsync("restart", "2", "--data", Data), StringComparison.Ordinal);
        string table = await SucceedsAsync("status", "--data", Data);
        Assert.Equal(16, table.Split('\n').Length);
        Assert.Equal(4, table.Split('\n').Count(line => line.Contains("leader", StringComparison.Ordinal) && !line.Contains("control", StringComparison.Ordinal)));

        Assert.Equal("stopped", await SucceedsAsync("down", "--data", Data));
        await FailsAsync($"the cluster in {Data} is not running", "down", "--data", Data);
        await FailsAsync($"the data in {Data} is of 3 nodes, not 2", "up", "--nodes", "2", "--data", Data);
    }

    [Fact]
    public async Task An_import_names_the_bad_line_and_sends_nothing_after_it()
    {
        string file = _directory.File("some.jsonl", """
            {"key": "one", "value": {"n": 1}}
            {"key": "two", "value": "2"}

            {"key": "three"}
            {"key": "four", "value": 4}
            """);
        CommandResult result = await CommandLine.RunAsync("import", file, "--data", Data);
        Assert.Equal(1, result.ExitCode);
        Assert.Equal($"actorrepl: {file}, line 4: it has no \"value\"", result.Error.Trim());
        Assert.StartsWith("2 acknowledged, 0 failed, 1 bad lines", result.Output, StringComparison.Ordinal);
        Assert.Equal("{\"n\": 1}", await SucceedsAsync("get", "one", "--data", Data));
        await FailsAsync("there is no key 'four'", "get", "four", "--data", Data);

        CommandResult going = await CommandLine.RunAsync("import", file, "--continue-on-error", "--report", Path.Combine(_directory.Path, "bad.jsonl"), "--json", "--data", Data);
        Assert.Equal(1, going.ExitCode);
        Assert.Equal($"actorrepl: {file}, line 4: it has no \"value\"", going.Error.Trim());
        using (JsonDocument json = JsonDocument.Parse(going.Output))
            Assert.Equal((3, 0, 1), (json.RootElement.GetProperty("acknowledged").GetInt32(), json.RootElement.GetProperty("failed").GetInt32(), json.RootElement.GetProperty("badLines").GetInt32()));
        using (JsonDocument bad = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(_directory.Path, "bad.jsonl"))))
            Assert.Equal((4, "it has no \"value\""), (bad.RootElement.GetProperty("line").GetInt32(), bad.RootElement.GetProperty("problem").GetString()));
        Assert.Equal("4", await SucceedsAsync("get", "four", "--data", Data));
    }

    [SharedDataFact]
    public async Task Every_record_of_an_import_reads_back_byte_for_byte_from_every_node()
    {
        string file = Path.Combine(SharedData.Folder!, "debian-packages.jsonl.gz");
        string output = await SucceedsAsync("import", file, "--data", Data);
        Assert.StartsWith("30000 acknowledged, 0 failed", output.Split('\n')[^1], StringComparison.Ordinal);

        (string Key, string Value)[] records = [.. Lines(file).Select(Split)];
        Assert.Equal(30_000, records.Length);
        for (int id = 1; id <= 3; id++)
        {
            await using RespClient client = await RespClient.ConnectAsync(new NodePorts(_basePort, id).RedisAddress);
            foreach ((string Key, string Value)[] some in records.Chunk(200))
            {
                foreach ((string key, _) in some)
                    client.Write("GET"u8.ToArray(), Encoding.UTF8.GetBytes(key));
                await client.FlushAsync();
                foreach ((string key, string value) in some)
                    Assert.Equal(value, (await client.ReadAsync()).Text);
            }
        }
    }

    [Fact]
    public async Task Ctrl_C_stops_every_node_and_a_node_that_dies_is_reported()
    {
        await SucceedsAsync("down", "--data", Data);
        using Process up = CommandLine.Start("up", "--data", Data, "--base-port", $"{_basePort}");
        string? line;
        while ((line = await up.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(60))) is not null && !line.StartsWith("running", StringComparison.Ordinal))
        {
        }

        Assert.NotNull(line);
        await SucceedsAsync("kill", "3", "--data", Data);
        string? report = await up.StandardError.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Matches("^actorrepl: node 3 \\(process [0-9]+\\) ended with code 137; 'actorrepl restart 3' starts it again$", report);

        NodeProcess.Stop(up.Id);
        await up.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(40));
        Assert.Equal(0, up.ExitCode);
        Assert.All(ClusterFile.Read(Data)!.Nodes, node => Assert.Equal(0, node.Pid));
    }

    [Fact]
    public async Task A_data_directory_that_is_in_use_or_anothers_is_refused()
    {
        await FailsAsync($"the data directory {Path.Combine(Data, "node-1")} ", "node", "--id", "1", "--data", Data, "--base-port", $"{FreePorts.Base(3)}");
        await SucceedsAsync("down", "--data", Data);
        Directory.Move(Path.Combine(Data, "node-1"), Path.Combine(Data, "aside"));
        Directory.Move(Path.Combine(Data, "node-2"), Path.Combine(Data, "node-1"));
        await FailsAsync($"the data directory {Path.Combine(Data, "node-1")} ", "node", "--id", "1", "--data", Data, "--base-port", $"{_basePort}");
        await FailsAsync($"the data directory {Path.Combine(Data, "node-3")} ", "node", "--id", "3", "--cluster", "other", "--data", Data, "--base-port", $"{_basePort}");
    }

    private static IEnumerable<string> Lines(string file)
    {
        using var reader = new StreamReader(new GZipStream(File.OpenRead(file), CompressionMode.Decompress), new UTF8Encoding(false));
        while (reader.ReadLine() is { } line)
            yield return line;
    }

    private static (string Key, string Value) Split(string line)
    {
        using JsonDocument json = JsonDocument.Parse(line);
        return (json.RootElement.GetProperty("key").GetString()!, json.RootElement.GetProperty("value").GetRawText());
    }

    private static async Task<string> SucceedsAsync(params string[] arguments)
    {
        CommandResult result = await CommandLine.RunAsync(arguments);
        Assert.True(result.ExitCode == 0, $"{string.Join(' ', arguments)} ended with {result.ExitCode}: {result.Error}{result.Output}");
        return result.Output.Trim();
    }

    private static async Task FailsAsync(string start, params string[] arguments)
    {
        CommandResult result = await CommandLine.RunAsync(arguments);
        Assert.Equal(1, result.ExitCode);
        Assert.StartsWith("actorrepl: " + start, result.Error, StringComparison.Ordinal);
        Assert.Single(result.Error.Trim().Split('\n'));
    }
}
