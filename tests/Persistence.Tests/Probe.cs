using System.Threading.Channels;
using Akka.Actor;

namespace ActorRepl.Persistence.Tests;

/// <summary>An actor that hands every message to a test, which waits for it within a bound.</summary>
internal sealed class Probe
{
    private readonly Channel<object> _messages = Channel.CreateUnbounded<object>();

    public Probe(ActorSystem system) => Ref = system.ActorOf(Props.Create(() => new Relay(_messages.Writer)));

    public IActorRef Ref { get; }

    public void Watch(IActorRef actor) => Ref.Tell(new Relay.WatchIt(actor));

    public async Task<T> Expect<T>()
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        return Assert.IsType<T>(await _messages.Reader.ReadAsync(deadline.Token));
    }

    private sealed class Relay(ChannelWriter<object> messages) : UntypedActor
    {
        protected override void OnReceive(object message)
        {
            if (message is WatchIt watch)
                Context.Watch(watch.Actor);
            else
                messages.TryWrite(message);
        }

        public sealed record WatchIt(IActorRef Actor);
    }
}
