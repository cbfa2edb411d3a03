using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using ActorRepl.Hosting.Cluster;
using ActorRepl.Hosting.Tests.Support;

namespace ActorRepl.Hosting.Tests.Processes;

[AttributeUsage(AttributeTargets.Method)]
internal sealed class ToolsFactAttribute : FactAttribute
{
    public ToolsFactAttribute(params string[] tools)
    {
        if (tools.FirstOrDefault(tool => StockClientTests.Find(tool) is null) is { } missing)
            Skip = $"there is no {missing} in the PATH";
    }
}

/// <summary>Three node processes.</summary>
public sealed class ThreeNodes : IAsyncLifetime
{
    private readonly TempDirectory _directory = new();

    public int BasePort { get; } = FreePorts.Base(3);

    public string Folder => _directory.Path;

    private string Data => Path.Combine(Folder, "data");

    public async Task InitializeAsync()
    {
        CommandResult up = await CommandLine.RunAsync("up", "--data", Data, "--base-port", $"{BasePort}", "--detach");
        Assert.True(up.ExitCode == 0, up.Error + up.Output);
    }

    public async Task DisposeAsync()
    {
        await CommandLine.RunAsync("down", "--data", Data);
        _directory.Dispose();
    }
}

/// <summary>Three node processes, spoken to by clients that others have written: redis-cli, ioredis and curl.</summary>
[Collection(nameof(Processes))]
public sealed class StockClientTests(ThreeNodes nodes) : IClassFixture<ThreeNodes>
{
    private const string IoRedis = "6.0.0";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly int _basePort = nodes.BasePort;

    [ToolsFact("redis-cli")]
    public async Task Redis_cli_speaks_RESP3_to_any_node()
    {
        (string Command, string Shown)[] talk =
        [
            ("SET a 1 EX 100", "OK"), ("SET a 2 XX GET KEEPTTL", "\"1\""), ("GETEX a PERSIST", "\"2\""), ("TTL a", "(integer) -1"), ("GET nobody", "(nil)"),
            ("SET a 3 PX 5 NX", "(nil)"), ("INCRBYFLOAT f 2.5", "\"2.5\""), ("SETRANGE r 3 xyz", "(integer) 6"), ("GETRANGE r 3 -1", "\"xyz\""),
            ("MSET {t}1 a {t}2 b", "OK"), ("MGET {t}1 {t}2 {t}3", "1) \"a\"\n2) \"b\"\n3) (nil)"),
            ("MULTI", "OK"), ("INCR {t}n", "QUEUED"), ("RENAME {t}1 {t}9", "QUEUED"), ("GETDEL {t}9", "QUEUED"), ("EXEC", "1) (integer) 1\n2) OK\n3) \"a\""),
            ("WAIT 1 100", "(integer) 1"), ("PEXPIRE a 60000 LT", "(integer) 1"),
            ("TYPE a", "string"), ("READONLY", "OK"), ("READWRITE", "OK"), ("CLUSTER SLOTS", "(error) ERR This instance has cluster support disabled"),
            ("INCR {t}2", "(error) ERR value is not an integer or out of range"), ("ACK default", "OK"), ("READ nearest session", "OK"), ("GET f", "\"2.5\""),
        ];
        var input = new StringBuilder();
        foreach ((string command, string _) in talk)
            input.Append(command).Append('\n');
        string said = await RunAsync("redis-cli", input.ToString(), "-3", "-p", $"{new NodePorts(_basePort, 2).Redis}", "--no-raw");
        Assert.Equal(talk.Select(one => one.Shown), Replies(said, talk.Length));

        Assert.Equal("{t}2\n{t}n\n", await RunAsync("redis-cli", "", "-p", $"{new NodePorts(_basePort, 1).Redis}", "--scan", "--pattern", "{t}*"));

        // The commands of a file, over a pipe, as redis-cli takes in bulk.
        string bulk = string.Concat(Enumerable.Range(0, 1000).Select(i => $"SET bulk:{i} {i}\r\n"));
        Assert.Contains("errors: 0, replies: 1000", await RunAsync("redis-cli", bulk, "-p", $"{new NodePorts(_basePort, 3).Redis}", "--pipe"), StringComparison.Ordinal);
    }

