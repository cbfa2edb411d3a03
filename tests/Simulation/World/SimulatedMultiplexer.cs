using ActorRepl.Protocols.Driver;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Multiplex;

namespace ActorRepl.Simulation.World;

/// <summary>
/// The multiplexer of a node's process, where shards may go quiet: beats and hints come through it and in no other way. It
/// lives on when only the replica stops.
/// </summary>
internal sealed class SimulatedMultiplexer(SimulatedWorld world, SimulatedReplica replica) : IMultiplexerHost
{
    private static readonly ShardKey Shard = new("group", 0);

    private NodeMultiplexer? _mux;
    private int _process;
    private bool _flushing;

    public bool IsRunning => _mux is not null;

    public void Start()
    {
        _process++;
        _flushing = false;
        _mux = new NodeMultiplexer(replica.Id, _process, world.MultiplexerOptions, this, Now);
        foreach (ReplicaId other in world.ReplicaIds)
            _mux.Watch(other);
        ScheduleTick();
    }

    public void Crash() => _mux = null;

    public void ReplicaStarted() => Do(mux => mux.Started(Shard));

    public void ReplicaStopped() => Do(mux => mux.Stopped(Shard));

    public void Beat(ReplicaId to, PeerMessage message) => Do(mux => mux.Beat(to, Shard, message));

    public void Doubt(ReplicaId node) => Do(mux => mux.Doubt(node));

    public void Handle(in Event happened)
    {
        if (_mux is not { } mux || (happened.Incarnation != Event.Any && happened.Incarnation != _process))
            return;
        switch (happened.Kind)
        {
            case EventKind.Bundle:
                var bundle = NodeBundle.Decode((byte[])happened.Payload!);
                Do(known => known.Receive(bundle));
                break;
            case EventKind.MultiplexerTick:
                ScheduleTick();
                mux.Tick(Now);
                break;
            case EventKind.MultiplexerFlush:
                _flushing = false;
                mux.Flush();
                break;
        }
    }

    public void Send(ReplicaId to, NodeBundle bundle)
    {
        byte[] bytes = new byte[bundle.EncodedSize];
        var writer = new ByteWriter(bytes);
        bundle.Encode(ref writer);
        world.Network.SendBundle(replica.Id, to, bytes);
    }

    public void Deliver(ShardKey shard, ReplicaId from, ReadOnlyMemory<byte> message) => world.Schedule(new Event
    {
        Time = world.Time + 1,
        Kind = EventKind.Deliver,
        Target = replica.Id.Value,
        Incarnation = Event.Any,
        A = ((long)from.Value << 8) | (byte)PeerChannel.Protocol,
        B = Event.Bundled,
        Payload = message.ToArray(),
    });

    public void Hint(ReplicaId node, bool up, bool onlySilent) => world.Schedule(new Event
    {
        Time = world.Time + 1,
        Kind = EventKind.Input,
        Target = replica.Id.Value,
        Incarnation = replica.Incarnation,
        Payload = new Input.PeerHint(node, up, onlySilent),
    });

    public void Hint(ShardKey shard, ReplicaId node, bool up, bool onlySilent) => Hint(node, up, onlySilent);

    private long Now => replica.Clock.At(world.Time).Monotonic;

    private void Do(Action<NodeMultiplexer> what)
    {
        if (_mux is not { } mux)
            return;
        what(mux);
        if (_flushing)
            return;
        _flushing = true;
        Schedule(EventKind.MultiplexerFlush, 1 + world.Random.Next(200));
    }

    private void ScheduleTick() => Schedule(EventKind.MultiplexerTick, replica.Clock.ToWorld(world.MultiplexerOptions.BeatMicros));

    private void Schedule(EventKind kind, long delay) => world.Schedule(new Event
    {
        Time = world.Time + delay,
        Kind = kind,
        Target = replica.Id.Value,
        Incarnation = _process,
    });
}
