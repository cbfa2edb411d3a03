using ActorRepl.Actors.Messages;
using ActorRepl.Actors.Settings;
using ActorRepl.Actors.Tests.Cluster;
using ActorRepl.Protocols.Kernel;
using Akka.Actor;
using Akka.Configuration;

namespace ActorRepl.Actors.Tests;

/// <summary>The public messages, asked from an actor system that runs no replication itself.</summary>
public sealed class PublicMessageTests : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private TestCluster _cluster = null!;
    private ActorSystem _system = null!;
    private ICanTell _router = null!;

    public async Task InitializeAsync()
    {
        _cluster = await TestCluster.StartAsync();
        await _cluster.LeaderAsync();
        Config config = ConfigurationFactory.ParseString("""akka.remote.dot-netty.tcp { hostname = "127.0.0.1", port = 0 }""")
            .WithFallback(TestClusterOptions.Base).WithFallback(RuntimeConfig.Reference);
        _system = ActorSystem.Create("outside", config);
        _router = _system.ActorSelection(_cluster[2].Runtime.Settings.SelfNode.Address + "/user/actorrepl/kv/router");
    }

    public async Task DisposeAsync()
    {
        await _system.Terminate();
        await _cluster.DisposeAsync();
    }

    [Fact]
    public async Task Execute_and_query_are_answered_to_the_asker()
    {
        var executed = Assert.IsType<Executed>(await AskAsync(new Execute(KeyValue.Bytes("a"), KeyValue.Set("a", "1"))));
        Assert.Equal("", KeyValue.Text(executed.Result));
        var result = Assert.IsType<QueryResult>(await AskAsync(new Query(KeyValue.Bytes("a"), KeyValue.Get("a"))));
        Assert.Equal("1", KeyValue.Text(result.Result));
    }

    [Fact]
    public async Task A_command_with_client_id_and_sequence_is_applied_once_however_often_it_is_sent()
    {
        var client = Guid.NewGuid();
        for (int i = 0; i < 3; i++)
        {
            var executed = Assert.IsType<Executed>(await AskAsync(new Execute(KeyValue.Bytes("n"), KeyValue.Increment("n"), null, client, Sequence: 1)));
            Assert.Equal("1", KeyValue.Text(executed.Result));
        }
    }

    [Fact]
    public async Task What_is_wrong_is_refused_with_a_reason()
    {
        var sequence = Assert.IsType<RequestRejected>(await AskAsync(new Execute(KeyValue.Bytes("a"), KeyValue.Get("a"), null, Guid.NewGuid(), Sequence: 0)));
        Assert.Equal((RejectReason.Invalid, false), (sequence.Reason, sequence.OutcomeUnknown));
        var kind = Assert.IsType<RequestRejected>(await AskAsync(new Query(KeyValue.Bytes("a"), KeyValue.Get("a"), RequestKind.Command)));
        Assert.Contains("Read or StaleRead", kind.Message, StringComparison.Ordinal);
        var concern = Assert.IsType<RequestRejected>(await AskAsync(new Execute(KeyValue.Bytes("a"), KeyValue.Set("a", "1")) { Concern = new WriteConcern(AckLevel.Async, 2) }));
        Assert.Contains("2 backups are named for level Async", concern.Message, StringComparison.Ordinal);
        var cannot = Assert.IsType<RequestRejected>(await AskAsync(new Execute(KeyValue.Bytes("a"), KeyValue.Set("a", "1")) { Concern = new WriteConcern(AckLevel.Async) }));
        Assert.Contains("group 'kv': raft acknowledges", cannot.Message, StringComparison.Ordinal);
        Assert.Null(await _cluster[1].Client.GetAsync("a"));
        var size = Assert.IsType<RequestRejected>(await AskAsync(new Execute(KeyValue.Bytes("a"), new byte[1_500_000])));
        Assert.Contains("max-request-bytes", size.Message, StringComparison.Ordinal);
    }

    private Task<object> AskAsync(object message) => ((ActorSelection)_router).Ask<object>(message, Patience);
}
