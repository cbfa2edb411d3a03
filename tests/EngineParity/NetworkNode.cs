using System.Diagnostics;
using System.Threading.Channels;
using Akka.Actor;
using Akka.Configuration;

namespace ActorRepl.EngineParity;

/// <summary>One actor system on loopback, behind a proxy that can cut it off from the others.</summary>
internal sealed class NetworkNode : IAsyncDisposable
{
    private const string Defaults = """
        akka {
          loglevel = ERROR
          stdout-loglevel = OFF
          actor.provider = remote
          log-dead-letters = off
          remote {
            log-remote-lifecycle-events = off
            dot-netty.tcp { hostname = 127.0.0.1, port = 0, tcp-reuse-addr = off }
            retry-gate-closed-for = 500 ms
          }
          coordinated-shutdown.exit-clr = off
        }
        """;

    private NetworkNode(ActorSystem system, CutOff? proxy)
    {
        System = system;
        Proxy = proxy;
        Address = ((ExtendedActorSystem)system).Provider.DefaultAddress;
    }

    public ActorSystem System { get; }

    public Address Address { get; }

    /// <summary>What stands between this node and who wants to reach it; null if it listens openly.</summary>
    public CutOff? Proxy { get; }

    /// <summary>A node that listens on a port of its own, or on the given one.</summary>
    public static NetworkNode Start(string name, string config = "", int port = 0) =>
        new(ActorSystem.Create(name, Configure(config, $"akka.remote.dot-netty.tcp.port = {port}")), null);

    /// <summary>A node that others reach through <paramref name="proxy"/>, which from now on leads to it.</summary>
    public static NetworkNode StartBehind(CutOff proxy, string name, string config = "")
    {
        int port = FreePorts.Take();
        var system = ActorSystem.Create(name, Configure(
            config, $"akka.remote.dot-netty.tcp {{ port = {port}, public-hostname = 127.0.0.1, public-port = {proxy.Port} }}"));
        proxy.LeadTo(port);
        return new NetworkNode(system, proxy);
    }

    /// <summary>The full path of an actor of this node, as others name it; a local path is qualified.</summary>
    public string PathOf(IActorRef actor) => actor.Path.ToStringWithAddress(Address);

    /// <summary>An actor of this node that keeps what it is told.</summary>
    public Recorder Record(string? name = null) => new(System, name);

    /// <summary>Finds an actor of another node by asking it.</summary>
    public async Task<IActorRef> FindAsync(NetworkNode other, IActorRef actor)
    {
        // The first messages after a peer came back may be lost: ask again.
        var limit = Stopwatch.StartNew();
        while (true)
        {
            try
            {
                return await System.ActorSelection(other.PathOf(actor)).ResolveOne(TimeSpan.FromSeconds(1));
            }
            catch (ActorNotFoundException) when (limit.Elapsed < TimeSpan.FromSeconds(15))
            {
                // Not yet.
            }
        }
    }

    /// <summary>Watches an actor of another node, and returns when that node knows of it.</summary>
    public async Task WatchAsync(Recorder watcher, IActorRef remote, NetworkNode other)
    {
        watcher.Watch(remote);
        // Watches travel in order: once a later one has led to its end, the first has arrived.
        var victim = other.System.ActorOf<Echo>();
        watcher.Watch(await FindAsync(other, victim));
        victim.Tell(PoisonPill.Instance);
        await watcher.FishAsync<Terminated>(t => t.ActorRef.Path.Name == victim.Path.Name);
    }

    public async ValueTask DisposeAsync()
    {
        await System.Terminate().WaitAsync(TimeSpan.FromSeconds(20));
        Proxy?.Dispose();
    }

    private static Config Configure(string config, string network) =>
        ConfigurationFactory.ParseString(config)
            .WithFallback(ConfigurationFactory.ParseString(network))
            .WithFallback(ConfigurationFactory.ParseString(Defaults));
}

