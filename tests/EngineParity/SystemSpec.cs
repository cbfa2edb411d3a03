using System.Collections.Concurrent;
using Akka;
using Akka.Actor;
using Akka.Actor.Setup;
using Akka.Configuration;
using Akka.TestKit.Xunit2;

namespace ActorRepl.EngineParity;

public class SystemSpec : TestKit
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    [Fact]
    public async Task Terminate_stops_all_actors_and_then_runs_what_was_registered()
    {
        var events = new ConcurrentQueue<string>();
        ActorSystem system = ActorSystem.Create("terminating");
        system.ActorOf(Props.Create(() => new Stopping(events)));
        system.RegisterOnTermination(() => events.Enqueue("first registered"));
        system.RegisterOnTermination(() => events.Enqueue("last registered"));
        await system.Terminate().WaitAsync(Limit);
        Assert.True(system.WhenTerminated.IsCompleted);
        Assert.Equal("stopped", events.First());
        Assert.Equal(["first registered", "last registered"], events.Skip(1).Order());
    }

    [Fact]
    public async Task Coordinated_shutdown_runs_its_phases_in_order_and_then_terminates()
    {
        var events = new ConcurrentQueue<string>();
        ActorSystem system = ActorSystem.Create("phases");
        CoordinatedShutdown shutdown = CoordinatedShutdown.Get(system);
        foreach (string phase in new[]
                 {
                     CoordinatedShutdown.PhaseBeforeActorSystemTerminate, CoordinatedShutdown.PhaseClusterLeave,
                     CoordinatedShutdown.PhaseServiceStop, CoordinatedShutdown.PhaseBeforeServiceUnbind,
                     CoordinatedShutdown.PhaseServiceUnbind, CoordinatedShutdown.PhaseServiceRequestsDone,
                 })
        {
            shutdown.AddTask(phase, "note", async () =>
            {
                await Task.Yield();
                events.Enqueue(phase);
                return Done.Instance;
            });
        }

        await shutdown.Run(CoordinatedShutdown.ClrExitReason.Instance).WaitAsync(Limit);
        Assert.Equal(["before-service-unbind", "service-unbind", "service-requests-done", "service-stop", "cluster-leave", "before-actor-system-terminate"], events);
        Assert.Same(CoordinatedShutdown.ClrExitReason.Instance, shutdown.ShutdownReason);
        await system.WhenTerminated.WaitAsync(Limit);
    }

    [Fact]
    public async Task A_failing_or_late_shutdown_task_does_not_hold_up_the_next_phase()
    {
        ActorSystem system = ActorSystem.Create("late", ConfigurationFactory.ParseString(
            "akka.coordinated-shutdown.default-phase-timeout = 300ms\nakka.stdout-loglevel = OFF\nakka.loglevel = OFF"));
        CoordinatedShutdown shutdown = CoordinatedShutdown.Get(system);
        var reached = new TaskCompletionSource();
        shutdown.AddTask(CoordinatedShutdown.PhaseServiceUnbind, "fails", () => Task.FromException<Done>(new InvalidOperationException("boom")));
        shutdown.AddTask(CoordinatedShutdown.PhaseServiceRequestsDone, "never ends", () => new TaskCompletionSource<Done>().Task);
        shutdown.AddTask(CoordinatedShutdown.PhaseServiceStop, "note", () =>
        {
            reached.SetResult();
            return Task.FromResult(Done.Instance);
        });
        _ = shutdown.Run(CoordinatedShutdown.ClrExitReason.Instance);
        await reached.Task.WaitAsync(Limit);
        await system.WhenTerminated.WaitAsync(Limit);
    }

    [Fact]
    public async Task Terminating_the_system_runs_the_coordinated_shutdown()
    {
        ActorSystem system = ActorSystem.Create("both");
        bool ran = false;
        CoordinatedShutdown.Get(system).AddTask(CoordinatedShutdown.PhaseServiceStop, "note", () =>
        {
            ran = true;
            return Task.FromResult(Done.Instance);
        });
        await system.Terminate().WaitAsync(Limit);
        Assert.True(ran);
    }

    [Fact]
    public void A_shutdown_task_needs_a_known_phase()
    {
        Assert.ThrowsAny<Exception>(() => CoordinatedShutdown.Get(Sys).AddTask("no-such-phase", "x", () => Task.FromResult(Done.Instance)));
    }

    [Fact]
    public void An_extension_is_created_once_for_a_system()
    {
        Assert.False(Sys.HasExtension<Counting>());
        Counting first = Sys.WithExtension<Counting, CountingId>();
        Assert.Same(first, Sys.WithExtension<Counting, CountingId>());
        Assert.Same(first, new CountingId().Get(Sys));
        Assert.True(Sys.TryGetExtension(out Counting found));
        Assert.Same(first, found);
        Assert.Same(Sys, first.System);
    }

    [Fact]
    public void Settings_come_from_a_setup_and_fall_back_to_the_reference()
    {
        ActorSystemSetup setup = ActorSystemSetup.Create(BootstrapSetup.Create().WithConfig(ConfigurationFactory.ParseString("mine = 1")));
        ActorSystem system = ActorSystem.Create("setup", setup);
        try
        {
            Assert.Equal(1, system.Settings.Config.GetInt("mine"));
            Assert.Equal(30, system.Settings.Config.GetInt("akka.actor.default-dispatcher.throughput"));
        }
        finally
        {
            Shutdown(system);
        }
    }

    [Fact]
    public void A_system_name_must_be_valid()
    {
        Assert.ThrowsAny<ArgumentException>(() => ActorSystem.Create("not valid"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("$dollar")]
    [InlineData("a/b")]
    [InlineData("sp ace")]
    public void An_actor_name_must_be_valid(string name)
    {
        Assert.Throws<InvalidActorNameException>(() => Sys.ActorOf(Props.Create(() => new Scripted(null)), name));
    }

    [Fact]
    public void A_path_has_address_elements_name_and_uid()
    {
        ActorPath path = ActorPath.Parse("akka.tcp://sys@host:2552/user/a/b#42");
        Assert.Equal(new Address("akka.tcp", "sys", "host", 2552), path.Address);
        Assert.Equal(["user", "a", "b"], path.Elements);
        Assert.Equal("b", path.Name);
        Assert.Equal(42, path.Uid);
        Assert.Equal("akka.tcp://sys@host:2552/user/a/b", path.ToString());
        Assert.Equal("/user/a/b", path.ToStringWithoutAddress());
        Assert.Equal("akka.tcp://sys@host:2552/user/a/b#42", path.ToSerializationFormat());
        Assert.Equal("akka.tcp://sys@host:2552/user/a", path.Parent!.ToString());
        Assert.Equal(path, ActorPath.Parse("akka.tcp://sys@host:2552/user/a") / "b");
        Assert.False(ActorPath.TryParse("no path", out _));
    }

    [Fact]
    public void An_address_is_parsed_and_printed()
    {
        Address address = Address.Parse("akka.tcp://sys@host:2552");
        Assert.Equal(("akka.tcp", "sys", "host", 2552), (address.Protocol, address.System, address.Host, address.Port));
        Assert.True(address.HasGlobalScope);
        Assert.Equal("akka.tcp://sys@host:2552", address.ToString());
        Assert.Equal("sys@host:2552", address.HostPort());
        Assert.True(Address.Parse("akka://sys").HasLocalScope);
        Assert.Equal(address, new Address("akka.tcp", "sys", "host", 2552));
        Assert.NotEqual(address, address.WithPort(1));
        Assert.False(Address.TryParse("nonsense", out _));
    }

    [Fact]
    public void Props_make_actors_by_arguments_expression_and_producer()
    {
        Type type = typeof(Greeter);
        Props[] all =
        [
            Props.Create<Greeter>("hello"), Props.Create(type, "hello"), Props.Create(() => new Greeter("hello")),
            Props.CreateBy(new GreeterProducer()),
        ];
        foreach (Props props in all)
        {
            Sys.ActorOf(props).Tell("x");
            ExpectMsg("hello x");
        }
    }

    private sealed class Stopping(ConcurrentQueue<string> events) : ReceiveActor
    {
        protected override void PostStop() => events.Enqueue("stopped");
    }

    private sealed class Greeter : ReceiveActor
    {
        public Greeter(string greeting) => Receive<string>(name => Sender.Tell($"{greeting} {name}"));
    }

    private sealed class GreeterProducer : IIndirectActorProducer
    {
        public Type ActorType => typeof(Greeter);
        public ActorBase Produce() => new Greeter("hello");
        public void Release(ActorBase actor) { }
    }

    private sealed class Counting(ExtendedActorSystem system) : IExtension
    {
        public ActorSystem System => system;
    }

    private sealed class CountingId : ExtensionIdProvider<Counting>
    {
        public override Counting CreateExtension(ExtendedActorSystem system) => new(system);
    }
}
