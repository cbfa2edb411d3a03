using ActorRepl.Actors.Client;
using ActorRepl.Actors.Control;
using ActorRepl.Actors.Routing;
using ActorRepl.Actors.Settings;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Machines;
using ActorRepl.Protocols.Raft;
using Akka.Actor;
using Akka.TestKit;
using Akka.TestKit.Xunit2;

namespace ActorRepl.Actors.Tests.Control;

/// <summary>What a node says of itself when it starts.</summary>
public sealed class RegistrarTests : TestKit
{
    private static readonly GroupDefinition Group = new()
    {
        Name = "control",
        Protocol = new RaftFactory(),
        Machine = () => new KeyValueMachine(),
        Shards = 1,
        Replicas = 1,
    };

    [Fact]
    public async Task A_node_whose_routers_start_late_is_told_all_the_same()
    {
        var settings = new ReplicationSettings { Cluster = "test", Self = new(1), Nodes = [new NodeInfo(new(1), "one", new Address("akka", Sys.Name, "127.0.0.1", 1))], Groups = [Group] };
        var routers = new RouterTable(settings.Groups);
        var client = new ReplicationClient(settings, routers, new TaskCompletionSource().Task);
        TestProbe router = CreateTestProbe();
        var early = await Assert.ThrowsAnyAsync<ReplicationException>(async () => await client.ExecuteOnShardAsync("control", 0, default));
        Assert.Equal(RejectReason.Unavailable, early.Rejection.Reason);
        Sys.ActorOf(Registrar.Props(settings, Guid.NewGuid(), new ControlClient(client)));
        router.ExpectNoMsg(TimeSpan.FromMilliseconds(800)); // longer than the registrar waits before it speaks for the first time
        routers.Register("control", 0, router);
        Assert.IsAssignableFrom<Call>(router.ReceiveOne(TimeSpan.FromSeconds(10)));
    }
}
