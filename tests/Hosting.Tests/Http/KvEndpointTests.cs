using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using ActorRepl.Actors.Client;
using ActorRepl.Hosting.Http.Kv;
using ActorRepl.Hosting.Tests.Support;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Hosting.Tests.Http;

/// <summary>Keys and values over HTTP, as curl sees them.</summary>
public sealed class KvEndpointTests
{
    private readonly FakeReplicationClient _group = new();

    [Fact]
    public async Task A_value_is_put_got_and_deleted_on_the_version_that_was_seen()
    {
        await using KvHost host = await KvHost.StartAsync(_group);
        Assert.Equal("404 no-key", await ShowAsync(host, HttpMethod.Get, "/kv/kv/a"));
        HttpResponseMessage put = await SendAsync(host, HttpMethod.Put, "/kv/kv/a", "one");
        Assert.Equal(HttpStatusCode.NoContent, put.StatusCode);
        string tag = put.Headers.ETag!.Tag;
        HttpResponseMessage got = await SendAsync(host, HttpMethod.Get, "/kv/kv/a");
        Assert.Equal(("one", tag), (await got.Content.ReadAsStringAsync(), got.Headers.ETag!.Tag));
        Assert.Equal(HttpStatusCode.NotModified, (await SendAsync(host, HttpMethod.Get, "/kv/kv/a", null, ("If-None-Match", tag))).StatusCode);
        Assert.Equal("412 conflict", await ShowAsync(host, HttpMethod.Put, "/kv/kv/a", "x", ("If-None-Match", "*")));
        Assert.Equal("412 conflict", await ShowAsync(host, HttpMethod.Put, "/kv/kv/a", "x", ("If-Match", "\"1\"")));
        Assert.Equal("204", await ShowAsync(host, HttpMethod.Put, "/kv/kv/a", "two", ("If-Match", tag)));
        Assert.Equal("412 conflict", await ShowAsync(host, HttpMethod.Delete, "/kv/kv/a", null, ("If-Match", tag)));
        Assert.Equal("200 two", await ShowAsync(host, HttpMethod.Get, "/kv/kv/a"));
        Assert.Equal("200", await ShowAsync(host, HttpMethod.Head, "/kv/kv/a"));
        Assert.Equal("204", await ShowAsync(host, HttpMethod.Delete, "/kv/kv/a"));
        Assert.Equal("404 no-key", await ShowAsync(host, HttpMethod.Delete, "/kv/kv/a"));
        Assert.Equal("412 conflict", await ShowAsync(host, HttpMethod.Put, "/kv/kv/a", "x", ("If-Match", "*")));
    }

    [Fact]
    public async Task A_key_may_hold_any_bytes()
    {
        await using KvHost host = await KvHost.StartAsync(_group);
        Assert.Equal("204", await ShowAsync(host, HttpMethod.Put, "/kv/kv/YS9iL2MA_w?encoding=base64url&ttl-ms=60000", "odd"));
        Assert.Equal("204", await ShowAsync(host, HttpMethod.Put, "/kv/kv/b%2Fb/c", "slashes"));
        Assert.Equal("200 slashes", await ShowAsync(host, HttpMethod.Get, "/kv/kv/b/b%2fc"));
        Assert.Equal("204", await ShowAsync(host, HttpMethod.Put, "/kv/kv/a%20%3F", "plain"));
        using JsonDocument list = JsonDocument.Parse(await host.Client.GetStringAsync("/kv/kv?prefix=a"));
        JsonElement[] items = [.. list.RootElement.GetProperty("items").EnumerateArray()];
        Assert.Equal("a ?", items[0].GetProperty("key").GetString());
        Assert.Equal("a/b/c\0ÿ", Encoding.Latin1.GetString(items[1].GetProperty("keyBase64").GetBytesFromBase64()));
        Assert.InRange(items[1].GetProperty("expiresAtMs").GetInt64() - DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(), 30_000, 60_000);
    }