    [ToolsFact("node", "npm")]
    public async Task A_stock_client_library_does_what_its_documentation_shows()
    {
        string modules = await IoRedisAsync();
        string[] ports = [.. Enumerable.Range(1, 3).Select(id => $"{new NodePorts(_basePort, id).Redis}")];
        string said = await RunAsync("node", "", [Path.Combine(modules, "ioredis.js"), .. ports]);
        string expected = """
            {"set":"OK","taken":null,"get":"Ada","ttl":true,"buffer":"00ff0d0a","getex":["Ada",-1],"incr":60,"pipeline":["OK",42,"42",2],
            "multi":["OK",2,null,"xy"],"crossslot":"EXECABORT","watched":null,"wait":1,"mset":["OK",["a","b",null]],"rename":["OK",1,"string"],
            "scan":[500,500],"error":"ERR value is not an integer or out of range","readonly":["OK",true,"OK"]}
            """;
        Assert.Equal(expected.ReplaceLineEndings(""), said.Trim());
    }

    [ToolsFact("curl")]
    public async Task Curl_reads_writes_compares_lists_and_watches()
    {
        string at = new NodePorts(_basePort, 1).HttpAddress.ToString().TrimEnd('/'), other = new NodePorts(_basePort, 3).HttpAddress.ToString().TrimEnd('/');
        Assert.Equal("204", await CurlAsync("-X", "PUT", "--data-binary", "Ada", "-o", "-", "-w", "%{http_code}", $"{at}/kv/kv/c%2F1?ttl-ms=60000"));
        string got = await CurlAsync("-i", $"{other}/kv/kv/c/1");
        Assert.Contains("200 OK", got, StringComparison.Ordinal);
        Assert.EndsWith("Ada", got, StringComparison.Ordinal);
        string tag = got.Split('\n').Single(line => line.StartsWith("ETag: ", StringComparison.OrdinalIgnoreCase))[6..].Trim();
        Assert.Equal("304", await CurlAsync("-o", "-", "-w", "%{http_code}", "-H", $"If-None-Match: {tag}", $"{at}/kv/kv/c/1"));
        Assert.Equal("204", await CurlAsync("-X", "PUT", "--data-binary", "Grace", "-w", "%{http_code}", "-H", $"If-Match: {tag}", $"{other}/kv/kv/c/1"));
        using (JsonDocument problem = JsonDocument.Parse(await CurlAsync("-X", "PUT", "--data-binary", "Alan", "-H", $"If-Match: {tag}", $"{at}/kv/kv/c/1")))
            Assert.Equal((412, "conflict", false), (problem.RootElement.GetProperty("status").GetInt32(), problem.RootElement.GetProperty("title").GetString(), problem.RootElement.GetProperty("outcomeUnknown").GetBoolean()));

        // A page of somebody else's, whose name points here.
        foreach (string path in (string[])["/kv/kv/c/1", "/status", "/metrics"])
            Assert.EndsWith("421", await CurlAsync("-w", "%{http_code}", "-H", "Host: page.example", at + path), StringComparison.Ordinal);
        Assert.EndsWith("400", await CurlAsync("-w", "%{http_code}", "-H", "X-Max-Staleness-Ms: x", $"{at}/kv/kv/c/1"), StringComparison.Ordinal);
        const string batch = """{"if":[{"key":"{c}x","version":null}],"do":[{"op":"put","key":"{c}x","value":"1"},{"op":"put","key":"{c}y","value":"2"}]}""";
        Assert.EndsWith("200", await CurlAsync("-w", "%{http_code}", "-H", "Content-Type: application/json", "--data", batch, $"{at}/kv/kv"), StringComparison.Ordinal);
        using (JsonDocument list = JsonDocument.Parse(await CurlAsync($"{other}/kv/kv?prefix=%7Bc%7D&limit=1")))
        {
            Assert.Equal("{c}x", list.RootElement.GetProperty("items")[0].GetProperty("key").GetString());
            using JsonDocument rest = JsonDocument.Parse(await CurlAsync($"{at}/kv/kv?prefix=%7Bc%7D&after={list.RootElement.GetProperty("next").GetString()}"));
            Assert.Equal("{c}y", rest.RootElement.GetProperty("items")[0].GetProperty("key").GetString());
        }

        // From a past id on: what has been since, at another node.
        string[] first = await CurlEventsAsync(1, $"{at}/watch/kv?prefix=w");
        string id = first.First(line => line.StartsWith("id: ", StringComparison.Ordinal))[4..];
        await CurlAsync("-X", "PUT", "--data-binary", "seen", $"{at}/kv/kv/w1");
        await CurlAsync("-X", "DELETE", $"{other}/kv/kv/w1");
        string[] later = await CurlEventsAsync(3, "-H", $"Last-Event-ID: {id}", $"{other}/watch/kv?prefix=w");
        Assert.Equal(["from", "set", "deleted"], later.Where(line => line.StartsWith("event: ", StringComparison.Ordinal)).Select(line => line[7..]));
        Assert.Contains("\"openapi\"", await CurlAsync($"{at}/openapi.json"), StringComparison.Ordinal);
    }

