using System.Text;
using Akka.Actor;
using Akka.Event;
using Akka.Remote;

namespace ActorRepl.EngineParity;

/// <summary>What Akka.Remote's documentation promises of messages between two actor systems.</summary>
public sealed class RemotingSpec
{
    [Fact]
    public async Task Messages_of_one_sender_arrive_in_order()
    {
        const int count = 2000;
        await using var a = NetworkNode.Start("left");
        await using var b = NetworkNode.Start("right");
        var recorder = b.Record();
        var target = await a.FindAsync(b, recorder.Ref);
        Recorder[] senders = [a.Record(), a.Record()];

        await Task.WhenAll(senders.Select((sender, n) => Task.Run(() =>
        {
            for (int i = 0; i < count; i++)
                target.Tell(i, sender.Ref);
        })));

        var next = senders.ToDictionary(sender => sender.Ref.Path.Name, _ => 0);
        for (int i = 0; i < senders.Length * count; i++)
        {
            var (message, sender) = await recorder.NextWithSenderAsync<int>();
            Assert.Equal(next[sender.Path.Name]++, message);
        }
    }

    [Fact]
    public async Task What_is_told_arrives_with_its_sender_who_can_be_answered()
    {
        await using var a = NetworkNode.Start("left");
        await using var b = NetworkNode.Start("right");
        var near = a.Record();
        var far = b.Record();
        (await a.FindAsync(b, far.Ref)).Tell("question", near.Ref);

        var (message, sender) = await far.NextWithSenderAsync<string>();
        Assert.Equal("question", message);
        Assert.Equal(a.PathOf(near.Ref), sender.Path.ToString());
        sender.Tell("answer", far.Ref);

        var (answer, from) = await near.NextWithSenderAsync<string>();
        Assert.Equal("answer", answer);
        Assert.Equal(b.PathOf(far.Ref), from.Path.ToString());
    }

    [Fact]
    public async Task Ask_is_answered_across_systems()
    {
        await using var a = NetworkNode.Start("left");
        await using var b = NetworkNode.Start("right");
        var echo = await a.FindAsync(b, b.System.ActorOf<Echo>());

        Assert.Equal("hello", await echo.Ask<string>("hello", TimeSpan.FromSeconds(10)));
        Assert.Equal(42L, await echo.Ask<long>(42L, TimeSpan.FromSeconds(10)));
        byte[] bytes = [.. Enumerable.Range(0, 10_000).Select(i => (byte)i)];
        Assert.Equal(bytes, await echo.Ask<byte[]>(bytes, TimeSpan.FromSeconds(10)));
    }

    [Fact]
    public async Task Ask_that_is_failed_throws_with_the_message_of_the_cause()
    {
        await using var a = NetworkNode.Start("left");
        await using var b = NetworkNode.Start("right");
        var echo = await a.FindAsync(b, b.System.ActorOf<Echo>());

        var failure = await Assert.ThrowsAnyAsync<Exception>(() => echo.Ask<string>("fail", TimeSpan.FromSeconds(10)));
        Assert.Contains("as asked", failure.ToString());
    }

    [Fact]
    public async Task Ask_of_nobody_times_out()
    {
        await using var a = NetworkNode.Start("left");
        string nobody = $"akka.tcp://right@127.0.0.1:{FreePorts.Take()}/user/nobody";

        await Assert.ThrowsAsync<AskTimeoutException>(
            () => a.System.ActorSelection(nobody).Ask<string>("hello", TimeSpan.FromMilliseconds(500)));
    }

    [Fact]
    public async Task References_travel_inside_messages()
    {
        await using var a = NetworkNode.Start("left");
        await using var b = NetworkNode.Start("right");
        var near = a.Record();
        var far = b.Record();
        var target = await a.FindAsync(b, far.Ref);

        target.Tell(near.Ref);
        (await far.NextAsync<IActorRef>()).Tell("to the one who was named");
        Assert.Equal("to the one who was named", await near.NextAsync<string>());

        // A reference that comes home is the local one.
        target.Tell(target);
        Assert.Equal(far.Ref, await far.NextAsync<IActorRef>());
    }

