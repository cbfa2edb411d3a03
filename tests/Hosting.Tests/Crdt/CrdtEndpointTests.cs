using System.Net;
using System.Text;
using System.Text.Json;

namespace ActorRepl.Hosting.Tests.Crdt;

/// <summary>The values of a CRDT group over HTTP.</summary>
[Collection(nameof(Processes.Processes))]
public sealed class CrdtEndpointTests(SharedCrdtNode shared) : IClassFixture<SharedCrdtNode>
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    private readonly CrdtNode _node = shared.Node;

    public static TheoryData<string, string, string> Changes => new()
    {
        { "counter", """{"add":5}{"add":-7}""", "-2" },
        { "grow-counter", """{"add":5}{"add":2}""", "7" },
        { "bounded-counter", """{"add":5}{"take":3}""", "2" },
        { "flag", """{"set":true}""", "true" },
        { "disable-wins-flag", """{"set":false}""", "false" },
        { "set", """{"operations":[{"insert":"milk"},{"insert":"eggs"},{"insert":7}]}{"remove":"milk"}""", """["7","eggs"]""" },
        { "grow-set", """{"insert":"a"}""", """["a"]""" },
        { "two-phase-set", """{"insert":"a"}{"remove":"a"}{"insert":"a"}""", "[]" },
        { "register", """{"set":"first"}{"set":"second"}""", """["second"]""" },
        { "multi-register", """{"set":{"base64":"/w=="}}""", """[{"base64":"/w=="}]""" },
        { "map", """{"field":"visits","kind":"counter","add":2}{"field":"tags","kind":"set","insert":"x"}{"removeField":"tags","kind":"set"}""", """[{"field":"visits","kind":"counter","value":2}]""" },
        { "remove-wins-map", """{"field":"cart","kind":"map","then":{"field":"n","kind":"counter","add":1}}""", """[{"field":"cart","kind":"map","value":[{"field":"n","kind":"counter","value":1}]}]""" },
        { "text", """{"at":0,"insert":"hello"}{"operations":[{"at":5,"insert":" world"},{"at":0,"delete":1},{"at":0,"insert":"H"}]}""", "\"Hello world\"" },
        { "list", """{"at":0,"insert":["a","b","c"]}{"at":1,"delete":1}""", """["a","c"]""" },
    };

    [Theory]
    [MemberData(nameof(Changes))]
    public async Task A_value_of_each_type_is_changed_and_read(string type, string operations, string expected)
    {
        foreach (string operation in operations.Replace("}{", "}\n{", StringComparison.Ordinal).Split('\n'))
        {
            using HttpResponseMessage changed = await PostAsync($"/crdt/kv/{type}/some%20key", operation);
            Assert.True(changed.IsSuccessStatusCode, await changed.Content.ReadAsStringAsync());
        }

        JsonElement value = await GetAsync($"/crdt/kv/{type}/some%20key");
        Assert.Equal((type, "some key"), (value.GetProperty("type").GetString(), value.GetProperty("key").GetString()));
        Assert.Equal(expected, value.GetProperty("value").GetRawText());
    }

    [Fact]
    public async Task A_change_that_is_sent_again_under_its_name_is_carried_out_once()
    {
        string name = $"{Guid.NewGuid()}";
        string version = (await GetAsync("/crdt/kv/text/named")).GetProperty("version").GetString()!;
        foreach (string answered in (string[])["[3]", "[0]"])
        {
            using var again = new HttpRequestMessage(HttpMethod.Post, "/crdt/kv/text/named") { Content = new StringContent("""{"at":0,"insert":"abc"}""") };
            again.Headers.TryAddWithoutValidation("Idempotency-Key", name);
            again.Headers.TryAddWithoutValidation("If-Match", $"\"{version}\"");
            using HttpResponseMessage answer = await _node.Http.SendAsync(again);
            Assert.Equal(answered, JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement.GetProperty("results").GetRawText());
        }

        Assert.Equal("\"abc\"", (await GetAsync("/crdt/kv/text/named")).GetProperty("value").GetRawText());
    }

    [Theory]
    [InlineData("text", """{"at":0,"insert":"\ude00"}""")]
    [InlineData("set", """{"insert":"\ud83d"}""")]
    public async Task Half_of_a_pair_is_refused(string type, string operation) => Assert.Equal("400 invalid", await RefusedAsync($"/crdt/kv/{type}/halves", operation));

    [Fact]
    public async Task Every_operation_of_the_description_is_served_and_nothing_else_is()
    {
        await using Stream file = typeof(Hosting.Http.Crdt.CrdtEndpoints).Assembly.GetManifestResourceStream("openapi.json")!;
        using JsonDocument description = await JsonDocument.ParseAsync(file);
        await Support.Description.IsServedAsync(
            _node.Http, description, path => path.StartsWith("/crdt/", StringComparison.Ordinal),
            path => path.Replace("{group}", "kv", StringComparison.Ordinal).Replace("{type}", "text", StringComparison.Ordinal).Replace("{key}", "described", StringComparison.Ordinal));
        Assert.Equal(
            Hosting.Http.Crdt.CrdtTypeNames.All.Order(),
            description.RootElement.GetProperty("paths").GetProperty("/crdt/{group}/{type}/{key}").GetProperty("get").GetProperty("parameters").EnumerateArray()
                .Single(parameter => parameter.GetProperty("name").GetString() == "type").GetProperty("schema").GetProperty("enum").EnumerateArray().Select(type => type.GetString()!).Order());
    }

    [Fact]
    public async Task Operations_on_several_values_are_carried_out_as_one_or_not_at_all()
    {
        using HttpResponseMessage done = await PostAsync("/crdt/kv", """{"operations":[{"type":"text","key":"{d}text","at":0,"insert":"x"},{"type":"counter","key":"{d}edits","add":1}]}""");
        Assert.Equal("[1,1]", JsonDocument.Parse(await done.Content.ReadAsStringAsync()).RootElement.GetProperty("results").GetRawText());

        Assert.Equal("400 invalid", await RefusedAsync("/crdt/kv", """{"operations":[{"type":"counter","key":"{d}edits","add":1},{"type":"text","key":"{d}text","at":99,"insert":"y"}]}"""));
        Assert.Equal("1", (await GetAsync("/crdt/kv/counter/{d}edits")).GetProperty("value").GetRawText());
        string other = Enumerable.Range(0, 100).Select(i => $"k{i}").First(name => _node.Group.ShardOf(new(Protocols.Convergence.CrdtType.Set, name)) != _node.Group.ShardOf(new(Protocols.Convergence.CrdtType.Set, "k0")));
        Assert.Equal("409 cross-shard", await RefusedAsync("/crdt/kv", $$"""{"operations":[{"type":"set","key":"k0","insert":"a"},{"type":"set","key":"{{other}}","insert":"b"}]}"""));
    }

    [Theory]
    [InlineData("/kv/kv/key")]
    [InlineData("/kv/kv")]
    [InlineData("/watch/kv")]
    public async Task Who_asks_such_a_group_for_keys_and_values_is_told_where_its_values_are(string path)
    {
        using HttpResponseMessage refused = await _node.Http.GetAsync(path);
        Assert.Equal(System.Net.HttpStatusCode.BadRequest, refused.StatusCode);
        Assert.Contains("/crdt/kv/TYPE/KEY serves them", await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_change_made_for_a_text_that_is_another_by_now_is_refused()
    {
        string version = Version(await PostAsync("/crdt/kv/text/page", """{"at":0,"insert":"ab"}"""));
        using HttpResponseMessage mine = await PostAsync("/crdt/kv/text/page", """{"at":2,"insert":"c"}""", ("If-Match", $"\"{version}\""));
        Assert.Equal(HttpStatusCode.OK, mine.StatusCode);
        Assert.Equal("412 changed", await RefusedAsync("/crdt/kv/text/page", """{"at":0,"delete":1}""", ("If-Match", $"\"{version}\"")));
        using HttpResponseMessage next = await PostAsync("/crdt/kv/text/page", """{"at":0,"delete":1}""", ("If-Match", $"\"{Version(mine)}\""));
        Assert.Equal("\"bc\"", (await GetAsync("/crdt/kv/text/page")).GetProperty("value").GetRawText());
        using HttpResponseMessage read = await _node.Http.GetAsync("/crdt/kv/text/page");
        Assert.Equal($"\"{Version(next)}\"", read.Headers.ETag!.Tag);
    }

    [Theory]
    [InlineData("/crdt/nosuch/counter/a", """{"add":1}""", "404 no-group")]
    [InlineData("/crdt/kv/heap/a", """{"add":1}""", "404 type")]
    [InlineData("/crdt/kv/counter", """{"add":1}""", "404 not-found")]
    [InlineData("/crdt/kv/counter/a", """{"add":1""", "400 invalid")]
    [InlineData("/crdt/kv/counter/a", """[1]""", "400 invalid")]
    [InlineData("/crdt/kv/counter/a", """{"add":"one"}""", "400 invalid")]
    [InlineData("/crdt/kv/counter/a", """{"insert":"x"}""", "400 invalid")]
    [InlineData("/crdt/kv/bounded-counter/a", """{"take":1}""", "400 invalid")]
    [InlineData("/crdt/kv/text/a", """{"at":1,"insert":"x"}""", "400 invalid")]
    [InlineData("/crdt/kv/map/a", """{"field":"f","kind":"heap","add":1}""", "400 invalid")]
    [InlineData("/crdt/kv/grow-counter/a", """{"add":-1}""", "400 invalid")]
    [InlineData("/crdt/kv/flag/a", """{"set":1}""", "400 invalid")]
    [InlineData("/crdt/kv/counter/a?level=most", """{"add":1}""", "400 invalid")]
    [InlineData("/crdt/kv/counter/a?level=2", """{"add":1}""", "400 invalid")]
    [InlineData("/crdt/kv/counter/a?levle=all", """{"add":1}""", "400 invalid")]
    [InlineData("/crdt/kv/counter/a", """{"reset":false}""", "400 invalid")]
    [InlineData("/crdt/kv/set/a", """{"clear":false}""", "400 invalid")]
    [InlineData("/crdt/kv/counter/a", """{"add":1,"reset":true}""", "400 invalid")]
    [InlineData("/crdt/kv/counter/a", """{"add":1,"type":"set","key":"b"}""", "400 invalid")]
    [InlineData("/crdt/kv/counter/a", """{"operations":[{"add":1}],"add":1}""", "400 invalid")]
    [InlineData("/crdt/kv/counter/a", """{"operations":{"add":1}}""", "400 invalid")]
    [InlineData("/crdt/kv/counter/a", """{"add":1,"\ud800":1}""", "400 invalid")]
    [InlineData("/crdt/kv/text/a", """{"at":0,"insert":"x","delete":1}""", "400 invalid")]
    [InlineData("/crdt/kv/map/a", """{"field":"f","kind":"map","then":{"field":"n","kind":"counter","add":1},"add":1}""", "400 invalid")]
    [InlineData("/crdt/kv/map/a", """{"field":"f","kind":"counter","add":1,"insert":"x"}""", "400 invalid")]
    public async Task What_is_wrong_is_said(string path, string body, string expected) => Assert.Equal(expected, await RefusedAsync(path, body));

    [Theory]
    [InlineData("grow-set", """{"remove":"a"}""", "of a value of type grow-set an operation is insert; this is remove")]
    [InlineData("text", """{"insert":"a"}""", "of a value of type text an operation is at or clear; this is insert")]
    [InlineData("register", """{"set":true}""", "set must be text, a number or {\"base64\": …}")]
    [InlineData("map", """{"field":"n","kind":"counter","insert":"x"}""", "of a value of type counter an operation is add or reset; this is insert")]
    public async Task An_operation_that_such_a_value_does_not_take_is_told_which_there_are(string type, string body, string detail)
    {
        using HttpResponseMessage refused = await PostAsync($"/crdt/kv/{type}/told", body);
        Assert.Equal(detail, JsonDocument.Parse(await refused.Content.ReadAsStringAsync()).RootElement.GetProperty("detail").GetString());
    }

    [Fact]
    public async Task Who_has_a_value_as_it_is_is_told_so()
    {
        string tag = $"\"{Version(await PostAsync("/crdt/kv/set/known", """{"insert":"a"}"""))}\"";
        async Task<HttpStatusCode> AskAsync()
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/crdt/kv/set/known");
            request.Headers.TryAddWithoutValidation("If-None-Match", tag);
            using HttpResponseMessage answer = await _node.Http.SendAsync(request);
            return answer.StatusCode;
        }

        Assert.Equal(HttpStatusCode.NotModified, await AskAsync());
        Assert.Equal("400 invalid", await RefusedAsync("/crdt/kv/set/known", """{"insert":"b"}""", ("If-None-Match", "*")));
        using HttpResponseMessage changed = await PostAsync("/crdt/kv/set/known", """{"insert":"b"}""");
        Assert.Equal(HttpStatusCode.OK, await AskAsync());
    }

    [Fact]
    public async Task A_value_is_watched()
    {
        using var limit = new CancellationTokenSource(Limit);
        await PostAsync("/crdt/kv/counter/watched", """{"add":1}""");
        using StreamReader events = await WatchAsync("/crdt/kv/counter/watched", limit.Token);
        Assert.Equal("1", await NextAsync(events, "value", limit.Token));
        await PostAsync("/crdt/kv/counter/watched", """{"add":1}""");
        Assert.Equal("2", await NextAsync(events, "value", limit.Token));

        async Task<string> NextAsync(StreamReader reader, string name, CancellationToken cancellation) =>
            JsonDocument.Parse((await EventAsync(reader, name, cancellation)).Data).RootElement.GetProperty("value").GetRawText();
    }

    [Fact]
    public async Task Changes_of_a_group_are_watched_and_the_watch_goes_on_where_it_ended()
    {
        using var limit = new CancellationTokenSource(Limit);
        string cursor;
        using (StreamReader events = await WatchAsync("/crdt/kv", limit.Token))
        {
            await EventAsync(events, "from", limit.Token);
            await PostAsync("/crdt/kv/set/a", """{"insert":"x"}""");
            (cursor, string data) = await EventAsync(events, "changed", limit.Token);
            Assert.Equal("""{"type":"set","key":"a"}""", data);
        }

        await PostAsync("/crdt/kv/counter/b", """{"add":1}""");
        using StreamReader again = await WatchAsync($"/crdt/kv?after={cursor}", limit.Token);
        await EventAsync(again, "from", limit.Token);
        string next;
        do
            next = (await EventAsync(again, "changed", limit.Token)).Data;
        while (next == """{"type":"set","key":"a"}""");
        Assert.Equal("""{"type":"counter","key":"b"}""", next);
        Assert.Equal("400 invalid", await RefusedAsync("/crdt/kv?after=zz", null));
    }

    [Fact]
    public async Task A_browser_that_is_led_to_a_text_gets_a_page()
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/crdt/kv/text/page");
        request.Headers.Add("Accept", "text/html,application/xhtml+xml,*/*;q=0.8");
        using HttpResponseMessage page = await _node.Http.SendAsync(request);
        Assert.Equal("text/html", page.Content.Headers.ContentType!.MediaType);
        Assert.Contains("<textarea", await page.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    private static string Version(HttpResponseMessage response) =>
        JsonDocument.Parse(response.Content.ReadAsStringAsync().GetAwaiter().GetResult()).RootElement.GetProperty("version").GetString()!;

    private async Task<HttpResponseMessage> PostAsync(string path, string body, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        foreach ((string name, string value) in headers)
            request.Headers.TryAddWithoutValidation(name, value);
        return await _node.Http.SendAsync(request);
    }

    private async Task<JsonElement> GetAsync(string path) => JsonDocument.Parse(await _node.Http.GetStringAsync(path)).RootElement;

    private async Task<string> RefusedAsync(string path, string? body, params (string Name, string Value)[] headers)
    {
        using var watch = new HttpRequestMessage(HttpMethod.Get, path);
        watch.Headers.Add("Accept", "text/event-stream");
        using HttpResponseMessage response = body is null ? await _node.Http.SendAsync(watch) : await PostAsync(path, body, headers);
        string text = await response.Content.ReadAsStringAsync();
        Assert.False(response.IsSuccessStatusCode, text);
        return $"{(int)response.StatusCode} {JsonDocument.Parse(text).RootElement.GetProperty("title").GetString()}";
    }

    private async Task<StreamReader> WatchAsync(string path, CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Add("Accept", "text/event-stream");
        HttpResponseMessage response = await _node.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation);
        Assert.Equal("text/event-stream", response.Content.Headers.ContentType?.MediaType);
        return new StreamReader(await response.Content.ReadAsStreamAsync(cancellation));
    }

    /// <summary>The next event, which must have this name.</summary>
    private static async Task<(string Id, string Data)> EventAsync(StreamReader reader, string name, CancellationToken cancellation)
    {
        string id = "", data = "", kind = "";
        while (true)
        {
            string line = await reader.ReadLineAsync(cancellation) ?? throw new EndOfStreamException();
            if (line.Length == 0 && kind.Length > 0)
            {
                Assert.Equal(name, kind);
                return (id, data);
            }

            (id, kind, data) = line.Split(": ", 2) switch
            {
                ["id", var text] => (text, kind, data),
                ["event", var text] => (id, text, data),
                ["data", var text] => (id, kind, text),
                _ => (id, kind, data),
            };
        }
    }
}