    [Fact]
    public async Task A_key_ends_at_its_time()
    {
        await using KvHost host = await KvHost.StartAsync(_group);
        Assert.Equal("204", await ShowAsync(host, HttpMethod.Put, "/kv/kv/a?ttl-ms=50", "v"));
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        while (await ShowAsync(host, HttpMethod.Get, "/kv/kv/a") == "200 v")
            patience.Token.ThrowIfCancellationRequested();
        Assert.Equal("404 no-key", await ShowAsync(host, HttpMethod.Get, "/kv/kv/a"));
    }

    [Fact]
    public async Task Keys_are_listed_in_order_over_all_shards_page_by_page()
    {
        await using KvHost host = await KvHost.StartAsync(_group);
        for (int i = 0; i < 60; i++)
            await SendAsync(host, HttpMethod.Put, $"/kv/kv/list{i:D2}", $"{i}");
        await SendAsync(host, HttpMethod.Put, "/kv/kv/other", "x");
        var found = new List<string>();
        string? next = null;
        int pages = 0;
        do
        {
            using JsonDocument page = JsonDocument.Parse(await host.Client.GetStringAsync($"/kv/kv?prefix=list&limit=7{(next is null ? "" : $"&after={next}")}"));
            found.AddRange(page.RootElement.GetProperty("items").EnumerateArray().Select(item => $"{item.GetProperty("key").GetString()}={item.GetProperty("value").GetString()}"));
            next = page.RootElement.TryGetProperty("next", out JsonElement more) ? more.GetString() : null;
            pages++;
        }
        while (next is not null);

        Assert.Equal(Enumerable.Range(0, 60).Select(i => $"list{i:D2}={i}"), found);
        Assert.InRange(pages, 9, 20);
    }

    [Fact]
    public async Task Pages_that_long_values_make_short_leave_no_key_out()
    {
        await using KvHost host = await KvHost.StartAsync(_group);
        for (int i = 0; i < 24; i++)
            await SendAsync(host, HttpMethod.Put, $"/kv/kv/k{i:D2}", new string('v', i % 3 == 0 ? 200_000 : 10));
        var found = new List<string>();
        string? next = null;
        do
        {
            using JsonDocument page = JsonDocument.Parse(await host.Client.GetStringAsync($"/kv/kv{(next is null ? "" : $"?after={next}")}"));
            found.AddRange(page.RootElement.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("key").GetString()!));
            next = page.RootElement.TryGetProperty("next", out JsonElement more) ? more.GetString() : null;
        }
        while (next is not null);