    [Fact]
    public async Task Own_address_resolves_to_the_local_actor()
    {
        await using var a = NetworkNode.Start("left");
        var local = a.Record("here");

        Assert.Equal(local.Ref, await a.System.ActorSelection(a.PathOf(local.Ref)).ResolveOne(TimeSpan.FromSeconds(5)));
        Assert.Equal(local.Ref, ((ExtendedActorSystem)a.System).Provider.ResolveActorRef(a.PathOf(local.Ref)));
    }

    [Fact]
    public async Task Selection_finds_remote_actors_by_name_and_by_pattern()
    {
        await using var a = NetworkNode.Start("left");
        await using var b = NetworkNode.Start("right");
        var one = b.Record("worker-1");
        var two = b.Record("worker-2");
        var other = b.Record("other");
        string user = b.Address + "/user/";
        await a.FindAsync(b, one.Ref);

        a.System.ActorSelection(user + "worker-*").Tell("all workers");
        Assert.Equal("all workers", await one.NextAsync<string>());
        Assert.Equal("all workers", await two.NextAsync<string>());
        a.System.ActorSelection(user + "other").Tell("only you");
        Assert.Equal("only you", await other.NextAsync<string>());
    }

    [Fact]
    public async Task Identify_tells_whether_the_actor_is_there()
    {
        await using var a = NetworkNode.Start("left");
        await using var b = NetworkNode.Start("right");
        var recorder = b.Record("here");
        await a.FindAsync(b, recorder.Ref);

        var found = await a.System.ActorSelection(b.Address + "/user/here").Ask<ActorIdentity>(new Identify("id"), TimeSpan.FromSeconds(10));
        Assert.Equal("id", found.MessageId);
        Assert.Equal(b.PathOf(recorder.Ref), found.Subject.Path.ToString());
        var missing = await a.System.ActorSelection(b.Address + "/user/gone").Ask<ActorIdentity>(new Identify(7), TimeSpan.FromSeconds(10));
        Assert.Equal(7, missing.MessageId);
        Assert.Null(missing.Subject);
        await Assert.ThrowsAsync<ActorNotFoundException>(
            () => a.System.ActorSelection(b.Address + "/user/gone").ResolveOne(TimeSpan.FromSeconds(10)));
    }

    [Fact]
    public async Task PoisonPill_and_Kill_reach_remote_actors()
    {
        await using var a = NetworkNode.Start("left");
        await using var b = NetworkNode.Start("right");
        var watcher = b.Record();
        foreach (object deadly in new object[] { PoisonPill.Instance, Kill.Instance })
        {
            var victim = b.System.ActorOf(Props.Create(() => new Echo()).WithSupervisorStrategy(null));
            watcher.Watch(victim);
            (await a.FindAsync(b, victim)).Tell(deadly);
            Assert.Equal(victim, (await watcher.NextAsync<Terminated>()).ActorRef);
        }
    }

    [Fact]
    public async Task A_message_over_the_frame_size_is_dropped_with_an_error_and_the_next_arrives()
    {
        const string frames = "akka.remote.dot-netty.tcp.maximum-frame-size = 40000b";
        await using var a = NetworkNode.Start("left", frames);
        await using var b = NetworkNode.Start("right", frames);
        var recorder = b.Record();
        var errors = a.Record();
        a.System.EventStream.Subscribe(errors.Ref, typeof(Error));
        var target = await a.FindAsync(b, recorder.Ref);

        target.Tell(new byte[30_000]);
        target.Tell(new byte[60_000]);
        target.Tell("after");

        Assert.Equal(30_000, (await recorder.NextAsync<byte[]>()).Length);
        Assert.Equal("after", await recorder.NextAsync<string>());
        var error = await errors.FishAsync<Error>(e => e.ToString().Contains("oversized"));
        Assert.Contains("Byte[]", error.ToString());
        Assert.Contains("40000", error.ToString());
    }

