using ActorRepl.Protocols.Driver;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Simulation.Run;

namespace ActorRepl.Simulation.World;

/// <summary>Loses, delays, doubles and reorders messages, and cuts links, in one direction or both.</summary>
internal sealed class SimulatedNetwork(SimulatedWorld world, int nodes)
{
    private readonly bool[] _cut = new bool[(nodes + 1) * (nodes + 1)];
    private readonly long[] _lastArrival = new long[(nodes + 1) * (nodes + 1)];

    public void Cut(ReplicaId from, ReplicaId to) => _cut[Link(from, to)] = true;

    public void MendAll() => Array.Clear(_cut);

    public bool IsCut(ReplicaId from, ReplicaId to) => _cut[Link(from, to)];

    public void Send(ReplicaId from, ReplicaId to, PeerChannel channel, byte[] bytes) =>
        Send(from, to, EventKind.Deliver, ((long)from.Value << 8) | (byte)channel, bytes);

    public void SendBundle(ReplicaId from, ReplicaId to, byte[] bytes) => Send(from, to, EventKind.Bundle, (long)from.Value << 8, bytes);

    private void Send(ReplicaId from, ReplicaId to, EventKind kind, long a, byte[] bytes)
    {
        world.Mix(Crc32C.Compute(bytes));
        if (world.Chance(world.Profile.Drop))
        {
            world.Coverage.Count(CoverageItem.Dropped);
            return;
        }

        Deliver(from, to, kind, a, bytes);
        if (world.Chance(world.Profile.Duplicate))
        {
            world.Coverage.Count(CoverageItem.Duplicated);
            Deliver(from, to, kind, a, bytes);
        }
    }

    private void Deliver(ReplicaId from, ReplicaId to, EventKind kind, long a, byte[] bytes)
    {
        long arrival = world.Time + 50 + world.Random.Next(world.Profile.Latency);
        if (world.Chance(world.Profile.Late))
            arrival += world.Random.Next(world.Profile.LateBy);
        else if (world.IsNetworkOrdered)
            arrival = Math.Max(arrival, _lastArrival[Link(from, to)] + 1);
        if (arrival < _lastArrival[Link(from, to)])
            world.Coverage.Count(CoverageItem.Reordered);
        _lastArrival[Link(from, to)] = Math.Max(arrival, _lastArrival[Link(from, to)]);
        world.Schedule(new Event
        {
            Time = arrival,
            Kind = kind,
            Target = to.Value,
            Incarnation = Event.Any,
            A = a,
            Payload = bytes,
        });
    }

    private int Link(ReplicaId from, ReplicaId to) => from.Value * (nodes + 1) + to.Value;
}