        Assert.Equal(Enumerable.Range(0, 24).Select(i => $"k{i:D2}"), found);
    }

    [Fact]
    public async Task A_batch_is_one_step_of_one_shard_or_is_refused_by_name()
    {
        await using KvHost host = await KvHost.StartAsync(_group);
        const string first = """{"if":[{"key":"{u}a","version":null}],"do":[{"op":"put","key":"{u}a","value":"1"},{"op":"put","key":"{u}b","valueBase64":"AAE="},{"op":"get","key":"{u}b"}]}""";
        HttpResponseMessage done = await SendAsync(host, HttpMethod.Post, "/kv/kv", first);
        JsonElement[] results = [.. JsonDocument.Parse(await done.Content.ReadAsStringAsync()).RootElement.GetProperty("results").EnumerateArray()];
        Assert.Equal("\0\u0001", results[2].GetProperty("value").GetString());
        string version = results[0].GetProperty("version").GetString()!;
        Assert.Equal("412 conflict", await ShowAsync(host, HttpMethod.Post, "/kv/kv", first));
        Assert.Equal("""200 {"results":[{"op":"delete","deleted":true},{"op":"get","found":false}]}""",
            await ShowAsync(host, HttpMethod.Post, "/kv/kv", $$$"""{"if":[{"key":"{u}a","version":"{{{version}}}"}],"do":[{"op":"delete","key":"{u}b"},{"op":"get","key":"{u}b"}]}"""));
        int requests = _group.Requests.Count;
        Assert.Equal("409 cross-shard", await ShowAsync(host, HttpMethod.Post, "/kv/kv", """{"do":[{"op":"put","key":"a","value":"1"},{"op":"put","key":"c","value":"1"}]}"""));
        foreach (string wrong in new[] { "", "[]", "{}", """{"do":[{"op":"get"}]}""", """{"do":[{"op":"sing","key":"a"}]}""", """{"do":[{"op":"put","key":"a"}]}""", """{"do":[1]}""", """{"do":[{"op":"put","key":"a","value":"1","ttlMs":-1}]}""" })
            Assert.Equal("400 invalid", await ShowAsync(host, HttpMethod.Post, "/kv/kv", wrong));
        Assert.Equal("400 invalid", await ShowAsync(host, HttpMethod.Post, "/kv/kv", """{"do":[{"op":"delete","key":"a"}]}""", ("If-Match", "\"1\"")));
        Assert.Equal(requests, _group.Requests.Count);
    }

    [Theory]
    [InlineData("""{"iff":[{"key":"a","version":null}],"do":[{"op":"delete","key":"a"}]}""", "a batch has no 'iff'; here it may have if, do")]
    [InlineData("""{"if":[{"key":"a","version":null,"value":"x"}],"do":[{"op":"delete","key":"a"}]}""", "a condition has no 'value'; here it may have key, keyBase64, version")]
    [InlineData("""{"do":[{"op":"put","key":"a","value":"x","ttl":5}]}""", "a put has no 'ttl'; here it may have op, key, keyBase64, value, valueBase64, ttlMs")]
    [InlineData("""{"do":[{"op":"delete","key":"a","version":"7"}]}""", "a delete has no 'version'; here it may have op, key, keyBase64")]
    [InlineData("""{"do":[{"op":"get","key":"a","keyBase64":"Yg=="}]}""", "key and keyBase64 do not go together")]
    [InlineData("""{"do":[{"op":"put","key":"\ud800","value":"x"}]}""", "the body has \\u of half of a surrogate pair, which is no text")]
    [InlineData("""{"\udc00":1,"do":[{"op":"get","key":"a"}]}""", "the body has \\u of half of a surrogate pair, which is no text")]
    [InlineData("""{"do":[]}""", "'do' must name 1 to 256 operations")]
    public async Task A_batch_that_says_what_would_not_be_heeded_is_refused(string body, string detail)
    {
        await using KvHost host = await KvHost.StartAsync(_group);
        HttpResponseMessage answer = await SendAsync(host, HttpMethod.Post, "/kv/kv", body);
        Assert.Equal((HttpStatusCode.BadRequest, detail), (answer.StatusCode, JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement.GetProperty("detail").GetString()));
        Assert.Empty(_group.Requests);
    }

    [Theory]
    [InlineData("", RequestKind.Read, ReadFrom.Default, null)]
    [InlineData("?read=eventual", RequestKind.StaleRead, ReadFrom.Default, null)]
    [InlineData("?read=eventual&from=nearest", RequestKind.StaleRead, ReadFrom.Nearest, null)]
    [InlineData("?from=secondary", RequestKind.BoundedRead, ReadFrom.Secondary, 250)]
    public async Task A_read_is_asked_for_as_the_request_says(string query, RequestKind kind, ReadFrom from, int? staleness)
    {
        await using KvHost host = await KvHost.StartAsync(_group);
        await SendAsync(host, HttpMethod.Get, "/kv/kv/a" + query, null, staleness is null ? [] : [("X-Max-Staleness-Ms", $"{staleness}")]);
        Assert.Equal((kind, from, staleness is { } millis ? TimeSpan.FromMilliseconds(millis) : null), Assert.Single(_group.Reads));
    }

    [Theory]
    [InlineData("GET", "/kv/nosuch/a", "404 no-group")]
    [InlineData("GET", "/kv", "404 not-found")]
    [InlineData("GET", "/kv/kv/", "400 invalid")]
    [InlineData("GET", "/kv/kv/a+?encoding=base64url", "400 invalid")]
    [InlineData("GET", "/kv/kv/aaaa?encoding=hex", "400 invalid")]
    [InlineData("POST", "/kv/kv/a", "405 method")]
    [InlineData("DELETE", "/kv/kv", "405 method")]
    [InlineData("PUT", "/watch/kv", "405 method")]
    [InlineData("GET", "/kv/kv/a?read=sometimes", "400 invalid")]
    [InlineData("GET", "/kv/kv/a?read=bounded", "400 invalid")]
    [InlineData("GET", "/kv/kv/a?from=anyone", "400 invalid")]
    [InlineData("GET", "/kv/kv?limit=0", "400 invalid")]
    [InlineData("GET", "/kv/kv?after=x", "400 invalid")]
    [InlineData("PUT", "/kv/kv/a?ttl-ms=-1", "400 invalid")]
    [InlineData("PUT", "/kv/kv/a?ttl-ms=1&expires-at-ms=1", "400 invalid")]
    [InlineData("GET", "/watch/kv?after=x", "400 invalid")]
    [InlineData("GET", "/watch/kv?from=nearest", "400 invalid")]
    [InlineData("PUT", "/kv/kv/a?ttl=5", "400 invalid")]
    [InlineData("DELETE", "/kv/kv/a?ttl-ms=5", "400 invalid")]
    [InlineData("POST", "/kv/kv?ttl-ms=5", "400 invalid")]
    [InlineData("GET", "/kv/kv?max=5", "400 invalid")]
    public async Task What_is_wrong_is_told_as_a_problem(string method, string path, string problem)
    {
        await using KvHost host = await KvHost.StartAsync(_group);
        Assert.Equal(problem, await ShowAsync(host, new HttpMethod(method), path));
        Assert.Empty(_group.Requests);
    }

    [Fact]
    public async Task Limits_are_told_before_anything_is_done()
    {
        await using KvHost host = await KvHost.StartAsync(_group, new KvHttpOptions { MaxValueBytes = 10, MaxKeyBytes = 5, MaxInFlight = 1, MaxWatches = 0 });
        Assert.Equal("413 too-long", await ShowAsync(host, HttpMethod.Put, "/kv/kv/a", "12345678901"));
        Assert.Equal("400 invalid", await ShowAsync(host, HttpMethod.Put, "/kv/kv/123456", "1"));
        HttpResponseMessage refused = await SendAsync(host, HttpMethod.Get, "/watch/kv");
        Assert.Equal((HttpStatusCode.ServiceUnavailable, TimeSpan.FromSeconds(1)), (refused.StatusCode, refused.Headers.RetryAfter!.Delta));
        var release = new TaskCompletionSource();
        var entered = new TaskCompletionSource();
        _group.Before = _ =>
        {
            entered.TrySetResult();
            return release.Task;
        };
        Task<HttpResponseMessage> slow = SendAsync(host, HttpMethod.Get, "/kv/kv/a");
        await entered.Task;
        Assert.Equal("503 overloaded", await ShowAsync(host, HttpMethod.Get, "/kv/kv/a"));
        release.SetResult();
        Assert.Equal(HttpStatusCode.NotFound, (await slow).StatusCode);
        Assert.Equal("404 no-key", await ShowAsync(host, HttpMethod.Get, "/kv/kv/a"));
    }

    [Fact]
    public async Task Bodies_that_are_too_much_together_are_refused_and_the_room_comes_back()
    {
        await using KvHost host = await KvHost.StartAsync(_group, new KvHttpOptions { MaxInFlightBytes = 100 });
        var release = new TaskCompletionSource();
        var entered = new TaskCompletionSource();
        _group.Before = _ =>
        {
            entered.TrySetResult();
            return release.Task;
        };
        Task<HttpResponseMessage> slow = SendAsync(host, HttpMethod.Put, "/kv/kv/a", new string('x', 60));
        await entered.Task;
        Assert.Equal("503 overloaded", await ShowAsync(host, HttpMethod.Put, "/kv/kv/b", new string('x', 60)));
        release.SetResult();
        Assert.Equal(HttpStatusCode.NoContent, (await slow).StatusCode);
        Assert.Equal("204", await ShowAsync(host, HttpMethod.Put, "/kv/kv/b", new string('x', 60)));
    }

    [Theory]
    [InlineData(RejectReason.NoQuorum, false, "503 no-quorum", true)]
    [InlineData(RejectReason.NoQuorum, true, "504 unknown", false)]
    [InlineData(RejectReason.Overloaded, false, "503 overloaded", true)]
    [InlineData(RejectReason.TooStale, false, "503 too-stale", true)]
    [InlineData(RejectReason.HistoryLost, false, "409 history-lost", false)]
    [InlineData(RejectReason.StorageUnavailable, false, "507 storage", false)]
    [InlineData(RejectReason.Unavailable, false, "503 unavailable", true)]
    public async Task A_refusal_says_what_is_certain_and_whether_to_come_again(RejectReason reason, bool unknown, string problem, bool retry)
    {
        _group.Refuse = _ => new ReplicationException(new Rejection(reason, unknown), "so it is");
        await using KvHost host = await KvHost.StartAsync(_group);
        HttpResponseMessage answer = await SendAsync(host, HttpMethod.Put, "/kv/kv/a", "v");
        Assert.Equal(problem, await ShowAsync(answer));
        Assert.Equal(retry, answer.Headers.RetryAfter is not null);
        Assert.Equal(unknown, JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement.GetProperty("outcomeUnknown").GetBoolean());
    }

    [Fact]
    public async Task With_a_token_nobody_is_served_without_it_and_without_one_no_web_page_may_write()
    {
        await using KvHost host = await KvHost.StartAsync(_group, new KvHttpOptions { Token = "secret" });
        HttpResponseMessage refused = await SendAsync(host, HttpMethod.Get, "/kv/kv/a");
        Assert.Equal("401 unauthorized", await ShowAsync(refused));
        Assert.Equal("Bearer", Assert.Single(refused.Headers.WwwAuthenticate).Scheme);
        Assert.Equal("401 unauthorized", await ShowAsync(host, HttpMethod.Get, "/watch/kv", null, ("Authorization", "Bearer wrong")));
        Assert.Equal("204", await ShowAsync(host, HttpMethod.Put, "/kv/kv/a", "v", ("Authorization", "Bearer secret"), ("Origin", "http://page.example")));
        await using KvHost open = await KvHost.StartAsync(_group);
        Assert.Equal("403 web-page", await ShowAsync(open, HttpMethod.Put, "/kv/kv/a", "w", ("Origin", "http://page.example")));

        // A page of the node's own, but not one under a name that somebody else lets point here.
        Assert.Equal("204", await ShowAsync(open, HttpMethod.Put, "/kv/kv/a", "w", ("Origin", open.Client.BaseAddress!.GetLeftPart(UriPartial.Authority))));
        Assert.Equal("403 web-page", await ShowAsync(open, HttpMethod.Put, "/kv/kv/a", "w", ("Origin", "http://page.example"), ("Host", "page.example")));
    }

    [Fact]
    public async Task A_watch_tells_every_change_once_and_goes_on_where_it_was_left()
    {
        await using KvHost host = await KvHost.StartAsync(_group);
        string last;
        using (var watch = await Watch.OpenAsync(host, "/watch/kv?prefix=w"))
        {
            Assert.Equal("from {}", (await watch.NextAsync()).Text);
            await SendAsync(host, HttpMethod.Put, "/kv/kv/w1", "a");
            await SendAsync(host, HttpMethod.Put, "/kv/kv/x1", "a");
            Assert.Equal("set w1 a", (await watch.NextAsync()).Text);
            await SendAsync(host, HttpMethod.Delete, "/kv/kv/w1");
            (string text, last) = await watch.NextAsync();
            Assert.Equal("deleted w1 ", text);
        }

        await SendAsync(host, HttpMethod.Put, "/kv/kv/w2?ttl-ms=30", "b");
        using var again = await Watch.OpenAsync(host, $"/watch/kv?prefix=w&after={last}");
        Assert.Equal("from {}", (await again.NextAsync()).Text);
        Assert.Equal("set w2 b", (await again.NextAsync()).Text);

        // Nobody writes, and it ends all the same.
        Assert.Equal("expired w2 ", (await again.NextAsync()).Text);
    }

    [Fact]
    public async Task A_watch_that_breaks_off_behind_its_first_event_misses_nothing()
    {
        await using KvHost host = await KvHost.StartAsync(_group);
        string begun;
        using (var watch = await Watch.OpenAsync(host, "/watch/kv"))
            begun = (await watch.NextAsync()).Id;
        await SendAsync(host, HttpMethod.Put, "/kv/kv/w", "a");
        for (int again = 0; again < 2; again++)
        {
            using var watch = await Watch.OpenAsync(host, $"/watch/kv?after={begun}");
            (string text, begun) = await watch.NextAsync();
            Assert.Equal("from {}", text);
        }

        using var last = await Watch.OpenAsync(host, $"/watch/kv?after={begun}");
        await last.NextAsync();
        Assert.Equal("set w a", (await last.NextAsync()).Text);
    }

    [Fact]
    public async Task A_shard_without_a_quorum_holds_up_no_other_in_a_watch()
    {
        var group = new FakeReplicationClient(2);
        await using KvHost host = await KvHost.StartAsync(group);
        string Of(int shard) => Enumerable.Range(0, 100).Select(i => $"w{i}").First(key => group.Groups[0].ShardOf(Encoding.UTF8.GetBytes(key)) == shard);

        // A key of shard 0 has ended and nothing can be written there; then shard 0 does not answer at all.
        await SendAsync(host, HttpMethod.Put, $"/kv/kv/{Of(0)}?ttl-ms=1", "short");
        using var watch = await Watch.OpenAsync(host, "/watch/kv?prefix=w");
        Assert.Equal("from {}", (await watch.NextAsync()).Text);
        var never = new TaskCompletionSource();
        group.BeforeCommand = shard => shard == 0 ? never.Task : Task.CompletedTask;
        await SendAsync(host, HttpMethod.Put, $"/kv/kv/{Of(1)}", "a");
        Assert.StartsWith($"set {Of(1)} a", await NextOfAsync(watch, Of(1)), StringComparison.Ordinal);
        group.Refuse = shard => shard == 0 ? ReplicationException.Of(new Rejection(RejectReason.NoQuorum)) : null;
        await SendAsync(host, HttpMethod.Put, $"/kv/kv/{Of(1)}", "b");
        Assert.StartsWith($"set {Of(1)} b", await NextOfAsync(watch, Of(1)), StringComparison.Ordinal);
        never.SetResult();
    }

    private static async Task<string> NextOfAsync(Watch watch, string key)
    {
        while (true)
        {
            string text = (await watch.NextAsync()).Text;
            if (text.Contains($" {key} ", StringComparison.Ordinal))
                return text;
        }
    }

    [Fact]
    public async Task One_client_takes_half_of_the_places_at_most()
    {
        await using KvHost host = await KvHost.StartAsync(_group, new KvHttpOptions { MaxInFlight = 4 });
        var gate = new TaskCompletionSource();
        _group.Before = _ => gate.Task;
        Task<string>[] held = [.. Enumerable.Range(0, 2).Select(i => ShowAsync(host, HttpMethod.Put, $"/kv/kv/k{i}", "v"))];
        SpinWait.SpinUntil(() => _group.Requests.Count == 2, TimeSpan.FromSeconds(10));
        Assert.Equal("503 overloaded", await ShowAsync(host, HttpMethod.Put, "/kv/kv/more", "v"));
        gate.SetResult();
        Assert.All(await Task.WhenAll(held), answer => Assert.Equal("204", answer));
        Assert.Equal("204", await ShowAsync(host, HttpMethod.Put, "/kv/kv/more", "v"));
    }

    [Fact]
    public async Task A_request_as_proxies_write_it_and_a_weak_tag_are_taken()
    {
        await using KvHost host = await KvHost.StartAsync(_group);
        await SendAsync(host, HttpMethod.Put, "/kv/kv/a", "v");
        string tag = (await SendAsync(host, HttpMethod.Get, "/kv/kv/a")).Headers.ETag!.Tag;
        Assert.Equal("304", await ShowAsync(host, HttpMethod.Get, "/kv/kv/a", null, ("If-None-Match", "W/" + tag)));
        using var socket = new System.Net.Sockets.TcpClient();
        await socket.ConnectAsync(IPAddress.Loopback, host.Client.BaseAddress!.Port);
        await socket.GetStream().WriteAsync(Encoding.ASCII.GetBytes($"GET {new Uri(host.Client.BaseAddress, "/kv/kv/a")} HTTP/1.1\r\nHost: {host.Client.BaseAddress.Authority}\r\nConnection: close\r\n\r\n"));
        using var reader = new StreamReader(socket.GetStream());
        string answer = await reader.ReadToEndAsync().WaitAsync(TimeSpan.FromSeconds(10));
        Assert.StartsWith("HTTP/1.1 200", answer, StringComparison.Ordinal);
        Assert.EndsWith("v", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_watch_that_would_miss_changes_is_told_so()
    {
        var small = new FakeReplicationClient(1, new Protocols.Machines.KeyValueOptions { MaxHistoryBytes = 4096 });
        await using KvHost host = await KvHost.StartAsync(small);
        for (int i = 0; i < 300; i++)
            await SendAsync(host, HttpMethod.Put, "/kv/kv/a", "some value");
        Assert.Equal("410 compacted", await ShowAsync(host, HttpMethod.Get, "/watch/kv?after=1"));
    }

    [Fact]
    public async Task Every_operation_of_the_description_is_served_and_nothing_else_is()
    {
        await using KvHost host = await KvHost.StartAsync(_group);
        using JsonDocument description = JsonDocument.Parse(await host.Client.GetStringAsync("/openapi.json"));
        await Description.IsServedAsync(
            host.Client, description, path => path.StartsWith("/kv/", StringComparison.Ordinal) || path.StartsWith("/watch/", StringComparison.Ordinal),
            path => path.Replace("{group}", "kv", StringComparison.Ordinal).Replace("{key}", "k", StringComparison.Ordinal));
    }

    private static async Task<HttpResponseMessage> SendAsync(KvHost host, HttpMethod method, string path, string? body = null, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(method, new Uri(host.Client.BaseAddress!, path));
        if (body is not null)
            request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body));
        foreach ((string name, string value) in headers)
            request.Headers.TryAddWithoutValidation(name, value);
        return await host.Client.SendAsync(request);
    }

    private static async Task<string> ShowAsync(KvHost host, HttpMethod method, string path, string? body = null, params (string Name, string Value)[] headers) =>
        await ShowAsync(await SendAsync(host, method, path, body, headers));

    /// <summary>The status, and the title of a problem or the body of anything else.</summary>
    private static async Task<string> ShowAsync(HttpResponseMessage answer)
    {
        string body = await answer.Content.ReadAsStringAsync();
        if (answer.Content.Headers.ContentType is { MediaType: "application/problem+json" } && body.Length > 0)
            body = JsonDocument.Parse(body).RootElement.GetProperty("title").GetString()!;
        return $"{(int)answer.StatusCode} {body}".TrimEnd();
    }

    private sealed class Watch(HttpResponseMessage response, StreamReader lines) : IDisposable
    {
        public static async Task<Watch> OpenAsync(KvHost host, string path)
        {
            HttpResponseMessage response = await host.Client.GetAsync(path, HttpCompletionOption.ResponseHeadersRead);
            Assert.Equal(new MediaTypeHeaderValue("text/event-stream"), response.Content.Headers.ContentType);
            return new Watch(response, new StreamReader(await response.Content.ReadAsStreamAsync()));
        }

        /// <summary>The next event: its name and what it says, and its id.</summary>
        public async Task<(string Text, string Id)> NextAsync()
        {
            string id = "", name = "", data = "";
            while (await lines.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(10)) is { } line)
            {
                if (line.StartsWith("id: ", StringComparison.Ordinal))
                    id = line[4..];
                else if (line.StartsWith("event: ", StringComparison.Ordinal))
                    name = line[7..];
                else if (line.StartsWith("data: ", StringComparison.Ordinal))
                    data = line[6..];
                else if (line.Length == 0 && name.Length > 0)
                    return (data == "{}" ? $"{name} {data}" : Show(name, data), id);
            }

            throw new EndOfStreamException();
        }

        public void Dispose()
        {
            lines.Dispose();
            response.Dispose();
        }

        private static string Show(string name, string data)
        {
            JsonElement change = JsonDocument.Parse(data).RootElement;
            return $"{name} {change.GetProperty("key").GetString()} {(change.TryGetProperty("value", out JsonElement value) ? value.GetString() : "")}";
        }
    }
}