    [Fact]
    public async Task A_message_over_the_receivers_frame_size_is_dropped_too()
    {
        await using var a = NetworkNode.Start("left", "akka.remote.dot-netty.tcp.maximum-frame-size = 200000b");
        await using var b = NetworkNode.Start("right", "akka.remote.dot-netty.tcp.maximum-frame-size = 40000b");
        var recorder = b.Record();
        var target = await a.FindAsync(b, recorder.Ref);

        target.Tell(new byte[100_000]);
        await using var teller = Repeat.Telling(target, "after");

        Assert.Equal("after", await recorder.NextAsync<string>());
    }

    [Fact]
    public async Task Messages_to_an_address_where_nobody_listens_become_dead_letters()
    {
        await using var a = NetworkNode.Start("left");
        var letters = a.Record();
        a.System.EventStream.Subscribe(letters.Ref, typeof(DeadLetter));
        string path = $"akka.tcp://right@127.0.0.1:{FreePorts.Take()}/user/nobody";
        var nobody = ((ExtendedActorSystem)a.System).Provider.ResolveActorRef(path);

        // What is told while the gate is closed goes to dead letters; the first may only find out that it must be closed.
        await using var teller = Repeat.Telling(nobody, "lost");

        await letters.FishAsync<DeadLetter>(letter => letter.Message is "lost");
    }

    [Fact]
    public async Task A_port_in_use_fails_the_start_and_is_named()
    {
        await using var a = NetworkNode.Start("left");
        int port = a.Address.Port!.Value;

        var failure = Assert.ThrowsAny<Exception>(() => NetworkNode.Start("right", port: port));
        var text = new StringBuilder();
        for (Exception? e = failure; e is not null; e = e.InnerException)
            text.AppendLine(e.ToString());
        Assert.Contains(port.ToString(), text.ToString());
    }

    [Fact]
    public async Task A_cut_connection_is_told_at_once_and_messages_flow_again_when_it_is_mended()
    {
        await using var a = NetworkNode.Start("left");
        await using var b = NetworkNode.StartBehind(new CutOff(), "right");
        var events = a.Record();
        a.System.EventStream.Subscribe(events.Ref, typeof(AssociationEvent));
        var recorder = b.Record();
        var target = await a.FindAsync(b, recorder.Ref);
        await events.FishAsync<AssociatedEvent>(e => e.RemoteAddress == b.Address);

        b.Proxy!.Cut();
        await events.FishAsync<DisassociatedEvent>(e => e.RemoteAddress == b.Address).WaitAsync(TimeSpan.FromSeconds(2));

        b.Proxy.Mend();
        await using var teller = Repeat.Telling(target, "again");
        Assert.Equal("again", await recorder.NextAsync<string>());
    }

    [Fact]
    public async Task A_quarantine_without_a_uid_closes_the_connections_and_bans_nobody()
    {
        await using var a = NetworkNode.Start("left");
        await using var b = NetworkNode.Start("right");
        var near = a.Record();
        var far = b.Record();
        a.System.EventStream.Subscribe(near.Ref, typeof(DisassociatedEvent));
        b.System.EventStream.Subscribe(far.Ref, typeof(ThisActorSystemQuarantinedEvent));
        var target = await a.FindAsync(b, far.Ref);

        ((IRemoteActorRefProvider)((ExtendedActorSystem)a.System).Provider).Quarantine(b.Address, null);
        await near.FishAsync<DisassociatedEvent>(e => e.RemoteAddress == b.Address);

        await using var teller = Repeat.Telling(target, "again");
        Assert.Equal("again", await far.NextAsync<string>());
    }
}
