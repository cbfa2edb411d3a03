using System.Diagnostics;
using System.Globalization;
using System.IO.Compression;
using System.Text;
using System.Text.Json;
using ActorRepl.Hosting.Cluster;
using ActorRepl.Hosting.Tests.Support;

namespace ActorRepl.Hosting.Tests.Processes;

/// <summary><c>scan</c>, <c>watch</c> and <c>export</c>, against node processes that are written to and killed meanwhile.</summary>
[Collection(nameof(Processes))]
public sealed class KeyDataTests : IAsyncLifetime
{
    private const int Records = 4000;

    private readonly TempDirectory _directory = new();
    private readonly int _basePort = FreePorts.Base(3);

    private string Data => Path.Combine(_directory.Path, "data");

    public async Task InitializeAsync() => await SucceedsAsync("up", "--data", Data, "--base-port", $"{_basePort}", "--detach");

    public async Task DisposeAsync()
    {
        await CommandLine.RunAsync("down", "--data", Data);
        _directory.Dispose();
    }

    [Fact]
    public async Task Keys_are_listed_page_by_page_exported_as_of_one_moment_a_shard_and_come_back_by_import()
    {
        string file = _directory.File("some.jsonl", string.Concat(Enumerable.Range(0, Records).Select(Line)));
        Assert.StartsWith($"{Records} acknowledged, 0 failed", (await SucceedsAsync("import", file, "--data", Data)).Split('\n')[^1], StringComparison.Ordinal);

        // Pages go on where the last one ended, at whichever node.
        var listed = new List<string>();
        string[] after = [];
        for (int page = 0; after is not null; page++)
        {
            string[] lines = (await SucceedsAsync(["scan", "key:1", "--limit", "400", "--keys", "--json", "--node", $"{1 + page % 3}", "--data", Data, .. after])).Split('\n');
            foreach (string line in lines.Where(line => line.Contains("\"key\"", StringComparison.Ordinal)))
                listed.Add(JsonDocument.Parse(line).RootElement.GetProperty("key").GetString()!);
            after = JsonDocument.Parse(lines[^1]).RootElement.TryGetProperty("next", out JsonElement next) ? ["--after", next.GetString()!] : null!;
        }

        Assert.Equal(Enumerable.Range(0, Records).Select(i => $"key:{i}").Where(key => key.StartsWith("key:1", StringComparison.Ordinal)).Order(StringComparer.Ordinal), listed);

        // Pairs of keys, each pair of one shard, that are only ever changed together.
        using var stop = new CancellationTokenSource();
        Task<int> writing = WritePairsAsync(stop.Token);
        string export = Path.Combine(_directory.Path, "out.jsonl.gz");
        for (int i = 0; i < 3; i++)
        {
            await SucceedsAsync("export", export, "--data", Data);
            Dictionary<string, string> content = Read(export);
            for (int pair = 0; pair < 8; pair++)
                Assert.Equal(content.GetValueOrDefault($"{{p{pair}}}a"), content.GetValueOrDefault($"{{p{pair}}}b"));
            Assert.Equal(Records, content.Keys.Count(key => key.StartsWith("key:", StringComparison.Ordinal)));
        }

        await stop.CancelAsync();
        Assert.True(await writing > 100, "pairs are written all the while");

        // Bytes that are no text, and ends, come back as they were.
        await using (RespClient client = await RespClient.ConnectAsync(new NodePorts(_basePort, 2).RedisAddress))
        {
            Assert.Equal("OK", (await client.CallAsync(default, "SET"u8.ToArray(), new byte[] { 0xff, 0x00, 0x7b }, new byte[] { 0xfe, 0x0a }, "PX"u8.ToArray(), "900000"u8.ToArray())).Text);
            await SucceedsAsync("export", export, "--data", Data);
            string[] whole = [.. Lines(export).Order(StringComparer.Ordinal)];
            string[] keys = [.. Read(export).Keys];
            foreach (string[] some in keys.Chunk(500))
                await client.CallAsync(default, ["DEL"u8.ToArray(), .. some.Select(key => (ReadOnlyMemory<byte>)Bytes(key))]);
            Assert.Equal(0, (await client.CallAsync(default, "DBSIZE"u8.ToArray())).Integer);
            await SucceedsAsync("import", export, "--data", Data);
            string again = Path.Combine(_directory.Path, "again.jsonl");
            using (JsonDocument report = JsonDocument.Parse(await SucceedsAsync("export", again, "--json", "--node", "3", "--data", Data)))
            {
                Assert.Equal(whole.Length, report.RootElement.GetProperty("keys").GetInt32());
                Assert.All(report.RootElement.GetProperty("shards").EnumerateArray(), shard => Assert.Equal(3, shard.GetProperty("node").GetInt32()));
            }

            Assert.Equal(whole, File.ReadAllLines(again).Order(StringComparer.Ordinal));
            Assert.Contains("\"expiresAtMs\":", File.ReadAllText(again), StringComparison.Ordinal);
        }

        CommandResult refused = await CommandLine.RunAsync("export", export, "--group", "other", "--data", Data);
        Assert.Equal((2, "actorrepl: there is no group 'other'; there are kv"), (refused.ExitCode, refused.Error.Trim()));
    }

