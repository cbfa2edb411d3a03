using Akka.Actor;
using Akka.Remote;

namespace ActorRepl.EngineParity;

/// <summary>Death watch across systems, and what becomes of references when a system is started anew.</summary>
public sealed class RemotingSpecDeathWatch
{
    private const string FastWatch = """
        akka.remote.watch-failure-detector {
          heartbeat-interval = 200 ms
          acceptable-heartbeat-pause = 1 s
          unreachable-nodes-reaper-interval = 200 ms
          expected-response-after = 200 ms
        }
        """;

    [Fact]
    public async Task A_remote_watcher_is_told_when_the_actor_stops()
    {
        await using var a = NetworkNode.Start("left");
        await using var b = NetworkNode.Start("right");
        var watcher = a.Record();
        var victim = b.System.ActorOf<Echo>();
        var remote = await a.FindAsync(b, victim);

        watcher.Watch(remote);
        remote.Tell(PoisonPill.Instance);

        var terminated = await watcher.NextAsync<Terminated>();
        Assert.Equal(remote, terminated.ActorRef);
        Assert.False(terminated.AddressTerminated);
    }

    [Fact]
    public async Task An_actor_that_is_gone_already_is_told_at_once()
    {
        await using var a = NetworkNode.Start("left");
        await using var b = NetworkNode.Start("right");
        var victim = b.System.ActorOf<Echo>();
        var remote = await a.FindAsync(b, victim);
        await victim.GracefulStop(TimeSpan.FromSeconds(10));

        var watcher = a.Record();
        watcher.Watch(remote);

        Assert.Equal(remote, (await watcher.NextAsync<Terminated>()).ActorRef);
    }

    [Fact]
    public async Task Each_of_several_watchers_is_told_and_one_that_unwatched_is_not()
    {
        await using var a = NetworkNode.Start("left");
        await using var b = NetworkNode.Start("right");
        Recorder first = a.Record(), second = a.Record(), third = a.Record();
        var victim = b.System.ActorOf<Echo>();
        var remote = await a.FindAsync(b, victim);
        first.Watch(remote);
        second.Watch(remote);
        third.Watch(remote);
        third.Unwatch(remote);
        remote.Tell("through", third.Ref);
        Assert.Equal("through", await third.NextAsync<string>());

        victim.Tell(PoisonPill.Instance);

        Assert.Equal(remote, (await first.NextAsync<Terminated>()).ActorRef);
        Assert.Equal(remote, (await second.NextAsync<Terminated>()).ActorRef);
        Assert.Empty(third.Rest());
    }

    [Fact]
    public async Task An_actor_of_a_silent_system_counts_as_terminated()
    {
        await using var a = NetworkNode.StartBehind(new CutOff(), "left", FastWatch);
        await using var b = NetworkNode.StartBehind(new CutOff(), "right", FastWatch);
        var watcher = a.Record();
        var remote = await a.FindAsync(b, b.System.ActorOf<Echo>());
        await a.WatchAsync(watcher, remote, b);

        a.Proxy!.Cut();
        b.Proxy!.Cut();

        Assert.Equal(remote, (await watcher.NextAsync<Terminated>()).ActorRef);
    }

    [Fact]
    public async Task An_actor_that_stops_during_a_cut_is_told_of_after_it()
    {
        await using var a = NetworkNode.Start("left");
        await using var b = NetworkNode.StartBehind(new CutOff(), "right");
        var watcher = a.Record();
        var victim = b.System.ActorOf<Echo>();
        var remote = await a.FindAsync(b, victim);
        await a.WatchAsync(watcher, remote, b);

        b.Proxy!.Cut();
        victim.Tell(PoisonPill.Instance);
        b.Proxy.Mend();

        // Either the news comes late, or the system counts as lost: the watcher is not left waiting.
        Assert.Equal(remote, (await watcher.NextAsync<Terminated>()).ActorRef);
    }

    [Fact]
    public async Task After_a_restart_on_the_same_port_old_references_are_dead_and_paths_lead_to_the_new_actor()
    {
        await using var a = NetworkNode.Start("left");
        // A port that nobody else is given while nobody listens there.
        int port = FreePorts.Take();
        var b = NetworkNode.Start("right", port: port);
        int uid = AddressUidExtension.Uid(b.System);
        var watcher = a.Record();
        var old = await a.FindAsync(b, b.Record("keeper").Ref);
        watcher.Watch(old);
        await b.DisposeAsync();
        Assert.Equal(old, (await watcher.NextAsync<Terminated>()).ActorRef);

        await using var again = NetworkNode.Start("right", port: port);
        Assert.NotEqual(uid, AddressUidExtension.Uid(again.System));
        var recorder = again.Record("keeper");
        var found = await a.FindAsync(again, recorder.Ref);
        Assert.NotEqual(old, found);
        Assert.Equal(old.Path.ToString(), found.Path.ToString());

        old.Tell("to the dead");
        found.Tell("to the living");
        Assert.Equal("to the living", await recorder.NextAsync<string>());
        a.System.ActorSelection(old.Path.ToString()).Tell("to whoever is there");
        Assert.Equal("to whoever is there", await recorder.NextAsync<string>());
    }
}