    /// <summary>Where a program is; null: nowhere.</summary>
    public static string? Find(string tool) => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
        .Select(directory => Path.Combine(directory, tool)).FirstOrDefault(File.Exists);

    /// <summary>Each reply of redis-cli's; one that is a list has several lines.</summary>
    private static List<string> Replies(string said, int count)
    {
        var replies = new List<string>();
        foreach (string line in said.TrimEnd('\n').Split('\n'))
        {
            bool goesOn = replies.Count > 0 && (line.StartsWith("   ", StringComparison.Ordinal) || (char.IsAsciiDigit(line[0]) && !line.StartsWith("1)", StringComparison.Ordinal)));
            if (goesOn)
                replies[^1] += "\n" + line;
            else if (line.Length > 0)
                replies.Add(line);
        }

        Assert.True(replies.Count == count, said);
        return replies;
    }

    /// <summary>The library, fetched once a machine, with the script beside it.</summary>
    private async Task<string> IoRedisAsync([CallerFilePath] string here = "")
    {
        string folder = Path.Combine(Path.GetTempPath(), $"actorrepl-ioredis-{IoRedis}");
        if (!Directory.Exists(Path.Combine(folder, "node_modules", "ioredis")))
        {
            string making = Directory.CreateDirectory(Path.Combine(nodes.Folder, "npm")).FullName;
            await RunAsync("npm", "", "install", "--prefix", making, "--no-audit", "--no-fund", "--ignore-scripts", $"ioredis@{IoRedis}");
            Directory.CreateDirectory(folder);
            foreach (string entry in Directory.GetFileSystemEntries(making))
                await RunAsync("cp", "", "-r", entry, folder);
        }

        File.Copy(Path.Combine(Path.GetDirectoryName(here)!, "StockClients", "ioredis.js"), Path.Combine(folder, "ioredis.js"), overwrite: true);
        return folder;
    }

    private static Task<string> CurlAsync(params string[] arguments) => RunAsync("curl", "", ["-s", "-S", .. arguments]);

    /// <summary>What curl shows of a stream of events until so many have come whole.</summary>
    private static async Task<string[]> CurlEventsAsync(int count, params string[] arguments)
    {
        using Process curl = Process.Start(new ProcessStartInfo("curl", ["-s", "-S", "-N", .. arguments]) { RedirectStandardOutput = true })!;
        var lines = new List<string>();
        try
        {
            bool named = false;
            while (count > 0 && await curl.StandardOutput.ReadLineAsync().WaitAsync(Patience) is { } line)
            {
                lines.Add(line.Trim());
                named |= line.StartsWith("event: ", StringComparison.Ordinal);
                if (lines[^1].Length == 0 && named)
                    (count, named) = (count - 1, false);
            }
        }
        finally
        {
            curl.Kill();
            await curl.WaitForExitAsync();
        }

        return [.. lines];
    }

    private static async Task<string> RunAsync(string tool, string input, params string[] arguments)
    {
        var start = new ProcessStartInfo(tool, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
        await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        await process.WaitForExitAsync().WaitAsync(Patience);

        Assert.True(process.ExitCode is 0, $"{tool} {string.Join(' ', arguments)} ended with {process.ExitCode}: {await error}{await output}");
        return await output;
    }
}