    [Fact]
    public async Task A_watch_goes_on_at_another_node_and_begins_where_an_earlier_one_ended()
    {
        string first = await SucceedsAsync("put", "w0", "before", "--data", Data);
        using Process watch = CommandLine.Start("watch", "w", "--count", "40", "--json", "--data", Data);

        // It says nothing until something changes: changes are made until it has seen one.
        Task<string?> seen = watch.StandardOutput.ReadLineAsync();
        int tries = 0;
        for (var patience = Stopwatch.StartNew(); !seen.IsCompleted && patience.Elapsed < TimeSpan.FromSeconds(30); tries++)
        {
            await SucceedsAsync("put", "w-try", $"{tries}", "--data", Data);
            await Task.WhenAny(seen, Task.Delay(200));
        }

        var events = new List<JsonElement> { JsonDocument.Parse((await seen)!).RootElement };

        // It asks node 1 first.
        await SucceedsAsync("kill", "1", "--data", Data);
        for (int i = 0; i < 40; i++)
            await SetAsync(2 + i % 2, $"w{i % 5}", $"{i}");
        while (await watch.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(60)) is { } line)
            events.Add(JsonDocument.Parse(line).RootElement);
        await watch.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(10));
        Assert.Equal(40, events.Count);

        // Each change of a key once and in order, though its node was killed; so the values, of each key, rise by five.
        foreach (IGrouping<string, JsonElement> key in events.Where(one => Text(one, "key") != "w-try").GroupBy(one => Text(one, "key")))
        {
            int[] values = [.. key.Select(one => int.Parse(Text(one, "value"), CultureInfo.InvariantCulture))];
            Assert.Equal(Enumerable.Range(0, values.Length).Select(n => values[0] % 5 + 5 * n), values);
        }

        string rest = await SucceedsAsync("watch", "w4", "--key", "--count", "1", "--after", Text(events[0], "id"), "--json", "--node", "3", "--data", Data);
        Assert.Equal(("set", "w4", "4"), (Text(JsonDocument.Parse(rest).RootElement, "event"), Text(JsonDocument.Parse(rest).RootElement, "key"), Text(JsonDocument.Parse(rest).RootElement, "value")));
        using Process told = CommandLine.Start("watch", "w4", "--after", Text(events[0], "id"), "--data", Data);
        await told.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(30));
        NodeProcess.Stop(told.Id);
        Assert.StartsWith("go on with --after ", await told.StandardError.ReadToEndAsync().WaitAsync(TimeSpan.FromSeconds(20)), StringComparison.Ordinal);
        CommandResult wrong = await CommandLine.RunAsync("watch", "--after", "zz", "--data", Data);
        Assert.Equal(1, wrong.ExitCode);
        Assert.EndsWith("after is no id of an event of this group, which has 4 shards", wrong.Error.Trim(), StringComparison.Ordinal);
        Assert.Equal("OK", first);
    }

    private async Task<int> WritePairsAsync(CancellationToken stop)
    {
        int written = 0;
        using RawConnection redis = await RawConnection.OpenAsync(new NodePorts(_basePort, 1).Redis);
        for (; !stop.IsCancellationRequested; written++)
        {
            int count = written / 8 + 1;
            await redis.SendAsync($"MULTI\r\nINCR {{p{written % 8}}}a\r\nINCR {{p{written % 8}}}b\r\nEXEC\r\n");
            await redis.ExpectAsync($"+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:{count}\r\n:{count}\r\n");
        }

        return written;
    }

    private async Task SetAsync(int node, string key, string value)
    {
        await using RespClient client = await RespClient.ConnectAsync(new NodePorts(_basePort, node).RedisAddress);
        for (var patience = Stopwatch.StartNew(); ; await Task.Delay(50))
        {
            RespReply reply = await client.CallAsync(default, "SET"u8.ToArray(), Encoding.UTF8.GetBytes(key), Encoding.UTF8.GetBytes(value));
            if (reply.Kind == RespReplyKind.Text)
                return;
            Assert.True(reply.MayRetry && patience.Elapsed < TimeSpan.FromSeconds(20), reply.Text);
        }
    }

    private static string Line(int i) => i % 3 == 0
        ? $"{{\"key\":\"key:{i}\",\"value\":\"text {i} \\u00e4 \\n\"}}\n"
        : $"{{\"key\":\"key:{i}\",\"value\":{{\"n\": {i}}}}}\n";

    private static byte[] Bytes(string key) => key.StartsWith("base64:", StringComparison.Ordinal) ? Convert.FromBase64String(key[7..]) : Encoding.UTF8.GetBytes(key);

    private static Dictionary<string, string> Read(string file) => Lines(file).Select(line => JsonDocument.Parse(line).RootElement)
        .ToDictionary(line => line.TryGetProperty("key", out JsonElement key) ? key.GetString()! : "base64:" + Text(line, "keyBase64"),
            line => line.TryGetProperty("value", out JsonElement value) ? value.GetString()! : Text(line, "valueBase64"));

    private static IEnumerable<string> Lines(string file)
    {
        using var reader = new StreamReader(new GZipStream(File.OpenRead(file), CompressionMode.Decompress));
        while (reader.ReadLine() is { } line)
            yield return line;
    }

    private static string Text(JsonElement element, string name) => element.GetProperty(name).GetString()!;

    private static async Task<string> SucceedsAsync(params string[] arguments)
    {
        CommandResult result = await CommandLine.RunAsync(arguments);
        Assert.True(result.ExitCode == 0, $"{string.Join(' ', arguments)} ended with {result.ExitCode}: {result.Error}{result.Output}");
        return result.Output.Trim();
    }
}
