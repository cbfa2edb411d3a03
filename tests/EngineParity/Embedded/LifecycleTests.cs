using Akka.Actor;
using Akka.Cluster;
using Akka.Dispatch;
using Akka.TestKit.Xunit2;

namespace ActorRepl.EngineParity.Embedded;

/// <summary>Of the embedded engine alone: beginnings and ends at which a thread may be held up.</summary>
public sealed class LifecycleTests : TestKit
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    [Fact]
    public void What_an_actor_is_told_before_it_is_started_waits_for_its_creation()
    {
        var system = (ExtendedActorSystem)Sys;
        var guardian = (LocalActorRef)system.Guardian;
        var actor = new LocalActorRef(
            guardian.Cell.SystemImpl, Props.Create(() => new Echo()), guardian.Cell.Dispatcher, guardian, guardian.Path / "early");
        actor.Tell("early", TestActor);
        ExpectNoMsg(100);
        actor.Start();
        ExpectMsg("early");
        actor.Stop();
    }

    [Fact]
    public async Task What_was_scheduled_can_be_cancelled_when_the_system_has_ended()
    {
        ActorSystem system = ActorSystem.Create("ended");
        ICancelable first = system.Scheduler.Advanced.ScheduleOnceCancelable(TimeSpan.FromMinutes(1), () => { });
        ICancelable second = system.Scheduler.Advanced.ScheduleRepeatedlyCancelable(Patience, Patience, () => { });
        await system.Terminate().WaitAsync(Patience);
        first.Cancel();
        second.Cancel();
    }

    [Fact]
    public async Task Whoever_asks_to_be_called_on_the_removal_while_the_node_is_removed_is_called()
    {
        await using var node = NetworkNode.Start(
            "removed", "akka { actor.provider = cluster, cluster { log-info = off, run-coordinated-shutdown-when-down = off, downing-provider-class = \"\" } }");
        var cluster = Cluster.Get(node.System);
        await cluster.JoinAsync(node.Address).WaitAsync(Patience);
        var asked = new List<Task>();
        cluster.Down(node.Address);
        for (bool more = true; more;)
        {
            more = !cluster.IsTerminated;
            var called = new TaskCompletionSource();
            cluster.RegisterOnMemberRemoved(() => called.TrySetResult());
            asked.Add(called.Task);
        }

        await Task.WhenAll(asked).WaitAsync(Patience);
    }

    [Fact]
    public void What_is_queued_while_the_threads_stop_is_done()
    {
        for (int i = 0; i < 1_000; i++)
        {
            var threads = new DedicatedThreads("stopping", 1, mayBorrow: false);
            using var done = new ManualResetEventSlim();
            using var both = new Barrier(2);
            var stopper = new Thread(() =>
            {
                both.SignalAndWait();
                threads.Stop();
            });
            stopper.Start();
            both.SignalAndWait();
            if (threads.TryQueue(new ActionRunnable(done.Set))) Assert.True(done.Wait(Patience), $"work {i} was left behind");
            stopper.Join();
        }
    }
}
