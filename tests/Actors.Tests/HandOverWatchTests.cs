using ActorRepl.Actors.Messages;
using ActorRepl.Actors.Supervision;
using ActorRepl.Protocols.Kernel;
using Akka.TestKit;
using Akka.TestKit.Xunit2;

namespace ActorRepl.Actors.Tests;

/// <summary>A hand-over whose end is waited for, next to a replica that is made up.</summary>
public sealed class HandOverWatchTests : TestKit
{
    [Fact]
    public async Task While_others_have_much_to_say_replicas_are_asked_again_all_the_same()
    {
        TestProbe root = CreateTestProbe();
        var done = new TaskCompletionSource();
        Sys.ActorOf(HandOverWatch.Props(new ReplicaId(1), root.Ref, [("kv", 0)], done));
        root.ExpectMsg<HandOverLeadership>();
        using var stop = new CancellationTokenSource();
        Task others = SayAsync(stop.Token);
        root.ExpectMsg<HandOverLeadership>(TimeSpan.FromSeconds(20));
        await stop.CancelAsync();
        await others;
        Assert.False(done.Task.IsCompleted);
        Sys.EventStream.Publish(new ReplicaStatusChanged(Report(node: 1)));
        await done.Task.WaitAsync(TimeSpan.FromSeconds(20));
    }

    private async Task SayAsync(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            Sys.EventStream.Publish(new ReplicaStatusChanged(Report(node: 2)));
            await Task.Delay(20, CancellationToken.None);
        }
    }

    private static ReplicaReport Report(int node) => new(
        "kv", 0, new ReplicaId(node), ReplicaHealth.Running, new ReplicaStatus("follower", 1, new ReplicaId(2), 0, 0, 0, 0, true));
}