/// <summary>An actor that keeps what it is told, and can answer.</summary>
internal sealed class Recorder
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);
    private readonly Channel<(object Message, IActorRef Sender)> _received = Channel.CreateUnbounded<(object, IActorRef)>();

    public Recorder(ActorSystem system, string? name)
    {
        Ref = system.ActorOf(Props.Create(() => new Keeper(_received.Writer)), name);
    }

    public IActorRef Ref { get; }

    /// <summary>The next message, which must be a <typeparamref name="T"/>.</summary>
    public async Task<T> NextAsync<T>() => (await NextWithSenderAsync<T>()).Message;

    public async Task<(T Message, IActorRef Sender)> NextWithSenderAsync<T>()
    {
        using var limit = new CancellationTokenSource(Limit);
        var (message, sender) = await _received.Reader.ReadAsync(limit.Token);
        return (Assert.IsAssignableFrom<T>(message), sender);
    }

    /// <summary>The first message that is a <typeparamref name="T"/> and fits; what comes before it is skipped.</summary>
    public async Task<T> FishAsync<T>(Func<T, bool>? fits = null)
    {
        using var limit = new CancellationTokenSource(Limit);
        var skipped = new List<object>();
        try
        {
            while (true)
            {
                var (message, _) = await _received.Reader.ReadAsync(limit.Token);
                if (message is T wanted && (fits is null || fits(wanted)))
                    return wanted;
                skipped.Add(message);
            }
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException($"no fitting {typeof(T).Name} within {Limit}; there came last: {string.Join("; ", skipped.TakeLast(10))}");
        }
    }

    /// <summary>What has come and was not yet taken.</summary>
    public List<object> Rest()
    {
        var rest = new List<object>();
        while (_received.Reader.TryRead(out var item))
            rest.Add(item.Message);
        return rest;
    }

    /// <summary>Makes this actor watch another; Terminated is recorded.</summary>
    public void Watch(IActorRef subject) => Ref.Tell(new Keeper.WatchThis(subject));

    public void Unwatch(IActorRef subject) => Ref.Tell(new Keeper.UnwatchThis(subject));

    private sealed class Keeper : UntypedActor
    {
        private readonly ChannelWriter<(object, IActorRef)> _to;

        public Keeper(ChannelWriter<(object, IActorRef)> to) => _to = to;

        protected override void OnReceive(object message)
        {
            if (message is WatchThis watch)
                Context.Watch(watch.Subject);
            else if (message is UnwatchThis unwatch)
                Context.Unwatch(unwatch.Subject);
            else
                _to.TryWrite((message, Sender));
        }

        internal sealed record WatchThis(IActorRef Subject) : INoSerializationVerificationNeeded;

        internal sealed record UnwatchThis(IActorRef Subject) : INoSerializationVerificationNeeded;
    }
}

/// <summary>Sends back what it is told; fails an Ask that says "fail".</summary>
internal sealed class Echo : UntypedActor
{
    protected override void OnReceive(object message)
    {
        if (message is "fail")
            Sender.Tell(new Status.Failure(new InvalidOperationException("as asked")));
        else
            Sender.Tell(message);
    }
}

/// <summary>Waiting for a condition.</summary>
internal static class Eventually
{
    /// <summary>Returns once the condition holds; fails, saying <paramref name="what"/> was awaited, if it does not within 20 s.</summary>
    public static async Task TrueAsync(Func<bool> condition, Func<string> what)
    {
        var limit = Stopwatch.StartNew();
        while (!condition())
        {
            if (limit.Elapsed > TimeSpan.FromSeconds(20))
                throw new TimeoutException(what());
            await Task.Delay(20);
        }
    }
}

/// <summary>Tells an actor the same again and again: what is sent while a connection is down is lost.</summary>
internal sealed class Repeat : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _telling;

    private Repeat(IActorRef target, object message) => _telling = TellAsync(target, message);

    public static Repeat Telling(IActorRef target, object message) => new(target, message);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _telling;
        _stop.Dispose();
    }

    private async Task TellAsync(IActorRef target, object message)
    {
        while (!_stop.IsCancellationRequested)
        {
            target.Tell(message);
            await Task.Delay(50);
        }
    }
}
