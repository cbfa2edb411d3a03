using ActorRepl.Actors.Client;
using ActorRepl.Actors.Messages;
using ActorRepl.Actors.Tests.Cluster;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Actors.Tests;

/// <summary>Reads of a session at any node: they see its writes, and never go back.</summary>
public sealed class SessionReadTests : IAsyncLifetime
{
    private TestCluster _cluster = null!;

    public async Task InitializeAsync()
    {
        _cluster = await TestCluster.StartAsync();
        await _cluster.LeaderAsync();
    }

    public async Task DisposeAsync() => await _cluster.DisposeAsync();

    [Theory]
    [InlineData(ReadFrom.Nearest)]
    [InlineData(ReadFrom.Secondary)]
    [InlineData(ReadFrom.Primary)]
    public async Task A_token_taken_after_a_write_lets_any_node_read_it(ReadFrom from)
    {
        IReplicationSession session = _cluster[1].Client.OpenSession(KeyValue.Group);
        for (int i = 1; i <= 60; i++)
        {
            await session.ExecuteAsync(KeyValue.Bytes("a"), KeyValue.Set("a", $"{i}"));
            TestNode other = _cluster[1 + i % 3];
            IReplicationSession there = other.Client.OpenSession(KeyValue.Group, session.Token);
            Assert.Equal($"{i}", await ReadAsync(there, "a", from));
        }
    }

    [Fact]
    public async Task Reads_of_a_session_never_go_back_whichever_replica_answers()
    {
        using var stop = new CancellationTokenSource();
        Task writing = WriteAsync(stop.Token);
        string token = $"{KeyValue.Group}:";
        long last = 0;
        // Writing begins when it begins: until then there is nothing to go back from.
        for (int i = 0; i < 300 || last == 0; i++)
        {
            IReplicationSession session = _cluster[1 + i % 3].Client.OpenSession(KeyValue.Group, token);
            long read = long.Parse(await ReadAsync(session, "n", ReadFrom.Nearest) ?? "0", null);
            Assert.True(read >= last, $"{read} after {last}");
            last = read;
            token = session.Token;
        }

        await stop.CancelAsync();
        await writing;
    }

    [Fact]
    public async Task What_was_lost_is_said_to_be_until_the_session_forgets_it()
    {
        IReplicationSession session = _cluster[2].Client.OpenSession(KeyValue.Group, "kv:0=1/1000000");
        var lost = await Assert.ThrowsAnyAsync<ReplicationException>(async () => await ReadAsync(session, "a", ReadFrom.Nearest));
        Assert.Equal(RejectReason.HistoryLost, lost.Rejection.Reason);
        Assert.Contains("1/1000000", lost.Message, StringComparison.Ordinal);

        // A write does not hide it.
        await session.ExecuteAsync(KeyValue.Bytes("a"), KeyValue.Set("a", "1"));
        await Assert.ThrowsAnyAsync<ReplicationException>(async () => await ReadAsync(session, "a", ReadFrom.Primary));
        session.Forget(KeyValue.Bytes("a"));
        Assert.Equal("1", await ReadAsync(session, "a", ReadFrom.Nearest));
    }

    [Fact]
    public async Task After_a_change_of_leader_what_was_seen_before_is_proven_once()
    {
        IReplicationSession session = _cluster[1].Client.OpenSession(KeyValue.Group);
        await session.ExecuteAsync(KeyValue.Bytes("a"), KeyValue.Set("a", "1"));
        TestNode leader = await _cluster.LeaderAsync();
        await leader.Runtime.HandOverAsync(TimeSpan.FromSeconds(10));
        await _cluster.LeaderAsync(wanted: id => id != leader.Id);
        await session.ExecuteAsync(KeyValue.Bytes("b"), KeyValue.Set("b", "1"), new RequestOptions { Timeout = TimeSpan.FromSeconds(10) });
        Assert.Equal(2, session.Token.Split(',').Length);
        Assert.Equal("1", await ReadAsync(session, "a", ReadFrom.Secondary));
        Assert.Single(session.Token.Split(','));
    }

    [Fact]
    public async Task Executed_and_query_result_carry_the_position_that_a_later_query_names()
    {
        Akka.Actor.ActorSelection router = _cluster[2].System.ActorSelection("/user/actorrepl/kv/router");
        var executed = (Executed)await Akka.Actor.Futures.Ask<object>(router, new Execute(KeyValue.Bytes("a"), KeyValue.Set("a", "1")), TimeSpan.FromSeconds(10));
        Assert.True(executed.Seen.Index > 0, $"{executed.Seen}");
        var query = new Query(KeyValue.Bytes("a"), KeyValue.Get("a"), RequestKind.SessionRead) { AtLeast = executed.Seen, ReadFrom = ReadFrom.Secondary };
        var result = (QueryResult)await Akka.Actor.Futures.Ask<object>(router, query, TimeSpan.FromSeconds(10));
        Assert.Equal("1", KeyValue.Text(result.Result));
        Assert.False(executed.Seen.IsAfter(result.Seen));
    }

    [Theory]
    [InlineData("other:0=1/1", "begins with 'kv:'")]
    [InlineData("kv:0=1", "'0=1' in a session token is not shard=term/index")]
    [InlineData("kv:7=1/1", "shard 7")]
    public void A_token_that_is_none_is_refused_with_the_place(string token, string why)
    {
        var refused = Assert.Throws<FormatException>(() => _cluster[1].Client.OpenSession(KeyValue.Group, token));
        Assert.Contains(why, refused.Message, StringComparison.Ordinal);
    }

    private async Task WriteAsync(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
            await _cluster[1].Client.ExecuteAsync(KeyValue.Group, KeyValue.Bytes("n"), KeyValue.Increment("n"), cancellation: CancellationToken.None);
    }

    private static async Task<string?> ReadAsync(IReplicationSession session, string key, ReadFrom from) =>
        KeyValue.Text(await session.QueryAsync(KeyValue.Bytes(key), KeyValue.Get(key), new RequestOptions { ReadFrom = from, Timeout = TimeSpan.FromSeconds(10) }));
}
