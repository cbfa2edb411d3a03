using ActorRepl.Actors.Client;
using ActorRepl.Hosting.Tests.Support;

namespace ActorRepl.Hosting.Tests;

/// <summary>Gateways whose clock is not the leader's: of keys with an end the leader's clock decides, and no read becomes a command before it says so.</summary>
public sealed class SkewedClockTests
{
    private static readonly byte[] Key = "k"u8.ToArray();

    private readonly FakeReplicationClient _group = new(1);

    [Theory]
    [InlineData(-5, "")]
    [InlineData(5, "")]
    [InlineData(-5, "?from=nearest")]
    [InlineData(5, "?from=nearest")]
    public async Task Over_http_a_key_ends_by_the_leaders_clock(int leaderAheadMinutes, string query)
    {
        Skew(leaderAheadMinutes, query.Length > 0);
        await using KvHost host = await KvHost.StartAsync(_group);
        using HttpResponseMessage put = await host.Client.PutAsync("/kv/kv/k?ttl-ms=60000", new StringContent("v"));
        put.EnsureSuccessStatusCode();
        await ExpectAsync(async () =>
        {
            using HttpResponseMessage got = await host.Client.GetAsync($"/kv/kv/k{query}");
            return got.IsSuccessStatusCode;
        });
    }

    [Theory]
    [InlineData(-5, "READ default")]
    [InlineData(5, "READ default")]
    [InlineData(-5, "READ nearest linearizable")]
    [InlineData(5, "READ nearest linearizable")]
    public async Task To_a_redis_client_a_key_ends_by_the_leaders_clock(int leaderAheadMinutes, string read)
    {
        Skew(leaderAheadMinutes, read.Contains("nearest", StringComparison.Ordinal));
        await using GatewayHost gateway = await GatewayHost.StartAsync(_group);
        using RawConnection client = await gateway.ConnectAsync();
        await client.SendAsync($"{read}\r\nSET k v PX 60000\r\n");
        await client.ExpectAsync("+OK\r\n+OK\r\n");
        await ExpectAsync(async () =>
        {
            await client.CommandAsync("EXISTS", "k");
            return await client.ReadReplyAsync() == ":1\r\n";
        });
    }

    [Theory]
    [InlineData(-5, ReadFrom.Default)]
    [InlineData(5, ReadFrom.Default)]
    [InlineData(-5, ReadFrom.Nearest)]
    [InlineData(5, ReadFrom.Nearest)]
    public async Task In_code_a_key_ends_by_the_leaders_clock(int leaderAheadMinutes, ReadFrom from)
    {
        Skew(leaderAheadMinutes, from == ReadFrom.Nearest);
        var keys = new KeyValueClient(_group, "kv");
        await keys.PutAsync(Key, "v"u8.ToArray(), expiresIn: TimeSpan.FromMinutes(1));
        await ExpectAsync(async () => await keys.GetAsync(Key, new RequestOptions { ReadFrom = from }) is not null);
    }

    [Fact]
    public async Task A_watch_at_a_node_whose_clock_is_ahead_writes_nothing()
    {
        Skew(-5, ofNode: true);
        await using KvHost host = await KvHost.StartAsync(_group);
        using HttpResponseMessage put = await host.Client.PutAsync("/kv/kv/k?ttl-ms=60000", new StringContent("v"));
        using HttpResponseMessage watch = await host.Client.GetAsync("/watch/kv", HttpCompletionOption.ResponseHeadersRead);
        int looks = _group.Count(query: true);
        await Eventually.TrueAsync(() => Task.FromResult(_group.Count(query: true) > looks + 5));
        Assert.Equal(1, _group.Count(query: false));
    }

    /// <summary>The leader's clock is so far ahead of the gateway's; the gateway may have a replica beside it, whose clock is its own.</summary>
    private void Skew(int leaderAheadMinutes, bool ofNode)
    {
        _group.LeaderAhead = TimeSpan.FromMinutes(leaderAheadMinutes);
        _group.FollowerAhead = ofNode ? -_group.LeaderAhead : TimeSpan.Zero;
    }

    /// <summary>The key, which has a minute by the leader's clock, is there, and reads are no commands; and it is gone when that minute is over.</summary>
    private async Task ExpectAsync(Func<Task<bool>> isThere)
    {
        for (int i = 0; i < 3; i++)
            Assert.True(await isThere());
        Assert.Equal(1, _group.Count(query: false));
        _group.LeaderAhead += TimeSpan.FromMinutes(2);

        // Where the gateway's own replica answers, and its clock is behind, it may do so until somebody has asked the leader.
        if (_group.FollowerAhead < TimeSpan.Zero)
            return;
        Assert.False(await isThere());
        Assert.Equal(2, _group.Count(query: false));
    }
}
